"""Is it alive, is it ready, how is it doing."""

import asyncio
import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from tradepost.core.errors import ShopError
from tradepost.db import Database
from tradepost.db.migrations import pending
from tradepost.http import Answer
from tradepost.http.asgi import Receive, Scope
from tradepost.http.resources import Resource, page

_NO_STORE = [("cache-control", "no-store")]


def resources(db: Database) -> list[Resource]:
    async def ready(_scope: Scope, _receive: Receive) -> Answer:
        checks = {"database": await _database(db), "migrations": await _migrations(db)}
        good = all(said == "ok" for said in checks.values())
        return Answer.json(
            {"status": "ok" if good else "unavailable", "checks": checks},
            status=200 if good else 503,
            headers=_NO_STORE if good else [*_NO_STORE, ("retry-after", "1")],
        )

    return [
        page("/health/live", lambda: Answer(200, b'{"status":"ok"}', headers=_NO_STORE)),
        Resource("/health/ready", {"GET": ready}),
        page("/metrics", lambda: Answer(200, _metrics(), headers=_NO_STORE, content_type=CONTENT_TYPE_LATEST)),
    ]


async def _database(db: Database) -> str:
    try:
        async with db.read() as reader:
            await reader.value("select 1")
    except ShopError as error:
        return error.code
    return "ok"


async def _migrations(db: Database) -> str:
    try:
        waiting = await asyncio.to_thread(pending, db.url)
    except ShopError as error:
        return error.code
    except Exception as error:  # noqa: BLE001 - whatever it is, this process is not ready
        return type(error).__name__
    return f"pending: {', '.join(waiting)}" if waiting else "ok"


def _metrics() -> bytes:
    """The metrics of all workers together, where there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
