from uuid import UUID

import msgspec

from tradepost.events import Fact


class Taken(msgspec.Struct, frozen=True, rename="camel", gc=False):
    variant_id: UUID
    quantity: int


class OrderPlaced(Fact, frozen=True):
    """An order was accepted and its stock is promised. `total` in minor units of `currency`."""

    subject_type = "order"
    order_number: str
    customer_id: UUID | None
    currency: str
    total: int
    items: list[Taken]


class OrderRequestReceived(Fact, frozen=True):
    """A wish to order is on disk; the order that it becomes has events of its own."""

    subject_type = "order_request"


class OrderStatusChanged(Fact, frozen=True):
    """One of its three statuses moved; `from_` and `to` are the order's own, and may be the same."""

    subject_type = "order"
    from_: str = msgspec.field(name="from")
    to: str
    payment_status: str
    fulfillment_status: str


class OrderHeld(Fact, frozen=True):
    subject_type = "order"


class OrderReleased(Fact, frozen=True):
    subject_type = "order"


class OrderCancelled(Fact, frozen=True):
    """Its stock was given back, and so is its money."""

    subject_type = "order"
    reason: str


class OrderDeleted(Fact, frozen=True):
    """It is in no list any more, and kept for the books."""

    subject_type = "order"


class OrderAddressChanged(Fact, frozen=True):
    """Names of fields, not what is in them."""

    subject_type = "order"
    fields: list[str]


class OrderTrackingChanged(Fact, frozen=True):
    subject_type = "order"
    tracking_company: str | None
    tracking_number: str | None


class OrderNoted(Fact, frozen=True):
    """Staff wrote something down; customers do not read it."""

    subject_type = "order"
    note_id: UUID


class OrderRevived(Fact, frozen=True):
    """It had expired; then its money came, and its stock was still there."""

    subject_type = "order"


class ReturnRequested(Fact, frozen=True):
    subject_type = "return"
    order_id: UUID


class ReturnApproved(Fact, frozen=True):
    subject_type = "return"
    order_id: UUID


class ReturnRejected(Fact, frozen=True):
    subject_type = "return"
    order_id: UUID


class ReturnReceived(Fact, frozen=True):
    """Its goods are here: in stock again, or written off."""

    subject_type = "return"
    order_id: UUID


class ReturnRefunded(Fact, frozen=True):
    """Its money was asked to be given back; the payment's own events say when it was. Minor units."""

    subject_type = "return"
    order_id: UUID
    amount: int


class OrderEdited(Fact, frozen=True):
    """What was agreed changed; totals in minor units of the order's currency."""

    subject_type = "order"
    revision: int
    total_before: int
    total: int
