from collections.abc import Mapping, Sequence
from enum import StrEnum
from uuid import UUID

import msgspec

from tradepost.core.actors import Actor
from tradepost.core.errors import Conflict


class InsufficientStock(Conflict):
    """There is not enough of something; `errors` points at each line."""

    title = "There is not enough in stock"


class MovementKind(StrEnum):
    OPENING = "opening"
    ADJUSTMENT = "adjustment"
    RESERVE = "reserve"
    RELEASE = "release"
    SHIP = "ship"
    RETURN = "return"


class Level(msgspec.Struct):
    """What one location has of a variant. A value while deciding: `reserved` runs with what is promised meanwhile."""

    variant_id: UUID
    location_id: UUID
    on_hand: int
    reserved: int

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class Movement(msgspec.Struct, frozen=True):
    """One row of the ledger: what changed, why, and by whom."""

    variant_id: UUID
    location_id: UUID
    kind: MovementKind
    actor: Actor
    on_hand_change: int = 0
    reserved_change: int = 0
    reason: str | None = None
    order_id: UUID | None = None


class Holding(msgspec.Struct, frozen=True):
    """Units of a variant that one location has promised to an order."""

    variant_id: UUID
    location_id: UUID
    units: int


def available(levels: Sequence[Level]) -> int:
    """How many can be promised over all locations."""
    return sum(level.available for level in levels)


def allocate(levels: Sequence[Level], quantity: int) -> list[tuple[UUID, int]]:
    """Promises units and says from where: the first location that has them all, else from one after the other.

    `levels` are in order of preference and hold at least `quantity` together; their `reserved` runs on.
    """
    for level in levels:
        if level.available >= quantity:
            level.reserved += quantity
            return [(level.location_id, quantity)]
    shares: list[tuple[UUID, int]] = []
    for level in levels:
        share = min(level.available, quantity)
        if share > 0:
            level.reserved += share
            quantity -= share
            shares.append((level.location_id, share))
    return shares


def given_back(holdings: Sequence[Holding], units: Mapping[UUID, int]) -> list[tuple[UUID, UUID, int]]:
    """From where units of variants are given back, of what is held: variant, location, units. No more than is held."""
    left = dict(units)
    shares: list[tuple[UUID, UUID, int]] = []
    for holding in holdings:
        share = min(left.get(holding.variant_id, 0), holding.units)
        if share > 0:
            left[holding.variant_id] -= share
            shares.append((holding.variant_id, holding.location_id, share))
    return shares
