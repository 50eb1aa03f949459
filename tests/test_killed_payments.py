"""Paying, taking, giving back and cancelling, with the process killed at every named place: money is moved once.

The processes are those of `tradepost serve`, against Stripe's double over HTTP. The buyer, or staff, sends the request
again with the same key until it is answered; the sweep does the rest. The judges are the double's own books, the
database, `tradepost verify` and `tradepost reconcile`.
"""

import asyncio
import itertools
import time
import urllib.error
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psycopg
import pytest

from tests.server import PATIENCE, Server, client, scratch_folder, serving, tradepost
from tests.stripe_double import SECRET, StripeDouble, open_double, post_to
from tests.test_payment_matrix import WEBHOOKS
from tradepost.app import demo, operating
from tradepost.core.crash_points import PLACES

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

_ANSWERS = ["ok", "lost", "late", "500", "409", "429"]
_PART = "3.00"


class Deed(msgspec.Struct, frozen=True):
    """What is asked for an order, the call of Stripe's that it takes, and how an order gets there."""

    path: str
    call: str
    body: dict[str, Any]
    before: dict[str, Any] | None
    refunds: int
    """How often money goes back."""
    statuses: tuple[str, str]
    """Of the order and of its payment, at the end."""


_PAID = {"paymentMethodId": "pm_card_visa"}
_INTENTS, _REFUNDS = "POST /v1/payment_intents", "POST /v1/refunds"
_DEEDS = {
    "pay": Deed("/payment", _INTENTS, _PAID, None, 0, ("CONFIRMED", "PAID")),
    "capture": Deed("/captures", "/capture", {}, _PAID | {"capture": "manual"}, 0, ("CONFIRMED", "PAID")),
    "refund": Deed("/refunds", _REFUNDS, {"amount": _PART}, _PAID, 1, ("CONFIRMED", "PARTIALLY_REFUNDED")),
    "cancel": Deed("/cancel", _REFUNDS, {}, _PAID, 1, ("CANCELLED", "REFUNDED")),
}


_HURRIES = (
    """
    update payment_operation
    set next_try_at = now()
    where id in (select id from payment_operation where state = 'started' and next_try_at > now()
                 for update skip locked)
    """,
    """
    update provider_event
    set next_try_at = now()
    where event_id in (select event_id from provider_event where worked_at is null and next_try_at > now()
                       for update skip locked)
    """,
)
"""They leave alone what the sweep has in hand."""


class Case(msgspec.Struct, frozen=True):
    place: str
    answer: str
    webhooks: str


def _cases(deed: str) -> list[Case]:
    """Every place with every answer, and each of both with every way of webhooks; over all deeds, everything with all.

    After silence nothing is clear.
    """
    shift = list(_DEEDS).index(deed)
    return [
        Case(place, answer, WEBHOOKS[(one + other + shift) % len(WEBHOOKS)])
        for (one, place), (other, answer) in itertools.product(enumerate(PLACES), enumerate(_ANSWERS))
        if (place, answer) != ("after_silence", "ok")
    ]


class Shop:
    """A running server, its Stripe, and those who ask it for something and do not give up."""

    def __init__(self, server: Server, double: StripeDouble, http: httpx2.AsyncClient, key: str, places: Path) -> None:
        self.server = server
        self.double = double
        self._http = http
        self._key = {"X-API-Key": key}
        self._places = places
        self.killed: Counter[str] = Counter()

    async def order(self, product: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
        body = {"email": "ada@example.com", "items": [{"productId": product["id"], "quantity": 1}]}
        order = (await self.ask("POST", "/orders", body)).json()
        if before is not None:
            await self.ask("POST", f"/orders/{order['id']}/payment", before, key="before")
        return order

    async def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> httpx2.Response:
        """The answer to the request, which is sent again as long as nobody answers, or nothing is known for good."""
        headers = self._key | ({"Idempotency-Key": key} if key else {})
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(httpx2.TransportError):
                answer = await self._http.request(method, f"/api/v1{path}", json=body, headers=headers)
                if answer.is_success and answer.status_code != 202:
                    return answer
                under_way = answer.status_code == 409 and answer.json()["code"] == "idempotency_in_flight"
                assert answer.status_code in (202, 503) or under_way, answer.text
            await asyncio.sleep(0.05)
            await asyncio.to_thread(self._pass_time)
        pytest.fail(f"{method} {path} was not answered")

    async def do(self, order: dict[str, Any], deed: Deed, case: Case) -> dict[str, Any]:
        """One case, from the request to the rest; what was answered in the end."""
        self.double.webhooks = case.webhooks
        self.double.fail(deed.call, *([case.answer] if case.answer != "ok" else []))
        armed = self._places / case.place
        armed.touch()
        answer = await self.ask("POST", f"/orders/{order['id']}{deed.path}", deed.body, key=order["id"])
        await self._rest()
        await asyncio.to_thread(self.double.deliver_late)
        await self._rest()
        self.double.heal()
        self.killed[case.place] += not armed.exists()
        armed.unlink(missing_ok=True)
        return answer.json()

    async def _rest(self) -> None:
        """The sweep has nothing left to do."""
        deadline = time.monotonic() + PATIENCE
        while await asyncio.to_thread(self._pass_time):
            assert time.monotonic() < deadline, "payments do not come to rest"
            await asyncio.sleep(0.1)

    def _pass_time(self) -> int:
        """Makes due what waits for a lease to end or for another try; how much there is to do."""
        with psycopg.connect(self.server.database_url, autocommit=True) as connection:
            for hurry in _HURRIES:
                connection.execute(hurry)
            found = connection.execute(
                """
                select (select count(*) from payment_operation where state = 'started')
                       + (select count(*) from provider_event where worked_at is null)
                """
            ).fetchone()
        assert found is not None
        return found[0]


def _told_until_heard(url: str) -> Callable[[bytes, str], int]:
    """Stripe sends a message again when nobody takes it."""
    post = post_to(url)

    def tell(body: bytes, signed: str) -> int:
        for _ in range(100):
            with suppress(urllib.error.URLError, HTTPException, OSError):
                if (status := post(body, signed)) == 200:
                    return status
            time.sleep(0.05)
        return 0

    return tell


@asynccontextmanager
async def _shop(database_url: str) -> AsyncIterator[Shop]:
    with scratch_folder() as folder, open_double() as double:
        places = folder / "places"
        places.mkdir()
        settings = {
            "database_url": database_url,
            "unsafe_database": True,
            "workers": 3,
            "sweep_seconds": 0.3,
            "log_level": "error",
            "payments": "stripe",
            "stripe_url": double.url,
            "stripe_secret_key": "sk_test_key",
            "stripe_webhook_secrets": SECRET,
            "stripe_seconds": 0.5,
            "test_crash_at": places,
        }
        double.late_seconds = 0.8
        with serving(folder=folder, **settings) as server:
            double.hook = _told_until_heard(f"{server.url}/api/v1/webhooks/stripe")
            await demo.create_store(database_url)
            key = await operating.create_key(database_url, name="tests", scopes=["*"], store=None)
            async with client(server) as http:
                yield Shop(server, double, http, key, places)


@pytest.mark.parametrize("name", _DEEDS)
async def test_whoever_is_killed_money_is_moved_once(database_url: str, name: str) -> None:
    deed, cases = _DEEDS[name], _cases(name)
    async with _shop(database_url) as shop:
        mug = {"name": "Mug", "sku": "MUG", "price": "10.00", "status": "ACTIVE", "inventoryQuantity": 1000}
        product = (await shop.ask("POST", "/products", mug)).json()
        orders = await asyncio.gather(*(shop.order(product, deed.before) for _ in cases))
        answers = [await shop.do(order, deed, case) for order, case in zip(orders, cases, strict=True)]
        ends = [(await shop.ask("GET", f"/orders/{order['id']}")).json() for order in orders]
        found = [_found(shop.double, deed, *both) for both in zip(answers, ends, strict=True)]
        said = ", ".join(f"{what} {sum(one[what] for one in found)}" for what in found[0])
        print(f"{name}: {len(cases)} cases, {shop.killed.total()} processes killed, {said}")  # noqa: T201
        assert [(case, one) for case, one in zip(cases, found, strict=True) if any(one.values())] == []
        assert {(order["status"], order["paymentStatus"]) for order in ends} == {deed.statuses}
        assert set(+shop.killed) == set(PLACES)
        for command in ("verify", "reconcile"):
            settings = shop.server.settings | {"stripe_seconds": 15, "port": None}
            done = await asyncio.to_thread(tradepost, command, **settings)
            assert done.returncode == 0, done.stdout


def _found(double: StripeDouble, deed: Deed, answer: dict[str, Any], order: dict[str, Any]) -> dict[str, bool]:
    """What is wrong with an order, by what the caller was told and by the double's own books."""
    there = double.sums(order["id"])
    told = {payment["id"]: payment["status"] for payment in answer["payments"]}
    standing = {payment["id"]: payment["status"] for payment in order["payments"]}
    kept = there["capture"] - there["refund"]
    return {
        "double charges": (there["charges"], there["captures"]) != (1, 1),
        "orphan money": kept != _cents(order["paidAmount"]) - _cents(order["refundedAmount"])
        or (order["status"] == "CANCELLED" and kept > 0),
        "acknowledged and lost": not told or not told.items() <= standing.items(),
        "refunds doubled or beyond captures": there["refunds"] != deed.refunds or there["refund"] > there["capture"],
    }


def _cents(amount: str) -> int:
    return int(amount.replace(".", ""))
