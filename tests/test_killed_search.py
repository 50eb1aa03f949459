"""The process that follows the feed for search is killed: what happened is taken in all the same, and once."""

import asyncio
from typing import Any

import httpx2
import psycopg
import pytest

from tests.killing import MUG, mortal_shop
from tests.server import until
from tradepost.core.crash_points import SEARCH_PLACES

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

_NAMES = ("Beaker", "Tankard", "Goblet")


@pytest.mark.parametrize("place", SEARCH_PLACES)
async def test_whoever_is_killed_search_takes_everything_in_once(database_url: str, place: str) -> None:
    """Two units are sold and the product is renamed in each round, and whoever takes that in dies there."""
    async with mortal_shop(database_url, place, search_seconds=0.1) as (http, deadly):
        mug = (await _sent(http, "POST", "/api/v1/products", MUG, "mug")).json()["id"]
        for name in _NAMES:
            deadly.arm()
            order = {"email": "ada@example.com", "items": [{"productId": mug, "quantity": 2}]}
            await _sent(http, "POST", "/api/v1/orders", order, f"order-{name}")
            await _sent(http, "PATCH", f"/api/v1/products/{mug}", {"name": name}, name)
            await until(deadly.was_reached, "somebody comes there")
            await _until_found(http, name)
    with psycopg.connect(database_url) as session:
        assert session.execute("select units from search_sold").fetchall() == [(2 * len(_NAMES),)]
        assert session.execute("select word, products from search_word where products > 0").fetchall() == [
            ("goblet", 1)
        ]


async def _sent(http: httpx2.AsyncClient, method: str, path: str, body: dict[str, Any], key: str) -> httpx2.Response:
    """Sent again where the process that had it was the one that died; each request is done once."""
    headers = {"Idempotency-Key": key}
    while True:
        try:
            answer = await http.request(method, path, json=body, headers=headers)
        except httpx2.TransportError:
            continue
        if answer.status_code < 500:
            assert answer.is_success, answer.text
            return answer


async def _until_found(http: httpx2.AsyncClient, word: str) -> None:
    total = 0
    while not total:
        try:
            total = (await http.get("/api/v1/products/search", params={"q": word})).json().get("total", 0)
        except httpx2.TransportError:
            total = 0
        await asyncio.sleep(0.05)
