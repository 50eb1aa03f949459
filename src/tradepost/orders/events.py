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
