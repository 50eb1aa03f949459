"""Work that nobody waits for."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger()


class Background:
    """Runs work beside the request that asked for it, so that the time of the answer tells nothing of the work.

    What has not run when the process is killed is lost: only for what the caller can ask for again.
    """

    def __init__(self, *, most: int = 1000) -> None:
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, what: str, work: Coroutine[Any, Any, object]) -> None:
        """Starts it at once; where too much is under way already, it is dropped, and logged."""
        if len(self._tasks) >= self._most:
            work.close()
            log.warning("background_full", what=what)
            return
        task = asyncio.create_task(_logged(what, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, *, seconds: float = 5.0) -> None:
        """Waits for what is under way, so long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)


async def _logged(what: str, work: Coroutine[Any, Any, object]) -> None:
    try:
        await work
    except Exception as error:
        log.exception("background_failed", what=what, error=type(error).__name__)
