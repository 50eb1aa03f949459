"""A served shop whose processes die where they are told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.server import Server, client, kill, scratch_folder, serving, until
from tradepost.app import demo, operating

MUG = {"name": "Mug", "price": 10, "status": "ACTIVE", "inventoryQuantity": 100}


class Place:
    """Where the next process dies that comes there, once it is armed."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def arm(self) -> None:
        self._file.touch()

    def was_reached(self) -> bool:
        return not self._file.exists()


@asynccontextmanager
async def mortal_shop(url: str, place: str, **settings: Any) -> AsyncIterator[tuple[httpx2.AsyncClient, Place]]:
    """A shop in processes of its own, and somebody who may do everything in it."""
    with scratch_folder() as folder:
        places = folder / "places"
        places.mkdir()
        await demo.create_store(url)
        key = await operating.create_key(url, name="tests", scopes=["*"], store=None)
        given: dict[str, Any] = {"database_url": url, "unsafe_database": True, "test_crash_at": places} | settings
        with serving(folder=folder, **given) as server:
            async with client(server) as http:
                http.headers["X-API-Key"] = key
                yield http, Place(places / place)


async def kill_workers(server: Server, victims: list[int]) -> set[int]:
    """Kills API processes and waits for those that take their places: these."""
    before = set(server.workers())
    for pid in victims:
        kill(pid)
    await until(lambda: _gone(server) or len(set(server.workers()) - before) >= len(victims), "new workers are there")
    assert not _gone(server), f"the whole server went with its worker: {server.log[-1000:]}"
    return set(server.workers()) - before


def _gone(server: Server) -> bool:
    return server.process.poll() is not None
