"""Search as a test asks for it: what the feed has is taken in when the test says so, not when a clock does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.shop import Shop
from tradepost import stores
from tradepost.db import Database
from tradepost.events import newest
from tradepost.search import Follower, PostgresEngine
from tradepost.stores import Store


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    db = Database(url, size=4)
    await db.open()
    try:
        yield db
    finally:
        await db.close()


async def default_store(db: Database) -> Store:
    async with db.read() as reader:
        return next(store for store in await stores.all_stores(reader) if store.is_default)


async def follow(shop: Shop) -> None:
    """Takes in all that has happened. The feed waits for older transactions of the server, which other tests share."""
    async with opened(shop.url) as db:
        engine = PostgresEngine(db)
        follower = Follower(db, engine)
        while True:
            await follower.run_once()
            async with db.read() as reader:
                last = await newest(reader)
            if last == {store_id: await engine.position(store_id) for store_id in last}:
                return
            await asyncio.sleep(0.005)


async def search(shop: Shop, query: str = "", **params: Any) -> dict[str, Any]:
    """What a guest gets, after everything was taken in."""
    await follow(shop)
    return await found(shop, query, **params)


async def found(shop: Shop, query: str = "", **params: Any) -> dict[str, Any]:
    """What a guest gets at this moment."""
    answer = await shop.guest("GET", "/products/search", params={"q": query} | params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(answer: dict[str, Any]) -> list[str]:
    return [item["name"] for item in answer["items"]]


def marked(parts: Sequence[dict[str, Any]]) -> str:
    """A highlighted name, with what was looked for in brackets."""
    return "".join(f"[{part['text']}]" if part["matched"] else part["text"] for part in parts)
