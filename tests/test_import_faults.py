"""Whoever is killed in the middle of an import, each row is imported once."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from tests.server import PROGRAM, environment, kill, serving, tradepost, wait_until
from tests.sheets import CSV, counts, seen, send, sheet, work_off
from tests.shop import Shop
from tradepost.app import demo
from tradepost.db import Database
from tradepost.spreadsheets.running import Imports

_ROWS = 6000


def _file(rows: int = _ROWS) -> bytes:
    """Products of two variants, and a few rows with errors among them."""
    made = (
        [f"p-{at // 2}", f"Product {at // 2}", f"SKU-{at}", "x" if at % 1000 == 999 else "5.10", "3", f"{at % 2}"]
        for at in range(rows)
    )
    return sheet(["slug", "name", "sku", "price", "stock", "option:size"], *made)


def _one(url: str, statement: str) -> Any:
    with psycopg.connect(url) as connection:
        return (connection.execute(statement.encode()).fetchone() or (None,))[0]


def _check_whole(url: str, rows: int = _ROWS) -> None:
    """All rows but those with errors and their neighbours, each once, as the counters and the ledger say."""
    bad = rows // 1000
    assert _one(url, "select count(*) from product_variant where sku like 'SKU-%'") == rows - 2 * bad
    assert _one(url, "select count(*) from product where slug like 'p-%'") == rows // 2 - bad
    assert _one(url, "select sum(on_hand_change) from stock_movement") == 3 * (rows - 2 * bad)
    assert _one(url, "select rows_created from product_import") == rows - 2 * bad
    assert _one(url, "select rows_failed from product_import") == 2 * bad
    assert _one(url, "select count(*) from product_import_error") == 2 * bad
    assert _one(url, "select count(*) from event where name = 'product.created'") == rows // 2 - bad
    assert _one(url, "select count(*) from product_import_chunk") == 0
    assert _one(url, "select count(*) from product_import_seen") == 0


@pytest.mark.faults
def test_a_killed_command_is_gone_on_with_by_the_next(database_url: str, tmp_path: Path) -> None:
    asyncio.run(demo.create_store(database_url))
    path = tmp_path / "products.csv"
    path.write_bytes(_file())
    settings = {"database_url": database_url, "unsafe_database": 1}
    command = [*PROGRAM, "import", "products", str(path)]
    read = "select coalesce(max(rows_created), 0) from product_import"
    process = subprocess.Popen(
        command, env=environment(**settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _one(database_url, read) >= 1000, "a thousand rows are imported")
    finally:
        kill(process.pid)
        process.wait()
    assert 1000 <= _one(database_url, read) < _ROWS - 2 * (_ROWS // 1000)
    assert _one(database_url, "select state from product_import") == "RUNNING"

    def resumed() -> bool:
        done = tradepost("import", "resume", **settings)
        assert done.returncode == 0, done.stderr
        return bool(_one(database_url, "select state from product_import") == "FINISHED")

    wait_until(resumed, "the lease has run out, and the rest is imported")
    _check_whole(database_url)
    assert tradepost("verify", **settings).returncode == 0


@pytest.mark.faults
@pytest.mark.parametrize("where", ["import_before_commit", "undo_before_commit"])
def test_a_server_goes_on_with_an_import_of_which_the_process_was_killed(
    database_url: str, tmp_path: Path, where: str
) -> None:
    asyncio.run(demo.create_store(database_url))
    settings = {"database_url": database_url, "unsafe_database": 1, "sweep_seconds": 0.2}
    with serving(**settings, test_crash_at=tmp_path) as server:
        headers = {"X-API-Key": server.key("products:write", "stock:adjust")}
        answer = httpx2.post(f"{server.url}/api/v1/imports", content=_file(), headers=headers | CSV, timeout=60)
        assert answer.status_code == 202, answer.text
        path = f"/api/v1/imports/{answer.json()['id']}"

        def state() -> str:
            return server.ask("GET", path, headers=headers).json()["state"]

        wait_until(lambda: _one(database_url, "select rows_created from product_import") >= 1000, "it is under way")
        (tmp_path / where).touch()
        wait_until(lambda: state() == "FINISHED", "it is imported")
        _check_whole(database_url)
        server.ask("POST", f"{path}/undo", headers=headers)
        wait_until(lambda: state() == "UNDONE", "it is undone")
        assert _one(database_url, "select count(*) from product where status = 'ARCHIVED'") == _ROWS // 2 - 6
        assert _one(database_url, "select products_undone from product_import") == _ROWS // 2 - 6
        assert not (tmp_path / where).exists()


pytestmark = pytest.mark.anyio


async def test_many_who_could_work_on_imports_do_each_row_once_and_one_import_at_a_time(shop: Shop) -> None:
    files = [sheet(["sku", "name"], *[[f"{at}-{row}", f"N {row}"] for row in range(120)]) for at in range(4)]
    runs = [(await send(shop, file)).json()["id"] for file in files]
    most = 0
    databases = [Database(shop.url, size=2) for _ in range(4)]
    for db in databases:
        await db.open()

    async def work(db: Database) -> None:
        nonlocal most
        for _ in range(30):
            await Imports(db, batch_rows=10).run_once()
            (row,) = await shop.rows("select count(*) from product_import where state = 'RUNNING'")
            most = max(most, row[0])

    try:
        await asyncio.gather(*(work(db) for db in databases))
    finally:
        for db in databases:
            await db.close()
    await work_off(shop)
    assert [counts(await seen(shop, run)) for run in runs] == [(120, 0, 0, 0)] * 4
    assert await shop.rows("select count(*), count(distinct sku) from product_variant") == [(480, 480)]
    assert most <= 1


async def test_who_lost_his_lease_writes_no_more(shop: Shop) -> None:
    """A process that was frozen wakes up, when another one has gone on with its import."""
    run = (await send(shop, sheet(["sku", "name"], *[[f"S-{row}", f"N {row}"] for row in range(50)]))).json()
    db = Database(shop.url, size=2)
    await db.open()
    frozen = asyncio.create_task(Imports(db, batch_rows=1).run_once())
    while not (await seen(shop, run["id"]))["rowsRead"]:  # noqa: ASYNC110 - only the database knows
        await asyncio.sleep(0)
    await shop.change("update product_import set lease_until = now() - interval '1 minute'")
    await work_off(shop)
    await frozen
    await db.close()
    assert counts(await seen(shop, run["id"])) == (50, 0, 0, 0)
    assert await shop.rows("select count(*) from product_variant") == [(50,)]


async def test_an_import_is_cancelled_while_it_runs(shop: Shop) -> None:
    run = (await send(shop, sheet(["sku", "name"], *[[f"S-{row}", f"N {row}"] for row in range(300)]))).json()
    work = asyncio.create_task(work_off(shop, batch_rows=1))
    while not (await seen(shop, run["id"]))["rowsRead"]:  # noqa: ASYNC110 - only the database knows
        await asyncio.sleep(0)
    cancelled = (await shop.staff("DELETE", f"/imports/{run['id']}")).json()
    await work
    after = await seen(shop, run["id"])
    assert (after["state"], after["rowsRead"]) == ("CANCELLED", cancelled["rowsRead"])
    assert await shop.rows("select count(*) from product_variant") == [(after["rowsCreated"],)]
