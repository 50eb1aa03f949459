"""Plain SQL files, forward only, run once each in the order of their numbers."""

import hashlib
import secrets
from contextlib import suppress
from importlib import resources
from typing import LiteralString

import msgspec
import psycopg
from psycopg import Connection, errors

from tradepost.core.errors import Conflict
from tradepost.db.connections import Reader

_LOCK = 0x7261_6465
_DONE: LiteralString = "select name, checksum from schema_migration"


class MigrationChanged(Conflict):
    """A migration that this database has run was edited since, or comes from a newer Tradepost."""

    title = "The database and this version's migrations do not fit"


class Migration(msgspec.Struct, frozen=True):
    name: str
    statements: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.statements.encode()).hexdigest()


def all_migrations() -> list[Migration]:
    """Every migration of this version, in order."""
    files = [file for file in resources.files(__name__).iterdir() if file.name.endswith(".sql")]
    return [Migration(file.name.removesuffix(".sql"), file.read_text("utf-8")) for file in sorted(files, key=str)]


def migrate(url: str) -> list[str]:
    """Brings the database up to this version; the names of the migrations that were run.

    Each runs in a transaction of its own, under one advisory lock (so several processes may start at once) and with a
    lock time-out (so that waiting for a busy table does not stop the shop). Raises MigrationChanged, LockNotAvailable.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set lock_timeout = '60s'")
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        connection.execute("set lock_timeout = '5s'")
        try:
            return _run(connection, _missing(_done(connection)))
        finally:
            connection.execute("select pg_advisory_unlock(%s)", [_LOCK])


def pending(url: str) -> list[str]:
    """The names of migrations that this database has not run. Raises MigrationChanged."""
    with psycopg.connect(url, autocommit=True) as connection:
        return [migration.name for migration in _missing(_done(connection))]


async def pending_in(db: Reader) -> list[str]:
    """The same on a connection that is there already; makes nothing."""
    done: dict[str, str] = {}
    with suppress(errors.UndefinedTable):
        done = dict(await db.rows(_DONE))
    return [migration.name for migration in _missing(done)]


def _run(connection: Connection, migrations: list[Migration]) -> list[str]:
    for migration in migrations:
        with connection.transaction():
            connection.execute(migration.statements.encode())
            connection.execute(
                "insert into schema_migration (name, checksum) values (%s, %s)", [migration.name, migration.checksum]
            )
    connection.execute(
        "insert into secret (name, value) values ('installation', %s) on conflict do nothing", [secrets.token_bytes(32)]
    )
    return [migration.name for migration in migrations]


def _missing(done: dict[str, str]) -> list[Migration]:
    known = {migration.name: migration for migration in all_migrations()}
    for name, checksum in done.items():
        if name not in known:
            msg = f"This database has migration {name}, which this version of Tradepost does not know: use a newer one"
            raise MigrationChanged(msg)
        if known[name].checksum != checksum:
            msg = f"Migration {name} was edited after this database ran it"
            raise MigrationChanged(msg)
    return [migration for name, migration in known.items() if name not in done]


def _done(connection: Connection) -> dict[str, str]:
    try:
        rows = connection.execute(_DONE).fetchall()
    except errors.UndefinedTable:
        connection.execute(
            "create table if not exists schema_migration"
            " (name text primary key, checksum text not null, applied_at timestamptz not null default now())"
        )
        return {}
    return dict(rows)
