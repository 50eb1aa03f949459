"""Search follows the feed beside the answering, until there is a worker."""

import asyncio
from contextlib import suppress

import structlog

from tradepost.core.errors import Unavailable
from tradepost.search import Follower

log = structlog.get_logger()


class Following:
    """Looks every `seconds`; 0 is never. Several processes may: see Follower."""

    def __init__(self, follower: Follower, *, seconds: float) -> None:
        self._follower = follower
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._seconds:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self._follower.run_once()
            except Unavailable as error:
                log.info("search_waits", why=error.code)
            except Exception as error:
                log.exception("search_failed", error=type(error).__name__)
