"""Several statements in one round trip: one write to the socket, one wait, all results.

psycopg's own pipeline mode flushes and looks for results after every statement, which costs two system calls and a
change of process each; a batch of orders pays that a dozen times. This is libpq's pipeline mode, through psycopg's
public wrapper, without that. See docs/decisions/0005.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, LiteralString
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection, errors, generators, sql
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

Row = tuple[Any, ...]
Statement = LiteralString | sql.Composed
Params = Mapping[str, Any]
Asked = tuple[Statement, Params]

_PARAMETER = re.compile(r"%\((\w+)\)s|%%")
_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED, ExecStatus.BAD_RESPONSE)


class _Session:
    """What a connection has prepared, and how it writes and reads values."""

    def __init__(self, connection: AsyncConnection[Row]) -> None:
        self.transformer = Transformer.from_context(connection)
        self.prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self.numbering = 0


_sessions: WeakKeyDictionary[AsyncConnection[Any], _Session] = WeakKeyDictionary()


async def round_trip(
    connection: AsyncConnection[Row], asked: Sequence[Asked], *, before: bytes = b""
) -> list[list[Row]]:
    """The rows of each statement, in order. `before` is a command such as BEGIN.

    Raises the psycopg.Error of the first statement that failed; those behind it did not run.
    """
    trip = RoundTrip(connection)
    if before:
        trip.command(before)
    for statement, params in asked:
        trip.ask(statement, params)
    return await trip.end()


class RoundTrip:
    """A round trip under way: the server works on what was asked while the next is still being put together.

    Between the first `ask` and `end` the connection is good for nothing else; without `end`, only to be closed.
    """

    def __init__(self, connection: AsyncConnection[Row]) -> None:
        session = _sessions.get(connection)
        if session is None:
            session = _sessions[connection] = _Session(connection)
        self._connection = connection
        self._session = session
        self._are_answers: list[bool] = []
        connection.pgconn.enter_pipeline_mode()

    def command(self, text: bytes) -> None:
        self._connection.pgconn.send_query_params(text, None)
        self._are_answers.append(False)

    def ask(self, statement: Statement, params: Params) -> None:
        """Puts a statement in line, prepared before where it is a literal.

        Raises what the driver raises for a value that cannot be sent. The connection is closed then: what is in line
        before it would be the answer to somebody else.
        """
        try:
            self._are_answers += _send(self._connection.pgconn, self._session, statement, params)
        except BaseException:
            self._connection.pgconn.finish()
            raise

    def flush(self) -> None:
        """Lets go of what is in line as far as the socket takes it; `end` sends the rest."""
        self._connection.pgconn.flush()

    async def end(self) -> list[list[Row]]:
        """The rows of each statement asked, in order. See `round_trip` for errors."""
        async with self._connection.lock:
            results = await self._connection.wait(_fetch_all(self._connection.pgconn))
        _check(self._session, results)
        answers = [result for result, is_answer in zip(results, self._are_answers, strict=True) if is_answer]
        return [_rows(self._session.transformer, result) for result in answers]


def _fetch_all(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """Sends the rest, then fetches everything up to the end of the pipeline."""
    found: list[PGresult] = []
    try:
        pgconn.pipeline_sync()
        yield from generators.send(pgconn)
        while True:
            results = yield from generators.fetch_many(pgconn)
            if results and results[0].status == ExecStatus.PIPELINE_SYNC:
                return found
            found += results
    finally:
        with suppress(errors.OperationalError):
            pgconn.exit_pipeline_mode()


def _send(pgconn: PGconn, session: _Session, statement: Statement, params: Mapping[str, Any]) -> list[bool]:
    """For each result to come, whether it is the answer."""
    text, names = _numbered(statement if isinstance(statement, str) else statement.as_string(None))
    transformer = session.transformer
    values = transformer.dump_sequence([params[name] for name in names], [PyFormat.AUTO] * len(names))
    types = transformer.types or ()
    if not isinstance(statement, str):
        pgconn.send_query_params(text, values, types, transformer.formats, Format.BINARY)
        return [True]
    name = session.prepared.get((text, types))
    if name is not None:
        pgconn.send_query_prepared(name, values, transformer.formats, Format.BINARY)
        return [True]
    name = b"tradepost_%d_%d" % (session.numbering, len(session.prepared))
    pgconn.send_prepare(name, text, types)
    pgconn.send_query_prepared(name, values, transformer.formats, Format.BINARY)
    session.prepared[text, types] = name
    return [False, True]


@lru_cache(1024)
def _numbered(statement: str) -> tuple[bytes, list[str]]:
    """`%(name)s` as `$1`, with the names in the order of their numbers."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "%"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PARAMETER.sub(number, statement).encode(), names


def _check(session: _Session, results: Sequence[PGresult]) -> None:
    for result in results:
        if result.status in _FAILED:
            session.prepared.clear()  # what stood behind the failure was not prepared
            session.numbering += 1
            raise errors.error_from_result(result)


def _rows(transformer: Transformer, result: PGresult) -> list[Row]:
    if result.status != ExecStatus.TUPLES_OK:
        return []
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, tuple)
