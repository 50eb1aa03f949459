"""`tradepost import` and `tradepost export`: the same imports and exports as over HTTP, with a progress bar."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tradepost import stores
from tradepost.app.settings import Settings
from tradepost.core.actors import system
from tradepost.core.errors import NotFound
from tradepost.db import Database, Tx
from tradepost.spreadsheets import api, exporting, receiving, store, undoing
from tradepost.spreadsheets.model import UNFINISHED, Import, State, Wishes
from tradepost.spreadsheets.running import Imports
from tradepost.stores import Store

_PIECE = 1 << 18
_SHOWN = 20
_WAIT_SECONDS = 0.5
_EXPORTS = {"products": exporting.products, "customers": exporting.customers, "orders": exporting.orders}


class opened:  # noqa: N801 - reads as a verb
    """A database of its own for the length of a block, and a store by its slug; NotFound where there is none."""

    def __init__(self, url: str, slug: str | None) -> None:
        self._db = Database(url, size=4)
        self._slug = slug

    async def __aenter__(self) -> tuple[Database, Store]:
        await self._db.open()
        async with self._db.read() as db:
            found = await stores.all_stores(db)
        for one in found:
            if one.slug == self._slug or (self._slug is None and one.is_default):
                return self._db, one
        await self._db.close()
        msg = f"There is no store {self._slug!r}" if self._slug else "There is no store yet: run 'tradepost seed'"
        raise NotFound(msg)

    async def __aexit__(self, *_: object) -> None:
        await self._db.close()


async def import_products(
    settings: Settings, url: str, file: Path, wishes: Wishes, *, slug: str | None, errors: Path | None
) -> bool:
    """Imports a file, after whatever waits before it; whether every row was right."""
    async with opened(url, slug) as (db, shop):
        most = settings.import_mib << 20
        run = await receiving.receive(db, _pieces(file), wishes, actor=system(shop.id), most=most)
        run = await db.write(partial(receiving.begin, run=run))
        return await _carry_out(db, run, errors)


async def undo(url: str, import_id: UUID, *, slug: str | None) -> bool:
    """Takes an import back; whether all of it was taken back."""
    async with opened(url, slug) as (db, shop):
        run = await db.write(partial(_ask_undo, store_id=shop.id, import_id=import_id))
        return await _carry_out(db, run, None)


async def resume(url: str, *, slug: str | None) -> int:
    """Works off what waits or was left in the middle of one store; how many imports."""
    async with opened(url, slug) as (db, shop):
        return await _work_off(Imports(db, store_id=shop.id))


async def resume_all(url: str) -> int:
    """The same of all stores."""
    db = Database(url, size=4)
    await db.open()
    try:
        return await _work_off(Imports(db))
    finally:
        await db.close()


async def _work_off(imports: Imports) -> int:
    number = 0
    while await imports.run_once():
        number += 1
    return number


async def export(url: str, kind: str, output: BinaryIO, *, slug: str | None) -> None:
    async with opened(url, slug) as (db, shop):
        async for piece in _EXPORTS[kind](db, shop):
            output.write(piece)


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece


async def _ask_undo(tx: Tx, *, store_id: UUID, import_id: UUID) -> Import:
    return await undoing.ask(tx, await store.lock(tx, store_id, import_id))


async def _carry_out(db: Database, run: Import, errors: Path | None) -> bool:
    """Sees an import to its end, whoever works on it, and says what became of it."""
    ended = await _followed(db, run)
    _say(ended)
    if ended.errors:
        await _show_errors(db, ended, errors)
    return ended.state in (State.FINISHED, State.UNDONE) and not ended.counts.failed and not ended.products_kept


async def _followed(db: Database, run: Import) -> Import:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    work = asyncio.create_task(_work(db, run))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("Importing", total=100)
        while True:
            async with db.read() as reader:
                present = await store.get(reader, run.store_id, run.id)
            progress.update(task, completed=present.percent, description=f"{present.counts.read} rows")
            if present.state not in UNFINISHED:
                await work
                return present
            if work.done():
                await work
                work = asyncio.create_task(_work(db, run))
            await asyncio.sleep(_WAIT_SECONDS)


async def _work(db: Database, run: Import) -> None:
    await _work_off(Imports(db, store_id=run.store_id))


def _say(run: Import) -> None:
    counts = run.counts
    what = "would be " if run.is_dry_run else ""
    click.echo(f"import {run.id}: {run.state.lower()}")
    click.echo(
        f"{counts.read} rows read: {counts.created} {what}created, {counts.changed} {what}changed, "
        f"{counts.unchanged} unchanged, {counts.failed} with errors"
    )
    if run.layout and (ignored := [h for h, f in zip(run.layout.headers, run.layout.fields, strict=True) if f is None]):
        click.echo(f"columns that were not read: {', '.join(ignored)}")
    if run.failure:
        click.echo(f"line {run.failure.line}: {run.failure.detail} ({run.failure.code})")
    if run.state is State.UNDONE:
        click.echo(f"{run.products_undone} products are as they were, {run.products_kept} had been changed since")


async def _show_errors(db: Database, run: Import, errors: Path | None) -> None:
    if errors is not None:
        with errors.open("wb") as output:
            async for piece in api.errors_file(db, run):
                output.write(piece)
        click.echo(f"{run.errors} errors are in {errors}")
        return
    async with db.read() as reader:
        for found in await store.errors_after(reader, run.store_id, run.id, 0, limit=_SHOWN):
            error = found.error
            where = " ".join(part for part in (error.line and f"line {error.line}", error.header, error.sku) if part)
            click.echo(f"{where}: {error.detail} ({error.code})", err=True)
    if run.errors > _SHOWN:
        click.echo(f"and {run.errors - _SHOWN} more: --errors FILE has them all", err=True)
