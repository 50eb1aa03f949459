"""Every statement on imports."""

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import errors

from tradepost.core.actors import ActorKind
from tradepost.core.errors import NotFound
from tradepost.core.pages import Page
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.arrays import integers, texts
from tradepost.db.composing import Window
from tradepost.db.connections import Row
from tradepost.spreadsheets.model import Counts, Failure, Import, Layout, RowError, State

CHUNK = 256 * 1024
LEASE_SECONDS = 15
_FORGOTTEN_MINUTES = 60

_COLUMNS: LiteralString = """
    select run.store_id, run.id, run.state, run.name, run.is_dry_run, run.is_strict, run.may_adjust, run.layout,
           run.size, run.position, run.line, run.rows_created, run.rows_changed, run.rows_unchanged, run.rows_failed,
           run.errors, run.failure, run.products_undone, run.products_kept, run.actor_kind, run.actor_id,
           run.created_at, run.ended_at
    from product_import as run
"""


async def insert(tx: Tx, new: Import) -> None:
    await tx.run(
        """
        insert into product_import (store_id, id, state, name, is_dry_run, is_strict, may_adjust, actor_kind, actor_id)
        values (%(store_id)s, %(id)s, 'UPLOADING', %(name)s, %(is_dry_run)s, %(is_strict)s, %(may_adjust)s,
                %(actor_kind)s, %(actor_id)s)
        """,
        {
            "store_id": new.store_id,
            "id": new.id,
            "name": new.name,
            "is_dry_run": new.is_dry_run,
            "is_strict": new.is_strict,
            "may_adjust": new.may_adjust,
            "actor_kind": new.actor_kind,
            "actor_id": new.actor_id,
        },
    )


async def insert_chunk(tx: Tx, store_id: UUID, import_id: UUID, number: int, piece: bytes) -> None:
    """A piece of the file. All but the last are CHUNK long."""
    await tx.run(
        """
        insert into product_import_chunk (store_id, import_id, number, bytes)
        values (%(store_id)s, %(import_id)s, %(number)s, %(piece)s)
        """,
        {"store_id": store_id, "import_id": import_id, "number": number, "piece": piece},
    )
    await tx.run(
        """
        update product_import
        set updated_at = now()
        where store_id = %(store_id)s
          and id = %(import_id)s
        """,
        {"store_id": store_id, "import_id": import_id},
    )


async def chunk(db: Reader, store_id: UUID, import_id: UUID, number: int) -> bytes:
    """A piece of the file; nothing behind the last one."""
    found: bytes | None = await db.value(
        """
        select bytes
        from product_import_chunk
        where store_id = %(store_id)s
          and import_id = %(import_id)s
          and number = %(number)s
        """,
        {"store_id": store_id, "import_id": import_id, "number": number},
    )
    return found or b""


async def set_waiting(tx: Tx, new: Import) -> None:
    """The whole file is here: whoever is free may begin."""
    await tx.run(
        """
        update product_import
        set state = 'WAITING',
            layout = %(layout)s::text::jsonb,
            size = %(size)s,
            position = %(position)s,
            line = %(line)s,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {
            "store_id": new.store_id,
            "id": new.id,
            "layout": msgspec.json.encode(new.layout).decode(),
            "size": new.size,
            "position": new.position,
            "line": new.line,
        },
    )


async def delete_upload(tx: Tx, store_id: UUID, import_id: UUID) -> None:
    """Forgets a file that did not become an import."""
    ids = {"store_id": store_id, "id": import_id}
    await tx.run("delete from product_import_chunk where store_id = %(store_id)s and import_id = %(id)s", ids)
    await tx.run("delete from product_import where store_id = %(store_id)s and id = %(id)s and layout is null", ids)


async def abandoned(db: Reader) -> list[tuple[UUID, UUID]]:
    """Files that nobody goes on sending, of all stores."""
    rows = await db.rows(
        """
        select store_id, id
        from product_import
        where state = 'UPLOADING'
          and updated_at < now() - make_interval(mins => %(minutes)s)
        limit 100
        """,
        {"minutes": _FORGOTTEN_MINUTES},
    )
    return [(store_id, id_) for store_id, id_ in rows]


async def unfinished(db: Reader, store_id: UUID) -> int:
    found: int = await db.value(
        """
        select count(*)
        from product_import
        where store_id = %(store_id)s
          and ended_at is null
        """,
        {"store_id": store_id},
    )
    return found


async def claimable(db: Reader) -> bool:
    """Whether there is anything for a runner to do: see `claim`."""
    found: bool = await db.value(
        """
        select exists (
          select
          from product_import as waiting
          where waiting.state in ('WAITING', 'RUNNING', 'UNDO_WAITING', 'UNDOING')
            and (waiting.lease_until is null or waiting.lease_until < clock_timestamp())
            and not exists (
              select
              from product_import as other
              where other.store_id = waiting.store_id
                and other.id <> waiting.id
                and other.state in ('RUNNING', 'UNDOING')
            )
        )
        """
    )
    return found


async def claim(tx: Tx, runner: UUID, *, store_id: UUID | None) -> Import | None:
    """Takes the oldest import that waits, or that was left in the middle, where its store has no other under way."""
    try:
        async with tx.savepoint():
            row = await tx.row(
                """
                update product_import
                set state = case state when 'WAITING' then 'RUNNING' when 'UNDO_WAITING' then 'UNDOING' else state end,
                    runner = %(runner)s,
                    lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
                    updated_at = now()
                where (store_id, id) = (
                  select waiting.store_id, waiting.id
                  from product_import as waiting
                  where waiting.state in ('WAITING', 'RUNNING', 'UNDO_WAITING', 'UNDOING')
                    and (waiting.lease_until is null or waiting.lease_until < clock_timestamp())
                    and (%(store_id)s::uuid is null or waiting.store_id = %(store_id)s)
                    and not exists (
                      select
                      from product_import as other
                      where other.store_id = waiting.store_id
                        and other.id <> waiting.id
                        and other.state in ('RUNNING', 'UNDOING')
                    )
                  order by waiting.id
                  limit 1
                  for update skip locked
                )
                returning store_id, id
                """,
                {"runner": runner, "seconds": LEASE_SECONDS, "store_id": store_id},
            )
    except errors.UniqueViolation:  # another import of the store was begun this very moment
        return None
    return None if row is None else await get(tx, *row)


async def lock(tx: Tx, store_id: UUID, import_id: UUID) -> Import:
    """Raises NotFound."""
    return await _one(tx, store_id, import_id, for_update=True)


async def lock_mine(tx: Tx, run: Import, runner: UUID) -> Import | None:
    """The import, where this runner still has it and nobody has cancelled it; its lease begins anew."""
    row = await tx.row(
        """
        update product_import
        set lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
          and runner = %(runner)s
          and state in ('RUNNING', 'UNDOING')
        returning id
        """,
        {"store_id": run.store_id, "id": run.id, "runner": runner, "seconds": LEASE_SECONDS},
    )
    return None if row is None else await get(tx, run.store_id, run.id)


async def give_back(tx: Tx, run: Import, runner: UUID) -> None:
    """Lets go of an import, so that another runner may go on with it at once."""
    await tx.run(
        """
        update product_import
        set lease_until = null
        where store_id = %(store_id)s
          and id = %(id)s
          and runner = %(runner)s
        """,
        {"store_id": run.store_id, "id": run.id, "runner": runner},
    )


async def set_progress(tx: Tx, run: Import) -> None:
    """Writes how far a locked import is."""
    await tx.run(
        """
        update product_import
        set position = %(position)s,
            line = %(line)s,
            rows_created = %(created)s,
            rows_changed = %(changed)s,
            rows_unchanged = %(unchanged)s,
            rows_failed = %(failed)s,
            errors = %(errors)s,
            products_undone = %(products_undone)s,
            products_kept = %(products_kept)s
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {
            "store_id": run.store_id,
            "id": run.id,
            "position": run.position,
            "line": run.line,
            **msgspec.structs.asdict(run.counts),
            "errors": run.errors,
            "products_undone": run.products_undone,
            "products_kept": run.products_kept,
        },
    )


async def set_state(tx: Tx, run: Import, state: State, *, failure: Failure | None = None) -> None:
    """Moves a locked import. One that has ended needs its file no more."""
    await tx.run(
        """
        update product_import
        set state = %(state)s,
            failure = coalesce(%(failure)s::text::jsonb, failure),
            runner = null,
            lease_until = null,
            ended_at = case when %(state)s = 'UNDO_WAITING' then null else now() end,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {
            "store_id": run.store_id,
            "id": run.id,
            "state": state,
            "failure": None if failure is None else msgspec.json.encode(failure).decode(),
        },
    )
    ids = {"store_id": run.store_id, "id": run.id}
    await tx.run("delete from product_import_chunk where store_id = %(store_id)s and import_id = %(id)s", ids)
    await tx.run("delete from product_import_seen where store_id = %(store_id)s and import_id = %(id)s", ids)


async def meet(tx: Tx, run: Import, met: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Notes what may be in a file once, each a kind and a value; those that had been met in an earlier batch."""
    rows = await tx.rows(
        """
        insert into product_import_seen (store_id, import_id, kind, value)
        select %(store_id)s, %(import_id)s, kind, value
        from unnest(%(kinds)s, %(values)s) as met (kind, value)
        order by kind, value
        on conflict do nothing
        returning kind, value
        """,
        {
            "store_id": run.store_id,
            "import_id": run.id,
            "kinds": texts([kind for kind, _ in met]),
            "values": texts([value for _, value in met]),
        },
    )
    return set(met) - {(kind, value) for kind, value in rows}


async def insert_errors(tx: Tx, run: Import, found: Sequence[RowError]) -> None:
    """Behind those that there are."""
    if not found:
        return
    await tx.run(
        """
        insert into product_import_error (store_id, import_id, number, line, header, sku, code, detail)
        select %(store_id)s, %(import_id)s, number, line, header, sku, code, detail
        from unnest(%(numbers)s, %(lines)b::int4[], %(headers)s, %(skus)s, %(codes)s, %(details)s)
             as error (number, line, header, sku, code, detail)
        """,
        {
            "store_id": run.store_id,
            "import_id": run.id,
            "numbers": integers(range(run.errors + 1, run.errors + len(found) + 1)),
            "lines": [error.line for error in found],
            "headers": texts([error.header for error in found]),
            "skus": texts([error.sku for error in found]),
            "codes": texts([error.code for error in found]),
            "details": texts([error.detail for error in found]),
        },
    )


async def get(db: Reader, store_id: UUID, import_id: UUID) -> Import:
    """Raises NotFound."""
    return await _one(db, store_id, import_id, for_update=False)


async def _one(db: Reader, store_id: UUID, import_id: UUID, *, for_update: bool) -> Import:
    row = await db.row(
        _COLUMNS + _BY_ID + ("for update" if for_update else ""), {"store_id": store_id, "id": import_id}
    )
    if row is None:
        raise NotFound
    return _import(row)


_BY_ID: LiteralString = """
    where run.store_id = %(store_id)s
      and run.id = %(id)s
      and run.state <> 'UPLOADING'
"""


async def page(db: Reader, store_id: UUID, *, window: Window) -> Page[Import]:
    """Imports, newest first."""
    return await fetch_page(
        db,
        select=_COLUMNS,
        counted="from product_import as run",
        filters=Filters("run.store_id = %(store_id)s and run.state <> 'UPLOADING'", store_id=store_id),
        sort=Sort("run.id", descending=True),
        window=window,
        build=_import,
        keys=lambda run: [run.id],
    )


class NumberedError(msgspec.Struct, frozen=True):
    """An error with its place among those of its import."""

    number: int
    error: RowError


async def page_of_errors(db: Reader, store_id: UUID, import_id: UUID, *, window: Window) -> Page[NumberedError]:
    """What was wrong with rows, in the order of the file; what an undo left is last."""
    return await fetch_page(
        db,
        select="""
        select error.number, error.line, error.header, error.sku, error.code, error.detail
        from product_import_error as error
        """,
        counted="from product_import_error as error",
        filters=Filters(
            "error.store_id = %(store_id)s and error.import_id = %(import_id)s", store_id=store_id, import_id=import_id
        ),
        sort=Sort("error.number"),
        window=window,
        build=lambda row: NumberedError(row[0], RowError(*row[1:])),
        keys=lambda found: [found.number],
    )


async def errors_after(db: Reader, store_id: UUID, import_id: UUID, last: int, *, limit: int) -> list[NumberedError]:
    rows = await db.rows(
        """
        select number, line, header, sku, code, detail
        from product_import_error
        where store_id = %(store_id)s
          and import_id = %(import_id)s
          and number > %(last)s
        order by number
        limit %(limit)s
        """,
        {"store_id": store_id, "import_id": import_id, "last": last, "limit": limit},
    )
    return [NumberedError(row[0], RowError(*row[1:])) for row in rows]


def _import(row: Row) -> Import:
    (
        store_id, id_, state, name, is_dry_run, is_strict, may_adjust, layout, size, position, line, created, changed,
        unchanged, failed, errors, failure, products_undone, products_kept, actor_kind, actor_id, created_at, ended_at,
    ) = row  # fmt: skip
    return Import(
        store_id=store_id,
        id=id_,
        state=State(state),
        name=name,
        is_dry_run=is_dry_run,
        is_strict=is_strict,
        may_adjust=may_adjust,
        layout=_value(layout, Layout),
        size=size,
        position=position,
        line=line,
        counts=Counts(created, changed, unchanged, failed),
        errors=errors,
        failure=_value(failure, Failure),
        products_undone=products_undone,
        products_kept=products_kept,
        actor_kind=ActorKind(actor_kind),
        actor_id=actor_id,
        created_at=created_at,
        ended_at=ended_at,
    )


def _value(found: Any, kind: Any) -> Any:  # noqa: ANN401 - a column of JSON, and what it is
    return None if found is None else msgspec.convert(found, kind)
