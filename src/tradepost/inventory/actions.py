from collections.abc import Sequence
from uuid import UUID

from tradepost.core.actors import Actor
from tradepost.core.errors import FieldError, NotFound, ReferenceNotFound
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.inventory import store
from tradepost.inventory.events import StockAdjusted
from tradepost.inventory.model import InsufficientStock, Level, Movement, MovementKind

MOST_UNITS = 1_000_000_000
NOT_BELOW_ZERO = "would leave less than is promised to orders"


async def open_stock(tx: Tx, items: Sequence[tuple[UUID, int]], actor: Actor) -> None:
    """Levels for new variants at the store's first location, with their opening stock. `items`: variant, units."""
    location_id = await store.first_location(tx, actor.store_id)
    if location_id is None:
        location_id = await store.insert_location(tx, actor.store_id, name="Main", priority=1)
    await store.insert_levels(tx, actor.store_id, location_id, [variant_id for variant_id, _ in items])
    opening = [
        Movement(variant_id, location_id, MovementKind.OPENING, actor, on_hand_change=quantity)
        for variant_id, quantity in items
        if quantity
    ]
    if opening:
        await store.write_movements(tx, actor.store_id, opening)


async def adjust(
    tx: Tx, variant_id: UUID, *, product_id: UUID, quantity: int, reason: str, location_id: UUID | None, actor: Actor
) -> list[Level]:
    """Adds or takes units at a location (None: the one promised from first); the variant's new levels.

    Raises InsufficientStock where less would be left than is promised, NotFound where the variant's stock is not
    tracked, ReferenceNotFound for a location that it has no level at.
    """
    levels = store.levels_by_variant(await tx.rows(*store.locking(actor.store_id, [variant_id]))).get(variant_id, [])
    level = _at(levels, location_id)
    if not 0 <= level.on_hand + quantity - level.reserved <= MOST_UNITS:
        detail = (
            f"{NOT_BELOW_ZERO}: {level.on_hand} on hand, {level.reserved} promised" if quantity < 0 else "is too large"
        )
        raise InsufficientStock(errors=[FieldError("/quantity", "insufficient_stock", detail)])
    movement = Movement(
        variant_id, level.location_id, MovementKind.ADJUSTMENT, actor, on_hand_change=quantity, reason=reason
    )
    await store.write_movements(tx, actor.store_id, [movement])
    level.on_hand += quantity
    fact = StockAdjusted(product_id, level.location_id, quantity, level.on_hand, level.reserved, reason)
    await publish(tx, fact, actor=actor, subject_id=variant_id)
    return levels


def _at(levels: list[Level], location_id: UUID | None) -> Level:
    if not levels:
        msg = "The stock of this variant is not tracked"
        raise NotFound(msg)
    if location_id is None:
        return levels[0]
    for level in levels:
        if level.location_id == location_id:
            return level
    raise ReferenceNotFound(errors=[FieldError("/locationId", "reference_not_found", "is no location of this variant")])
