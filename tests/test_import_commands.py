"""Spreadsheets on the command line."""

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.server import tradepost
from tests.sheets import parsed, sheet
from tradepost.app import demo


@pytest.fixture
def on(database_url: str) -> dict[str, Any]:
    """Settings for a command on a shop with its store."""
    asyncio.run(demo.create_store(database_url))
    return {"database_url": database_url, "unsafe_database": True}


def _products(on: dict[str, Any]) -> list[tuple[Any, ...]]:
    with psycopg.connect(on["database_url"]) as connection:
        return connection.execute("select name, status from product order by name").fetchall()


def _file(folder: Path, file: bytes) -> str:
    path = folder / "products.csv"
    path.write_bytes(file)
    return str(path)


def _says(done: subprocess.CompletedProcess[str], status: int, *words: str) -> bool:
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == status, (done.stdout, done.stderr)
    assert not [word for word in words if word not in done.stdout + done.stderr], (done.stdout, done.stderr)
    return True


def test_a_file_is_tried_imported_exported_and_taken_back(on: dict[str, Any], tmp_path: Path) -> None:
    path = _file(
        tmp_path, sheet(["Artikel", "name", "price", "Notiz"], ["A", "Kanne", "5", "x"], ["B", "Topf", "6", ""])
    )
    command = ("import", "products", path, "--map", "Artikel=sku")
    tried = tradepost(*command, "--dry-run", **on)
    assert _says(tried, 0, "2 rows read: 2 would be created, 0 would be changed", "columns that were not read: Notiz")
    assert _products(on) == []
    done = tradepost(*command, **on)
    assert _says(done, 0, "finished", "2 rows read: 2 created, 0 changed, 0 unchanged, 0 with errors")
    exported = tradepost("export", "products", **on)
    assert [row["name"] for row in parsed(exported.stdout)] == ["Kanne", "Topf"]
    assert _says(tradepost("export", "orders", "--output", str(tmp_path / "orders.csv"), **on), 0)
    assert (tmp_path / "orders.csv").read_bytes().startswith(b"orderNumber,")
    (import_id,) = re.findall(r"import (\S+): finished", done.stdout)
    assert _says(tradepost("import", "undo", import_id, **on), 0, "2 products are as they were")
    assert _products(on) == [("Kanne", "ARCHIVED"), ("Topf", "ARCHIVED")]
    assert _says(tradepost("import", "undo", import_id, **on), 1, "cannot be undone")


def test_errors_are_shown_and_written_to_a_file(on: dict[str, Any], tmp_path: Path) -> None:
    path = _file(tmp_path, sheet(["sku", "name", "price"], ["A", "Kanne", "5"], *[["", "x", "y"]] * 30))
    shown = tradepost("import", "products", path, **on)
    assert _says(shown, 1, "30 with errors", "line 3 price: is no amount", "and 40 more: --errors FILE")
    errors = tmp_path / "errors.csv"
    assert _says(tradepost("import", "products", path, "--errors", str(errors), **on), 1, "60 errors are in")
    assert len(parsed(errors.read_bytes())) == 60


def test_what_cannot_be_imported_is_one_clear_message(on: dict[str, Any], tmp_path: Path) -> None:
    none = _file(tmp_path, b"just,words\n1,2\n")
    assert _says(tradepost("import", "products", none, **on), 1, "no table of products", "header_missing"[:6])
    latin = _file(tmp_path, "sku,name\nA,Käse\n".encode("latin-1"))
    assert _says(tradepost("import", "products", latin, **on), 1, "2 is the line of the first byte that is not UTF-8")
    assert _says(tradepost("import", "products", latin, "--store", "none", **on), 1, "There is no store 'none'")
    assert _says(tradepost("import", "products", str(tmp_path / "absent.csv"), **on), 2, "does not exist")
    assert _says(tradepost("import", "undo", "01a1fe14-97c9-7000-8aa7-6b518653db0a", **on), 1, "Not found")
    assert _says(tradepost("import", "resume", **on), 0, "0 imports were worked on")
