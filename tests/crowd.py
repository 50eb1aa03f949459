"""Buyers under fire: each order has a key of its own, is sent until it is acknowledged, and what was is on disk."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psycopg

from tests.server import PATIENCE, Server, until

UNITS = 1_000_000


class Acknowledged(msgspec.Struct):
    """What a buyer was told with a 201: the server owes him exactly this."""

    key: str
    id: str
    order_number: str
    total: str
    items: dict[str, int]


class History:
    """A file to which each acknowledgement goes before the buyer believes it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append(self, said: Acknowledged) -> None:
        os.write(self._stream, msgspec.json.encode(said) + b"\n")
        os.fsync(self._stream)

    def read(self) -> list[Acknowledged]:
        return [msgspec.json.decode(line, type=Acknowledged) for line in self._file.read_bytes().splitlines()]

    def close(self) -> None:
        os.close(self._stream)


def stocked(server: Server, key: str, products: int = 8) -> dict[str, str]:
    """Products that do not run out: variant id to price."""
    made = {}
    for number in range(products):
        body = {
            "name": f"Thing {number}",
            "sku": f"THING-{number}",
            "price": f"{number + 1}.{number}5",
            "status": "ACTIVE",
            "inventoryQuantity": UNITS,
        }
        answer = httpx2.post(f"{server.url}/api/v1/products", json=body, headers={"X-API-Key": key}, timeout=PATIENCE)
        assert answer.status_code == 201, answer.text
        variant = answer.json()["variants"][0]
        made[variant["id"]] = variant["price"]
    return made


class Crowd:
    """`size` buyers who order two products at a time, over and over. `seen` counts what they were answered."""

    def __init__(self, server: Server, variants: Iterable[str], history: History, *, size: int = 64) -> None:
        self.server = server
        self.size = size
        self.variants = list(variants)
        self.history = history
        self.acknowledged = 0
        self.sent: dict[str, dict[str, Any]] = {}
        self.seen: Counter[int | str] = Counter()
        self.wrong: list[str] = []
        self._closing = asyncio.Event()

    @asynccontextmanager
    async def shopping(self, *, retry: bool = True) -> AsyncIterator[None]:
        """Everybody buys during the block; at its end each gives up what has not been acknowledged."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._shop(retry=retry))
            try:
                yield
            finally:
                self._closing.set()

    async def _shop(self, *, retry: bool) -> None:
        limits = httpx2.Limits(max_connections=self.size, max_keepalive_connections=self.size)
        async with (
            httpx2.AsyncClient(base_url=self.server.url, timeout=PATIENCE, limits=limits, trust_env=False) as client,
            asyncio.TaskGroup() as group,
        ):
            for buyer in range(self.size):
                group.create_task(self._buy(client, buyer, retry=retry))

    async def more(self, orders: int) -> None:
        """Waits until so many more orders were acknowledged."""
        enough = self.acknowledged + orders
        await until(lambda: self.acknowledged >= enough or self.wrong, f"{orders} more orders are acknowledged")

    async def _buy(self, client: httpx2.AsyncClient, buyer: int, *, retry: bool) -> None:
        dice = random.Random(buyer)
        number = 0
        while not self._closing.is_set():
            number += 1
            key = f"buyer-{buyer}-{number}"
            items = {variant: dice.randrange(1, 4) for variant in dice.sample(self.variants, 2)}
            body = self.sent[key] = {
                "email": f"{key}@example.com",
                "items": [{"variantId": variant, "quantity": quantity} for variant, quantity in items.items()],
            }
            while not await self._send(client, key, body) and retry and not self._closing.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), dice.uniform(0.05, 0.5))

    async def _send(self, client: httpx2.AsyncClient, key: str, body: dict[str, Any]) -> bool:
        """Whether it was acknowledged."""
        try:
            answer = await client.post("/api/v1/orders", json=body, headers={"Idempotency-Key": key})
        except httpx2.TransportError as error:
            self.seen[type(error).__name__] += 1
            return False
        self.seen[answer.status_code] += 1
        if answer.status_code == 201:
            order = answer.json()
            items = {item["variantId"]: item["quantity"] for item in order["items"]}
            said = Acknowledged(key, order["id"], order["orderNumber"], order["totalAmount"], items)
            self.history.append(said)
            self.acknowledged += 1
            return True
        come_again = answer.status_code == 503 and answer.headers.get("retry-after", "").isdigit()
        if not come_again or answer.headers["content-type"] != "application/problem+json":
            self.wrong.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")
        return False


class OnRecord(msgspec.Struct):
    """An order as a program that did not write it finds it."""

    id: str
    number: str
    email: str
    total: str
    items: dict[str, int]


def by_sql(url: str) -> list[OnRecord]:
    """All orders, straight from the tables."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            select placed.id::text, placed.order_number, placed.email,
                   (placed.total_amount / 100.0)::numeric(20, 2)::text,
                   (select jsonb_object_agg(line.variant_id, line.quantity) from order_line as line
                    where line.store_id = placed.store_id and line.order_id = placed.id)
            from sales_order as placed
            """
        ).fetchall()
    return [OnRecord(*row) for row in rows]


def by_api(server: Server, key: str) -> list[OnRecord]:
    """All orders, page by page, as staff sees them."""
    found: list[OnRecord] = []
    cursor: dict[str, str] = {}
    while True:
        query = {"limit": "100"} | cursor
        page = server.ask("GET", "/api/v1/orders", params=query, headers={"X-API-Key": key}).json()
        found += [
            OnRecord(
                order["id"],
                order["orderNumber"],
                order["email"],
                order["totalAmount"],
                {item["variantId"]: item["quantity"] for item in order["items"]},
            )
            for order in page["items"]
        ]
        if page["nextCursor"] is None:
            return found
        cursor = {"cursor": page["nextCursor"]}


def judge(crowd: Crowd, on_record: list[OnRecord]) -> None:
    """Every acknowledged order is there once and as acknowledged, and no key has two."""
    told = crowd.history.read()
    assert crowd.wrong == []
    assert len(told) == crowd.acknowledged == len({said.key for said in told}) == len({said.id for said in told})
    by_key: dict[str, list[OnRecord]] = {key: [] for key in crowd.sent}
    for order in on_record:
        by_key[order.email.removesuffix("@example.com")].append(order)
    assert {key: found for key, found in by_key.items() if len(found) > 1} == {}
    lost = [said for said in told if not by_key[said.key]]
    assert lost == []
    for said in told:
        (found,) = by_key[said.key]
        owed = (said.id, said.order_number, said.total, said.items)
        assert (found.id, found.number, found.total, found.items) == owed
    asked = {key: {item["variantId"]: item["quantity"] for item in body["items"]} for key, body in crowd.sent.items()}
    assert all(found.items == asked[key] for key, orders in by_key.items() for found in orders)


def judge_stock(crowd: Crowd, server: Server, on_record: list[OnRecord]) -> None:
    """What is left is what was there less what was ordered."""
    left = Counter(dict.fromkeys(crowd.variants, UNITS))
    for order in on_record:
        left.subtract(order.items)
    shown = {
        variant["id"]: variant["inventoryQuantity"]
        for product in server.ask("GET", "/api/v1/products?limit=100").json()["items"]
        for variant in product["variants"]
        if variant["id"] in left
    }
    assert shown == dict(left)
