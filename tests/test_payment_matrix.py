"""Never charge twice, never keep money without an order: crash points x answers x webhooks, against Stripe's double."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.shop import open_shop
from tests.stripe_double import SECRET, StripeDouble, open_double
from tests.test_webhooks_in import hook_of
from tests.till import Order, Till, open_till
from tradepost import payments
from tradepost.app.settings import Settings
from tradepost.app.verifying import verify
from tradepost.core.breaker import Policy
from tradepost.payments import PaymentProviderUnavailable, Status
from tradepost.payments.providers.stripe import Stripe

pytestmark = pytest.mark.anyio

CRASHES = ["no crash", "before_call", "after_call", "after_settle"]
ANSWERS = ["ok", "lost", "late", "500", "500 kept", "409", "429", "cut"]
WEBHOOKS = ["early", "twice", "late", "never"]
"""before the answer, twice, after everything else, never"""
_INTENTS = "POST /v1/payment_intents"
_REFUNDS = "POST /v1/refunds"


@pytest.fixture
def double() -> Iterator[StripeDouble]:
    with open_double() as opened:
        yield opened


@pytest.fixture
async def till(database_url: str, double: StripeDouble) -> AsyncIterator[Till]:
    settings = Settings(
        unsafe_database=True,
        payments="stripe",
        stripe_secret_key="sk_test_key",
        stripe_webhook_secrets=SECRET,
        rate_limit_read="",
        rate_limit_write="",
    )
    double.late_seconds = 0.4
    patient = Policy(failures=10_000)
    provider = Stripe("sk_test_key", url=double.url, seconds=0.25, policy=patient)
    async with open_shop(database_url, settings) as shop, open_till(shop, provider) as opened:
        double.hook = hook_of(shop)
        yield opened


@pytest.mark.parametrize("webhooks", WEBHOOKS)
async def test_every_order_is_charged_once_and_refunded_once_whatever_is_lost(
    till: Till, double: StripeDouble, webhooks: str
) -> None:
    cases = list(itertools.product(CRASHES, ANSWERS))
    orders: list[Order] = []
    for crash, answer in cases:
        order = await till.order()
        orders.append(order)
        double.webhooks = webhooks
        double.fail(_INTENTS, *([answer] if answer != "ok" else []))
        await _pay(till, order, crash)
        double.heal()
        await _come_to_rest(till, double)
    _print(till, webhooks, cases, *await _judge(till, double, orders))
    for order, (crash, answer) in zip(orders, cases, strict=True):
        double.fail(_REFUNDS, *([answer] if answer != "ok" else []))
        await _refund(till, order, crash)
        double.heal()
        await _come_to_rest(till, double)
    await _judge(till, double, orders, refunded=300)
    assert verify(till.shop.url)
    (provider,) = till.providers.by_name.values()
    assert await payments.differences(till.db, provider, since=await _long_ago(till)) == []


async def _pay(till: Till, order: Order, crash: str) -> None:
    """What a process does until it dies at the crash point. With `after_settle` nobody hears of it, and asks again."""
    await _until(till, await till.begin(order), crash)


async def _refund(till: Till, order: Order, crash: str) -> None:
    for operation in await till.refund(order, 300):
        await _until(till, operation, crash)


async def _until(till: Till, operation: Any, crash: str) -> None:
    if crash == "before_call":
        return
    with suppress(PaymentProviderUnavailable):
        result = await till.carry_out(operation)
        if crash == "after_call":
            return
        await till.settle(operation, result)
        if crash == "after_settle":
            assert not await till.settle(operation, result)
            with suppress(PaymentProviderUnavailable):
                await till.carry_out(operation)


async def _come_to_rest(till: Till, double: StripeDouble) -> None:
    """Time passes: late messages come in, the sweep runs."""
    await till.sweep_all()
    await asyncio.to_thread(double.deliver_late)
    await till.sweep_all()


async def _judge(till: Till, double: StripeDouble, orders: list[Order], *, refunded: int = 0) -> tuple[int, int]:
    """Double charges and orphan money, by the double's own books; both must be none."""
    twice = orphans = 0
    for order in orders:
        there, balance = double.sums(str(order.id)), await till.balance(order)
        twice += there["charges"] > 1 or there["captures"] > 1 or there["refunds"] > (refunded > 0)
        orphans += there["capture"] - there["refund"] != balance.captured - balance.refunded
        assert await till.status(order) == Status.CAPTURED
        assert (there["capture"], there["refund"]) == (order.total, refunded)
        assert (balance.captured, balance.refunded, balance.refunding) == (order.total, refunded, 0)
    assert (twice, orphans) == (0, 0)
    return twice, orphans


async def _long_ago(till: Till) -> Any:
    return (await till.shop.rows("select now() - interval '1 day'"))[0][0]


def _print(till: Till, webhooks: str, cases: list[tuple[str, str]], twice: int, orphans: int) -> None:
    print(f"webhooks {webhooks}: {len(cases)} cases, double charges {twice}, orphan money {orphans}")  # noqa: T201
