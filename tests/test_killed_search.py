"""The process that follows the feed for search is killed: what happened is taken in all the same, and once."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from tests.server import client, scratch_folder, serving, until
from tradepost.app import demo, operating
from tradepost.core.crash_points import SEARCH_PLACES

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

_NAMES = ("Beaker", "Tankard", "Goblet")


@pytest.mark.parametrize("place", SEARCH_PLACES)
async def test_whoever_is_killed_search_takes_everything_in_once(database_url: str, place: str) -> None:
    with scratch_folder() as folder:
        await _killed(database_url, folder, place)


async def _killed(database_url: str, folder: Path, place: str) -> None:
    """Two units are sold and the product is renamed in each round, and whoever takes that in dies there."""
    places = folder / "places"
    places.mkdir()
    await demo.create_store(database_url)
    key = await operating.create_key(database_url, name="tests", scopes=["*"], store=None)
    settings = {"database_url": database_url, "unsafe_database": True, "search_seconds": 0.1, "test_crash_at": places}
    with serving(folder=folder, **settings) as server:
        async with client(server) as http:
            http.headers["X-API-Key"] = key
            wanted = {"name": "Mug", "price": 10, "status": "ACTIVE", "inventoryQuantity": 100}
            mug = (await _sent(http, "POST", "/api/v1/products", wanted, "mug")).json()["id"]
            for name in _NAMES:
                (places / place).touch()
                order = {"email": "ada@example.com", "items": [{"productId": mug, "quantity": 2}]}
                await _sent(http, "POST", "/api/v1/orders", order, f"order-{name}")
                await _sent(http, "PATCH", f"/api/v1/products/{mug}", {"name": name}, name)
                await until(lambda: not (places / place).exists(), "somebody comes there")
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
