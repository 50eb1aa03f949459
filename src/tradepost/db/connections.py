"""Connections and transactions. A `Reader` reads, a `Tx` changes; neither can commit: whoever opened it does."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, LiteralString, TypeVar

import msgspec
import psycopg
from prometheus_client import Counter
from psycopg import AsyncConnection, errors, sql
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from tradepost.core.errors import Unavailable

Row = tuple[Any, ...]
Statement = LiteralString | sql.Composed
Params = Mapping[str, Any]
Result = TypeVar("Result")

STATEMENTS = Counter("tradepost_db_statements", "Statements sent to PostgreSQL, transaction control not counted")
RETRIES = Counter("tradepost_db_retries", "Transactions run again after a deadlock or a serialization failure")

RETRYABLE = (errors.DeadlockDetected, errors.SerializationFailure)
CONNECTION_LOST = (psycopg.OperationalError, PoolTimeout, TooManyRequests)
_ATTEMPTS = 5
_POOL_WAIT = 2.0

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
        return await self._connection.execute(statement, params)

    async def rows(self, statement: Statement, params: Params | None = None) -> list[Row]:
        return await (await self.run(statement, params)).fetchall()

    async def row(self, statement: Statement, params: Params | None = None) -> Row | None:
        return await (await self.run(statement, params)).fetchone()

    async def value(self, statement: Statement, params: Params | None = None) -> Any:  # noqa: ANN401
        """The first column of the first row; None where there is none."""
        found = await self.row(statement, params)
        return found[0] if found else None

    async def together(self, *statements: tuple[Statement, Params]) -> list[list[Row]]:
        """Several statements in one round trip (libpq's pipeline mode); the rows of each, in order."""
        async with self._connection.pipeline():
            cursors = [await self.run(statement, params) for statement, params in statements]
        return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]


class Tx(Reader):
    """A transaction under way. What is written with it is there after its owner's commit, whole, or never."""

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[None]:
        """Sends the statements of the block without waiting for their results; a failure shows at its end."""
        async with self._connection.pipeline():
            yield

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """The block's statements are undone alone where it raises."""
        async with self._connection.transaction():
            yield


class Commit:
    """A transaction whose owner commits it by hand, in the same round trip as its last statements."""

    def __init__(self, connection: AsyncConnection[Row]) -> None:
        self._connection = connection
        self.tx = Tx(connection)

    async def now(self) -> None:
        await self._connection.commit()


class Database:
    """The pools of one process: autocommit for single reads, transactions, and the desks' own connections."""

    def __init__(self, url: str, *, size: int = 8, desk_options: str = "") -> None:
        self.url = url
        self._reads = _pool(url, size, autocommit=True, options="")
        self._transactions = _pool(url, size, autocommit=False, options="")
        self._desks = _pool(url, 4, autocommit=False, options=desk_options, min_size=0)

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
            except RETRYABLE:
                if attempt == _ATTEMPTS:
                    raise
                RETRIES.inc()
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - jitter, not a secret
        raise AssertionError

    @asynccontextmanager
    async def desk_transaction(self) -> AsyncIterator[Commit]:
        """For a desk: its owner commits by hand; leaving without that rolls back. Driver errors come as they are."""
        async with self._desks.connection(timeout=_POOL_WAIT) as connection:
            try:
                yield Commit(connection)
            finally:
                with suppress(psycopg.Error):
                    await connection.rollback()


def _pool(url: str, size: int, *, autocommit: bool, options: str, min_size: int = 1) -> AsyncConnectionPool[Any]:
    return AsyncConnectionPool(
        url,
        min_size=min_size,
        max_size=size,
        timeout=_POOL_WAIT,
        max_waiting=200,
        reconnect_timeout=30,
        open=False,
        kwargs={"autocommit": autocommit, "options": f"-c timezone=UTC -c statement_timeout=30s {options}"},
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
    """Connection options of a desk: a bounded wait for its turn, and no turn kept by a frozen process."""
    return (
        f"-c lock_timeout={int(wait_seconds * 1000)} "
        f"-c idle_in_transaction_session_timeout={int(frozen_seconds * 1000)}"
    )
