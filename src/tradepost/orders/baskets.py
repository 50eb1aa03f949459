"""What the desk needs to know of a kept basket that is to become an order, in its own words: see `carts`."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from tradepost.core.errors import Conflict, Invalid, ShopError, Stale
from tradepost.db import Tx
from tradepost.db.connections import Asked, Row
from tradepost.inventory import Holding
from tradepost.orders.model import Address, Item, PlaceOrder, buyer_words


class CartAlreadyOrdered(Conflict):
    """A cart becomes one order; `orderId` names it for its owner."""

    title = "This cart has become an order"


class CartEmpty(Invalid):
    """There is nothing in it to order."""

    title = "The cart is empty"


class Basket(msgspec.Struct, frozen=True):
    """A kept basket under the batch's lock. `seen` are the prices that its owner was shown, by item.

    `held`: what is promised to it until it is ordered, under the id `hold_id`.
    """

    id: UUID
    version: int
    items: list[Item]
    seen: list[tuple[int, str]]
    email: str | None
    shipping_address: Address | None
    billing_address: Address | None
    notes: str | None
    market_id: UUID | None = None
    coupon_codes: tuple[str, ...] = ()
    shipping_method: str | None = None
    hold_id: UUID | None = None
    held: Sequence[Holding] = ()
    order_id: UUID | None = None
    is_open: bool = True


class Baskets(Protocol):
    """Where baskets are kept. The desk asks once for a batch."""

    def wanted(self, store_id: UUID, basket_ids: Sequence[UUID]) -> Sequence[Asked]:
        """The statements that lock baskets and find what is in them."""
        ...

    def read(self, found: Sequence[Sequence[Row]]) -> dict[UUID, Basket]:
        """The rows of those statements, by basket."""
        ...

    async def set_ordered(self, tx: Tx, store_id: UUID, ordered: Sequence[tuple[UUID, UUID]]) -> None:
        """Baskets have become orders, and are empty now. Pairs of basket and order."""
        ...


def with_basket(request: PlaceOrder, baskets: Mapping[UUID, Basket]) -> PlaceOrder:
    """As `filled`, for what is to be looked up: a request that will be refused asks for what it says itself."""
    try:
        return filled(request, baskets.get(request.basket.id) if request.basket else None)
    except ShopError:
        return request


def filled(request: PlaceOrder, basket: Basket | None) -> PlaceOrder:
    """The request with what is in its basket; what it says itself goes before that.

    Raises CartAlreadyOrdered, Stale where the basket has changed since the caller read it, CartEmpty.
    """
    wanted = request.basket
    if wanted is None:
        return request
    if basket is None or not basket.is_open:
        raise already_ordered(basket.order_id if basket else None)
    if basket.version != wanted.version:
        raise Stale(extra={"currentVersion": basket.version, "currentEtag": f'"v{basket.version}"'})
    if not basket.items:
        raise CartEmpty
    email = request.email or basket.email
    shipping = request.shipping_address or basket.shipping_address
    billing = request.billing_address or basket.billing_address
    return msgspec.structs.replace(
        request,
        items=basket.items,
        email=email,
        shipping_address=shipping,
        billing_address=billing,
        notes=request.notes or basket.notes,
        market_id=request.market_id or basket.market_id,
        coupon_codes=request.coupon_codes or basket.coupon_codes,
        shipping_method=request.shipping_method or basket.shipping_method,
        words=buyer_words(email, shipping or billing),
    )


def already_ordered(order_id: UUID | None) -> CartAlreadyOrdered:
    return CartAlreadyOrdered(extra={"orderId": str(order_id)} if order_id else None)
