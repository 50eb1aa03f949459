"""What a row of events means for search: which things are to be read again, each once."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost.events import Event


class Touched(msgspec.Struct):
    """Ids by what has to be done. An order that is cancelled, or lives again, counts by what was placed in it."""

    products: set[UUID] = msgspec.field(default_factory=set[UUID])
    categories: set[UUID] = msgspec.field(default_factory=set[UUID])
    stock_of: set[UUID] = msgspec.field(default_factory=set[UUID])
    """Products of which only the stock may have changed."""
    orders: set[UUID] = msgspec.field(default_factory=set[UUID])
    """Orders that changed after they were placed: the stock of what is in them may have, too."""
    sold: Counter[UUID] = msgspec.field(default_factory=Counter[UUID])
    """Units by variant."""
    cancelled: defaultdict[UUID, int] = msgspec.field(default_factory=lambda: defaultdict[UUID, int](int))
    """How often an order was taken back (below zero) or revived."""


def touched(events: Sequence[Event]) -> Touched:
    found = Touched()
    for event in events:
        match event.subject_type:
            case "product":
                found.products.add(event.subject_id)
            case "category":
                found.categories.add(event.subject_id)
            case "stock":
                found.stock_of.add(UUID(event.payload["productId"]))
            case "shipment" | "return":
                found.orders.add(UUID(event.payload["orderId"]))
            case "order":
                _order(found, event)
    return found


def _order(found: Touched, event: Event) -> None:
    match event.name:
        case "order.placed":
            for item in event.payload["items"]:
                found.sold[UUID(item["variantId"])] += item["quantity"]
        case "order.cancelled":
            found.cancelled[event.subject_id] -= 1
            found.orders.add(event.subject_id)
        case "order.revived":
            found.cancelled[event.subject_id] += 1
            found.orders.add(event.subject_id)
        case _:
            found.orders.add(event.subject_id)
