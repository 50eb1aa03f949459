"""Is it alive, is it ready, how is it doing."""

import asyncio
import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from tradepost.core.errors import ShopError
from tradepost.db import Database, DatabaseUnavailable, Reader
from tradepost.db.migrations import pending_in
from tradepost.http import Answer
from tradepost.http.asgi import Receive, Scope
from tradepost.http.resources import Resource, page

_PATIENCE = 2.0
_NO_STORE = [("cache-control", "no-store")]


def resources(db: Database) -> list[Resource]:
    async def ready(_scope: Scope, _receive: Receive) -> Answer:
        checks = await _checks(db)
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


async def _checks(db: Database) -> dict[str, str]:
    """What is said of each check; the same connection answers both, within a time that a prober waits."""
    try:
        async with asyncio.timeout(_PATIENCE), db.read() as reader:
            return {"database": "ok", "migrations": await _migrations(reader)}
    except (TimeoutError, DatabaseUnavailable):
        return {"database": DatabaseUnavailable.code, "migrations": "unknown"}
    except Exception as error:  # noqa: BLE001 - whatever it is, this process is not ready
        return {"database": type(error).__name__, "migrations": "unknown"}


async def _migrations(reader: Reader) -> str:
    try:
        waiting = await pending_in(reader)
    except ShopError as error:
        return error.code
    return f"pending: {', '.join(waiting)}" if waiting else "ok"


def _metrics() -> bytes:
    """The metrics of all workers together, where there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
