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
    connection: AsyncConnection[Row], asked: Sequence[Asked], *, before: bytes = b"", after: bytes = b""
) -> list[list[Row]]:
    """The rows of each statement, in order. `before` and `after` are commands such as BEGIN and COMMIT.

    Raises the psycopg.Error of the first statement that failed; those behind it did not run.
    """
    session = _sessions.get(connection)
    if session is None:
        session = _sessions[connection] = _Session(connection)
    async with connection.lock:
        results = await connection.wait(_exchange(connection.pgconn, session, asked, before, after))
    return [_rows(session.transformer, result) for result in results]


def _exchange(
    pgconn: PGconn, session: _Session, asked: Sequence[Asked], before: bytes, after: bytes
) -> PQGen[list[PGresult]]:
    """Sends everything, then fetches everything; the results of what was asked."""
    pgconn.enter_pipeline_mode()
    try:
        are_answers: list[bool] = []
        if before:
            are_answers += _send_command(pgconn, before)
        for statement, params in asked:
            are_answers += _send(pgconn, session, statement, params)
        if after:
            are_answers += _send_command(pgconn, after)
        pgconn.pipeline_sync()
        yield from generators.send(pgconn)
        results = yield from _fetch(pgconn)
    finally:
        with suppress(errors.OperationalError):
            pgconn.exit_pipeline_mode()
    _check(session, results)
    return [result for result, is_answer in zip(results, are_answers, strict=True) if is_answer]


def _send_command(pgconn: PGconn, command: bytes) -> list[bool]:
    pgconn.send_query_params(command, None)
    return [False]


def _send(pgconn: PGconn, session: _Session, statement: Statement, params: Mapping[str, Any]) -> list[bool]:
    """Sends a statement, prepared before where it is a literal; for each result to come, whether it is the answer."""
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


def _fetch(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """Every result up to the end of the pipeline."""
    found: list[PGresult] = []
    while True:
        results = yield from generators.fetch_many(pgconn)
        if results and results[0].status == ExecStatus.PIPELINE_SYNC:
            return found
        found += results


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
