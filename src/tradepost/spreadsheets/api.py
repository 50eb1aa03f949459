from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from tradepost import idempotency
from tradepost.core.errors import Forbidden, NotFound, invalid
from tradepost.db import Database, Tx
from tradepost.events import publish
from tradepost.http import CSV, Answer, Call, In, Out, PageOut, PageQuery, Routes, Streamed, Upload, page_out, window
from tradepost.http.routes import replayed
from tradepost.spreadsheets import changes, exporting, receiving, store, undoing
from tradepost.spreadsheets.events import ImportCancelled
from tradepost.spreadsheets.model import (
    ADJUST,
    CANCELLABLE,
    FileTooLarge,
    Import,
    ImportEnded,
    ImportNotUndoable,
    RowError,
    SpreadsheetUnusable,
    State,
    TooManyImports,
    Wishes,
)
from tradepost.stores import store_of

routes = Routes("Imports and exports", "Spreadsheets in and out.")

_MAPPING = msgspec.json.Decoder(dict[str, str])
_ERRORS = 1000


class Largest(msgspec.Struct, frozen=True):
    """How many bytes a file may have."""

    size: int


class ImportQuery(In):
    """`name` is what the file is called. `dryRun`: the same errors and counts, and nothing is written.

    `strict`: a batch of rows with an error in it is left out whole. `map`: a JSON object that says for headers of the
    file which of our columns they are.
    """

    name: Annotated[str, Meta(max_length=200)] = ""
    dry_run: bool = False
    strict: bool = False
    map: Annotated[str, Meta(max_length=8000, examples=['{"Artikel": "sku"}'])] = "{}"


class ColumnOut(Out):
    """A column of the file, and which of ours it is; null where it is not read."""

    header: str
    field: str | None


class FailureOut(Out):
    line: int
    code: str
    detail: str


class ImportOut(Out, kw_only=True):
    """`rowsDone` are those that were created, changed, or unchanged, as they are as the file says.

    `failure` is why it could not go on. After an undo, `productsKept` are those that somebody had changed since.
    """

    id: UUID
    name: str
    state: State
    is_dry_run: bool
    is_strict: bool
    percent: float
    size_bytes: int
    rows_read: int
    rows_done: int
    rows_created: int
    rows_changed: int
    rows_unchanged: int
    rows_failed: int
    error_count: int
    columns: list[ColumnOut]
    ignored_columns: list[str]
    failure: FailureOut | None
    products_undone: int
    products_kept: int
    created_at: datetime
    ended_at: datetime | None


class RowErrorOut(Out):
    """`line` is the one in the file on which the row begins, `column` its header there."""

    line: int | None
    column: str | None
    sku: str | None
    code: str
    detail: str


@routes.act(
    "POST",
    "/imports",
    query=ImportQuery,
    takes=CSV,
    answer=ImportOut,
    status=202,
    problems=[SpreadsheetUnusable, FileTooLarge, TooManyImports],
)
async def start_import(call: Call, query: ImportQuery, body: Upload) -> Answer:
    """Import products from comma-separated values: the file is the body, and is worked on after the answer.

    Rows match by SKU; see the guide for the columns. Ask for the import at its Location to see how far it is.
    """
    most = call.service(Largest).size
    if body.announced > most:
        raise FileTooLarge(f"At most {most >> 20} MiB can be imported at once")
    wishes = Wishes(name=query.name, is_dry_run=query.dry_run, is_strict=query.strict, mapping=_mapping_of(query.map))
    run = await receiving.receive(call.db, aiter(body), wishes, actor=call.actor, most=most)
    try:
        answer = await call.db.write(partial(_begun, call=call, run=run))
    except BaseException:
        await receiving.forget(call.db, run)
        raise
    if ("idempotency-replayed", "true") in answer.headers:
        await receiving.forget(call.db, run)
    return answer


async def _begun(tx: Tx, *, call: Call, run: Import) -> Answer:
    """The key's first answer, where it has one, for a file of the same size and columns; else the import begins."""
    claim = None
    if call.claim is not None:
        said = msgspec.json.encode([run.size, run.layout, run.name, run.is_dry_run, run.is_strict, run.digest.hex()])
        claim = call.claim.saying(said)
        kept = await idempotency.begin(tx, claim)
        if kept is not None:
            return replayed(kept)
    begun = await receiving.begin(tx, run)
    answer = call.json(_shown(begun), status=202, headers=[("location", f"/api/v1/imports/{run.id}")])
    if claim is not None:
        await idempotency.insert(tx, claim, status=answer.status, headers=answer.headers, body=answer.body)
    return answer


@routes.get("/imports", query=PageQuery, answer=PageOut[ImportOut])
async def list_imports(call: Call, query: PageQuery) -> Answer:
    """List imports, newest first."""
    async with call.db.read() as db:
        page = await store.page(db, call.actor.store_id, window=window(call, query))
    return call.json(page_out(call, query, page, _shown))


@routes.get("/imports/{import_id}", answer=ImportOut, problems=[NotFound])
async def read_import(call: Call) -> Answer:
    """See how far an import is and what it did."""
    async with call.db.read() as db:
        found = await store.get(db, call.actor.store_id, call.id("import_id"))
    return call.json(_shown(found))


@routes.get("/imports/{import_id}/errors", query=PageQuery, answer=PageOut[RowErrorOut], problems=[NotFound])
async def list_import_errors(call: Call, query: PageQuery) -> Answer:
    """List what was wrong with rows, in the order of the file; what an undo could not take back is last."""
    store_id, import_id = call.actor.store_id, call.id("import_id")
    async with call.db.read() as db:
        await store.get(db, store_id, import_id)
        page = await store.page_of_errors(db, store_id, import_id, window=window(call, query))
    return call.json(page_out(call, query, page, lambda found: _error(found.error)))


@routes.get("/imports/{import_id}/errors.csv", media=CSV, problems=[NotFound])
async def download_import_errors(call: Call) -> Answer:
    """Download what was wrong with rows as a file."""
    async with call.db.read() as db:
        found = await store.get(db, call.actor.store_id, call.id("import_id"))
    return await _file(errors_file(call.db, found), f"errors-{found.id}")


@routes.write(
    "POST",
    "/imports/{import_id}/undo",
    answer=ImportOut,
    status=202,
    problems=[NotFound, ImportNotUndoable],
)
async def undo_import(call: Call, tx: Tx) -> Answer:
    """Take back what an import did: what it created is archived, what it changed is as it was before.

    Products that somebody has changed since stay as they are, and are listed among the errors. Where the import has
    corrected stock, this needs the permission to do that.
    """
    found = await store.lock(tx, call.actor.store_id, call.id("import_id"))
    if not call.actor.may(ADJUST) and await changes.has_stock(tx, found):
        raise Forbidden(f"The import has corrected stock: this needs the permission {ADJUST}")
    return call.json(_shown(await undoing.ask(tx, found)), status=202)


@routes.write("DELETE", "/imports/{import_id}", answer=ImportOut, problems=[NotFound, ImportEnded])
async def cancel_import(call: Call, tx: Tx) -> Answer:
    """Stop an import that waits or runs. What it has done stays; an undo takes it back."""
    found = await store.lock(tx, call.actor.store_id, call.id("import_id"))
    if found.state not in CANCELLABLE:
        raise ImportEnded
    await store.set_state(tx, found, State.CANCELLED)
    if not found.is_dry_run:
        await publish(tx, ImportCancelled(), actor=call.actor, subject_id=found.id)
    return call.json(_shown(await store.get(tx, found.store_id, found.id)))


@routes.get("/exports/products.csv", media=CSV)
async def export_products(call: Call) -> Answer:
    """Download all products, a row for each variant, in the form that imports read."""
    return await _file(exporting.products(call.db, store_of(call)), "products")


@routes.get("/exports/customers.csv", media=CSV)
async def export_customers(call: Call) -> Answer:
    """Download all customers."""
    return await _file(exporting.customers(call.db, store_of(call)), "customers")


@routes.get("/exports/orders.csv", media=CSV)
async def export_orders(call: Call) -> Answer:
    """Download all orders, a row for each."""
    return await _file(exporting.orders(call.db, store_of(call)), "orders")


async def errors_file(db: Database, run: Import) -> AsyncIterator[bytes]:
    """The errors of an import, a row for each."""
    yield exporting.lines([("line", "column", "sku", "code", "detail")])
    last = 0
    while True:
        async with db.read() as reader:
            page = await store.errors_after(reader, run.store_id, run.id, last, limit=_ERRORS)
        if not page:
            return
        yield exporting.lines(
            [
                (found.error.line, found.error.header, found.error.sku, found.error.code, found.error.detail)
                for found in page
            ]
        )
        last = page[-1].number


async def _file(pieces: AsyncIterator[bytes], name: str) -> Answer:
    headers = [("cache-control", "no-store"), ("content-disposition", f'attachment; filename="{name}.csv"')]
    return await Streamed.begun(pieces, content_type=f"{CSV}; charset=utf-8", headers=headers)


def _mapping_of(text: str) -> dict[str, str]:
    try:
        return {header.strip(): field for header, field in _MAPPING.decode(text).items()}
    except (msgspec.ValidationError, msgspec.DecodeError):
        raise invalid("?map", "invalid_type", 'is not a JSON object such as {"Artikel": "sku"}') from None


def _shown(run: Import) -> ImportOut:
    columns = [] if run.layout is None else list(zip(run.layout.headers, run.layout.fields, strict=True))
    failure = run.failure
    return ImportOut(
        id=run.id,
        name=run.name,
        state=run.state,
        is_dry_run=run.is_dry_run,
        is_strict=run.is_strict,
        percent=run.percent,
        size_bytes=run.size,
        rows_read=run.counts.read,
        rows_done=run.counts.done,
        rows_created=run.counts.created,
        rows_changed=run.counts.changed,
        rows_unchanged=run.counts.unchanged,
        rows_failed=run.counts.failed,
        error_count=run.errors,
        columns=[ColumnOut(header, field) for header, field in columns],
        ignored_columns=[header for header, field in columns if field is None],
        failure=None if failure is None else FailureOut(failure.line, failure.code, failure.detail),
        products_undone=run.products_undone,
        products_kept=run.products_kept,
        created_at=run.created_at,
        ended_at=run.ended_at,
    )


def _error(error: RowError) -> RowErrorOut:
    return RowErrorOut(error.line, error.header, error.sku, error.code, error.detail)
