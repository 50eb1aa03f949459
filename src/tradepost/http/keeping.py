"""Answers that are the same for everybody, kept: many shoppers look at one thing at the same time.

What is shown is never older than a second, so nobody has to say that something has changed, and no process can miss it.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from prometheus_client import Counter

from tradepost.core.flights import Flights
from tradepost.core.gathering import Gathering
from tradepost.http.answers import Answer, Mark, Subject

_MOST_BYTES = 8 << 20
_OVERHEAD = 1000
LOOKED_UP = Counter("tradepost_kept_answers", "Answers that are the same for everybody", ["how"])
_FOUND, _HOLDS, _MADE = LOOKED_UP.labels("kept"), LOOKED_UP.labels("holds"), LOOKED_UP.labels("made")

AskMarks = Callable[[Sequence[Subject]], Awaitable[Mapping[Subject, Mark]]]
Make = Callable[[], Coroutine[Any, Any, Answer]]


class Shelf(Protocol):
    """Where answers are kept. One that is broken keeps nothing."""

    async def get(self, key: str) -> Answer | None: ...

    async def put(self, key: str, answer: Answer, *, seconds: float) -> None:
        """For so many seconds, or less."""
        ...

    async def close(self) -> None: ...


class Keeper:
    """Gives the kept answer, or makes one; who asks for the same while it is made shares it.

    An answer without a mark is kept for so many `seconds` and then made again. One with a mark is kept in this process
    for as long as its mark holds: so often, `ask_marks` is asked, once for all that are looked at. Zero is never.
    """

    def __init__(self, shelf: Shelf, ask_marks: AskMarks, *, seconds: float) -> None:
        self._shelf = shelf
        self._marked = Lasting()
        self._marks: Gathering[Subject, Mark] = Gathering(ask_marks)
        self._seconds = seconds
        self._flights: Flights[str, Answer] = Flights()

    async def answer(self, key: str, make: Make) -> Answer:
        """The answer of `key`, no older than `seconds` and the time it takes to make. Refusals are not kept."""
        if not self._seconds:
            return await make()
        found = self._marked.fresh(key) or await self._held(key) or await self._shelf.get(key)
        if found is None:
            return await self._flights.share(key, lambda: self._made(key, make))
        _FOUND.inc()
        return found

    async def close(self) -> None:
        await self._shelf.close()

    async def _held(self, key: str) -> Answer | None:
        """The answer whose mark is still the one of its subject."""
        known = self._marked.known(key)
        if known is None or known.mark is None:
            return None
        began = time.monotonic()
        subject, mark = known.mark
        if await self._marks.ask(subject) != mark:
            self._marked.drop(key)
            return None
        _HOLDS.inc()
        self._marked.put(key, known, until=began + self._seconds)
        return known

    async def _made(self, key: str, make: Make) -> Answer:
        """Its time begins before it is made: what changes meanwhile may not be in it."""
        _MADE.inc()
        began = time.monotonic()
        made = await make()
        until = began + self._seconds
        if made.mark is not None:
            self._marked.put(key, made, until=until)
        elif (left := until - time.monotonic()) > 0:
            await self._shelf.put(key, made, seconds=left)
        return made


class Lasting:
    """Answers of one process with the time until which each needs no second look, of so many bytes together.

    What was put there first goes first.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most_bytes
        self._clock = clock
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[Answer, float]] = OrderedDict()

    def fresh(self, key: str) -> Answer | None:
        found = self._kept.get(key)
        return found[0] if found is not None and self._clock() < found[1] else None

    def known(self, key: str) -> Answer | None:
        """Also one whose time is over."""
        found = self._kept.get(key)
        return found[0] if found is not None else None

    def put(self, key: str, answer: Answer, *, until: float) -> None:
        self.drop(key)
        self._kept[key] = (answer, until)
        self._bytes += _size(key, answer)
        while self._bytes > self._most:
            self.drop(next(iter(self._kept)))

    def drop(self, key: str) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._bytes -= _size(key, dropped[0])


class MemoryShelf:
    """Of one process."""

    def __init__(self, most_bytes: int = _MOST_BYTES, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept = Lasting(most_bytes, clock=clock)

    async def get(self, key: str) -> Answer | None:
        return self._kept.fresh(key)

    async def put(self, key: str, answer: Answer, *, seconds: float) -> None:
        self._kept.put(key, answer, until=self._clock() + seconds)

    async def close(self) -> None:
        pass


def _size(key: str, answer: Answer) -> int:
    return len(key) + len(answer.body) + _OVERHEAD
