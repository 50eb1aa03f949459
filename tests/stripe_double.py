"""A Stripe on this machine: the part of its API that we use, over HTTP, with books of its own and faults on request.

It shares no code with what it tests. Its `moves` are the oracle for money.
"""

import hashlib
import hmac
import itertools
import json
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

SECRET = "whsec_test"
VERSION = "2026-02-25.clover"
Hook = Callable[[bytes, str], int]
"""Takes the body of a message and its signature; the status of the answer."""
_THREE_DIGITS = ("kwd", "bhd", "jod", "omr", "tnd")


class _Refusal(Exception):
    def __init__(self, status: int, type: str, code: str, **more: Any) -> None:  # noqa: A002 - Stripe's name
        super().__init__(code)
        self.status = status
        self.body = {"error": {"type": type, "code": code, "message": f"Refused: {code}", **more}}


class StripeDouble:
    """Its faults, on request.

    With nothing done: `500`, `409`, `429`, `cut` (the line is cut). With all of it done: `lost` (the line is cut),
    `late` (answered after `late_seconds`; the key is busy meanwhile), `500 kept` (the key answers 500 for ever).
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._keys: dict[str, tuple[object, int, dict[str, Any]]] = {}
        self._busy: set[str] = set()
        self._faults: defaultdict[str, list[str]] = defaultdict(list)
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.moves: list[tuple[str, str, str, int]] = []
        """What happened to money: kind, intent, order, amount."""
        self.calls: list[tuple[str, dict[str, str], dict[str, str]]] = []
        """`POST /v1/…`, what was sent with it, and its headers."""
        self.events: list[dict[str, Any]] = []
        self.hook: Hook | None = None
        self.webhooks = "never"
        """When messages are sent: `early` (before the answer), `twice`, `late` (by `deliver_late`), `never`."""
        self.late_seconds = 1.0
        self._late: list[dict[str, Any]] = []
        self.url = ""

    # What a test does

    def fail(self, call: str, *faults: str) -> None:
        """The next calls such as `POST /v1/refunds` have these faults."""
        self._faults[call] += faults

    def heal(self) -> None:
        self._faults.clear()

    def forget_keys(self) -> None:
        """As Stripe does after a day."""
        with self._lock:
            self._keys.clear()

    def sums(self, order_id: str) -> dict[str, int]:
        """What this house has on its books for an order."""
        found: defaultdict[str, int] = defaultdict(int)
        for kind, _, order, amount in self.moves:
            if order == order_id:
                found[kind] += amount
                found[f"{kind}s"] += 1
        return found

    def posts(self, path: str = "") -> int:
        """How often something was asked to be done."""
        return sum(call.startswith(f"POST {path}") for call, _, _ in self.calls)

    def authenticate(self, intent_id: str, *, succeeds: bool = True) -> bool:
        """The buyer shows his bank that it is he, or does not; whether the payment was still there to be finished."""
        with self._lock:
            intent = self.intents[intent_id]
            if intent["status"] in ("succeeded", "requires_capture", "canceled"):
                return False
            if succeeds:
                self._take(intent)
            else:
                self._decline(intent, "payment_intent_authentication_failure", "authentication_required")
            return True

    def refund_by_hand(self, intent_id: str, amount: int) -> None:
        """Somebody refunds in Stripe's own back office."""
        with self._lock:
            self._refund({"payment_intent": intent_id, "amount": str(amount)})

    def undo_refund(self, refund_id: str) -> None:
        """The buyer's bank does not take a refund that had succeeded: the money comes back here."""
        with self._lock:
            refund = self.refunds[refund_id]
            refund |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
            order = refund["metadata"].get("order_id", "")
            self.moves.append(("undone", refund["payment_intent"], order, refund["amount"]))
            self._event("refund.failed", refund)
            self._event("charge.refund.updated", refund)

    def deliver(self, event: dict[str, Any], *, secret: str = SECRET, at: int | None = None) -> int:
        """Sends a message; the status of the answer."""
        assert self.hook is not None
        body = json.dumps(event).encode()
        return self.hook(body, signature(body, secret, at=at))

    def deliver_late(self) -> None:
        while self._late:
            self.deliver(self._late.pop(0))

    # What it does

    def answer(self, method: str, path: str, sent: dict[str, str], headers: dict[str, str]) -> tuple[int, Any, str]:
        """Status, body, and what goes wrong with giving it."""
        call = f"{method} {path}"
        with self._lock:
            self.calls.append((call, sent, headers))
            fault = next(
                (faults.pop(0) for start, faults in self._faults.items() if call.endswith(start) and faults), ""
            )
        if headers.get("authorization") != "Bearer sk_test_key":
            return 401, {"error": {"type": "invalid_request_error", "code": "api_key_invalid"}}, ""
        if fault in ("500", "409", "429"):
            code = {"500": "api_error", "409": "lock_timeout", "429": "rate_limit"}[fault]
            return int(fault), {"error": {"type": "api_error", "code": code}}, ""
        if fault == "cut":
            return 0, None, "lost"
        key = headers.get("idempotency-key", "")
        status, body, events = self._keyed(call, path, sent, key, fault)
        self._tell(events)
        if fault == "late":
            time.sleep(self.late_seconds)
            self._busy.discard(key)
        return status, body, fault

    def _keyed(
        self, call: str, path: str, sent: dict[str, str], key: str, fault: str
    ) -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
        with self._lock:
            if key in self._busy:
                return 409, {"error": {"type": "api_error", "code": "lock_timeout"}}, []
            if fault == "late":
                self._busy.add(key)
            if key and key in self._keys:
                said, status, body = self._keys[key]
                if said != (call, sent):
                    refusal = _Refusal(400, "idempotency_error", "idempotency_key_in_use")
                    return refusal.status, refusal.body, []
                return status, body, []
            before = len(self.events)
            try:
                status, body = 200, self._do(call, path, sent)
            except _Refusal as refusal:
                status, body = refusal.status, refusal.body
            if fault == "500 kept":
                status, body = 500, {"error": {"type": "api_error", "code": "api_error"}}
            if key and status != 400:
                self._keys[key] = ((call, dict(sent)), status, json.loads(json.dumps(body)))
            return status, body, self.events[before:]

    def _do(self, call: str, path: str, sent: dict[str, str]) -> dict[str, Any]:
        steps = path.split("/")[2:]
        return self._get(steps, sent) if call.startswith("GET") else self._post(steps, sent)

    def _get(self, steps: list[str], sent: dict[str, str]) -> dict[str, Any]:
        match steps:
            case ["payment_intents"]:
                return self._list(list(self.intents.values()), sent)
            case ["payment_intents", ref]:
                return self._intent(ref)
            case ["refunds"]:
                return self._list(self._refunds_of(sent["payment_intent"]), sent)
            case _:
                raise _Refusal(404, "invalid_request_error", "resource_missing")

    def _post(self, steps: list[str], sent: dict[str, str]) -> dict[str, Any]:
        match steps:
            case ["payment_intents"]:
                return self._create(sent)
            case ["payment_intents", ref, "capture"]:
                return self._capture(self._intent(ref), sent)
            case ["payment_intents", ref, "cancel"]:
                return self._cancel(self._intent(ref))
            case ["refunds"]:
                return self._refund(sent)
            case _:
                raise _Refusal(404, "invalid_request_error", "resource_missing")

    def _create(self, sent: dict[str, str]) -> dict[str, Any]:
        amount, currency, method = int(sent["amount"]), sent["currency"], sent["payment_method"]
        if amount <= 0 or (currency in _THREE_DIGITS and amount % 10):
            raise _Refusal(400, "invalid_request_error", "amount_invalid")
        if method == "pm_card_missing":
            raise _Refusal(400, "invalid_request_error", "resource_missing", param="payment_method")
        intent = {
            "id": f"pi_{next(self._numbers)}",
            "object": "payment_intent",
            "amount": amount,
            "amount_received": 0,
            "currency": currency,
            "capture_method": sent["capture_method"],
            "status": "requires_confirmation",
            "metadata": _metadata(sent),
            "latest_charge": None,
            "client_secret": f"pi_secret_{next(self._numbers)}",
            "next_action": None,
            "last_payment_error": None,
            "created": int(time.time()),
        }
        self.intents[intent["id"]] = intent
        self._event("payment_intent.created", intent)
        if method.startswith("pm_card_chargeDeclined"):
            error = self._decline(intent, "card_declined", "generic_decline")
            raise _Refusal(402, **error, payment_intent=_copy(intent))
        if method == "pm_card_threeDSecureRequired":
            intent |= {"status": "requires_action", "next_action": {"type": "use_stripe_sdk"}}
            self._event("payment_intent.requires_action", intent)
        else:
            self._take(intent)
        return _copy(intent)

    def _take(self, intent: dict[str, Any]) -> None:
        """The charge: sets aside, or takes at once."""
        order = intent["metadata"].get("order_id", "")
        intent |= {"latest_charge": f"ch_{next(self._numbers)}", "next_action": None}
        self.moves.append(("charge", intent["id"], order, intent["amount"]))
        if intent["capture_method"] == "manual":
            intent["status"] = "requires_capture"
            self._event("payment_intent.amount_capturable_updated", intent)
        else:
            self._receive(intent, intent["amount"])

    def _receive(self, intent: dict[str, Any], amount: int) -> None:
        intent |= {"status": "succeeded", "amount_received": amount}
        self.moves.append(("capture", intent["id"], intent["metadata"].get("order_id", ""), amount))
        self._event("payment_intent.succeeded", intent)

    def _decline(self, intent: dict[str, Any], code: str, decline_code: str) -> dict[str, Any]:
        error = {"type": "card_error", "code": code, "decline_code": decline_code, "message": "Your card was declined."}
        intent |= {"status": "requires_payment_method", "last_payment_error": error, "next_action": None}
        self._event("payment_intent.payment_failed", intent)
        return error

    def _capture(self, intent: dict[str, Any], sent: dict[str, str]) -> dict[str, Any]:
        amount = int(sent["amount_to_capture"])
        if intent["status"] != "requires_capture" or amount > intent["amount"]:
            raise _Refusal(400, "invalid_request_error", "payment_intent_unexpected_state")
        self._receive(intent, amount)
        return _copy(intent)

    def _cancel(self, intent: dict[str, Any]) -> dict[str, Any]:
        if intent["status"] in ("succeeded", "canceled", "processing"):
            raise _Refusal(400, "invalid_request_error", "payment_intent_unexpected_state")
        intent["status"] = "canceled"
        self._event("payment_intent.canceled", intent)
        return _copy(intent)

    def _refund(self, sent: dict[str, str]) -> dict[str, Any]:
        intent, amount = self._intent(sent["payment_intent"]), int(sent["amount"])
        back = self._given_back(intent["id"])
        if intent["amount_received"] - back < amount:
            raise _Refusal(400, "invalid_request_error", "charge_already_refunded")
        refund = {
            "id": f"re_{next(self._numbers)}",
            "object": "refund",
            "payment_intent": intent["id"],
            "charge": intent["latest_charge"],
            "amount": amount,
            "currency": intent["currency"],
            "status": "succeeded",
            "metadata": _metadata(sent),
        }
        self.refunds[refund["id"]] = refund
        self.moves.append(("refund", intent["id"], intent["metadata"].get("order_id", ""), amount))
        self._event("refund.created", refund)
        return _copy(refund)

    def _intent(self, ref: str) -> dict[str, Any]:
        if ref not in self.intents:
            raise _Refusal(404, "invalid_request_error", "resource_missing")
        return self.intents[ref]

    def _refunds_of(self, ref: str) -> list[dict[str, Any]]:
        return [refund for refund in self.refunds.values() if refund["payment_intent"] == ref]

    def _given_back(self, ref: str) -> int:
        return sum(one["amount"] for one in self._refunds_of(ref) if one["status"] != "failed")

    def _list(self, found: list[dict[str, Any]], sent: dict[str, str]) -> dict[str, Any]:
        newest = [_copy(one) for one in reversed(found)]
        ids = [one["id"] for one in newest]
        start = ids.index(sent["starting_after"]) + 1 if "starting_after" in sent else 0
        limit = int(sent.get("limit", "10"))
        page = newest[start : start + limit]
        if sent.get("expand[]") == "data.latest_charge":
            for one in page:
                back = self._given_back(one["id"])
                one["latest_charge"] = one["latest_charge"] and {"id": one["latest_charge"], "amount_refunded": back}
        return {"object": "list", "data": page, "has_more": len(newest) > start + limit}

    def _event(self, kind: str, about: dict[str, Any]) -> None:
        event = {
            "id": f"evt_{next(self._numbers)}",
            "object": "event",
            "type": kind,
            "api_version": VERSION,
            "livemode": False,
            "created": int(time.time()),
            "data": {"object": _copy(about)},
        }
        self.events.append(event)

    def _tell(self, events: list[dict[str, Any]]) -> None:
        if self.webhooks == "late":
            self._late += events
        for event in events if self.webhooks in ("early", "twice") else []:
            for _ in range(2 if self.webhooks == "twice" else 1):
                self.deliver(event)


def signature(body: bytes, secret: str = SECRET, *, at: int | None = None) -> str:
    """The header Stripe-Signature, by its documentation."""
    moment = int(time.time()) if at is None else at
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mac}"


def post_to(url: str) -> Hook:
    """Sends messages to a server."""

    def post(body: bytes, signed: str) -> int:
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signed}
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - our own server
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status
        except HTTPError as error:
            return error.code

    return post


def _metadata(sent: dict[str, str]) -> dict[str, str]:
    return {name[9:-1]: value for name, value in sent.items() if name.startswith("metadata[")}


def _copy(value: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(value))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, double: StripeDouble) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.double = double

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(urlsplit(self.path).query)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("content-length", "0"))).decode())

    def _answer(self, sent: str) -> None:
        fields = {name: values[-1] for name, values in parse_qs(sent).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        assert isinstance(self.server, _Server)
        status, body, fault = self.server.double.answer(self.command, urlsplit(self.path).path, fields, headers)
        if fault == "lost":
            self.close_connection = True
            return
        written = json.dumps(body).encode()
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def open_double() -> Iterator[StripeDouble]:
    double = StripeDouble()
    server = _Server(double)
    double.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
