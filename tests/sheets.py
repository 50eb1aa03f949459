"""Spreadsheets as shops have them, and how they get in and out."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import httpx2

from tests.shop import Shop
from tradepost.db import Database
from tradepost.spreadsheets.running import Imports

CSV = {"Content-Type": "text/csv"}


def sheet(headers: Sequence[str], *rows: Sequence[object], separator: str = ",") -> bytes:
    """A file with these cells."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows([headers, *rows])
    return text.getvalue().encode()


def parsed(file: bytes | str) -> list[dict[str, str]]:
    text = file.decode() if isinstance(file, bytes) else file
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def send(
    shop: Shop, file: bytes | AsyncIterator[bytes] | Iterable[bytes], query: str = "", **kwargs: Any
) -> httpx2.Response:
    headers = CSV | kwargs.pop("headers", {})
    return await shop.staff("POST", f"/imports{query}", content=file, headers=headers, **kwargs)


async def work_off(shop: Shop, *, batch_rows: int = 500) -> None:
    """What the process does beside its answers."""
    db = Database(shop.url, size=2)
    await db.open()
    try:
        runner = Imports(db, batch_rows=batch_rows)
        while await runner.run_once():
            pass
    finally:
        await db.close()


async def imported(shop: Shop, file: bytes, query: str = "", *, batch_rows: int = 500) -> dict[str, Any]:
    """Sends a file, and answers the import when it has ended."""
    answer = await send(shop, file, query)
    assert answer.status_code == 202, answer.text
    await work_off(shop, batch_rows=batch_rows)
    return await seen(shop, answer.json()["id"])


async def seen(shop: Shop, import_id: str) -> dict[str, Any]:
    answer = await shop.staff("GET", f"/imports/{import_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def errors_of(shop: Shop, run: dict[str, Any]) -> list[tuple[int | None, str | None, str]]:
    """Line, column and code of each error."""
    answer = await shop.staff("GET", f"/imports/{run['id']}/errors?limit=100")
    return [(error["line"], error["column"], error["code"]) for error in answer.json()["items"]]


def counts(run: dict[str, Any]) -> tuple[int, int, int, int]:
    """Rows created, changed, unchanged, failed."""
    return run["rowsCreated"], run["rowsChanged"], run["rowsUnchanged"], run["rowsFailed"]


async def undone(shop: Shop, run: dict[str, Any]) -> dict[str, Any]:
    answer = await shop.staff("POST", f"/imports/{run['id']}/undo")
    assert answer.status_code == 202, answer.text
    await work_off(shop)
    return await seen(shop, run["id"])


async def read(shop: Shop, ref: str) -> dict[str, Any]:
    answer = await shop.staff("GET", f"/products/{ref}")
    assert answer.status_code == 200, answer.text
    return answer.json()
