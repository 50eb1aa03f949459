"""Answers that are the same for everybody, kept for a moment: many shoppers look at one thing at the same time.

What is kept is never older than a second, so nobody has to say that something has changed, and no process can miss it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from prometheus_client import Counter

from tradepost.core.flights import Flights
from tradepost.http.answers import Answer

_MOST_BYTES = 8 << 20
_OVERHEAD = 1000
LOOKED_UP = Counter("tradepost_kept_answers", "Answers that are the same for everybody", ["how"])
_FOUND, _MADE = LOOKED_UP.labels("kept"), LOOKED_UP.labels("made")


class Shelf(Protocol):
    """Where answers are kept. One that is broken keeps nothing."""

    async def get(self, key: str) -> Answer | None: ...

    async def put(self, key: str, answer: Answer, *, seconds: float) -> None:
        """For so many seconds, or less."""
        ...

    async def close(self) -> None: ...


class Keeper:
    """Gives the kept answer, or makes one; who asks for the same while it is made shares it. Zero seconds is never."""

    def __init__(self, shelf: Shelf, *, seconds: float) -> None:
        self._shelf = shelf
        self._seconds = seconds
        self._flights: Flights[str, Answer] = Flights()

    async def answer(self, key: str, make: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """The answer of `key`, no older than it may be kept and took to make. Refusals are not kept."""
        if not self._seconds:
            return await make()
        found = await self._shelf.get(key)
        if found is not None:
            _FOUND.inc()
            return found
        return await self._flights.share(key, lambda: self._made(key, make))

    async def close(self) -> None:
        await self._shelf.close()

    async def _made(self, key: str, make: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Its time begins before it is made: what changes meanwhile may not be in it."""
        _MADE.inc()
        began = time.monotonic()
        made = await make()
        left = began + self._seconds - time.monotonic()
        if left > 0:
            await self._shelf.put(key, made, seconds=left)
        return made


class MemoryShelf:
    """Of one process, and of so many bytes: what was put there first goes first."""

    def __init__(self, most_bytes: int = _MOST_BYTES, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most_bytes
        self._clock = clock
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[Answer, float]] = OrderedDict()

    async def get(self, key: str) -> Answer | None:
        found = self._kept.get(key)
        if found is None:
            return None
        answer, until = found
        if self._clock() < until:
            return answer
        self._drop(key)
        return None

    async def put(self, key: str, answer: Answer, *, seconds: float) -> None:
        self._drop(key)
        self._kept[key] = (answer, self._clock() + seconds)
        self._bytes += _size(key, answer)
        while self._bytes > self._most:
            self._drop(next(iter(self._kept)))

    async def close(self) -> None:
        self._kept.clear()
        self._bytes = 0

    def _drop(self, key: str) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._bytes -= _size(key, dropped[0])


def _size(key: str, answer: Answer) -> int:
    return len(key) + len(answer.body) + _OVERHEAD
