"""Group commit: concurrent requests are decided and written together, in one transaction.

A desk knows nothing of what it writes; its `Work` does. While a batch is being written the next one gathers by itself,
and an idle desk starts at once, so a single request waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import psycopg
import structlog
from prometheus_client import Counter, Histogram
from psycopg import errors
from psycopg_pool import PoolTimeout

from tradepost.core.errors import Unavailable
from tradepost.db.connections import CONNECTION_LOST, RETRYABLE, Database, DatabaseUnavailable, Tx

Request = TypeVar("Request")
Request_contra = TypeVar("Request_contra", contravariant=True)
Answer = TypeVar("Answer")
log = structlog.get_logger()

BATCH_SIZE = Histogram("tradepost_desk_batch_size", "Requests in a batch", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256))
BATCH_SECONDS = Histogram(
    "tradepost_desk_batch_seconds",
    "From the turn to the commit",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1),
)
TURN_SECONDS = Histogram(
    "tradepost_desk_turn_seconds", "Waiting for the turn", buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1)
)
SPLITS = Counter("tradepost_desk_splits", "Batches cut in two to find the request that fails them")

_ATTEMPTS = 5
_SETTLE_SECONDS = 10.0


class DeskBusy(Unavailable):
    """More requests wait than the desk takes, or its turn did not come in time. Nothing was written."""

    title = "Too many requests are waiting; try again shortly"


class OutcomeUnknown(Unavailable):
    """The connection was lost at the commit and the database is away: send it again with the same idempotency key."""

    title = "The outcome is not known yet; send the request again with the same Idempotency-Key"
    retry_after = 2


class Work(Protocol[Request_contra, Answer]):
    """What a desk does with a batch."""

    async def turn(self, tx: Tx) -> None:
        """The transaction's first statement: waits until this batch is the only one at work."""
        ...

    async def write(self, tx: Tx, batch: Sequence[Request_contra]) -> Sequence[Answer | Exception]:
        """Decides and writes a batch. A refusal is returned, not raised: it does not touch its neighbours."""
        ...

    async def settle(self, tx: Tx, answers: Sequence[Answer | Exception]) -> bool:
        """After a connection lost at the commit: did these answers become true?"""
        ...


class _Waiting(Generic[Request, Answer]):
    __slots__ = ("answer", "request")

    def __init__(self, request: Request, answer: "asyncio.Future[Answer]") -> None:
        self.request = request
        self.answer = answer


class Desk(Generic[Request, Answer]):
    """A queue, a bounded batch, one answer for each caller, and nobody answered before the commit."""

    def __init__(self, db: Database, work: Work[Request, Answer], *, limit: int = 128, max_waiting: int = 4096) -> None:
        self._db = db
        self._work = work
        self._limit = limit
        self._max_waiting = max_waiting
        self._queue: deque[_Waiting[Request, Answer]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def submit(self, request: Request) -> Answer:
        """Joins the next batch; returns its answer after the commit, or raises its refusal.

        Raises DeskBusy, DatabaseUnavailable (nothing was written) or OutcomeUnknown.
        """
        if len(self._queue) >= self._max_waiting:
            raise DeskBusy
        waiting = _Waiting[Request, Answer](request, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._running is None:
            self._running = asyncio.create_task(self._work_off())
        return await waiting.answer

    async def close(self) -> None:
        """Finishes what has been taken."""
        if self._running:
            await asyncio.wait([self._running], timeout=_SETTLE_SECONDS)

    async def _work_off(self) -> None:
        try:
            while self._queue:
                await self._one_batch()
        finally:
            self._running = None

    async def _one_batch(self) -> None:
        """One turn: take it, then drain the queue, so that the batch is as large as the wait was long."""
        batch: list[_Waiting[Request, Answer]] = []
        try:
            await self._turn_and_write(batch)
        except Exception as error:  # noqa: BLE001 - each caller gets it
            await self._failed(batch, error)

    async def _turn_and_write(
        self, batch: list[_Waiting[Request, Answer]], fixed: Sequence[_Waiting[Request, Answer]] | None = None
    ) -> None:
        """Fills `batch` once the turn has come, from the queue or with `fixed`: a failure then knows whom it hit."""
        answers: Sequence[Answer | Exception] = ()
        committing = False
        clock = asyncio.get_running_loop().time
        try:
            async with self._db.desk_transaction() as tx:
                asked = clock()
                await self._work.turn(tx)
                taken = clock()
                TURN_SECONDS.observe(taken - asked)
                batch.extend(self._drain() if fixed is None else fixed)
                if not batch:
                    return
                answers = await self._work.write(tx, [waiting.request for waiting in batch])
                committing = True
                await tx.commit()
                BATCH_SECONDS.observe(clock() - taken)
        except psycopg.OperationalError as error:
            if not committing or isinstance(error, RETRYABLE):
                raise
            log.warning("desk_commit_lost", batch=len(batch))
            if not await self._settled(answers):
                raise
        BATCH_SIZE.observe(len(batch))
        self._answer(batch, answers)

    def _drain(self) -> list[_Waiting[Request, Answer]]:
        batch: list[_Waiting[Request, Answer]] = []
        while self._queue and len(batch) < self._limit:
            waiting = self._queue.popleft()
            if not waiting.answer.done():
                batch.append(waiting)
        return batch

    @staticmethod
    def _answer(batch: Sequence[_Waiting[Request, Answer]], answers: Sequence[Answer | Exception]) -> None:
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.answer.done():
                continue
            if isinstance(answer, Exception):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)

    async def _failed(self, batch: list[_Waiting[Request, Answer]], error: Exception) -> None:
        """A failure of the whole batch: away, busy, to be run again, or one guilty request among innocent ones."""
        if isinstance(error, errors.LockNotAvailable):
            self._refuse(batch or self._drain(), DeskBusy())
        elif isinstance(error, RETRYABLE):
            await self._again(batch, error)
        elif isinstance(error, OutcomeUnknown):
            self._refuse(batch, error)
        elif isinstance(error, (*CONNECTION_LOST, PoolTimeout)):
            self._refuse(batch or self._drain(), DatabaseUnavailable())
        elif len(batch) == 1:
            await self._alone(batch, error)
        elif batch:
            SPLITS.inc()
            log.warning("desk_batch_split", size=len(batch), error=type(error).__name__)
            middle = len(batch) // 2
            for half in (batch[:middle], batch[middle:]):
                await self._redo(half)
        else:
            self._refuse(self._drain(), error)

    async def _again(self, batch: Sequence[_Waiting[Request, Answer]], error: Exception) -> None:
        for attempt in range(1, _ATTEMPTS):
            await asyncio.sleep(0.005 * attempt)
            try:
                return await self._turn_and_write([], batch)
            except RETRYABLE:
                continue
            except Exception as other:  # noqa: BLE001 - each caller gets it
                return await self._failed(list(batch), other)
        log.warning("desk_gave_up", error=type(error).__name__, batch=len(batch))
        return self._refuse(batch, DeskBusy())

    async def _alone(self, batch: Sequence[_Waiting[Request, Answer]], error: Exception) -> None:
        """Once more where a rule of the tables broke: what it was decided on may have changed before it was written."""
        if isinstance(error, psycopg.IntegrityError):
            try:
                return await self._turn_and_write([], batch)
            except psycopg.IntegrityError as again:
                error = again
            except Exception as other:  # noqa: BLE001 - each caller gets it
                return await self._failed(list(batch), other)
        return self._answer(batch, [error])

    async def _redo(self, batch: list[_Waiting[Request, Answer]]) -> None:
        try:
            await self._turn_and_write([], batch)
        except Exception as error:  # noqa: BLE001 - each caller gets it
            await self._failed(batch, error)

    @staticmethod
    def _refuse(batch: Sequence[_Waiting[Request, Answer]], error: Exception) -> None:
        for waiting in batch:
            if not waiting.answer.done():
                waiting.answer.set_exception(error)

    async def _settled(self, answers: Sequence[Answer | Exception]) -> bool:
        """Whether a commit whose answer was lost took effect; looked up under the same turn, so it is final."""
        deadline = asyncio.get_running_loop().time() + _SETTLE_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            try:
                async with self._db.desk_transaction() as tx:
                    await self._work.turn(tx)
                    return await self._work.settle(tx, answers)
            except CONNECTION_LOST:
                await asyncio.sleep(0.2)
        raise OutcomeUnknown
