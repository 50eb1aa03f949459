"""Baskets that are kept, as values. They promise nothing: prices and stock are looked at anew each time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from tradepost.catalog.local import Priced
from tradepost.catalog.offers import Offer
from tradepost.core.errors import Conflict, FieldError, RateLimited, invalid
from tradepost.orders import Address
from tradepost.stores import Market

MOST_ITEMS = 100
MOST_OF_ONE = 9999
MOST_COUPONS = 10
READ_ALL = "carts:read"
WRITE_ALL = "carts:write"


class State(StrEnum):
    OPEN = "OPEN"
    ORDERED = "ORDERED"
    MERGED = "MERGED"
    EXPIRED = "EXPIRED"


class ReservationsOff(Conflict):
    """TRADEPOST_HOLD_MINUTES is 0: stock is promised to orders only."""

    title = "This shop reserves no stock for carts"


class ReservationLimit(RateLimited):
    """More units than one customer or one address may have reserved at once."""

    title = "Too many units are reserved already; order them, or let some go"


class Item(msgspec.Struct, frozen=True):
    """A variant in a cart. `price` is what the shopper was shown last, in minor units of `currency`.

    `held`: units of it that are promised to the cart for a while.
    """

    id: UUID
    product_id: UUID
    variant_id: UUID
    quantity: int
    price: int
    currency: str
    held: int = 0


class Cart(msgspec.Struct, frozen=True):
    id: UUID
    state: State
    customer_id: UUID | None
    token_hash: bytes | None
    session_ref: str | None
    market_id: UUID | None
    email: str | None
    shipping_address: Address | None
    billing_address: Address | None
    shipping_method: str | None
    coupon_codes: tuple[str, ...]
    notes: str | None
    hold_id: UUID | None
    held_until: datetime | None
    order_id: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime
    items: tuple[Item, ...] = ()

    def item(self, item_id: UUID) -> Item | None:
        return next((item for item in self.items if item.id == item_id), None)

    def item_of(self, variant_id: UUID) -> Item | None:
        return next((item for item in self.items if item.variant_id == variant_id), None)

    @property
    def item_count(self) -> int:
        """Units."""
        return sum(item.quantity for item in self.items)


class Owner(msgspec.Struct, frozen=True):
    """Whose carts somebody reaches: all of the store, his own as a customer, the one that his token opens."""

    store_id: UUID
    sees_all: bool
    customer_id: UUID | None
    token_hash: bytes | None


class Stand(msgspec.Struct, frozen=True):
    """How things stand with what is in a cart: its market, and by variant offers, prices there, and how many are left.

    A variant without a price is not on sale there; one without a number is not counted.
    """

    market: Market
    offers: Mapping[UUID, Offer] = {}
    prices: Mapping[UUID, Priced] = {}
    left: Mapping[UUID, int] = {}

    @property
    def currency(self) -> str:
        return self.market.currency

    def enough(self, item: Item) -> bool:
        return self.left.get(item.variant_id, item.quantity) >= item.quantity


class Message(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Something that the shopper is told, and that nobody has changed for him."""

    code: str
    detail: str
    item_id: UUID | None = None
    was: str | None = None
    now: str | None = None
    available: int | None = None


def check_quantity(quantity: int, *, pointer: str = "/quantity") -> None:
    if quantity > MOST_OF_ONE:
        raise invalid(pointer, "out_of_range", f"would make more than {MOST_OF_ONE} of one item")


def merged(into: Sequence[Item], other: Sequence[Item]) -> list[Item]:
    """The items of both; what is in both is added up, as far as one item goes. What does not fit is left out."""
    found = {item.variant_id: item for item in into}
    for item in other:
        known = found.get(item.variant_id)
        if known is not None:
            quantity = min(known.quantity + item.quantity, MOST_OF_ONE)
            found[item.variant_id] = msgspec.structs.replace(known, quantity=quantity)
        elif len(found) < MOST_ITEMS:
            found[item.variant_id] = msgspec.structs.replace(item, held=0)
    return list(found.values())


def not_enough(pointer: str, left: int) -> FieldError:
    return FieldError(pointer, "insufficient_stock", f"{left} are left")
