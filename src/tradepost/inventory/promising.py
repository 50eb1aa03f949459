"""What is promised to one order after it was placed: more, less, sent, come back. The caller has locked the order."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from tradepost.core.actors import Actor
from tradepost.core.errors import ReferenceNotFound
from tradepost.db import Tx
from tradepost.inventory import store
from tradepost.inventory.model import (
    Holding,
    InsufficientStock,
    Level,
    Movement,
    MovementKind,
    allocate,
    available,
    given_back,
)

Units = Mapping[UUID, int]
"""Variant to how many. Variants whose stock is not tracked may be among them, and nothing happens to them."""


async def reserve(tx: Tx, order_id: UUID, units: Units, *, actor: Actor) -> None:
    """Promises units to an order, or none of them. InsufficientStock."""
    levels = await _lock(tx, actor.store_id, units)
    short = [variant_id for variant_id, some in levels.items() if available(some) < units[variant_id]]
    if short:
        raise _short(levels, short)
    changes = [
        (variant_id, location_id, 0, share)
        for variant_id, some in levels.items()
        for location_id, share in allocate(some, units[variant_id])
    ]
    await _move(tx, MovementKind.RESERVE, order_id, changes, actor)


async def release(tx: Tx, order_id: UUID, units: Units | None = None, *, actor: Actor) -> None:
    """Gives back what was promised; all of it where no units are named."""
    held = await store.holdings(tx, actor.store_id, order_id)
    await _lock(tx, actor.store_id, {holding.variant_id: holding.units for holding in held})
    shares = given_back(held, _all(held) if units is None else units)
    await _release(tx, order_id, shares, actor)


async def ship(tx: Tx, order_id: UUID, units: Units, *, location_id: UUID, actor: Actor) -> None:
    """Units leave a location: first those that it has promised to the order, then what it has free.

    What another location had promised instead is free there again. InsufficientStock where this one has too few.
    """
    levels = await _lock(tx, actor.store_id, units)
    held = await store.holdings(tx, actor.store_id, order_id)
    here = [holding for holding in held if holding.location_id == location_id]
    elsewhere = [holding for holding in held if holding.location_id != location_id]
    promised = {variant_id: share for variant_id, _, share in given_back(here, units)}
    missing = {variant_id: units[variant_id] - promised.get(variant_id, 0) for variant_id in levels}
    short = [variant_id for variant_id, some in levels.items() if _free(some, location_id) < missing[variant_id]]
    if short:
        raise _short(levels, short)
    changes = [(variant_id, location_id, -units[variant_id], -promised.get(variant_id, 0)) for variant_id in levels]
    await _move(tx, MovementKind.SHIP, order_id, changes, actor)
    await _release(tx, order_id, given_back(elsewhere, missing), actor)


async def take_back(tx: Tx, order_id: UUID, units: Units, *, location_id: UUID, actor: Actor) -> None:
    """Units are on hand again, free to be sold."""
    levels = await _lock(tx, actor.store_id, units)
    _check_location(levels, location_id)
    changes = [(variant_id, location_id, units[variant_id], 0) for variant_id in levels]
    await _move(tx, MovementKind.RETURN, order_id, changes, actor)


async def come_back(tx: Tx, order_id: UUID, units: Units, *, location_id: UUID, actor: Actor) -> None:
    """Units that were sent and not delivered are on hand again, and promised to the order as before."""
    levels = await _lock(tx, actor.store_id, units)
    _check_location(levels, location_id)
    changes = [(variant_id, location_id, units[variant_id], units[variant_id]) for variant_id in levels]
    await _move(tx, MovementKind.RETURN, order_id, changes, actor)


def main_location(held: Sequence[Holding], units: Units) -> UUID | None:
    """The location that has promised the most of these units; None where none has promised any."""
    by_location: dict[UUID, int] = {}
    for holding in held:
        share = min(holding.units, units.get(holding.variant_id, 0))
        by_location[holding.location_id] = by_location.get(holding.location_id, 0) + share
    return max(by_location, key=lambda location_id: by_location[location_id], default=None)


async def _lock(tx: Tx, store_id: UUID, units: Units) -> dict[UUID, list[Level]]:
    """The levels of those variants whose stock is tracked, in the order of ids."""
    wanted = sorted(variant_id for variant_id, quantity in units.items() if quantity > 0)
    return store.levels_by_variant(await tx.rows(*store.locking(store_id, wanted))) if wanted else {}


async def _release(tx: Tx, order_id: UUID, shares: Sequence[tuple[UUID, UUID, int]], actor: Actor) -> None:
    changes = [(variant_id, location_id, 0, -share) for variant_id, location_id, share in shares]
    await _move(tx, MovementKind.RELEASE, order_id, changes, actor)


async def _move(
    tx: Tx, kind: MovementKind, order_id: UUID, changes: Sequence[tuple[UUID, UUID, int, int]], actor: Actor
) -> None:
    """`changes`: variant, location, and what is added to on hand and to reserved."""
    movements = [
        Movement(
            variant_id,
            location_id,
            kind,
            actor,
            on_hand_change=on_hand,
            reserved_change=reserved,
            order_id=order_id,
        )
        for variant_id, location_id, on_hand, reserved in changes
    ]
    if movements:
        await store.write_movements(tx, actor.store_id, movements)


def _all(held: Sequence[Holding]) -> dict[UUID, int]:
    units: dict[UUID, int] = {}
    for holding in held:
        units[holding.variant_id] = units.get(holding.variant_id, 0) + holding.units
    return units


def _free(levels: Sequence[Level], location_id: UUID) -> int:
    return sum(level.available for level in levels if level.location_id == location_id)


def _check_location(levels: Mapping[UUID, Sequence[Level]], location_id: UUID) -> None:
    for some in levels.values():
        if location_id not in {level.location_id for level in some}:
            msg = "A variant has no stock at this location"
            raise ReferenceNotFound(msg)


def _short(levels: Mapping[UUID, Sequence[Level]], variant_ids: Sequence[UUID]) -> InsufficientStock:
    left = {str(variant_id): available(levels[variant_id]) for variant_id in variant_ids}
    return InsufficientStock(extra={"available": left})
