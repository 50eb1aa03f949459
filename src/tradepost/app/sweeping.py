"""What an API process does beside answering, until there is a worker: payments, orders, parcels and imports."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import structlog

from tradepost import carts, payments, shipping
from tradepost.app.settings import Settings
from tradepost.core.errors import Unavailable
from tradepost.db import Database
from tradepost.orders import expiring, parcels, paying
from tradepost.payments import Providers
from tradepost.shipping.carriers import Carriers
from tradepost.spreadsheets.store import claimable

log = structlog.get_logger()
_IMPORT = [sys.executable, "-m", "tradepost.app", "import", "resume", "--all-stores"]


class Sweeper:
    """Runs every few seconds; several processes may, each takes what no other has. `sweep_seconds` of 0 is never."""

    def __init__(self, settings: Settings, db: Database, providers: Providers, carriers: Carriers) -> None:
        self._db = db
        self._seconds = settings.sweep_seconds
        self._unpaid_minutes = settings.unpaid_minutes
        self._cart_days = settings.cart_days
        minutes = settings.action_minutes
        self._payments = payments.Sweep(db, providers, partial(paying.settle_order, db), action_minutes=minutes)
        settle = partial(parcels.settle_order, db)
        self._parcels = shipping.Sweep(db, carriers, settle, track_minutes=settings.track_minutes)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        if self._seconds:
            self._tasks = [asyncio.create_task(self._repeat(what)) for what in (self.run_once, self.run_imports)]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def run_once(self) -> None:
        """Everything that is due now."""
        await self._payments.run_once()
        await self._parcels.run_once()
        await carts.expire(self._db, idle_days=self._cart_days)
        if self._unpaid_minutes:
            await expiring.expire(self._db, minutes=self._unpaid_minutes)

    async def run_imports(self) -> None:
        """All that wait, in a process of their own: reading rows keeps a processor busy, and answers must not wait.

        It may outlive this one. Where it dies, the next one goes on when its lease is over.
        """
        async with self._db.read() as db:
            if not await claimable(db):
                return
        process = subprocess.Popen(_IMPORT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: ASYNC220, S603
        try:
            await asyncio.to_thread(process.wait)
        finally:
            process.terminate()

    async def _repeat(self, what: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await what()
            except Unavailable as error:
                log.info("sweep_waits", why=error.code)
            except Exception as error:
                log.exception("sweep_failed", error=type(error).__name__)
