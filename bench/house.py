"""One scratch folder, one embedded PostgreSQL with its safety on, a database of 2,000 products for each subject."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bench.figures import Written
from tradepost.db.embedded import EmbeddedDatabase
from tradepost.db.migrations import migrate

SQL = Path(__file__).parent / "sql"

_TABLES = ("sales_order", "order_line", "order_tax", "stock_movement", "event", "idempotency_answer")


class House:
    """`url` is Tradepost's own database; `copy` makes another one with the same schema and the same stock."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute((SQL / "seed.sql").read_bytes())
            # Not the tables of orders: once PostgreSQL has seen them empty, sessions keep plans that read them whole.
            connection.execute("vacuum analyze store, product, product_variant, stock_level, stock_movement, event")

    def copy(self, name: str) -> str:
        """Only before anybody else is connected: PostgreSQL copies a database that is at rest."""
        with psycopg.connect(make_conninfo(self.url, dbname="postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {} template tradepost").format(sql.Identifier(name)))
        return make_conninfo(self.url, dbname=name)

    def empty(self, name: str) -> str:
        """Another database, with nothing in it."""
        with psycopg.connect(make_conninfo(self.url, dbname="postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
        return make_conninfo(self.url, dbname=name)

    def settings(self) -> dict[str, str]:
        """What decides whether a commit is safe, and which server this is."""
        names = ["server_version", "fsync", "synchronous_commit", "full_page_writes"]
        with psycopg.connect(self.url) as connection:
            rows = connection.execute("select name, setting from pg_settings where name = any(%s)", [names])
            return dict(rows.fetchall())


@contextmanager
def open_house() -> Iterator[House]:
    """A folder that the database's own user may enter; nothing is left of it in the end."""
    folder = Path(tempfile.mkdtemp(prefix="tradepost-bench-"))
    folder.chmod(0o755)
    try:
        database = EmbeddedDatabase(folder / "data")
        try:
            yield House(folder, database.url)
        finally:
            database.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def written_in(url: str) -> Written:
    """Average rows by table and order: shows that all subjects did the same work."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        orders = max(1, _number(connection, "select count(*) from sales_order"))
        counts = {table: _count(connection, table) / orders for table in _TABLES}
        answer = _number(connection, "select coalesce(avg(length(body)), 0) from idempotency_answer")
        words = _number(connection, "select coalesce(avg(length(words)), 0) from sales_order")
    return Written(rows=counts, answer_bytes=answer, words=words)


def _count(connection: psycopg.Connection, table: str) -> int:
    """Rows that belong to orders; keys and opening stock have events and movements as well."""
    only = {"event": "where subject_type = 'order'", "stock_movement": "where order_id is not null"}.get(table, "")
    return _number(connection, f"select count(*) from {table} {only}")  # noqa: S608 - names from above


def _number(connection: psycopg.Connection, query: str) -> int:
    (value,) = connection.execute(query.encode()).fetchone() or (0,)
    return int(value)
