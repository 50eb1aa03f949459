"""Taking back what an import did: what it made goes off sale, what it changed is again as it was."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from tradepost import catalog, inventory
from tradepost.catalog import Edit, ImageDraft, Product, ProductChanges, Status, VariantChanges
from tradepost.core.errors import ShopError
from tradepost.db import Tx
from tradepost.spreadsheets import changes, store
from tradepost.spreadsheets.changes import Change
from tradepost.spreadsheets.model import UNDOABLE, Import, ImportNotUndoable, RowError, State
from tradepost.spreadsheets.splitting import all_but_refused

BATCH = 200
_PRODUCT = [name for name in ProductChanges.__struct_fields__ if name not in ("slug", "variant")]
_VARIANT = [name for name in VariantChanges.__struct_fields__ if name != "sku"]


class Undone(msgspec.Struct, frozen=True):
    """How many products are as they were, and why others are not."""

    undone: int
    kept: list[RowError]


async def ask(tx: Tx, run: Import) -> Import:
    """A locked import waits to be undone. Raises ImportNotUndoable."""
    if run.state not in UNDOABLE or run.is_dry_run:
        raise ImportNotUndoable
    await store.set_state(tx, run, State.UNDO_WAITING)
    return await store.get(tx, run.store_id, run.id)


async def undo_next(tx: Tx, run: Import) -> Undone | None:
    """Undoes the next products of an import; None where none are left."""
    todo = await changes.to_undo(tx, run, limit=BATCH)
    if not todo:
        return None
    products = await catalog.lock_many(tx, run.store_id, [change.product_id for change in todo])
    kept: dict[UUID, RowError] = {}
    for change in todo:
        product = products[change.product_id]
        if change.before is not None and product.version != change.version:
            kept[product.id] = _told(product, "changed_since", "has been changed since the import, and stays as it is")

    async def write(some: Sequence[Change]) -> list[Change]:
        edits = {change.product_id: _back(products[change.product_id], change) for change in some}
        await catalog.edit_many(tx, products, edits, actor=run.actor)
        taken_back = [
            inventory.Adjustment(variant_id, change.product_id, -units)
            for change in some
            for variant_id, units in change.stock.items()
            if units
        ]
        await inventory.adjust_many(tx, taken_back, reason=f"undo of import {run.id}", actor=run.actor)
        return list(some)

    def blame(some: Sequence[Change], error: ShopError) -> Collection[Change]:
        if len(some) == 1:
            product = products[some[0].product_id]
            kept[product.id] = _told(product, error.code, f"stays as it is: {error.detail}")
        return ()

    done = await all_but_refused(tx, [change for change in todo if change.product_id not in kept], write, blame)
    await changes.set_undone(tx, run, [(change.product_id, change.product_id not in kept) for change in todo])
    return Undone(len(done), list(kept.values()))


def _back(product: Product, change: Change) -> Edit:
    """What makes a product what it was before; one that was made goes off sale."""
    before = change.before
    if before is None:
        return Edit(changes=ProductChanges(status=Status.ARCHIVED))
    images = {image.id for image in product.images}
    was = {
        variant.id: msgspec.structs.replace(variant, image_id=variant.image_id if variant.image_id in images else None)
        for variant in before.variants
    }
    variants = {
        variant.id: VariantChanges(**{name: getattr(was[variant.id], name) for name in _VARIANT})
        if variant.id in was
        else VariantChanges(is_active=False)
        for variant in product.variants
    }
    return Edit(
        changes=ProductChanges(**{name: getattr(before, name) for name in _PRODUCT}),
        variants=variants,
        images=tuple(ImageDraft(image.url, image.alt) for image in before.images),
    )


def _told(product: Product, code: str, detail: str) -> RowError:
    return RowError(None, None, product.lead.sku, code, f"{product.slug} {detail}")
