"""Imports are worked off here: one of a store at a time, by whoever has its lease, from where it was left."""

import asyncio
from functools import partial
from uuid import UUID

import msgspec
import structlog

from tradepost import stores
from tradepost.core.crash_points import crash_point
from tradepost.core.errors import Unavailable
from tradepost.core.ids import uuid7
from tradepost.db import Database, Tx
from tradepost.events import publish
from tradepost.spreadsheets import batches, store, undoing
from tradepost.spreadsheets.events import ImportFailed, ImportFinished, ImportUndone
from tradepost.spreadsheets.model import MOST_FAILED, RUNNING, Failure, Import, Layout, State
from tradepost.spreadsheets.reading import Reader, Unreadable
from tradepost.spreadsheets.rows import Meaning, Row

log = structlog.get_logger()

BATCH_ROWS = 500
_MOST_OF_ONE_PRODUCT = 200
"""A batch goes on for so many rows at most to end with the last row of a product."""
_SLICE = 25
"""After so many rows others on this event loop get their turn."""


class Imports:
    """Works on imports, those of one store or of all. Several processes may; each takes what no other has."""

    def __init__(self, db: Database, *, store_id: UUID | None = None, batch_rows: int = BATCH_ROWS) -> None:
        self._db = db
        self._store_id = store_id
        self._batch_rows = batch_rows
        self._runner = uuid7()

    async def run_once(self) -> bool:
        """Works on one import until it has ended, or somebody else has it; whether there was one."""
        run = await self._db.write(partial(store.claim, runner=self._runner, store_id=self._store_id))
        if run is None:
            return False
        try:
            await (self._import(run) if run.state is State.RUNNING else self._undo(run))
        except Unavailable:
            raise
        except asyncio.CancelledError:
            await self._db.write(partial(store.give_back, run=run, runner=self._runner))
            raise
        except Exception as error:
            log.exception("import_failed", import_id=str(run.id), error=type(error).__name__)
            failure = Failure(run.line, "internal_error", "failed on our side; the log says why")
            await self._db.write(partial(self._fail, run=run, failure=failure))
        return True

    async def _import(self, run: Import) -> None:
        layout = run.layout
        assert layout is not None  # noqa: S101 - a running import has one
        async with self._db.read() as db:
            shop = await stores.get(db, run.store_id)
        reader = Reader(layout, partial(self._fetch, run), position=run.position, line=run.line)
        file = _File(reader, Meaning(layout, shop.currency))
        is_on = True
        while is_on:
            at = file.position
            rows = await file.batch(self._batch_rows)
            is_on = await self._db.write(partial(self._perform, run=run, layout=layout, rows=rows, file=file, at=at))

    async def _fetch(self, run: Import, position: int) -> bytes:
        number, within = divmod(position, store.CHUNK)
        async with self._db.read() as db:
            return (await store.chunk(db, run.store_id, run.id, number))[within:]

    async def _perform(self, tx: Tx, *, run: Import, layout: Layout, rows: list[Row], file: "_File", at: int) -> bool:
        """One batch, with how far the import is after it; whether there is more to do."""
        mine = await store.lock_mine(tx, run, self._runner)
        if mine is None or mine.position != at:
            return False
        if rows:
            outcome = await batches.perform(tx, mine, layout, rows)
            await store.insert_errors(tx, mine, outcome.errors)
            mine = msgspec.structs.replace(
                mine,
                position=file.position,
                line=file.line,
                counts=mine.counts + outcome.counts,
                errors=mine.errors + len(outcome.errors),
            )
            await store.set_progress(tx, mine)
        crash_point("import_before_commit")
        if file.failure is not None:
            await self._fail(tx, run=mine, failure=file.failure)
        elif mine.counts.failed >= MOST_FAILED:
            detail = f"is where it was given up: {MOST_FAILED} rows had errors"
            await self._fail(tx, run=mine, failure=Failure(mine.line, "too_many_errors", detail))
        elif file.is_over:
            await self._finish(tx, mine)
        else:
            return True
        return False

    async def _finish(self, tx: Tx, run: Import) -> None:
        await store.set_state(tx, run, State.FINISHED)
        if not run.is_dry_run:
            counts = run.counts
            fact = ImportFinished(counts.created, counts.changed, counts.unchanged, counts.failed)
            await publish(tx, fact, actor=run.actor, subject_id=run.id)

    async def _fail(self, tx: Tx, *, run: Import, failure: Failure) -> None:
        """Ends an import that cannot go on; what it did stays, and can be undone."""
        present = await store.lock(tx, run.store_id, run.id)
        if present.state not in RUNNING:
            return
        await store.set_state(tx, present, State.FAILED, failure=failure)
        if not run.is_dry_run:
            await publish(tx, ImportFailed(failure.line, failure.code), actor=run.actor, subject_id=run.id)

    async def _undo(self, run: Import) -> None:
        while await self._db.write(partial(self._undo_next, run=run)):
            pass

    async def _undo_next(self, tx: Tx, *, run: Import) -> bool:
        mine = await store.lock_mine(tx, run, self._runner)
        if mine is None:
            return False
        done = await undoing.undo_next(tx, mine)
        if done is None:
            await store.set_state(tx, mine, State.UNDONE)
            fact = ImportUndone(mine.products_undone, mine.products_kept)
            await publish(tx, fact, actor=mine.actor, subject_id=mine.id)
            return False
        await store.insert_errors(tx, mine, done.kept)
        await store.set_progress(
            tx,
            msgspec.structs.replace(
                mine,
                errors=mine.errors + len(done.kept),
                products_undone=mine.products_undone + done.undone,
                products_kept=mine.products_kept + len(done.kept),
            ),
        )
        crash_point("undo_before_commit")
        return True


class _File:
    """A file as batches of rows. A batch does not end between two rows of one product."""

    def __init__(self, reader: Reader, meaning: Meaning) -> None:
        self._reader = reader
        self._meaning = meaning
        self._held: Row | None = None
        self.position = reader.position
        """Where the rows end that have been given out; `line` is the line there."""
        self.line = reader.line
        self.is_over = False
        self.failure: Failure | None = None

    async def batch(self, size: int) -> list[Row]:
        """The next rows; fewer at the end of the file, and where it cannot be read on, which `failure` says then."""
        rows: list[Row] = []
        while True:
            row, position, line = await self._next()
            if row is None:
                self.is_over = self.failure is None
            elif len(rows) < size or (len(rows) < size + _MOST_OF_ONE_PRODUCT and _go_together(rows[-1], row)):
                rows.append(row)
                if len(rows) % _SLICE == 0:
                    await asyncio.sleep(0)
                continue
            self._held, self.position, self.line = row, position, line
            return rows

    async def _next(self) -> tuple[Row | None, int, int]:
        """The next row, and where it begins."""
        if self._held is not None:
            row, self._held = self._held, None
            return row, self.position, self.line
        position, line = self._reader.position, self._reader.line
        try:
            record = await self._reader.next()
        except Unreadable as error:
            self.failure = error.failure
            return None, position, line
        return (None if record is None else self._meaning.row(record)), position, line


def _go_together(one: Row, other: Row) -> bool:
    return one.slug is not None and one.slug == other.slug
