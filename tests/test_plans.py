"""A new shop's sessions keep the plans that they made while its tables were empty: those must be good ones."""

import psycopg
import pytest
from psycopg import sql

from tradepost.db.connections import desk_options

_FOREIGN_KEYS = """
    select con.conname, con.confrelid::regclass::text, con.conindid::regclass::text,
           (select array_agg(att.attname::text order by at)
            from unnest(con.confkey) with ordinality as key (number, at)
            join pg_attribute as att on att.attrelid = con.confrelid and att.attnum = key.number)
    from pg_constraint as con
    where con.contype = 'f'
    order by con.conname
"""


@pytest.fixture
def desk_session(database_url: str):  # noqa: ANN201 - a connection
    with psycopg.connect(database_url, options=desk_options(wait_seconds=1, frozen_seconds=5)) as connection:
        yield connection


def test_a_foreign_key_is_checked_by_its_own_index(desk_session: psycopg.Connection) -> None:
    """What PostgreSQL asks for each new row; by another index it would read a store's orders from end to end."""
    found = desk_session.execute(_FOREIGN_KEYS).fetchall()
    assert len(found) > 10
    for name, table, index, columns in found:
        assert index in _plan(desk_session, table, columns), name


def _plan(session: psycopg.Connection, table: str, columns: list[str]) -> str:
    """The plan of a foreign key's check; it is made once, for any values."""
    condition = sql.SQL(" and ").join(
        sql.SQL("{} = ${}").format(sql.Identifier(column), sql.Literal(at)) for at, column in enumerate(columns, 1)
    )
    nothing = sql.SQL(", ").join([sql.SQL("null")] * len(columns))
    session.execute(
        sql.SQL("prepare check_key as select 1 from only {} as held where {} for key share of held").format(
            sql.Identifier(table), condition
        )
    )
    lines = session.execute(sql.SQL("explain execute check_key ({})").format(nothing)).fetchall()
    session.execute("deallocate check_key")
    return "\n".join(line for (line,) in lines)
