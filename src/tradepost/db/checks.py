"""Is this a PostgreSQL that keeps its word?"""

import psycopg

from tradepost.core.errors import Conflict

OLDEST = 150_000


class DatabaseUnfit(Conflict):
    """The server is too old, or set to lose confirmed orders at a power cut."""

    title = "This PostgreSQL server cannot be used"


def check_server(url: str, *, unsafe_for_tests: bool = False) -> str:
    """The server's version; DatabaseUnfit for one older than 15, or one that is set to lose commits at a power cut.

    That is fsync, full_page_writes or synchronous_commit off; `unsafe_for_tests` allows it. psycopg.OperationalError
    where the server does not answer.
    """
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        version = connection.info.server_version
        if version < OLDEST:
            msg = f"PostgreSQL 15 or newer is needed; this server has {version // 10_000}"
            raise DatabaseUnfit(msg)
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            (value,) = connection.execute("select current_setting(%s)", [name]).fetchone() or ("?",)
            if value == "off" and not unsafe_for_tests:
                msg = (
                    f"{name} is {value}: confirmed orders could be lost. Turn it on, or, for tests only, "
                    "set TRADEPOST_UNSAFE_DATABASE=1"
                )
                raise DatabaseUnfit(msg)
    return f"{version // 10_000}.{version % 10_000}"
