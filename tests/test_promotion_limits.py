"""Limits of promotions, used by many at once: on real connections, as orders use them."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from tests.people import registered
from tests.redeeming import Till, made, open_till, orders, with_code
from tests.shop import Shop, same_problem
from tradepost import promotions
from tradepost.app.verifying import verify
from tradepost.db import Tx
from tradepost.promotions import Customer, Evaluation
from tradepost.promotions.store.wanting import CountersMoved

pytestmark = pytest.mark.anyio

AT_ONCE = 50
ROUNDS = 10


async def counters(shop: Shop, promotion: dict[str, Any]) -> tuple[int, str]:
    shown = (await shop.staff("GET", f"/promotions/{promotion['id']}")).json()
    return shown["uses"], shown["spent"]


async def test_a_coupon_for_one_use_is_used_once_by_fifty_at_once(shop: Shop) -> None:
    """A13, and again when it came back."""
    placed = await orders(shop, AT_ONCE)
    await with_code(shop, "ONCE", max_uses=1)
    async with open_till(shop) as till:
        for _ in range(ROUNDS):
            found = await asyncio.gather(*(till.use(order_id, "once") for order_id in placed))
            winners = [order_id for order_id, one in zip(placed, found, strict=True) if one.applied]
            assert len(winners) == 1
            assert {one.refused[0].reason for one in found if not one.applied} == {"coupon_exhausted"}
            await asyncio.gather(*(till.give_back(order_id) for order_id in placed))
    assert verify(shop.url)


async def test_a_promotion_is_used_as_often_as_it_may_be_and_its_budget_is_never_exceeded(shop: Shop) -> None:
    placed = await orders(shop, AT_ONCE)
    often = await made(shop, name="Often", maxUses=7)
    rich = await made(shop, name="Rich", budget="95.00")
    async with open_till(shop) as till:
        found = await asyncio.gather(*(till.use(order_id) for order_id in placed))
    given = Counter(applied.name for one in found for applied in one.applied)
    assert given == {"Often": 7, "Rich": 9}
    assert await counters(shop, often) == (7, "70.00")
    assert await counters(shop, rich) == (9, "90.00")
    assert verify(shop.url)


async def test_a_customer_in_many_sessions_at_once_uses_it_as_often_as_he_may(shop: Shop) -> None:
    """A14: by account, by address and by its aliases, all at once."""
    ada = await registered(shop)
    me = UUID((await ada.ask("GET", "/auth/me")).json()["account"]["id"])
    *placed, last = await orders(shop, 21)
    await with_code(shop, "TWICE", maxUsesPerCustomer=2)
    await with_code(shop, "ONCE", maxUsesPerCustomer=1)
    faces = [
        Customer(me, "ada@example.com", is_signed_in=True),
        Customer(email="ADA@example.com"),
        Customer(email="ada+sale@example.com"),
    ]
    async with open_till(shop) as till:
        assert (await till.use(last, "TWICE", customer=faces[0])).applied
        uses = (till.use(order_id, "TWICE", customer=faces[at % 3]) for at, order_id in enumerate(placed))
        found = await asyncio.gather(*uses)
        assert sum(bool(one.applied) for one in found) == 1
        assert {one.refused[0].reason for one in found if not one.applied} == {"coupon_already_used"}
        assert (await till.use(last, "ONCE", customer=faces[0])).applied
        moved = await till.use(placed[0], "ONCE", customer=Customer(me, "new-address@example.com"))
        assert moved.refused[0].reason == "coupon_already_used"
        assert (await till.use(placed[0], "ONCE", customer=Customer(email="grace@example.com"))).applied
    assert verify(shop.url)


async def test_what_was_used_comes_back_once_though_it_is_given_back_by_many(shop: Shop) -> None:
    first, second = await orders(shop, 2)
    promotion = await with_code(shop, "ONCE", max_uses=1, maxUses=5, budget="100.00")
    async with open_till(shop) as till:
        assert (await till.use(first, "ONCE")).applied
        assert await counters(shop, promotion) == (1, "10.00")
        await asyncio.gather(*(till.give_back(first) for _ in range(10)))
        assert await counters(shop, promotion) == (0, "0.00")
        assert (await till.use(second, "ONCE")).applied
        assert not (await till.use(first, "ONCE")).applied
    rows = (await shop.staff("GET", f"/promotions/{promotion['id']}/redemptions")).json()["items"]
    assert [(row["orderId"], row["amount"], row["givenBackAt"] is None) for row in rows] == [
        (str(second), "10.00", True),
        (str(first), "10.00", False),
    ]
    assert verify(shop.url)


async def test_an_order_that_comes_to_life_uses_again_what_there_still_is(shop: Shop) -> None:
    """It had expired, and its money came: it keeps its discount, and counts where there is room."""
    late, other, third = await orders(shop, 3)
    single = await with_code(shop, "ONCE", max_uses=1, priority=1)
    each = await made(shop, name="Each", maxUsesPerCustomer=1, priority=2)
    few = await made(shop, name="Few", maxUses=2, budget="20.00", priority=3)
    ada, grace = Customer(email="ada@example.com"), Customer(email="grace@example.com")
    shown = [single, each, few]
    async with open_till(shop) as till:
        assert len((await till.use(late, "ONCE", customer=ada)).applied) == 3
        await till.give_back(late)
        await asyncio.gather(*(till.take_again(late) for _ in range(5)))
        assert [await counters(shop, one) for one in shown] == [(1, "10.00")] * 3
        await till.give_back(late)
        assert len((await till.use(other, "ONCE", customer=grace)).applied) == 3
        await till.take_again(late)
        assert [await counters(shop, one) for one in shown] == [(1, "10.00"), (2, "20.00"), (2, "20.00")]
        await till.give_back(late)
        assert len((await till.use(third, customer=ada)).applied) == 2
        await till.take_again(late)
        assert [await counters(shop, one) for one in shown] == [(1, "10.00"), (2, "20.00"), (2, "20.00")]
    assert verify(shop.url)


async def test_orders_that_use_what_has_no_limit_do_not_wait_for_each_other(shop: Shop) -> None:
    first, second = await orders(shop, 2)
    await with_code(shop, "ALWAYS")
    await made(shop, name="For all")
    async with open_till(shop) as till, till.db.transaction() as tx:
        buyer = Customer(email="ada@example.com")
        running = await promotions.lock(tx, till.store_id, ["ALWAYS"], [buyer])
        await till.redeem(tx, till.evaluate(running, ["ALWAYS"], buyer), first, buyer)
        async with asyncio.timeout(20):
            assert len((await till.use(second, "ALWAYS", customer=buyer)).applied) == 2


async def test_quotes_wait_for_nobody(shop: Shop) -> None:
    (first,) = await orders(shop, 1)
    await with_code(shop, "ONCE", max_uses=1, maxUsesPerCustomer=1)
    async with open_till(shop) as till, till.db.transaction() as tx:
        buyer = Customer(email="ada@example.com")
        running = await promotions.lock(tx, till.store_id, ["ONCE"], [buyer])
        await till.redeem(tx, till.evaluate(running, ["ONCE"], buyer), first, buyer)
        async with asyncio.timeout(20), till.db.read() as db:
            rows = await db.rows(*promotions.wanted(till.store_id, ["ONCE"], [buyer]))
            assert till.evaluate(promotions.running(rows), ["ONCE"], buyer).applied


async def _used_while_waiting(till: Till, first: UUID, second: UUID, buyer: Customer) -> Evaluation:
    """What somebody reads who waits in one statement for another who uses it."""
    async with till.db.transaction() as waiting:
        async with till.db.transaction() as tx:
            running = await promotions.lock(tx, till.store_id, ["ONCE"], [buyer])
            await till.redeem(tx, till.evaluate(running, ["ONCE"], buyer), first, buyer)
            rows = asyncio.create_task(waiting.rows(*promotions.locking(till.store_id, ["ONCE"], [buyer])))
            await _until_somebody_waits(till)
        evaluation = till.evaluate(promotions.running(await rows), ["ONCE"], buyer)
        await till.redeem(waiting, evaluation, second, buyer)
        return evaluation


async def _until_somebody_waits(till: Till) -> None:
    async with asyncio.timeout(20), till.db.read() as db:
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        while not await db.value(waiting):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("limits", [{"max_uses": 1}, {"maxUses": 1}, {"maxUsesPerCustomer": 1}, {"budget": "10.00"}])
async def test_who_waited_for_a_lock_knows_that_what_he_has_read_is_of_before(shop: Shop, limits: Any) -> None:
    """Else a customer's uses would be those from before the wait, and he could use it once more."""
    first, second = await orders(shop, 2)
    await with_code(shop, "ONCE", **limits)
    buyer = Customer(email="ada@example.com")
    async with open_till(shop) as till:
        with pytest.raises(CountersMoved):
            await _used_while_waiting(till, first, second, buyer)
        assert not (await till.use(second, "ONCE", customer=buyer)).applied
    assert issubclass(CountersMoved, errors.SerializationFailure)
    assert verify(shop.url)


async def test_a_limit_that_comes_while_orders_use_it_counts_them(shop: Shop) -> None:
    """The order began when there was no limit: it is counted all the same, or waited for."""
    first, second, third = await orders(shop, 3)
    promotion = await with_code(shop, "FEW")
    buyer = Customer(email="ada@example.com")
    async with open_till(shop) as till:
        async with till.db.transaction() as tx:
            running = await promotions.lock(tx, till.store_id, ["FEW"], [buyer])
            await till.redeem(tx, till.evaluate(running, ["FEW"], buyer), first, buyer)
            body = {"maxUses": 2}
            limiting = asyncio.create_task(shop.staff("PATCH", f"/promotions/{promotion['id']}", json=body))
            await _until_somebody_waits(till)
        assert (await limiting).json()["uses"] == 1
        assert (await till.use(second, "FEW")).applied
        assert not (await till.use(third, "FEW")).applied
    assert verify(shop.url)


async def test_a_limit_that_came_between_reading_and_writing_counts_too(shop: Shop) -> None:
    first, second = await orders(shop, 2)
    promotion = await with_code(shop, "FEW")
    buyer = Customer(email="ada@example.com")
    async with open_till(shop) as till:
        async with till.db.transaction() as tx:
            running = await promotions.lock(tx, till.store_id, ["FEW"], [buyer])
            changed = await shop.staff("PATCH", f"/promotions/{promotion['id']}", json={"maxUses": 1})
            assert changed.status_code == 200
            await till.redeem(tx, till.evaluate(running, ["FEW"], buyer), first, buyer)
        assert await counters(shop, promotion) == (1, "10.00")
        assert not (await till.use(second, "FEW")).applied
    assert verify(shop.url)


async def test_an_order_that_a_limit_overtook_is_placed_without_the_promotion(shop: Shop) -> None:
    """It was read when there was no limit, and written when the limit was reached."""
    mug = await shop.product()
    body = {"name": "Autumn", "trigger": "AUTOMATIC", "actions": [{"type": "percent_off", "percent": "10"}]}
    promotion = (await shop.staff("POST", "/promotions", json=body)).json()
    assert (await shop.order((mug, 1))).json()["discountAmount"] == "1.00"
    async with open_till(shop) as till:
        async with till.db.transaction() as staff:
            await staff.run("select from promotion where id = %(id)s for update", {"id": UUID(promotion["id"])})
            overtaken = asyncio.create_task(shop.order((mug, 1)))
            await _until_somebody_waits(till)
            await staff.run(
                "update promotion set max_uses = 1, uses = 1, spent = 100 where id = %(id)s",
                {"id": UUID(promotion["id"])},
            )
        order = await overtaken
    assert (order.status_code, order.json()["discountAmount"]) == (201, "0.00")
    assert verify(shop.url)


async def test_a_limit_never_says_less_than_what_has_happened(shop: Shop) -> None:
    first, second = await orders(shop, 2)
    promotion = await with_code(shop, "MANY")
    buyer = Customer(email="ada@example.com")
    async with open_till(shop) as till:
        for order_id in (first, second):
            await till.use(order_id, "MANY", customer=buyer)
    path = f"/promotions/{promotion['id']}"
    for body, used in (({"maxUses": 1}, 2), ({"budget": "19.99"}, 2000), ({"maxUsesPerCustomer": 1}, 2)):
        refused = await shop.staff("PATCH", path, json=body)
        assert same_problem(refused, 409, "limit_below_uses", f"/{next(iter(body))}")
        assert refused.json()["used"] == used
    coupon = (await shop.staff("GET", f"{path}/coupons")).json()["items"][0]
    refused = await shop.staff("PATCH", f"{path}/coupons/{coupon['id']}", json={"maxUses": 1})
    assert same_problem(refused, 409, "limit_below_uses", "/maxUses")
    at_the_limit = {"maxUses": 2, "budget": "20.00", "maxUsesPerCustomer": 2}
    assert (await shop.staff("PATCH", path, json=at_the_limit)).status_code == 200
    assert verify(shop.url)


async def test_the_database_itself_refuses_one_use_too_many(shop: Shop) -> None:
    first, second = await orders(shop, 2)
    await with_code(shop, "ONCE", max_uses=1)
    buyer = Customer(email="ada@example.com")
    async with open_till(shop) as till:

        async def careless(tx: Tx, order_id: UUID) -> None:
            rows = await tx.rows(*promotions.wanted(till.store_id, ["ONCE"], [buyer]))
            evaluation = till.evaluate(promotions.running(rows), ["ONCE"], buyer)
            await asyncio.sleep(0)
            await till.redeem(tx, evaluation, order_id, buyer)

        async with till.db.transaction() as one, till.db.transaction() as other:
            rows = await other.rows(*promotions.wanted(till.store_id, ["ONCE"], [buyer]))
            await careless(one, first)
        evaluation = till.evaluate(promotions.running(rows), ["ONCE"], buyer)
        assert evaluation.applied
        with pytest.raises(errors.CheckViolation, match="coupon_never_used_too_often"):
            async with till.db.transaction() as other:
                await till.redeem(other, evaluation, second, buyer)


async def test_an_order_uses_a_promotion_once(shop: Shop) -> None:
    (order_id,) = await orders(shop, 1)
    await with_code(shop, "ALWAYS")
    async with open_till(shop) as till:
        await till.use(order_id, "ALWAYS")
        with pytest.raises(errors.UniqueViolation):
            await till.use(order_id, "ALWAYS")


@pytest.mark.parametrize(
    "broken",
    [
        "update promotion set uses = 0",
        "update promotion set spent = 1",
        "update redemption set given_back_at = now()",
        "update coupon set uses = 3",
        "update redemption set promotion_id = (select id from promotion where name = 'Other')",
        "update promotion set max_uses_per_customer = 1",
    ],
)
async def test_what_is_wrong_with_redemptions_is_found(shop: Shop, broken: str) -> None:
    """I8 is looked for where it can be missing."""
    placed = await orders(shop, 2)
    await made(shop, name="Other", isActive=False)
    await with_code(shop, "TWICE", max_uses=5, maxUsesPerCustomer=5)
    async with open_till(shop) as till:
        for order_id in placed:
            await till.use(order_id, "TWICE", customer=Customer(email="ada@example.com"))
    assert verify(shop.url)
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute(broken.encode())
    assert not verify(shop.url)


async def test_a_batch_reads_all_of_its_requests_in_one_statement(shop: Shop) -> None:
    (order_id,) = await orders(shop, 1)
    await with_code(shop, "ONE", maxUsesPerCustomer=1, priority=1)
    await with_code(shop, "TWO", max_uses=1, priority=2)
    await made(shop, name="Automatic", priority=3)
    await made(shop, name="Over", validTo="2020-01-01T00:00:00Z")
    await made(shop, name="Later", validFrom="2090-01-01T00:00:00Z")
    await made(shop, name="Off", isActive=False)
    ada, grace = Customer(email="ada@example.com"), Customer(email="grace@example.com")
    async with open_till(shop) as till:
        await till.use(order_id, "ONE", customer=ada)
        async with till.db.transaction() as tx:
            (rows,) = await tx.together(promotions.locking(till.store_id, ["one", "TWO", "none"], [ada, grace]))
            running = promotions.running(rows)
        told = {}
        for buyer in (ada, grace):
            evaluation = till.evaluate(running, ["ONE", "TWO", "none"], buyer)
            running.take(evaluation, buyer)
            told[buyer.email] = [one.name for one in evaluation.applied], [one.reason for one in evaluation.refused]
    assert told == {
        "ada@example.com": (["TWO: Ten off", "Automatic"], ["coupon_not_valid", "coupon_already_used"]),
        "grace@example.com": (["ONE: Ten off", "Automatic"], ["coupon_not_valid", "coupon_exhausted"]),
    }


async def test_another_stores_promotions_are_as_none(shop: Shop) -> None:
    await with_code(shop, "OURS")
    await made(shop)
    async with open_till(shop) as till, till.db.read() as db:
        rows = await db.rows(*promotions.wanted(UUID(int=7), ["OURS"], []))
        assert rows == []
