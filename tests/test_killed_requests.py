"""Whoever works off a wish to order is killed: the wish becomes one order all the same."""

import asyncio
from contextlib import suppress

import httpx2
import psycopg
import pytest

from tests.killing import MUG, mortal_shop
from tradepost.core.crash_points import REQUEST_PLACES

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

_WISHES = 5


@pytest.mark.parametrize("place", REQUEST_PLACES)
async def test_whoever_is_killed_a_wish_becomes_one_order(database_url: str, place: str) -> None:
    async with mortal_shop(database_url, place, sweep_seconds=0.2) as (http, deadly):
        mug = (await http.post("/api/v1/products", json=MUG)).json()["id"]
        deadly.arm()
        ends = await asyncio.gather(*(_end(http, database_url, mug, at) for at in range(_WISHES)))
        assert deadly.was_reached()
    assert [end["status"] for end in ends] == ["PLACED"] * _WISHES
    with psycopg.connect(database_url) as session:
        assert session.execute("select count(*) from sales_order").fetchall() == [(_WISHES,)]
        assert session.execute("select sum(reserved) from stock_level").fetchall() == [(_WISHES,)]


async def _end(http: httpx2.AsyncClient, database_url: str, mug: str, at: int) -> dict[str, object]:
    """What becomes of a wish; who has it is given no more time than he needs."""
    wish = {"email": "ada@example.com", "items": [{"productId": mug, "quantity": 1}]}
    headers = {"Prefer": "respond-async", "Idempotency-Key": f"wish-{at}"}
    where = None
    while where is None:
        with suppress(httpx2.TransportError, KeyError):
            where = (await http.post("/api/v1/orders", json=wish, headers=headers)).headers["location"]
    async with asyncio.timeout(60):
        while True:
            with suppress(httpx2.TransportError):
                found = (await http.get(where)).json()
                if found.get("status") in ("PLACED", "REFUSED"):
                    return found
            await asyncio.sleep(0.5)
            with psycopg.connect(database_url, autocommit=True) as session:
                session.execute("update order_request set lease_until = now() where state = 'WAITING'")
