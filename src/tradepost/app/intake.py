"""Wishes to order are worked off beside the answering, until there is a worker."""

import asyncio
from contextlib import suppress

import structlog

from tradepost.core.errors import Unavailable
from tradepost.orders import Requests

log = structlog.get_logger()
_REST_SECONDS = 1.0
"""After something went wrong."""


class Intake:
    """Works as soon as this process has taken something in, and looks every `seconds` for what others have left.

    0 is never: then a process works off only what it has taken in itself.
    """

    def __init__(self, requests: Requests, *, seconds: float) -> None:
        self._requests = requests
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._requests.close()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds or None):
                    await self._requests.came.wait()
            self._requests.came.clear()
            try:
                while await self._requests.run_once():
                    pass
            except Unavailable as error:
                log.info("order_requests_wait", why=error.code)
                await asyncio.sleep(_REST_SECONDS)
            except Exception as error:
                log.exception("order_requests_failed", error=type(error).__name__)
                await asyncio.sleep(_REST_SECONDS)
