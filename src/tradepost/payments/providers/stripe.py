"""Stripe, over its HTTP API (docs/decisions/0013)."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import httpx2
import msgspec
import structlog

from tradepost.core.breaker import Breaker, Policy
from tradepost.core.errors import NotFound
from tradepost.payments.comparing import outcome, standing
from tradepost.payments.inbox import API_VERSION
from tradepost.payments.model import Capture, Declined, Operation, Result, Snapshot
from tradepost.payments.provider import PaymentProviderRefuses, PaymentProviderUnavailable
from tradepost.payments.providers.stripe_wire import (
    Charge,
    Failure,
    Intent,
    Intents,
    PaymentError,
    Refund,
    Refunds,
    metadata_of,
    refund_result,
    snapshot_of,
    to_wire,
)

log = structlog.get_logger()
Kind = TypeVar("Kind", bound=msgspec.Struct)
_METHOD = re.compile(r"pm_[A-Za-z0-9_]{1,100}")
_PAGE = 100
_SKEW = timedelta(minutes=5)
_INTENTS = "/v1/payment_intents"
_REFUNDS = "/v1/refunds"
_PATIENCE = Policy(failures=5, seconds=5.0)
_OURS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class _Refused(Exception):
    """Stripe understood the request and did nothing."""

    def __init__(self, error: PaymentError) -> None:
        super().__init__(error.code)
        self.error = error


class _Down(Exception):
    """Stripe did not answer, or only with a failure or a refusal of its own."""


class Stripe:
    """Payment intents. Nothing is asked for longer than `seconds`, and nothing while it has not answered for a while.

    What is not a clear answer (no answer, 409, 429, 5xx) is PaymentProviderUnavailable: the same key asks again.
    """

    name = "stripe"
    is_remote = True

    def __init__(
        self,
        secret_key: str,
        *,
        url: str = "https://api.stripe.com",
        seconds: float = 15.0,
        connect_seconds: float = 3.0,
        policy: Policy = _PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._breaker = Breaker(_Down, refusal=_left_alone, policy=policy, clock=clock)
        self._client = httpx2.AsyncClient(
            base_url=url,
            timeout=httpx2.Timeout(seconds, connect=connect_seconds),
            headers={"Authorization": f"Bearer {secret_key}", "Stripe-Version": API_VERSION},
            trust_env=False,
        )

    def takes(self, method: str, *, amount: int, currency: str) -> bool:
        return _METHOD.fullmatch(method) is not None and to_wire(amount, currency) is not None

    async def authorize(self, operation: Operation) -> Result:
        payment = operation.payment
        form = {
            "amount": _wire(operation),
            "currency": payment.currency.lower(),
            "payment_method": payment.method,
            "capture_method": "manual" if payment.capture is Capture.MANUAL else "automatic",
            "confirm": "true",
            "automatic_payment_methods[enabled]": "true",
            "automatic_payment_methods[allow_redirects]": "never",
        }
        try:
            intent = await self._post(_INTENTS, Intent, form | metadata_of(operation), key=operation.key)
        except _Refused as refused:
            if refused.error.type != "card_error":
                log.critical("stripe_refused", code=refused.error.code, operation=str(operation.id))
            return refused.error.declined
        return standing(snapshot_of(intent))

    async def capture(self, operation: Operation) -> Result:
        form = {"amount_to_capture": _wire(operation)}
        return await self._change(operation, "capture", form)

    async def void(self, operation: Operation) -> Result:
        return await self._change(operation, "cancel", {})

    async def refund(self, operation: Operation) -> Result:
        payment = operation.payment
        if to_wire(operation.amount, payment.currency) is None:
            return Declined("amount_not_possible", f"Stripe has no such amount of {payment.currency}")
        form = {"payment_intent": payment.provider_ref or "", "amount": _wire(operation)}
        try:
            refund = await self._post(_REFUNDS, Refund, form | metadata_of(operation), key=operation.key)
        except _Refused as refused:
            return await self._otherwise(operation, refused.error)
        return refund_result(refund)

    async def fetch(self, ref: str) -> Snapshot:
        try:
            intent = await self._get(_path(ref), Intent, {})
        except _Refused as refused:
            msg = f"Stripe has no payment {ref}"
            raise NotFound(msg) from refused
        return snapshot_of(intent, await self._refunds(intent))

    async def find(self, operation: Operation) -> Snapshot | None:
        async for snapshot in self.recent(operation.payment.created_at - _SKEW):
            if snapshot.payment_id == operation.payment.id:
                return snapshot
        return None

    async def recent(self, since: datetime) -> AsyncIterator[Snapshot]:
        params = {"created[gte]": str(int(since.timestamp())), "limit": str(_PAGE), "expand[]": "data.latest_charge"}
        while True:
            page = await self._get(_INTENTS, Intents, params)
            for intent in page.data:
                yield snapshot_of(intent, await self._refunds(intent))
            if not page.has_more or not page.data:
                return
            params["starting_after"] = page.data[-1].id

    async def close(self) -> None:
        await self._client.aclose()

    async def _change(self, operation: Operation, verb: str, form: dict[str, str]) -> Result:
        """Captures or cancels an intent. Done already is as good as done now."""
        path = f"{_path(operation.payment.provider_ref or '')}/{verb}"
        try:
            intent = await self._post(path, Intent, form, key=operation.key)
        except _Refused as refused:
            return await self._otherwise(operation, refused.error)
        return outcome(operation, snapshot_of(intent)) or Declined("unexpected_state", f"It is {intent.status}")

    async def _otherwise(self, operation: Operation, error: PaymentError) -> Result:
        """What Stripe refuses may be what it has done before: its payment tells."""
        snapshot = await self.fetch(operation.payment.provider_ref or "")
        return outcome(operation, snapshot) or error.declined

    async def _refunds(self, intent: Intent) -> list[Refund]:
        charge = intent.latest_charge
        if not intent.amount_received or (isinstance(charge, Charge) and not charge.amount_refunded):
            return []
        found: list[Refund] = []
        params = {"payment_intent": intent.id, "limit": str(_PAGE)}
        while True:
            page = await self._get(_REFUNDS, Refunds, params)
            found += page.data
            if not page.has_more or not page.data:
                return found
            params["starting_after"] = page.data[-1].id

    async def _get(self, path: str, kind: type[Kind], params: Mapping[str, str]) -> Kind:
        return await self._ask(self._client.build_request("GET", path, params=params), kind)

    async def _post(self, path: str, kind: type[Kind], form: Mapping[str, str], *, key: str) -> Kind:
        headers = {"Idempotency-Key": key}
        return await self._ask(self._client.build_request("POST", path, data=form, headers=headers), kind)

    async def _ask(self, request: httpx2.Request, kind: type[Kind]) -> Kind:
        """Raises _Refused, PaymentProviderUnavailable, PaymentProviderRefuses."""
        try:
            return await self._breaker.call(lambda: self._send(request, kind))
        except _Down as down:
            raise PaymentProviderUnavailable(str(down)) from None

    async def _send(self, request: httpx2.Request, kind: type[Kind]) -> Kind:
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._client.send(request)
            found = _read(answer, kind)
        except (httpx2.HTTPError, TimeoutError, msgspec.DecodeError) as error:
            raise _Down(f"Stripe did not answer: {type(error).__name__}") from None
        if isinstance(found, Failure):
            raise _failed(answer.status_code, found.error)
        return found


def _left_alone() -> PaymentProviderUnavailable:
    return PaymentProviderUnavailable("The payment provider has not answered for a while")


def _failed(status: int, error: PaymentError) -> Exception:
    """What an answer that is not a success means."""
    said = f"Stripe answers {status} {error.code or error.type}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return _Down(said)
    if error.type == "idempotency_error" or status in _OURS:
        return PaymentProviderRefuses(said)
    return PaymentProviderUnavailable(said) if status == HTTPStatus.CONFLICT else _Refused(error)


def _read(answer: httpx2.Response, kind: type[Kind]) -> Kind | Failure:
    if answer.is_success:
        return msgspec.json.decode(answer.content, type=kind)
    try:
        return msgspec.json.decode(answer.content, type=Failure)
    except msgspec.DecodeError:
        return Failure(PaymentError("no_json"))


def _wire(operation: Operation) -> str:
    amount = to_wire(operation.amount, operation.payment.currency)
    return "" if amount is None else str(amount)


def _path(ref: str) -> str:
    return f"{_INTENTS}/{quote(ref, safe='')}"
