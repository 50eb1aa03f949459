"""What an API process does beside answering, until there is a worker: it sees to payments, orders and parcels."""

import asyncio
from contextlib import suppress
from functools import partial

import structlog

from tradepost import payments, shipping
from tradepost.app.settings import Settings
from tradepost.core.errors import Unavailable
from tradepost.db import Database
from tradepost.orders import expiring, parcels, paying
from tradepost.payments import Providers
from tradepost.shipping.carriers import Carriers

log = structlog.get_logger()


class Sweeper:
    """Runs every few seconds; several processes may, each takes what no other has. `sweep_seconds` of 0 is never."""

    def __init__(self, settings: Settings, db: Database, providers: Providers, carriers: Carriers) -> None:
        self._db = db
        self._seconds = settings.sweep_seconds
        self._unpaid_minutes = settings.unpaid_minutes
        minutes = settings.action_minutes
        self._payments = payments.Sweep(db, providers, partial(paying.settle_order, db), action_minutes=minutes)
        settle = partial(parcels.settle_order, db)
        self._parcels = shipping.Sweep(db, carriers, settle, track_minutes=settings.track_minutes)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._seconds:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def run_once(self) -> None:
        """Everything that is due now."""
        await self._payments.run_once()
        await self._parcels.run_once()
        if self._unpaid_minutes:
            await expiring.expire(self._db, minutes=self._unpaid_minutes)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.run_once()
            except Unavailable as error:
                log.info("sweep_waits", why=error.code)
            except Exception as error:
                log.exception("sweep_failed", error=type(error).__name__)
