"""One batch of rows: what is right of it is written together, and what is wrong is told row by row."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from tradepost import catalog, inventory
from tradepost.catalog import Edited, Product, Variant, categories
from tradepost.core.changes import differing
from tradepost.core.errors import FieldError, Forbidden, ShopError
from tradepost.db import Tx
from tradepost.spreadsheets import changes, store
from tradepost.spreadsheets.changes import Change
from tradepost.spreadsheets.deciding import Homes, Plan, check, grouped, plan, refuse
from tradepost.spreadsheets.model import ADJUST, Counts, Import, Layout, RowError
from tradepost.spreadsheets.rows import Group, Row
from tradepost.spreadsheets.splitting import all_but_refused

_DERIVED = {"version", "updatedAt", "options"}
_ONCE = ("sku", "barcode")


class Outcome(msgspec.Struct, frozen=True):
    counts: Counts
    errors: list[RowError]


class _NothingWritten(Exception):
    """Undoes a batch, and carries its outcome all the same."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class StockRefused(Forbidden):
    """Whoever sent the file may not correct stock; `errors` point at the rows."""


class _Written(msgspec.Struct, frozen=True):
    """What became of a plan, with what was added to existing stock."""

    plan: Plan
    before: Product | None
    after: Product
    stock: dict[UUID, int]


async def perform(tx: Tx, run: Import, layout: Layout, rows: Sequence[Row]) -> Outcome:
    """Imports a batch. Rows are taken as they are given; what else is found to be wrong is in the outcome.

    A product is imported with all its rows of the batch, or not at all; where the import is strict, so is the batch.
    A dry run does the same, and then undoes it.
    """
    own = [msgspec.structs.replace(row, errors=list(row.errors)) for row in rows]
    await _refuse_repeated(tx, run, layout, own)
    try:
        async with tx.savepoint():
            return await _Batch(tx, run, layout).perform(own)
    except _NothingWritten as undone:
        return undone.outcome


async def _refuse_repeated(tx: Tx, run: Import, layout: Layout, rows: Sequence[Row]) -> None:
    """A SKU or barcode that was met before in the file, and a product whose rows do not stand together."""
    met: set[tuple[str, str]] = set()
    firsts: dict[tuple[str, str], Row] = {}
    before: str | None = None
    for row in rows:
        keys = [(field, row.values[field]) for field in _ONCE if field in row.values]
        if row.slug is not None and row.slug != before:
            keys.append(("slug", row.slug))
        before = row.slug
        for key in keys:
            if key in met:
                _repeated(row, layout, key[0])
            else:
                met.add(key)
                firsts[key] = row
    for key in await store.meet(tx, run, sorted(met)) if met else ():
        _repeated(firsts[key], layout, key[0])


def _repeated(row: Row, layout: Layout, field: str) -> None:
    if field == "slug":
        refuse(row, layout, field, "rows_apart", "was met before: the rows of a product must stand together")
    else:
        refuse(row, layout, field, f"{field}_repeated", "was met before in this file")


class _Batch:
    """A batch under way, in its transaction."""

    def __init__(self, tx: Tx, run: Import, layout: Layout) -> None:
        self._tx = tx
        self._run = run
        self._layout = layout
        self._products: dict[UUID, Product] = {}

    async def perform(self, rows: Sequence[Row]) -> Outcome:
        known = await catalog.known(
            self._tx,
            self._run.store_id,
            skus=[row.sku for row in rows if row.sku],
            slugs=list({row.slug for row in rows if row.slug is not None}),
        )
        groups = grouped(rows, known)
        for group in groups:
            check(group, known, self._layout)
        good = _good(groups)
        homes = await self._homes(good)
        good = _good(good)
        ids = {known.by_sku[row.sku][0] for group in good for row in group.rows if row.sku in known.by_sku}
        ids |= {known.by_slug[row.slug] for group in good for row in group.rows if row.slug in known.by_slug}
        self._products = await catalog.lock_many(self._tx, self._run.store_id, ids) if ids else {}
        plans = [plan(group, known, self._products, homes, self._layout) for group in good]
        plans = [one for one in plans if _is_good(one.group)]
        is_whole = len(plans) == len(groups)
        done = await self._write_all(plans if is_whole or not self._run.is_strict else ())
        if self._run.is_strict and len(done) < len(groups):
            raise _NothingWritten(_left_out(rows))
        outcome = _outcome(groups, done)
        if self._run.is_dry_run:
            raise _NothingWritten(outcome)
        await self._note(done)
        return outcome

    async def _homes(self, groups: Sequence[Group]) -> Homes:
        """The categories that rows name, made where there are none. They are there before a product is locked."""
        named: dict[categories.Path, list[Row]] = {}
        for group in groups:
            for row in group.rows:
                paths = [row.values[field] for field in ("category",) if field in row.values]
                for path in (*paths, *row.values.get("categories", ())):
                    named.setdefault(path, []).append(row)
        if not named:
            return Homes({}, {})

        async def ensure(paths: Sequence[categories.Path]) -> list[tuple[categories.Path, UUID]]:
            found = await categories.ensure(self._tx, paths, actor=self._run.actor)
            return [(path, found[path]) for path in paths]

        def blame(paths: Sequence[categories.Path], error: ShopError) -> Collection[categories.Path]:
            for row in named[paths[0]] if len(paths) == 1 else ():
                refuse(row, self._layout, "category", error.code, error.detail)
            return ()

        ids = dict(await all_but_refused(self._tx, list(named), ensure, blame))
        await categories.hold(self._tx, self._run.store_id, [{str(id_): id_ for id_ in ids.values()}])
        return Homes(ids, await categories.paths(self._tx, self._run.store_id))

    async def _write_all(self, plans: Sequence[Plan]) -> list[_Written]:
        return await all_but_refused(self._tx, plans, self._write, self._blame)

    def _blame(self, plans: Sequence[Plan], error: ShopError) -> Collection[Plan]:
        """The plans of the rows that a refusal points at: `/rows/12/sku`."""
        by_line = {row.line: (one, row) for one in plans for row in one.group.rows}
        guilty: list[Plan] = []
        for found in error.errors:
            parts = found.pointer.split("/")
            if len(parts) > 2 and parts[1] == "rows" and parts[2].isdigit():  # noqa: PLR2004 - "", rows and the line
                one, row = by_line[int(parts[2])]
                field = parts[3] if len(parts) > 3 else "sku"  # noqa: PLR2004 - a field behind them
                refuse(row, self._layout, field, found.code, found.detail)
                guilty.append(one)
        if not guilty and len(plans) == 1:
            first = plans[0].group.first
            for found in error.errors or [FieldError("/sku", error.code, error.detail)]:
                refuse(first, self._layout, found.pointer.split("/")[-1] or "sku", found.code, found.detail)
        return guilty

    async def _write(self, plans: Sequence[Plan]) -> list[_Written]:
        actor = self._run.actor
        drafts = [(one, one.draft) for one in plans if one.draft is not None]
        created = await catalog.create_many(self._tx, [draft for _, draft in drafts], actor=actor)
        edits = {one.product_id: one.edit for one in plans if one.product_id is not None}
        edited = await catalog.edit_many(self._tx, self._products, edits, actor=actor) if edits else []
        by_id = {one.product_id: one for one in plans}
        pairs = [(by_id[done.before.id], done) for done in edited]
        opening = [
            opened
            for (_, draft), product in zip(drafts, created, strict=True)
            for opened in catalog.openings(draft.variants, product.variants)
        ]
        for one, done in pairs:
            opening += catalog.openings(one.edit.new, done.made)
            opening += [(variant.id, 0) for variant in _newly_tracked(done)]
        if opening:
            await inventory.open_stock(self._tx, opening, actor)
        stock = await self._recount(pairs)
        return [
            *(_Written(one, None, product, {}) for (one, _), product in zip(drafts, created, strict=True)),
            *(_Written(one, done.before, done.after, stock.get(done.before.id, {})) for one, done in pairs),
        ]

    async def _recount(self, pairs: Sequence[tuple[Plan, Edited]]) -> dict[UUID, dict[UUID, int]]:
        """Brings the stock of variants that were there to what the rows say; what that added, by product."""
        wanted: dict[UUID, tuple[Row, UUID]] = {}
        for one, done in pairs:
            by_sku = {variant.sku: variant for variant in done.before.variants}
            for row in one.group.rows:
                if "stock" in row.values and row.sku in by_sku:
                    wanted[by_sku[row.sku].id] = row, done.before.id
        if not wanted:
            return {}
        found = await self._tx.rows(*inventory.locking(self._run.store_id, sorted(wanted)))
        levels = inventory.levels_by_variant(found)
        added: dict[UUID, dict[UUID, int]] = {}
        for id_, (row, product_id) in wanted.items():
            difference = row.values["stock"] - sum(level.on_hand for level in levels.get(id_, ()))
            if difference:
                added.setdefault(product_id, {})[id_] = difference
        self._check_may_adjust([wanted[id_][0] for some in added.values() for id_ in some])
        adjustments = [
            inventory.Adjustment(id_, product_id, units)
            for product_id, some in added.items()
            for id_, units in some.items()
        ]
        try:
            reason = f"import {self._run.id}"
            await inventory.adjust_many(self._tx, adjustments, reason=reason, actor=self._run.actor)
        except inventory.InsufficientStock as error:
            raise inventory.InsufficientStock(
                errors=[
                    FieldError(f"/rows/{wanted[UUID(one.pointer[1:])][0].line}/stock", one.code, one.detail)
                    for one in error.errors
                ]
            ) from None
        return added

    def _check_may_adjust(self, rows: Sequence[Row]) -> None:
        if rows and not self._run.may_adjust:
            detail = f"would correct stock, which needs the permission {ADJUST}"
            raise StockRefused(errors=[FieldError(f"/rows/{row.line}/stock", "forbidden", detail) for row in rows])

    async def _note(self, done: Sequence[_Written]) -> None:
        """Keeps what an undo needs; of a product in several batches, as it was before the first of them."""
        edited = [one for one in done if one.before is not None and (one.before != one.after or one.stock)]
        known = await changes.of_products(self._tx, self._run, [one.after.id for one in edited]) if edited else {}
        found = [Change(one.after.id, one.after.version, None, {}) for one in done if one.before is None]
        for one in edited:
            earlier = known.get(one.after.id)
            if earlier is None:
                found.append(Change(one.after.id, one.after.version, one.before, one.stock))
                continue
            as_left = one.before is not None and one.before.version == earlier.version
            version = one.after.version if as_left else earlier.version
            stock = {id_: earlier.stock.get(id_, 0) + one.stock.get(id_, 0) for id_ in {*earlier.stock, *one.stock}}
            found.append(Change(one.after.id, version, earlier.before, stock))
        if found:
            await changes.put(self._tx, self._run, found)


def _newly_tracked(done: Edited) -> list[Variant]:
    untracked = {variant.id for variant in done.before.variants if not variant.track_inventory}
    return [variant for variant in done.after.variants if variant.id in untracked and variant.track_inventory]


def _is_good(group: Group) -> bool:
    return not any(row.errors for row in group.rows)


def _good(groups: Sequence[Group]) -> list[Group]:
    return [group for group in groups if _is_good(group)]


def _left_out(rows: Sequence[Row]) -> Outcome:
    """A strict batch of which nothing is written."""
    errors = [error for row in rows for error in row.errors or [_beside(row, "batch_left_out", "batch")]]
    return Outcome(Counts(failed=len(rows)), errors)


def _outcome(groups: Sequence[Group], done: Sequence[_Written]) -> Outcome:
    counts = Counts(failed=sum(len(group.rows) for group in groups))
    for one in done:
        counts += _counted(one) + Counts(failed=-len(one.plan.group.rows))
    written = {id(one.plan.group) for one in done}
    errors = [
        error
        for group in groups
        if id(group) not in written
        for row in group.rows
        for error in row.errors or [_beside(row, "product_left_out", "product")]
    ]
    return Outcome(counts, sorted(errors, key=lambda error: error.line or 0))


def _beside(row: Row, code: str, what: str) -> RowError:
    return RowError(row.line, None, row.sku or None, code, f"is right, but another row of its {what} is not")


def _counted(one: _Written) -> Counts:
    """Rows by what became of their variants. What changed of the product itself is its first row's doing."""
    if one.before is None:
        return Counts(created=len(one.plan.group.rows))
    before = {variant.sku: variant for variant in one.before.variants}
    after = {variant.sku: variant for variant in one.after.variants}
    is_other = bool(set(differing(one.before, one.after, but="variants")) - _DERIVED)
    created = changed = 0
    for row in one.plan.group.rows:
        old = before.get(row.sku)
        if old is None:
            created += 1
        elif old != after[row.sku] or old.id in one.stock or (is_other and row is one.plan.group.first):
            changed += 1
    return Counts(created, changed, len(one.plan.group.rows) - created - changed)
