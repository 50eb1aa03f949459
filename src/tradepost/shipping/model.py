"""Parcels as values, and where they may be next."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from tradepost.core.actors import Actor
from tradepost.core.errors import Conflict
from tradepost.core.states import States
from tradepost.shipping.carriers import Consignment


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


TRAVELLING = frozenset({ShipmentStatus.PACKED, ShipmentStatus.SHIPPED, ShipmentStatus.LOST})
"""Of these a carrier may still have something to tell."""


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
    label: "ShownLabel | None" = None
    """The newest."""

    @property
    def is_open(self) -> bool:
        """Whether something may still be said of it; of one that is unpacked, that its label goes back."""
        if self.status in (ShipmentStatus.CANCELLED, ShipmentStatus.RETURNED):
            return self.label is not None and self.label.state in LIVE_LABELS
        return True

    def units(self) -> dict[UUID, int]:
        """Variant to how many."""
        return units_of(self.lines)


def units_of(lines: Sequence[ShipmentLine]) -> dict[UUID, int]:
    found: dict[UUID, int] = {}
    for line in lines:
        found[line.variant_id] = found.get(line.variant_id, 0) + line.quantity
    return found


class LabelState(StrEnum):
    """Of a label: asked of a carrier, and what came of it."""

    BUYING = "BUYING"
    BOUGHT = "BOUGHT"
    REFUSED = "REFUSED"
    UNCERTAIN = "UNCERTAIN"
    """The carrier may have sold it: it did not answer, and has no keys by which it could be asked again."""
    GIVEN_UP = "GIVEN_UP"
    """It was uncertain, and staff have seen to it."""
    VOIDING = "VOIDING"
    VOIDED = "VOIDED"


LABEL_STATES = States(
    {
        LabelState.BUYING: frozenset({LabelState.BOUGHT, LabelState.REFUSED, LabelState.UNCERTAIN}),
        LabelState.BOUGHT: frozenset({LabelState.VOIDING}),
        LabelState.VOIDING: frozenset({LabelState.VOIDED, LabelState.BOUGHT}),
        LabelState.UNCERTAIN: frozenset({LabelState.GIVEN_UP}),
        LabelState.REFUSED: frozenset[LabelState](),
        LabelState.GIVEN_UP: frozenset[LabelState](),
        LabelState.VOIDED: frozenset[LabelState](),
    }
)


LIVE_LABELS = frozenset({LabelState.BUYING, LabelState.BOUGHT, LabelState.UNCERTAIN, LabelState.VOIDING})
"""Of these a parcel has one at most."""


class LabelExists(Conflict):
    """The parcel has a label, or one is being bought or given back, or may have been bought."""

    title = "This parcel has a label: give it back first"


class LabelUnderWay(Conflict):
    """The carrier has not answered yet: whether there is a label to give back is not known."""

    title = "The label is being bought"


class ShownLabel(msgspec.Struct, frozen=True):
    """What is told of a parcel's newest label. `amount` in minor units of `currency`: what the carrier charges."""

    id: UUID
    state: LabelState
    carrier: str
    service: str
    tracking_number: str | None
    amount: int | None
    currency: str | None
    last_error: str | None


class ShipmentLabel(msgspec.Struct, frozen=True):
    """A label with all that it takes to ask for it again. `attempts` is how often the sweep has taken it."""

    store_id: UUID
    id: UUID
    order_id: UUID
    shipment_id: UUID
    carrier: str
    service: str
    state: LabelState
    consignment: Consignment
    reference: str | None
    attempts: int
    actor: Actor

    @property
    def key(self) -> str:
        """The carrier's idempotency key, where it keeps such: the same for ever."""
        return f"tradepost-{self.id.hex}"


class Followed(msgspec.Struct, frozen=True):
    """A parcel that its carrier knows by a number. `carrier` in lower case."""

    store_id: UUID
    order_id: UUID
    shipment_id: UUID
    carrier: str
    tracking_number: str
