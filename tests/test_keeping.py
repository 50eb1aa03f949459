"""What all shoppers see alike is kept for a moment, and never for longer."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from tests.people import registered
from tests.redis import Redis, open_redis
from tests.shop import Shop, open_shop, statements
from tradepost.app.settings import Settings
from tradepost.core.errors import Unavailable
from tradepost.core.gathering import Gathering
from tradepost.http.answers import Answer, Mark, Subject
from tradepost.http.keeping import Keeper, MemoryShelf
from tradepost.http.shared_keeping import RedisShelf

pytestmark = pytest.mark.anyio
_FOR_EVER = 3600.0
_SETTINGS = Settings(unsafe_database=True, sweep_seconds=0)


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    """A shop that keeps answers for longer than any test takes."""
    async with open_shop(database_url, _SETTINGS, keep_seconds=_FOR_EVER) as opened:
        yield opened


@pytest.fixture
def redis() -> Iterator[Redis]:
    with open_redis() as opened:
        yield opened


async def no_marks(subjects: Sequence[Subject]) -> Mapping[Subject, Mark]:
    raise AssertionError(subjects)


async def test_a_page_that_many_look_at_is_made_once(shop: Shop) -> None:
    mug = await shop.product(slug="mug")
    first = await shop.guest("GET", "/products/mug")
    await shop.staff("PATCH", f"/products/{mug['id']}", json={"name": "Cup"})
    again = await shop.guest("GET", "/products/mug")
    assert (again.json(), again.headers["etag"]) == (first.json(), first.headers["etag"])
    ada = await registered(shop)
    assert (await ada.ask("GET", "/products/mug")).json()["name"] == first.json()["name"]
    other = await shop.guest("GET", f"/products/{mug['id']}")
    assert other.json()["name"] == "Cup"


async def test_a_page_holds_until_its_product_changes(database_url: str) -> None:
    """Looked at again, it is asked whether it still holds: one question for all that are looked at."""
    async with open_shop(database_url, _SETTINGS, keep_seconds=0.000_001) as shop:
        some = [await shop.product(slug=f"mug-{number}") for number in range(20)]
        pages = [f"/products/{one['slug']}" for one in some]
        first = await asyncio.gather(*[shop.guest("GET", page) for page in pages])
        before = statements()
        again = await asyncio.gather(*[shop.guest("GET", page) for page in pages * 5])
        assert [one.content for one in again] == [one.content for one in first] * 5
        assert statements() - before <= 20
        mug = some[0]
        changes: list[tuple[str, str, dict[str, Any]]] = [
            ("PATCH", f"/products/{mug['id']}", {"name": "Cup"}),
            ("POST", f"/products/{mug['id']}/inventory", {"quantity": -1, "reason": "broken"}),
            ("POST", f"/products/{mug['id']}/images", {"url": "https://images.example.com/a.jpg"}),
            ("POST", f"/products/{mug['id']}/variants", {"name": "Large", "price": "12.00"}),
            ("POST", "/orders", {"email": "a@example.com", "items": [{"sku": mug["sku"], "quantity": 1}]}),
        ]
        seen = [first[0].content]
        for method, path, body in changes:
            assert (await shop.staff(method, path, json=body)).status_code in (200, 201), path
            seen.append((await shop.guest("GET", pages[0])).content)
        assert len(set(seen)) == len(seen)
        await shop.staff("DELETE", f"/products/{mug['id']}")
        assert (await shop.guest("GET", pages[0])).status_code == 404


async def test_who_asks_while_others_are_answered_is_asked_about_next() -> None:
    asked: list[list[int]] = []
    is_answered = asyncio.Event()

    async def ask(keys: Sequence[int]) -> Mapping[int, int]:
        asked.append(list(keys))
        await is_answered.wait()
        return {key: key * 10 for key in keys if key != 3}

    gathering = Gathering(ask, most=2)
    first = asyncio.create_task(gathering.ask(1))
    await asyncio.sleep(0.01)
    rest = [asyncio.create_task(gathering.ask(key)) for key in (1, 2, 3, 3)]
    await asyncio.sleep(0.01)
    rest[0].cancel()
    is_answered.set()
    assert [await first, await rest[1], await rest[2], await rest[3]] == [10, 20, None, None]
    assert asked == [[1], [1, 2], [3]]


async def test_a_question_that_fails_fails_for_who_asked_it() -> None:
    async def ask(keys: Sequence[int]) -> Mapping[int, int]:
        if 1 in keys:
            raise Unavailable
        return {key: key for key in keys}

    gathering = Gathering(ask)
    failed = await asyncio.gather(gathering.ask(1), gathering.ask(2), return_exceptions=True)
    assert [type(error) for error in failed] == [Unavailable, Unavailable]
    assert await gathering.ask(2) == 2


async def test_staff_see_what_is(shop: Shop) -> None:
    mug = await shop.product(slug="mug")
    await shop.guest("GET", "/products/mug")
    await shop.staff("PATCH", f"/products/{mug['id']}", json={"name": "Cup"})
    seen = await shop.staff("GET", "/products/mug")
    assert (seen.json()["name"], seen.headers["etag"], "costPrice" in seen.json()) == ("Cup", '"v2"', True)
    assert "costPrice" not in (await shop.guest("GET", "/products/mug")).json()


async def test_a_refusal_is_not_kept(shop: Shop) -> None:
    assert (await shop.guest("GET", "/products/mug")).status_code == 404
    await shop.product(slug="mug")
    assert (await shop.guest("GET", "/products/mug")).status_code == 200


async def test_what_is_kept_decides_nothing(shop: Shop) -> None:
    mug = await shop.product(slug="mug", inventoryQuantity=1)
    await shop.guest("GET", "/products/mug")
    assert (await shop.order((mug, 1))).status_code == 201
    assert (await shop.guest("GET", "/products/mug")).json()["inStock"] is True
    assert (await shop.order((mug, 1))).status_code == 409


@pytest.mark.parametrize(
    "address", ["/products", "/products/featured", "/products/mug", "/categories", "/categories/home"]
)
async def test_who_has_it_already_is_not_sent_it_again(database_url: str, address: str) -> None:
    async with open_shop(database_url, _SETTINGS) as shop:
        await shop.staff("POST", "/categories", json={"name": "Home", "slug": "home"})
        mug = await shop.product(slug="mug", isFeatured=True)
        first = await shop.guest("GET", address)
        known = {"If-None-Match": first.headers["etag"]}
        again = await shop.guest("GET", address, headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["cache-control"] == "public, no-cache"
        for tags in ('"x", W/' + first.headers["etag"], "*"):
            assert (await shop.guest("GET", address, headers={"If-None-Match": tags})).status_code == 304
        assert (await shop.guest("GET", address, headers={"If-None-Match": '"x"'})).status_code == 200
        await shop.order((mug, 1))
        await shop.staff("POST", "/categories", json={"name": "Garden"})
        await shop.staff("PATCH", "/categories/home", json={"description": "For the house"})
        assert (await shop.guest("GET", address, headers=known)).status_code == 200


async def test_what_is_old_is_made_again() -> None:
    now, made = [0.0], iter(range(10))
    keeper = Keeper(MemoryShelf(clock=lambda: now[0]), no_marks, seconds=0.5)

    async def make() -> Answer:
        return Answer(200, str(next(made)).encode())

    seen: list[bytes] = []
    for moment in (0.0, 0.3, 0.499, 0.6, 0.61, 1.2):
        now[0] = moment
        seen.append((await keeper.answer("page", make)).body)
    assert seen == [b"0", b"0", b"0", b"1", b"1", b"2"]


async def test_all_who_come_while_it_is_made_share_one() -> None:
    keeper = Keeper(MemoryShelf(), no_marks, seconds=0.5)
    is_made, count = asyncio.Event(), [0]

    async def make() -> Answer:
        count[0] += 1
        await is_made.wait()
        return Answer(200, b"x")

    waiting = [asyncio.create_task(keeper.answer("page", make)) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    is_made.set()
    assert {(await one).body for one in waiting[1:]} == {b"x"}
    assert count == [1]


async def test_memory_is_bounded() -> None:
    shelf = MemoryShelf(most_bytes=10_000)
    for number in range(1000):
        await shelf.put(f"page {number}", Answer(200, b"x" * 100), seconds=_FOR_EVER)
    kept = [number for number in range(1000) if await shelf.get(f"page {number}")]
    assert kept == list(range(1000 - len(kept), 1000))
    assert 5 <= len(kept) <= 10
    await shelf.put("huge", Answer(200, b"x" * 20_000), seconds=_FOR_EVER)
    assert await shelf.get("huge") is None


@asynccontextmanager
async def _shelf(redis: Redis) -> AsyncIterator[RedisShelf]:
    shelf = RedisShelf(redis.url)
    try:
        yield shelf
    finally:
        await shelf.close()


async def test_processes_share_what_is_on_redis(redis: Redis) -> None:
    async with _shelf(redis) as one, _shelf(redis) as other:
        kept = Answer(200, b'{"a":1}', headers=[("etag", '"x"')])
        await one.put("page", kept, seconds=_FOR_EVER)
        found = await other.get("page")
        assert found is not None
        assert (found.status, found.body, found.headers) == (200, kept.body, [("etag", '"x"')])
        await one.put("gone", kept, seconds=0.001)
        await asyncio.sleep(0.05)
        assert await other.get("gone") is None


async def test_without_redis_the_shop_is_open(database_url: str, redis: Redis) -> None:
    settings = Settings(unsafe_database=True, sweep_seconds=0, redis_url=redis.url)
    async with open_shop(database_url, settings, keep_seconds=_FOR_EVER) as shop:
        mug = await shop.product()
        await shop.guest("GET", "/products")
        await shop.staff("PATCH", f"/products/{mug['id']}", json={"name": "Cup"})

        async def names() -> list[str]:
            return [one["name"] for one in (await shop.guest("GET", "/products")).json()["items"]]

        assert await names() == [mug["name"]]
        redis.freeze()
        assert await asyncio.gather(*[names() for _ in range(5)]) == [["Cup"]] * 5
        redis.stop()
        assert await names() == ["Cup"]


async def test_another_question_has_another_answer(shop: Shop) -> None:
    await shop.product(slug="mug")
    answers: list[httpx2.Response] = [await shop.guest("GET", f"/products?maxPrice={price}") for price in (10, 9)]
    assert [len(answer.json()["items"]) for answer in answers] == [1, 0]
