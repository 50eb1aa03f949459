"""The database goes away under a running API, and comes back: a blip, told honestly."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psutil
import psycopg
import pytest
from psycopg import sql

from tests.crowd import Crowd, History, by_sql, judge, judge_stock, stocked
from tests.server import PATIENCE, Server, postmaster_of, scratch_folder, serving, wait_until
from tests.shop import same_problem
from tradepost.app import demo, operating
from tradepost.db import Database, DatabaseUnavailable
from tradepost.db.embedded import EmbeddedDatabase
from tradepost.db.migrations import migrate

pytestmark = pytest.mark.anyio
_INNARDS = ("psycopg", "Traceback", "select ", "insert ", "PGSQL", "host=", "socket", ".py")
_SOON = 20.0
"""Seconds: far above the deadlines of the tests' servers, far below an end that never comes."""


@contextmanager
def _closed(url: str) -> Iterator[None]:
    """The database takes no connections, and has none, during the block."""
    info = psycopg.conninfo.conninfo_to_dict(url)
    name = sql.Identifier(str(info["dbname"]))
    elsewhere = psycopg.conninfo.make_conninfo(url, dbname="postgres")
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute(sql.SQL("alter database {} allow_connections false").format(name))
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [info["dbname"]]
        )
        try:
            yield
        finally:
            connection.execute(sql.SQL("alter database {} allow_connections true").format(name))


@contextmanager
def _hanging(folder: Path) -> Iterator[None]:
    """Every process of this PostgreSQL stands still during the block: connections are made, and nothing is answered."""
    first = psutil.Process(postmaster_of(folder))
    frozen = [first, *first.children(recursive=True)]
    for process in frozen:
        process.suspend()
    try:
        yield
    finally:
        for process in frozen:
            process.resume()


@contextmanager
def _own_database(**settings: Any) -> Iterator[tuple[Path, Server]]:
    """The folder of a PostgreSQL that nobody else uses, and a server on it."""
    with scratch_folder() as folder:
        database = EmbeddedDatabase(folder / "data")
        try:
            migrate(database.url)
            with serving(folder=folder, database_url=database.url, **settings) as server:
                yield folder, server
        finally:
            database.close()


async def _with_a_mug(server: Server) -> tuple[str, dict[str, Any]]:
    """A shop with one product, and a key to it."""
    await demo.create_store(server.database_url)
    key = await operating.create_key(server.database_url, name="tests", scopes=["*"], store=None)
    body = {"name": "Mug", "price": "10.00", "status": "ACTIVE", "inventoryQuantity": 1000}
    answer = httpx2.post(f"{server.url}/api/v1/products", json=body, headers={"X-API-Key": key}, timeout=PATIENCE)
    assert answer.status_code == 201, answer.text
    return key, answer.json()


async def _everything(server: Server, key: str, mug: dict[str, Any]) -> list[httpx2.Response]:
    """An answer of every kind of operation: reads of guests and staff, an order, a write in a transaction."""
    staff = {"X-API-Key": key}
    order = {"email": "ada@example.com", "items": [{"productId": mug["id"], "quantity": 1}]}
    async with httpx2.AsyncClient(base_url=f"{server.url}/api/v1", timeout=PATIENCE, trust_env=False) as client:
        return await asyncio.gather(
            client.get("/products"),
            client.get(f"/products/{mug['slug']}"),
            client.get("/products/featured"),
            client.get("/products/low-stock", headers=staff),
            client.get("/orders", headers=staff),
            client.get(f"/orders/{uuid4()}", headers=staff),
            client.get("/events", headers=staff),
            client.get("/api-keys", headers=staff),
            client.post("/orders", json=order, headers={"Idempotency-Key": "same"}),
            client.post("/orders/quote", json={"items": order["items"]}),
            client.patch(f"/products/{mug['id']}", json={"name": "Mug"}, headers=staff),
            client.post(f"/products/{mug['id']}/inventory", json={"quantity": 1, "reason": "x"}, headers=staff),
        )


async def _is_away(server: Server, key: str, mug: dict[str, Any]) -> None:
    for answer in await _everything(server, key, mug):
        assert same_problem(answer, 503, "database_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert not [word for word in _INNARDS if word in answer.text], answer.text
    assert server.get("/health/live").status_code == 200
    ready = server.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert ready.headers["retry-after"] == "1"


async def _is_back(server: Server, key: str, mug: dict[str, Any], workers: list[int]) -> None:
    """Within a while, everything is answered again, by the same processes, and what was sent often was ordered once."""
    deadline = time.monotonic() + PATIENCE
    while True:
        statuses = Counter(answer.status_code for answer in await _everything(server, key, mug))
        if statuses == {200: 10, 201: 1, 404: 1}:
            break
        assert statuses.keys() <= {200, 201, 404, 503}, statuses
        assert time.monotonic() < deadline, statuses
    assert server.get("/health/ready").status_code == 200
    assert server.workers() == workers
    assert server.get("/api/v1/orders", headers={"X-API-Key": key}).json()["total"] == 1
    assert "request_failed" not in server.log


async def test_a_database_that_takes_no_connections_is_a_503_and_no_reason_to_restart(database_url: str) -> None:
    with serving(database_url=database_url, unsafe_database=True) as server:
        key, mug = await _with_a_mug(server)
        workers = server.workers()
        with _closed(database_url):
            await _is_away(server, key, mug)
        await _is_back(server, key, mug, workers)


@pytest.mark.embedded
@pytest.mark.xdist_group("faults")
async def test_a_database_server_that_is_gone_is_a_503_until_it_is_started_again() -> None:
    """First it is stopped, then killed."""
    with scratch_folder() as folder:
        database = EmbeddedDatabase(folder / "data")
        try:
            migrate(database.url)
            with serving(folder=folder, database_url=database.url) as server:
                key, mug = await _with_a_mug(server)
                workers = server.workers()
                for how in (signal.SIGINT, signal.SIGKILL):
                    first = postmaster_of(folder)
                    assert first is not None
                    os.kill(first, how)
                    wait_until(lambda: postmaster_of(folder) is None, "PostgreSQL is gone")
                    await _is_away(server, key, mug)
                    wait_until(lambda: not database.ensure_running(), "PostgreSQL is there again")
                    await _is_back(server, key, mug, workers)
        finally:
            database.close()


@pytest.mark.embedded
@pytest.mark.xdist_group("faults")
async def test_a_database_that_hangs_is_a_503_in_time_and_then_goes_on_as_if_nothing_had_been() -> None:
    """Twice: with connections that were made before, and where none is left from before."""
    with _own_database(statement_seconds=2, turn_wait_seconds=1) as (folder, server):
        key, mug = await _with_a_mug(server)
        workers = server.workers()
        with _hanging(folder):
            for _ in range(2):
                asked = time.monotonic()
                await _is_away(server, key, mug)
                assert time.monotonic() - asked < _SOON
        await _is_back(server, key, mug, workers)


@pytest.mark.embedded
@pytest.mark.xdist_group("faults")
def test_readiness_answers_long_before_a_statement_on_a_database_that_hangs_is_given_up() -> None:
    with _own_database(statement_seconds=30) as (folder, server):
        with _hanging(folder):
            asked = time.monotonic()
            ready = server.get("/health/ready")
            assert time.monotonic() - asked < _SOON
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] == "database_unavailable"
        wait_until(server.is_ready, "it is ready again")


@pytest.mark.embedded
@pytest.mark.xdist_group("faults")
async def test_a_database_that_hangs_under_load_loses_and_doubles_nothing() -> None:
    """Each time a little longer than anybody waits for a statement, so that commits, too, run into the deadline."""
    with _own_database(statement_seconds=2, turn_wait_seconds=1, log_level="warning") as (folder, server):
        await demo.create_store(server.database_url)
        key = await operating.create_key(server.database_url, name="tests", scopes=["*"], store=None)
        crowd = Crowd(server, stocked(server, key), History(folder / "history"))
        async with crowd.shopping():
            for _ in range(3):
                await crowd.more(100)
                with _hanging(folder):
                    await asyncio.sleep(5)
            await crowd.more(100)
        crowd.history.close()
        assert crowd.seen.keys() == {201, 503}
        judge(crowd, by_sql(server.database_url))
        judge_stock(crowd, server, by_sql(server.database_url))
        verified = server.run("verify")
        assert verified.returncode == 0, verified.stdout


async def test_a_database_that_was_away_for_long_is_found_within_seconds_of_its_return(database_url: str) -> None:
    """Who doubles his wait after every attempt is, by then, in the middle of one of sixteen seconds."""
    db = Database(database_url)
    await db.open()
    try:
        with _closed(database_url):
            away = time.monotonic()
            while time.monotonic() - away < 18:
                with pytest.raises(DatabaseUnavailable):
                    await _ask(db)
                await asyncio.sleep(0.1)
        returned = time.monotonic()
        while True:
            with suppress(DatabaseUnavailable):
                await _ask(db)
                break
        assert time.monotonic() - returned < 5
    finally:
        await db.close()


async def _ask(db: Database) -> None:
    async with db.read() as reader:
        assert await reader.value("select 1") == 1


async def test_an_error_of_our_own_is_a_problem_with_its_id_and_its_reason_is_only_in_the_log(
    database_url: str,
) -> None:
    """D22: whoever drops a table under a running shop breaks it, and nobody learns of it from an answer."""
    with serving(database_url=database_url, unsafe_database=True, log_level="error") as server:
        key, mug = await _with_a_mug(server)
        with psycopg.connect(database_url) as connection:
            connection.execute("alter table product_variant rename to mislaid")
        answers = [
            server.get("/api/v1/products"),
            server.get(f"/api/v1/products/{mug['slug']}", headers={"X-Request-Id": "request-4711"}),
            httpx2.post(
                f"{server.url}/api/v1/orders",
                json={"email": "ada@example.com", "items": [{"productId": mug["id"], "quantity": 1}]},
                headers={"X-API-Key": key},
                timeout=PATIENCE,
            ),
        ]
        for answer in answers:
            assert same_problem(answer, 500, "internal_error")
            assert not [word for word in (*_INNARDS, "product_variant") if word in answer.text], answer.text
            assert answer.json()["requestId"] == answer.headers["x-request-id"]
            assert answer.json()["requestId"] in server.log
        assert answers[1].json()["requestId"] == "request-4711"
        assert "product_variant" in server.log
