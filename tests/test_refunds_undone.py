"""Refunds that fail after they were made: the money is here again, and somebody has to act."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.shop import Shop, open_shop, same_problem
from tests.stripe_double import SECRET, StripeDouble, open_double
from tests.test_order_life import done, placed, story
from tests.test_paying import expired, paid, pay, read
from tests.test_refund_limits import refund, role
from tests.test_staff import works_here
from tests.test_webhooks_in import hook_of
from tradepost import payments
from tradepost.app.paying import providers_of
from tradepost.app.settings import Settings
from tradepost.app.sweeping import Sweeper
from tradepost.app.verifying import verify
from tradepost.core.clock import now
from tradepost.db import Database
from tradepost.shipping.carriers import Carriers

pytestmark = pytest.mark.anyio


@pytest.fixture
def double() -> Iterator[StripeDouble]:
    with open_double() as opened:
        yield opened


def settings_of(double: StripeDouble) -> Settings:
    return Settings(
        unsafe_database=True,
        sweep_seconds=0,
        payments="stripe",
        stripe_secret_key="sk_test_key",
        stripe_webhook_secrets=SECRET,
        stripe_url=double.url,
        rate_limit_read="",
        rate_limit_write="",
    )


@pytest.fixture
async def shop(database_url: str, double: StripeDouble) -> AsyncIterator[Shop]:
    """A shop that Stripe talks to."""
    async with open_shop(database_url, settings_of(double)) as opened:
        double.hook = hook_of(opened)
        yield opened
    assert verify(database_url)


@asynccontextmanager
async def sweeper(shop: Shop, double: StripeDouble) -> AsyncIterator[Sweeper]:
    settings, db = settings_of(double), Database(shop.url, size=4)
    await db.open()
    providers = providers_of(settings, db)
    try:
        yield Sweeper(settings, db, providers, Carriers({}))
        found = await payments.differences(db, providers.get("stripe"), since=now() - timedelta(hours=1))
        assert found == []
    finally:
        await providers.close()
        await db.close()


async def swept(shop: Shop, double: StripeDouble) -> None:
    async with sweeper(shop, double) as one:
        for _ in range(3):
            await shop.change("update payment_operation set next_try_at = now() where state = 'started'")
            await one.run_once()


async def undone(shop: Shop, double: StripeDouble, amount: int) -> None:
    """The last refund of this amount fails, and Stripe says so: often, and in any order."""
    *_, ref = [one["id"] for one in double.refunds.values() if one["amount"] == amount]
    double.undo_refund(ref)
    told = [one for one in double.events if one["data"]["object"].get("id") == ref] * 3
    random.Random(1).shuffle(told)
    for one in told:
        assert await asyncio.to_thread(double.deliver, one) == 200
    await swept(shop, double)


async def test_the_money_is_here_again_and_is_given_back_otherwise(shop: Shop, double: StripeDouble) -> None:
    order, _ = await paid(shop, 2)
    given = await done(shop, "POST", order, "/refunds", amount="5.00", reason="A scratch")
    assert given["order"]["paymentStatus"] == "PARTIALLY_REFUNDED"
    await undone(shop, double, 500)
    after = await read(shop, order)
    assert (after["paymentStatus"], after["refundedAmount"]) == ("PAID", "0.00")
    assert (await story(shop, order))[-4:] == [
        "payment.refunded",
        "order.status_changed",
        "payment.refund_undone",
        "order.status_changed",
    ]
    ledger = await shop.rows("select kind, amount, operation_id is null from payment_entry order by id")
    assert ledger == [("capture", 2160, False), ("refund", 500, False), ("refund_undone", 500, True)]
    again = await done(shop, "POST", order, "/refunds")
    assert (again["order"]["paymentStatus"], again["order"]["refundedAmount"]) == ("REFUNDED", "21.60")
    assert double.sums(order["id"])["refund"] - double.sums(order["id"])["undone"] == 2160
    assert same_problem(await shop.staff("POST", f"/orders/{order['id']}/refunds", json={}), 409, "invalid_transition")


@pytest.mark.parametrize("end", ["cancelled", "expired"])
async def test_what_returned_of_a_dead_order_is_for_staff(shop: Shop, double: StripeDouble, end: str) -> None:
    """The same way would fail again; and an order that had expired does not live again by it."""
    order, (mug,) = await placed(shop, 8)
    if end == "cancelled":
        await pay(shop, order)
        await done(shop, "POST", order, "/cancel")
    else:
        double.fail("POST /v1/payment_intents", "lost")
        await pay(shop, order)
        await shop.change("update payment set status = 'DECLINED'")  # given up here, while Stripe takes the money
        await expired(shop)
    other = (await shop.order((mug, 5))).json()
    await swept(shop, double)
    assert (await read(shop, order))["paymentStatus"] == "REFUNDED"
    await done(shop, "POST", other, "/cancel")
    await undone(shop, double, 8640)
    await swept(shop, double)
    after = await read(shop, order)
    assert (after["status"], after["paymentStatus"], after["refundedAmount"]) == ("CANCELLED", "PAID", "0.00")
    assert await shop.stock(mug) == 10
    assert double.sums(order["id"])["refunds"] == 1
    again = await done(shop, "POST", order, "/refunds")
    assert again["order"]["paymentStatus"] == "REFUNDED"


async def test_what_came_twice_and_returned_once_is_for_staff(shop: Shop, double: StripeDouble) -> None:
    """Two payments took the money; the second goes back by itself, fails, and is not sent again by itself."""
    order, _ = await placed(shop, 1)
    double.fail("POST /v1/payment_intents", "lost")
    await pay(shop, order)
    await shop.change("update payment set status = 'DECLINED'")
    await pay(shop, order)
    await swept(shop, double)
    assert double.sums(order["id"]) == {"charge": 2160, "charges": 2, "capture": 2160, "captures": 2} | {
        "refund": 1080,
        "refunds": 1,
    }
    await undone(shop, double, 1080)
    await swept(shop, double)
    assert double.sums(order["id"])["refunds"] == 1
    after = await read(shop, order)
    assert (after["paymentStatus"], after["refundedAmount"]) == ("PAID", "0.00")


async def test_it_counts_no_longer_against_a_limit(
    shop: Shop, double: StripeDouble, capfd: pytest.CaptureFixture[str]
) -> None:
    grace, _ = await works_here(shop, capfd, staffRoleId=(await role(shop, "10.00"))["id"])
    order, _ = await paid(shop, 2)
    assert (await refund(grace, order, "7.00")).status_code == 200
    assert (await refund(grace, order, "3.00")).status_code == 200
    await undone(shop, double, 700)
    assert same_problem(await refund(grace, order, "7.01"), 403, "refund_limit_exceeded")
    assert (await refund(grace, order, "7.00")).status_code == 200


async def test_of_what_returns_while_many_ask_for_it_one_gets_it(shop: Shop, double: StripeDouble) -> None:
    order, _ = await paid(shop, 1)
    await done(shop, "POST", order, "/refunds")
    (ref,) = double.refunds
    double.undo_refund(ref)
    await asyncio.to_thread(double.deliver, double.events[-1])
    async with sweeper(shop, double) as one:
        answers: list[Any] = await asyncio.gather(
            one.run_once(), *(shop.staff("POST", f"/orders/{order['id']}/refunds", json={}) for _ in range(12))
        )
    assert {answer.status_code for answer in answers[1:]} <= {200, 409}
    made = sum(answer.status_code == 200 for answer in answers[1:])
    assert made <= 1
    there = double.sums(order["id"])
    assert there["capture"] - there["refund"] + there["undone"] == (0 if made else 1080)
