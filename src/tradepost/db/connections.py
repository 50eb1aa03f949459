"""Connections and transactions. A `Reader` reads, a `Tx` changes; neither can commit: whoever opened it does."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import msgspec
import psycopg
from prometheus_client import Counter
from psycopg import AsyncConnection, errors, waiting
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests
from typing_extensions import override

from tradepost.core.errors import Unavailable
from tradepost.db.rounds import Asked, Params, RoundTrip, Row, Statement, round_trip

Result = TypeVar("Result")

STATEMENTS = Counter("tradepost_db_statements", "Statements sent to PostgreSQL, transaction control not counted")
RETRIES = Counter("tradepost_db_retries", "Transactions run again after a deadlock or a serialization failure")

RETRYABLE = (errors.DeadlockDetected, errors.SerializationFailure)
CONNECTION_LOST = (psycopg.OperationalError, PoolTimeout, TooManyRequests)
_ATTEMPTS = 5
_POOL_WAIT = 2.0
_CONNECT_WAIT = 3
_RECONNECT_WAIT = 2.0
_GRACE = 2.0

set_json_dumps(msgspec.json.encode)
set_json_loads(msgspec.json.decode)


class DatabaseUnavailable(Unavailable):
    """The database does not answer, or has no connection free. Reads and keyed writes may simply be sent again."""

    title = "The database is not available at this moment"


class Reader:
    """Statements on one connection. Named parameters only; every row is a tuple in the order of the columns."""

    def __init__(self, connection: AsyncConnection[Row]) -> None:
        self._connection = connection

    async def run(self, statement: Statement, params: Params | None = None) -> psycopg.AsyncCursor[Row]:
        STATEMENTS.inc()
        return await self._connection.execute(statement, params, binary=True)

    async def rows(self, statement: Statement, params: Params | None = None) -> list[Row]:
        return await (await self.run(statement, params)).fetchall()

    async def row(self, statement: Statement, params: Params | None = None) -> Row | None:
        return await (await self.run(statement, params)).fetchone()

    async def value(self, statement: Statement, params: Params | None = None) -> Any:  # noqa: ANN401
        """The first column of the first row; None where there is none."""
        found = await self.row(statement, params)
        return found[0] if found else None

    async def together(self, *asked: Asked) -> list[list[Row]]:
        """Several statements in one round trip; the rows of each, in order."""
        STATEMENTS.inc(len(asked))
        return await round_trip(self._connection, asked)


class Tx(Reader):
    """A transaction under way. What is written with it is there after its owner's commit, whole, or never."""

    async def write(self, statement: Statement, params: Params) -> None:
        """A statement of which nobody reads a result. A desk sends it only with its commit."""
        await self.run(statement, params)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """The block's statements are undone alone where it raises."""
        async with self._connection.transaction():
            yield


class DeskTx(Tx):
    """A desk's transaction: it begins with the turn, and its writes travel with the commit, in one round trip."""

    def __init__(self, connection: AsyncConnection[Row]) -> None:
        super().__init__(connection)
        self._begun = False
        self._writes: RoundTrip | None = None

    @override
    async def together(self, *asked: Asked) -> list[list[Row]]:
        STATEMENTS.inc(len(asked))
        before, self._begun = b"" if self._begun else b"begin", True
        return await round_trip(self._connection, asked, before=before)

    @override
    async def write(self, statement: Statement, params: Params) -> None:
        """The server is at work on it while the caller puts the next one together."""
        STATEMENTS.inc()
        if self._writes is None:
            self._writes = RoundTrip(self._connection)
        self._writes.ask(statement, params)
        self._writes.flush()

    async def commit(self) -> None:
        """Lost here, nobody knows whether it took effect: see Desk."""
        writes, self._writes = self._writes or RoundTrip(self._connection), None
        writes.command(b"commit")
        await writes.end()

    async def leave(self) -> None:
        """Undoes what was not committed. A connection in the middle of its writes is not used again."""
        if self._writes is not None:
            await self._connection.close()
        with suppress(psycopg.Error):
            await self._connection.rollback()


class _Connection(AsyncConnection[Row]):
    """A connection on which nothing is waited for without end.

    A PostgreSQL that hangs keeps no time-out of its own. A connection whose statement was not waited for to its end, at
    the deadline or because its task was cancelled, is closed on the spot: nobody can know what it would answer next.
    psycopg by itself would first ask the server to cancel the statement, and wait ten seconds for one that hangs.
    """

    patience: float | None = None

    @override
    async def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            patience = self.patience if timeout is None else timeout
            return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=patience)
        except BaseException:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


class Database:
    """The pools of one process: autocommit for single reads, transactions, and the desks' own connections.

    A statement that takes longer than `statement_seconds` is stopped by the server; where the server does not, because
    it hangs, the connection is given up soon after.
    """

    def __init__(self, url: str, *, size: int = 8, desk_options: str = "", statement_seconds: float = 30) -> None:
        self.url = url
        pool = partial(_pool, url, statement_seconds=statement_seconds)
        self._reads = pool(size, autocommit=True)
        self._transactions = pool(size, autocommit=False)
        self._desks = pool(4, autocommit=False, options=desk_options, min_size=0)

    async def open(self) -> None:
        """Starts the pools. Connections are made as they are needed: a database that is down is no error here."""
        for pool in (self._reads, self._transactions, self._desks):
            await pool.open(wait=False)

    async def close(self) -> None:
        for pool in (self._desks, self._transactions, self._reads):
            await pool.close(timeout=2)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Reader]:
        """A connection in autocommit: each statement sees the newest committed state."""
        async with _connection(self._reads) as connection:
            yield Reader(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Commits at the end of the block, rolls back where it raises. See `write` for retries."""
        async with _connection(self._transactions) as connection, connection.transaction():
            yield Tx(connection)

    async def write(self, unit: Callable[[Tx], Awaitable[Result]]) -> Result:
        """Runs a unit in a transaction of its own, again from its start after a deadlock or serialization failure."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with self.transaction() as tx:
                    return await unit(tx)
            except RETRYABLE as error:
                if attempt == _ATTEMPTS:
                    raise DatabaseUnavailable from error
                RETRIES.inc()
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter, not a secret
        raise AssertionError

    @asynccontextmanager
    async def desk_transaction(self) -> AsyncIterator[DeskTx]:
        """For a desk: its owner commits by hand; leaving without that rolls back. Driver errors come as they are."""
        async with self._desks.connection(timeout=_POOL_WAIT) as connection:
            tx = DeskTx(connection)
            try:
                yield tx
            finally:
                await tx.leave()


def _pool(
    url: str, size: int, *, autocommit: bool, statement_seconds: float, options: str = "", min_size: int = 1
) -> AsyncConnectionPool[Any]:
    """A pool that finds a database that has come back within seconds, however long it was away.

    Between attempts to connect, the library waits twice as long each time, up to `reconnect_timeout`; after that the
    next request begins anew. So this short one bounds the wait, and does not end the attempts.
    """

    async def limit(connection: _Connection) -> None:
        connection.patience = statement_seconds + _GRACE

    limits = f"-c timezone=UTC -c statement_timeout={int(statement_seconds * 1000)}"
    return AsyncConnectionPool(
        url,
        connection_class=_Connection,
        configure=limit,
        min_size=min_size,
        max_size=size,
        timeout=_POOL_WAIT,
        max_waiting=200,
        reconnect_timeout=_RECONNECT_WAIT,
        open=False,
        kwargs={"autocommit": autocommit, "connect_timeout": _CONNECT_WAIT, "options": f"{limits} {options}"},
    )


@asynccontextmanager
async def _connection(pool: AsyncConnectionPool[Any]) -> AsyncIterator[AsyncConnection[Row]]:
    """A connection of a pool; whatever says that the database is not there becomes DatabaseUnavailable."""
    try:
        async with pool.connection() as connection:
            yield connection
    except RETRYABLE:
        raise
    except CONNECTION_LOST as error:
        raise DatabaseUnavailable from error


def desk_options(*, wait_seconds: float, frozen_seconds: float) -> str:
    """Connection options of a desk: a bounded wait for its turn, and no turn kept by a frozen process.

    A desk only ever looks rows up by their keys. Left to itself, the planner chooses to read a table whole while it is
    small, keeps that plan for the session, and makes each foreign-key check slower with every order.
    """
    return (
        f"-c lock_timeout={int(wait_seconds * 1000)} "
        f"-c idle_in_transaction_session_timeout={int(frozen_seconds * 1000)} "
        "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan"
    )
