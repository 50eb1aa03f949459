"""API processes are killed between a reservation and its order, and during it: each cart becomes one order."""

import asyncio
from typing import Any

import httpx2
import psycopg
import pytest

from tests.killing import MUG, kill_workers
from tests.server import client, serving
from tests.shop import ADDRESS
from tradepost.app import demo, operating
from tradepost.app.verifying import verify

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

_CARTS = 20
_ORDER = {"email": "ada@example.com", "shippingAddress": ADDRESS}


async def test_what_is_reserved_is_ordered_once_though_processes_are_killed(database_url: str) -> None:
    """There is one unit for each cart, and all are promised to them: nobody else gets one, and none is lost."""
    await demo.create_store(database_url)
    key = await operating.create_key(database_url, name="tests", scopes=["*"], store=None)
    with serving(database_url=database_url, unsafe_database=True) as server:
        async with client(server) as http:
            wanted = MUG | {"inventoryQuantity": _CARTS}
            mug = (await http.post("/api/v1/products", json=wanted, headers={"X-API-Key": key})).json()
            carts = [await _reserved(http, mug["id"], at) for at in range(_CARTS)]
            await kill_workers(server, server.workers())
            late = {"email": "eve@example.com", "items": [{"productId": mug["id"], "quantity": 1}]}
            assert (await _insisting(http, "/orders", late, {"Idempotency-Key": "late"})).status_code == 409
            ordering = [asyncio.create_task(_insisting(http, f"/carts/{id_}/checkout", _ORDER, h)) for id_, h in carts]
            for _ in range(3):
                await kill_workers(server, server.workers())
            answers = [await one for one in ordering]
    assert [answer.status_code for answer in answers] == [201] * _CARTS, [answer.text for answer in answers]
    assert len({answer.json()["id"] for answer in answers}) == _CARTS
    with psycopg.connect(database_url) as session:
        assert session.execute("select count(*) from sales_order").fetchall() == [(_CARTS,)]
        assert session.execute("select sum(reserved) from stock_level").fetchall() == [(_CARTS,)]
    assert verify(database_url)


async def _reserved(http: httpx2.AsyncClient, product_id: str, at: int) -> tuple[str, dict[str, str]]:
    """A guest's cart with one unit that is promised to it, and the headers with which it is ordered."""
    cart = (await http.post("/api/v1/carts", json={})).json()
    http.cookies.clear()
    headers = {"X-Cart-Token": cart["token"]}
    path = f"/api/v1/carts/{cart['id']}"
    item = {"productId": product_id, "quantity": 1}
    assert (await http.post(f"{path}/items", json=item, headers=headers)).status_code == 201
    held = await http.post(f"{path}/reservation", headers=headers)
    assert held.status_code == 200, held.text
    return cart["id"], headers | {"Idempotency-Key": f"checkout-{at}"}


async def _insisting(
    http: httpx2.AsyncClient, path: str, body: dict[str, Any], headers: dict[str, str]
) -> httpx2.Response:
    """The answer, asked for with the same key until there is one."""
    while True:
        try:
            answer = await http.post(f"/api/v1{path}", json=body, headers=headers)
        except httpx2.TransportError:
            await asyncio.sleep(0.05)
            continue
        if answer.status_code < 500:
            return answer
