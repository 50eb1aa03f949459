from typing import Annotated
from uuid import UUID

from msgspec import Meta

from tradepost import catalog
from tradepost.core.errors import NotFound, ReferenceNotFound, invalid
from tradepost.db import Tx
from tradepost.http import Answer, Call, In, Out, PageOut, PageQuery, Routes, page_out, window
from tradepost.inventory.actions import MOST_UNITS, adjust
from tradepost.inventory.model import InsufficientStock, available
from tradepost.inventory.store import LowStock, low_stock

routes = Routes("Inventory", "How many there are, how many are promised, and why.")


class AdjustmentIn(In):
    """`quantity` is the change: positive for goods that came, negative for goods that went."""

    quantity: Annotated[int, Meta(ge=-MOST_UNITS, le=MOST_UNITS)]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    variant_id: UUID | None = None
    location_id: UUID | None = None


class LevelOut(Out):
    location_id: UUID
    on_hand: int
    reserved: int
    available: int


class StockOut(Out):
    """A variant's stock. `inventoryQuantity` is what can be sold now: on hand less what is promised to orders."""

    product_id: UUID
    variant_id: UUID
    inventory_quantity: int
    levels: list[LevelOut]


@routes.write(
    "POST",
    "/products/{ref}/inventory",
    body=AdjustmentIn,
    answer=StockOut,
    secured=True,
    problems=[NotFound, InsufficientStock, ReferenceNotFound],
    example={"quantity": 25, "reason": "delivery 4711"},
)
async def adjust_stock(call: Call, tx: Tx, body: AdjustmentIn) -> Answer:
    """Add or take stock, with the reason.

    Refused where less would be left than is promised to orders. A product with several variants needs `variantId`.
    """
    if body.quantity == 0:
        raise invalid("/quantity", "out_of_range", "is zero")
    product = await catalog.get(tx, call.actor.store_id, call.param("ref"))
    variant_id = _variant(product, body.variant_id)
    levels = await adjust(
        tx,
        variant_id,
        product_id=product.id,
        quantity=body.quantity,
        reason=body.reason,
        location_id=body.location_id,
        actor=call.actor,
    )
    shown = [LevelOut(level.location_id, level.on_hand, level.reserved, level.available) for level in levels]
    return call.json(StockOut(product.id, variant_id, available(levels), shown))


@routes.get("/products/low-stock", query=PageQuery, answer=PageOut[LowStock])
async def low_stock_products(call: Call, query: PageQuery) -> Answer:
    """Variants on sale of which no more than their threshold are left, the fewest first."""
    async with call.db.read() as db:
        page = await low_stock(db, call.actor.store_id, window=window(call, query))
    return call.json(page_out(call, query, page, lambda low: low))


def _variant(product: catalog.Product, wanted: UUID | None) -> UUID:
    ids = [variant.id for variant in product.variants]
    if wanted is None and len(ids) == 1:
        return ids[0]
    if wanted is None:
        raise invalid("/variantId", "required", "is needed: the product has several variants")
    if wanted not in ids:
        raise invalid("/variantId", "reference_not_found", "is no variant of this product")
    return wanted
