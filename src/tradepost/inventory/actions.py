from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost.core.actors import Actor
from tradepost.core.errors import FieldError, NotFound, ReferenceNotFound
from tradepost.db import Tx
from tradepost.events import publish, publish_many
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


class Adjustment(msgspec.Struct, frozen=True):
    """Units of a variant to add, or to take where negative."""

    variant_id: UUID
    product_id: UUID
    quantity: int


async def adjust_many(tx: Tx, adjustments: Sequence[Adjustment], *, reason: str, actor: Actor) -> None:
    """Adjusts each variant once: adds at the location that is promised from first, takes from one after the other.

    Raises InsufficientStock where one of them would be left with less than is promised; its pointers are the ids of
    such variants. A variant whose stock is not tracked is one of them.
    """
    if not adjustments:
        return
    wanted = sorted(adjustment.variant_id for adjustment in adjustments)
    levels = store.levels_by_variant(await tx.rows(*store.locking(actor.store_id, wanted)))
    moved: list[tuple[Level, Adjustment, int]] = []
    short: list[FieldError] = []
    for adjustment in adjustments:
        shares = _shares(levels.get(adjustment.variant_id, []), adjustment.quantity)
        moved += [(level, adjustment, share) for level, share in shares]
        if sum(share for _, share in shares) != adjustment.quantity:
            short.append(FieldError(f"/{adjustment.variant_id}", InsufficientStock.code, NOT_BELOW_ZERO))
    if short:
        raise InsufficientStock(errors=short)
    await store.write_movements(
        tx,
        actor.store_id,
        [
            Movement(
                level.variant_id,
                level.location_id,
                MovementKind.ADJUSTMENT,
                actor,
                on_hand_change=share,
                reason=reason,
            )
            for level, _, share in moved
        ],
    )
    facts = [
        (
            level.variant_id,
            StockAdjusted(
                adjustment.product_id, level.location_id, share, level.on_hand + share, level.reserved, reason
            ),
        )
        for level, adjustment, share in moved
    ]
    await publish_many(tx, facts, actor=actor)


def _shares(levels: Sequence[Level], quantity: int) -> list[tuple[Level, int]]:
    """From which levels so many units are taken, or to which they are added; less where there is not enough."""
    if quantity >= 0:
        return [(level, quantity) for level in levels[:1] if level.on_hand + quantity <= MOST_UNITS]
    shares: list[tuple[Level, int]] = []
    for level in levels:
        share = max(quantity, -level.available)
        if share:
            shares.append((level, share))
            quantity -= share
    return shares


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
