"""Carts as clients send and see them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from tradepost.accounts.api.wire import Email
from tradepost.carts.model import Cart, Item, Message, Stand, State
from tradepost.carts.telling import messages
from tradepost.core import money
from tradepost.http import Amount, In, Out
from tradepost.orders import Address
from tradepost.orders.wire import AddressIn, Currency, ItemIn, Quantity
from tradepost.pricing import Step

Code = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\S")]
Method = Annotated[str, Meta(min_length=1, max_length=64)]
Notes = Annotated[str, Meta(max_length=2000)]


class CartIn(In):
    """`sessionId` is what your own site calls the session: it is kept beside the cart, and opens nothing.

    Who may write all carts makes one for a customer with `customerId`.
    """

    session_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    customer_id: UUID | None = None


class CartItemIn(ItemIn):
    """One of `variantId`, `productId` (of a product with one variant) and `sku`, and how many more."""


class QuantityIn(In):
    quantity: Quantity


class CartChangesIn(In):
    """What is sent is changed; `null` takes it away. An address is given, or named by the id of one's own."""

    email: Email | UnsetType | None = UNSET
    shipping_address: AddressIn | UnsetType | None = UNSET
    billing_address: AddressIn | UnsetType | None = UNSET
    shipping_address_id: UUID | None = None
    billing_address_id: UUID | None = None
    notes: Notes | UnsetType | None = UNSET


class MergeIn(In):
    """A guest's cart, and the secret that opens it."""

    cart_id: UUID
    token: Annotated[str, Meta(min_length=1, max_length=200)]


class CheckoutIn(In):
    """What is not sent is what the cart has. With `expectedTotal`, another total is refused."""

    email: Email | None = None
    shipping_address: AddressIn | None = None
    billing_address: AddressIn | None = None
    shipping_address_id: UUID | None = None
    billing_address_id: UUID | None = None
    currency: Currency | None = None
    notes: Notes | None = None
    expected_total: Amount | None = None


class FromCartIn(CheckoutIn, kw_only=True):
    cart_id: UUID


class CartItemOut(Out):
    """`price` is what it costs now; where it is not on sale any more, what it cost when it was put in."""

    id: UUID
    product_id: UUID
    variant_id: UUID
    sku: str | None
    name: str | None
    options: dict[str, str]
    image_url: str | None
    quantity: int
    price: str
    subtotal: str
    is_available: bool


class CartOut(Out, omit_defaults=True, kw_only=True):
    """`subtotal` is of what is on sale. `token` comes once: it opens a guest's cart, as `X-Cart-Token`."""

    id: UUID
    state: State
    customer_id: UUID | None
    session_id: str | None
    currency: str
    items: list[CartItemOut]
    item_count: int
    subtotal: str
    email: str | None
    shipping_address: Address | None
    billing_address: Address | None
    notes: str | None
    reserved_until: datetime | None
    order_id: UUID | None
    messages: list[Message]
    version: int
    created_at: datetime
    updated_at: datetime
    token: str | None = None


class CartTotalOut(Out):
    """What ordering it would cost now. Items that are not on sale are left out, and told."""

    cart_id: UUID
    currency: str
    items: list[CartItemOut]
    item_count: int
    subtotal: str
    discount: str
    tax: str
    tax_included: bool
    shipping: str
    total: str
    explanation: list[Step]
    messages: list[Message]
    version: int


def cart_out(cart: Cart, stand: Stand, currency: str, *, token: str | None = None) -> CartOut:
    items = items_out(cart, stand, currency)
    subtotal = sum(
        stand.offers[item.variant_id].price * item.quantity for item in cart.items if item.variant_id in stand.offers
    )
    return CartOut(
        id=cart.id,
        state=cart.state,
        customer_id=cart.customer_id,
        session_id=cart.session_ref,
        currency=currency,
        items=items,
        item_count=cart.item_count,
        subtotal=money.text(subtotal, currency),
        email=cart.email,
        shipping_address=cart.shipping_address,
        billing_address=cart.billing_address,
        notes=cart.notes,
        reserved_until=cart.held_until,
        order_id=cart.order_id,
        messages=messages(cart, stand, currency),
        version=cart.version,
        created_at=cart.created_at,
        updated_at=cart.updated_at,
        token=token,
    )


def items_out(cart: Cart, stand: Stand, currency: str) -> list[CartItemOut]:
    return [_item_out(item, stand, currency) for item in cart.items]


def _item_out(item: Item, stand: Stand, currency: str) -> CartItemOut:
    offer = stand.offers.get(item.variant_id)
    price, in_ = (offer.price, currency) if offer else (item.price, item.currency)
    return CartItemOut(
        id=item.id,
        product_id=item.product_id,
        variant_id=item.variant_id,
        sku=offer.sku if offer else None,
        name=offer.name if offer else None,
        options=offer.options if offer else {},
        image_url=offer.image_url if offer else None,
        quantity=item.quantity,
        price=money.text(price, in_),
        subtotal=money.text(price * item.quantity, in_),
        is_available=offer is not None and stand.enough(item),
    )
