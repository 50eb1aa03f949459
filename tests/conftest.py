"""One PostgreSQL for the whole test run, one migrated template, and a database of its own for every test."""

import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.server import scratch_folder
from tests.shop import Shop, open_shop
from tradepost.app.settings import Settings
from tradepost.db.embedded import EmbeddedDatabase
from tradepost.db.migrations import migrate

_FAST = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 400\nautovacuum = off\n"
_FOLDER = "TRADEPOST_TEST_FOLDER"
_counter = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Makes the folder of the run's server, in the process that outlives all others and so can take it away again.

    That includes a run that is interrupted, and one that is told to stop.
    """
    if hasattr(config, "workerinput"):
        return
    cleanup = ExitStack()
    config.add_cleanup(cleanup.close)
    os.environ[_FOLDER] = str(cleanup.enter_context(scratch_folder()))
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server to make databases in: the given one, or one embedded server shared by all test processes."""
    given = os.environ.get("TRADEPOST_TEST_DATABASE_URL")
    if given:
        yield given
        return
    server = EmbeddedDatabase(Path(os.environ[_FOLDER]) / "data", settings=_FAST)
    yield server.url
    server.close()


def _named(url: str, name: str) -> str:
    return psycopg.conninfo.make_conninfo(url, dbname=name)


@pytest.fixture(scope="session")
def template(server_url: str) -> str:
    """The name of a migrated database that the others are copies of."""
    name = f"template_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    migrate(_named(server_url, name))
    return name


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    """A migrated, empty database for one test."""
    name = f"test_{os.getpid()}_{next(_counter)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        yield _named(server_url, name)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """A database without a schema."""
    name = f"empty_{os.getpid()}_{next(_counter)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield _named(server_url, name)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    """A shop with one store, open for business, and its staff's key."""
    async with open_shop(
        database_url, Settings(unsafe_database=True, sweep_seconds=0, search_seconds=0, payments="manual,fake")
    ) as opened:
        yield opened
