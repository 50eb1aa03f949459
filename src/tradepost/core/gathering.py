"""Questions that many ask one by one, and that are answered together."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Gathering(Generic[Key, Value]):
    """While one question is under way the next ones gather; an idle one is asked at once.

    `ask` gets each key once, and what it does not answer is None. Its error is everybody's who asked with it.
    """

    def __init__(self, ask: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Value]]], *, most: int = 1000) -> None:
        self._ask = ask
        self._most = most
        self._waiting: dict[Key, asyncio.Future[Value | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, key: Key) -> Value | None:
        """Asked for after this call has begun, so the answer is no older than that."""
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all())
        return await asyncio.shield(waiting)

    async def _ask_all(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[: self._most]
                await self._answer({key: self._waiting.pop(key) for key in keys})
        finally:
            self._asking = None

    async def _answer(self, asked: Mapping[Key, asyncio.Future[Value | None]]) -> None:
        try:
            answers = await self._ask(list(asked))
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked
            for waiting in asked.values():
                waiting.set_exception(error)
                waiting.exception()  # whoever asked may have gone away
            return
        for key, waiting in asked.items():
            waiting.set_result(answers.get(key))
