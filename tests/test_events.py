import asyncio
from typing import ClassVar
from uuid import UUID, uuid4

import pytest

from tests.shop import Shop, same_problem
from tradepost import events
from tradepost.core.actors import system
from tradepost.core.ids import uuid7
from tradepost.db import Database

pytestmark = pytest.mark.anyio


class BellRang(events.Fact, frozen=True):
    subject_type: ClassVar[str] = "bell"
    number: int


async def test_a_transaction_that_commits_late_is_not_skipped(database_url: str) -> None:
    """A reader that reads on from its last position sees every event, however late it was committed."""
    db, store_id = Database(database_url, size=4), uuid7()
    await db.open()
    actor = system(store_id)
    async with db.transaction() as late:
        await events.publish(late, BellRang(1), actor=actor, subject_id=uuid4())
        async with db.transaction() as early:
            await events.publish(early, BellRang(2), actor=actor, subject_id=uuid4())
        async with db.read() as reader:
            assert await events.feed(reader, store_id, after=None, limit=10) == []
    async with db.read() as reader:
        seen: list[events.Event] = []
        while len(seen) < 2:  # the feed waits for any older transaction of the server, which other tests share
            seen = await events.feed(reader, store_id, after=None, limit=10)
        assert [event.payload["number"] for event in seen] == [1, 2]
        assert await events.feed(reader, store_id, after=seen[-1].position, limit=10) == []
    await db.close()


async def test_a_page_never_ends_beyond_an_event_that_is_still_to_come(database_url: str) -> None:
    """Transactions are in the order of their numbers, also where these get a digit more: 9, 10, 99, 100."""
    db, store_id = Database(database_url, size=2), uuid7()
    await db.open()
    actor = system(store_id)
    numbers = [9, 10, 99, 100, 101]
    async with db.transaction() as tx:
        for number in numbers:
            await events.publish(tx, BellRang(number), actor=actor, subject_id=uuid4())
        await tx.run("update event set xid = (payload ->> 'number')::xid8 where store_id = %(id)s", {"id": store_id})
    seen: list[int] = []
    after: str | None = None
    async with db.read() as reader:
        while len(seen) < len(numbers):
            page = await events.feed(reader, store_id, after=after, limit=2)
            assert page
            seen += [event.payload["number"] for event in page]
            after = page[-1].position
    assert seen == numbers
    await db.close()


async def test_a_reader_beside_many_writers_gets_every_event_once(database_url: str) -> None:
    db, store_id = Database(database_url, size=8), uuid7()
    await db.open()
    actor = system(store_id)

    async def write(number: int) -> None:
        async with db.transaction() as tx:
            await events.publish(tx, BellRang(number), actor=actor, subject_id=uuid4())
            await asyncio.sleep(0.02 * (number % 3))

    writing = asyncio.gather(*(write(number) for number in range(120)))
    seen: list[int] = []
    after: str | None = None
    while len(seen) < 120:
        async with db.read() as reader:
            found = await events.feed(reader, store_id, after=after, limit=7)
        seen += [event.payload["number"] for event in found]
        after = found[-1].position if found else after
        await asyncio.sleep(0.001)
    await writing
    assert sorted(seen) == list(range(120))
    await db.close()


async def test_events_of_one_subject_are_numbered_without_gaps(shop: Shop) -> None:
    mug = await shop.product()
    prices = [f"{price}.00" for price in range(20, 40)]
    await asyncio.gather(*(shop.staff("PATCH", f"/products/{mug['id']}", json={"price": price}) for price in prices))
    rows = await shop.rows(
        "select sequence from event where subject_id = %(id)s order by sequence", {"id": UUID(mug["id"])}
    )
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) == 21


async def test_stock_of_one_variant_adjusted_by_many_at_once_adds_up(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=0)
    path = f"/products/{mug['id']}/inventory"
    answers = await asyncio.gather(*(shop.staff("POST", path, json={"quantity": 1, "reason": "x"}) for _ in range(30)))
    assert {answer.status_code for answer in answers} == {200}
    assert await shop.stock(mug) == 30


async def test_the_feed_is_read_in_pages_by_staff(shop: Shop) -> None:
    mug = await shop.product()
    await shop.order((mug, 1))
    names: list[str] = []
    after = ""
    while len(names) < 3:  # the feed waits for any older transaction of the server, which other tests share
        page = (await shop.staff("GET", f"/events?limit=1{after}")).json()
        names += [event["name"] for event in page["items"]]
        after = f"&after={page['nextAfter']}" if page["nextAfter"] else ""
    assert (await shop.staff("GET", f"/events?limit=1{after}")).json()["items"] == []
    assert names == ["api_key.created", "product.created", "order.placed"]
    assert same_problem(await shop.guest("GET", "/events"), 401, "unauthenticated")
    assert same_problem(await shop.staff("GET", "/events?after=7"), 422, "invalid_position", "?after")
