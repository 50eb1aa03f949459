"""What all shoppers see alike is kept for a moment, and never for longer."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from tests.people import registered
from tests.redis import Redis, open_redis
from tests.shop import Shop, open_shop
from tradepost.app.settings import Settings
from tradepost.http.answers import Answer
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
    keeper = Keeper(MemoryShelf(clock=lambda: now[0]), seconds=0.5)

    async def make() -> Answer:
        return Answer(200, str(next(made)).encode())

    seen: list[bytes] = []
    for moment in (0.0, 0.3, 0.499, 0.6, 0.61, 1.2):
        now[0] = moment
        seen.append((await keeper.answer("page", make)).body)
    assert seen == [b"0", b"0", b"0", b"1", b"1", b"2"]


async def test_all_who_come_while_it_is_made_share_one() -> None:
    keeper = Keeper(MemoryShelf(), seconds=0.5)
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
        mug = await shop.product(slug="mug")
        await shop.guest("GET", "/products/mug")
        await shop.staff("PATCH", f"/products/{mug['id']}", json={"name": "Cup"})
        assert (await shop.guest("GET", "/products/mug")).json()["name"] == mug["name"]
        redis.freeze()
        seen = await asyncio.gather(*[shop.guest("GET", "/products/mug") for _ in range(5)])
        assert {(one.status_code, one.json()["name"]) for one in seen} == {(200, "Cup")}
        redis.stop()
        assert (await shop.guest("GET", "/products/mug")).json()["name"] == "Cup"


async def test_another_question_has_another_answer(shop: Shop) -> None:
    await shop.product(slug="mug")
    answers: list[httpx2.Response] = [await shop.guest("GET", f"/products?maxPrice={price}") for price in (10, 9)]
    assert [len(answer.json()["items"]) for answer in answers] == [1, 0]
