"""The database that a command works on: the given one, or the embedded one beside whatever else is attached to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradepost.app.settings import Settings
from tradepost.db.checks import check_server
from tradepost.db.embedded import EmbeddedDatabase
from tradepost.db.migrations import migrate

__all__ = ["EmbeddedDatabase", "attached", "prepared"]


@contextmanager
def attached(settings: Settings) -> Iterator[tuple[str, EmbeddedDatabase | None]]:
    """The database's URL, and the embedded server where there is one.

    Raises DatabaseUnfit, EmbeddedDatabaseFailed; psycopg.OperationalError where a given server does not answer.
    """
    embedded = None if settings.database_url else EmbeddedDatabase(Path(settings.data_dir))
    try:
        url = settings.database_url or (embedded.url if embedded else "")
        check_server(url, unsafe_for_tests=settings.unsafe_database)
        yield url, embedded
    finally:
        if embedded:
            embedded.close()


@contextmanager
def prepared(settings: Settings) -> Iterator[tuple[str, EmbeddedDatabase | None]]:
    """The same, migrated to this version."""
    with attached(settings) as (url, embedded):
        migrate(url)
        yield url, embedded
