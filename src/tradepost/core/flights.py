"""One run for all who ask at the same moment."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Flights(Generic[Key, Value]):
    """Work that many callers want the result of: whoever asks while it runs shares it, result or error."""

    def __init__(self) -> None:
        self._running: dict[Key, asyncio.Task[Value]] = {}

    async def share(self, key: Key, work: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """A caller that goes away does not end it for the others."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(work())
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(task)
