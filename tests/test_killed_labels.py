"""Buying a label with the process killed before and after its carrier is asked: no label is bought twice."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from tests.server import client, scratch_folder, serving, until
from tests.test_labels import FROM, NEW_YORK
from tests.ups_stub import ACCOUNT, CLIENT_ID, CLIENT_SECRET, Ups, ups_stub
from tradepost.app import demo, operating
from tradepost.core.crash_points import LABEL_PLACES
from tradepost.db import Database

pytestmark = [pytest.mark.anyio, pytest.mark.faults]


@pytest.mark.parametrize("place", LABEL_PLACES)
async def test_whoever_is_killed_a_label_is_bought_once(database_url: str, place: str) -> None:
    async with ups_stub() as ups:
        with scratch_folder() as folder:
            await _killed(database_url, ups, folder, place)


async def _killed(database_url: str, ups: Ups, folder: Path, place: str) -> None:
    """UPS, which knows no keys, is asked once or not at all; the fake, which does, until there is a label."""
    places = folder / "places"
    places.mkdir()
    settings = {
        "database_url": database_url,
        "unsafe_database": True,
        "sweep_seconds": 0.2,
        "carriers": "fake,ups",
        "ship_from": json.dumps(FROM),
        "ups_url": ups.url,
        "ups_client_id": CLIENT_ID,
        "ups_client_secret": CLIENT_SECRET,
        "ups_account": ACCOUNT,
        "test_crash_at": places,
    }
    await demo.create_store(database_url)
    key = await operating.create_key(database_url, name="tests", scopes=["*"], store=None)
    with serving(folder=folder, **settings) as server:
        async with client(server) as http:
            http.headers["X-API-Key"] = key
            ends: dict[str, str] = {}
            for carrier, service in (("fake", "ground"), ("ups", "03")):
                label = await _packed(http)
                (places / place).touch()
                body = {"carrier": carrier, "service": service, "weight": 900}
                with suppress(httpx2.TransportError):
                    await http.post(label, json=body, headers={"Idempotency-Key": carrier})
                assert not (places / place).exists(), "nobody came there"
                await _hurry(database_url)
                ends[carrier] = await _end(http, label)
    assert ends == {"fake": "BOUGHT", "ups": "UNCERTAIN"}
    assert len(ups.shipments) == (1 if place == "label_after_call" else 0)


async def _packed(http: httpx2.AsyncClient) -> str:
    """Where the label of a new order's parcel is."""
    mug = (await http.post("/api/v1/products", json={"name": "Mug", "price": 10, "status": "ACTIVE"})).json()
    await http.post(f"/api/v1/products/{mug['id']}/inventory", json={"quantity": 5, "reason": "new"})
    items = [{"productId": mug["id"], "quantity": 1}]
    wanted = {"email": "ada@example.com", "items": items, "shippingAddress": NEW_YORK}
    order = f"/api/v1/orders/{(await http.post('/api/v1/orders', json=wanted)).json()['id']}"
    await http.patch(f"{order}/status", json={"status": "CONFIRMED"})
    parcel = (await http.post(f"{order}/shipments", json={})).json()["shipment"]
    return f"{order}/shipments/{parcel['id']}/label"


async def _hurry(database_url: str) -> None:
    """The sweep need not wait until who was killed would have had his time."""
    db = Database(database_url, size=1)
    await db.open()
    async with db.transaction() as tx:
        await tx.run("update shipment_label set next_try_at = now()")
    await db.close()


async def _end(http: httpx2.AsyncClient, label: str) -> str:
    """What has become of it, once something has."""
    state = ["BUYING"]

    async def look() -> None:
        while state[0] == "BUYING":
            with suppress(httpx2.TransportError, KeyError):
                (parcel,) = (await http.get(label.partition("/shipments/")[0] + "/shipments")).json()["items"]
                state[0] = parcel["label"]["state"]
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    try:
        await until(looking.done, "the label comes to an end")
    finally:
        looking.cancel()
    return state[0]
