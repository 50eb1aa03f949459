"""A shop as its users meet it: over HTTP, through the whole application."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgspec
from prometheus_client import REGISTRY

from tradepost.app import demo, operating
from tradepost.app.settings import Settings
from tradepost.app.wiring import application
from tradepost.db import Database

_numbers = itertools.count(1)
ADDRESS = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postalCode": "SW1Y 4JH",
    "country": "GB",
}


class Shop:
    """Calls the API as somebody; `staff` by default. Every answer is an httpx2 response."""

    def __init__(self, client: httpx2.AsyncClient, key: str, url: str, transport: httpx2.ASGITransport) -> None:
        self._transport = transport
        self.client = client
        self.key = key
        self.url = url

    def browser(self, address: str | None = None) -> httpx2.AsyncClient:
        """Another client of the same application, with cookies of its own, and perhaps from another address."""
        transport = self._transport
        if address is not None:
            transport = httpx2.ASGITransport(app=transport.app, client=(address, 1))
        return httpx2.AsyncClient(transport=transport, base_url="http://localhost")

    async def staff(self, method: str, path: str, **kwargs: Any) -> httpx2.Response:
        headers = {"X-API-Key": self.key} | kwargs.pop("headers", {})
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **kwargs)

    async def guest(self, method: str, path: str, **kwargs: Any) -> httpx2.Response:
        return await self.client.request(method, f"/api/v1{path}", **kwargs)

    async def product(self, **fields: Any) -> dict[str, Any]:
        """A product on sale, with 10 units at 10.00 unless it says otherwise."""
        number = next(_numbers)
        body = {"name": f"Thing {number}", "price": "10.00", "status": "ACTIVE", "inventoryQuantity": 10} | fields
        answer = await self.staff("POST", "/products", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def order(self, *items: tuple[dict[str, Any], int], **fields: Any) -> httpx2.Response:
        """A guest orders products, each so many times."""
        headers = fields.pop("headers", {})
        body = {
            "email": "ada@example.com",
            "items": [{"productId": product["id"], "quantity": quantity} for product, quantity in items],
        } | fields
        return await self.client.post("/api/v1/orders", json=body, headers=headers)

    async def stock(self, product: dict[str, Any]) -> int:
        answer = await self.guest("GET", f"/products/{product['id']}")
        return answer.json()["inventoryQuantity"]

    async def rows(self, statement: Any, params: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """What the database holds, read beside the application."""
        db = Database(self.url, size=2)
        await db.open()
        try:
            async with db.read() as reader:
                return await reader.rows(statement, params)
        finally:
            await db.close()

    async def change(self, statement: Any) -> None:
        """Makes time pass, or what only time and hardware can do, in the database."""
        db = Database(self.url, size=2)
        await db.open()
        try:
            async with db.transaction() as tx:
                await tx.run(statement)
        finally:
            await db.close()


@asynccontextmanager
async def open_shop(url: str, settings: Settings, *, keep_seconds: float = 0) -> AsyncIterator[Shop]:
    """The application over a migrated database, with the demo's store and a key for everything.

    Shoppers see what is, not what was a moment ago, unless answers are kept for some seconds. Nothing follows the feed
    but what a test starts.
    """
    settings = msgspec.structs.replace(settings, keep_seconds=keep_seconds, search_seconds=0)
    await demo.create_store(url)
    key = await operating.create_key(url, name="tests", scopes=["*"], store=None)
    app: Any = application(settings, url)
    async with _lifespan(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield Shop(client, key, url, transport)


@asynccontextmanager
async def open_again(shop: Shop) -> AsyncIterator[Shop]:
    """Another process, in all but memory, of the same shop."""
    async with open_shop(shop.url, Settings(unsafe_database=True)) as other:
        yield other


@asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    """Starts and stops an ASGI application as a server does."""
    to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    running = asyncio.create_task(app({"type": "lifespan", "state": {}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    yield
    await to_app.put({"type": "lifespan.shutdown"})
    await from_app.get()
    await running


def statements() -> float:
    """How many statements this process has sent to PostgreSQL."""
    return REGISTRY.get_sample_value("tradepost_db_statements_total") or 0.0


def same_problem(answer: httpx2.Response, status: int, code: str, pointer: str | None = None) -> bool:
    """Whether an answer is this problem, in the one error format, and points at this field."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert {"type", "title", "status", "detail", "instance", "code", "requestId"} <= problem.keys()
    pointers = [error["pointer"] for error in problem.get("errors", [])]
    codes = [problem["code"], *(error["code"] for error in problem.get("errors", []))]
    found = (answer.status_code, problem["status"]), codes, pointers
    assert (answer.status_code, problem["status"]) == (status, status), found
    assert code in codes, found
    assert pointer is None or pointer in pointers, found
    return True
