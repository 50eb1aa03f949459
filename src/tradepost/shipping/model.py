"""Parcels as values, and where they may be next."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from tradepost.core.states import States


class ShipmentStatus(StrEnum):
    PACKED = "PACKED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    LOST = "LOST"
    RETURNED = "RETURNED"
    """It came back undelivered."""
    CANCELLED = "CANCELLED"


_NOTHING = frozenset[ShipmentStatus]()

STATES = States(
    {
        ShipmentStatus.PACKED: frozenset({ShipmentStatus.SHIPPED, ShipmentStatus.CANCELLED}),
        ShipmentStatus.SHIPPED: frozenset({ShipmentStatus.DELIVERED, ShipmentStatus.LOST, ShipmentStatus.RETURNED}),
        ShipmentStatus.LOST: frozenset({ShipmentStatus.DELIVERED, ShipmentStatus.RETURNED}),
        ShipmentStatus.DELIVERED: _NOTHING,
        ShipmentStatus.RETURNED: _NOTHING,
        ShipmentStatus.CANCELLED: _NOTHING,
    }
)


class ShipmentLine(msgspec.Struct, frozen=True):
    """So many units of an order's line."""

    line_id: UUID
    variant_id: UUID
    quantity: int


class Tracking(msgspec.Struct, frozen=True):
    """With whom a parcel travels, and by which number he knows it."""

    carrier: str | None = None
    service: str | None = None
    number: str | None = None
    url: str | None = None


class Shipment(msgspec.Struct, frozen=True):
    id: UUID
    order_id: UUID
    location_id: UUID
    status: ShipmentStatus
    tracking: Tracking
    lines: tuple[ShipmentLine, ...]
    version: int
    created_at: datetime
    updated_at: datetime
    shipped_at: datetime | None
    delivered_at: datetime | None

    def units(self) -> dict[UUID, int]:
        """Variant to how many."""
        return units_of(self.lines)


def units_of(lines: Sequence[ShipmentLine]) -> dict[UUID, int]:
    found: dict[UUID, int] = {}
    for line in lines:
        found[line.variant_id] = found.get(line.variant_id, 0) + line.quantity
    return found
