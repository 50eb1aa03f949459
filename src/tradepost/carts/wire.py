"""Carts as clients send and see them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from tradepost.accounts.api.wire import Email
from tradepost.carts.model import Cart, Item, Message, Stand, State
from tradepost.carts.telling import messages
from tradepost.core import money
from tradepost.core.errors import ShopError
from tradepost.http import Amount, In, Out
from tradepost.orders import Address
from tradepost.orders.quoting import Reckoned
from tradepost.orders.wire import (
    AddressIn,
    Codes,
    CouponOut,
    Currency,
    DeliveryOut,
    DiscountOut,
    ItemIn,
    MethodCode,
    Quantity,
    refused_out,
)
from tradepost.pricing import Step, explain

Code = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\S")]
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
    shipping_method: MethodCode | UnsetType | None = UNSET
    notes: Notes | UnsetType | None = UNSET


class CouponIn(In):
    code: Code


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
    shipping_method: MethodCode | None = None
    coupon_codes: Codes = ()
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
    market: str
    currency: str
    items: list[CartItemOut]
    item_count: int
    subtotal: str
    email: str | None
    shipping_address: Address | None
    billing_address: Address | None
    shipping_method: str | None
    coupon_codes: list[str]
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
    market: str
    currency: str
    items: list[CartItemOut]
    item_count: int
    subtotal: str
    discount: str
    tax: str
    tax_included: bool
    shipping: str
    total: str
    discounts: list[DiscountOut]
    refused_coupons: list[CouponOut]
    delivery: DeliveryOut | None
    explanation: list[Step]
    messages: list[Message]
    version: int


def cart_out(cart: Cart, stand: Stand, *, token: str | None = None) -> CartOut:
    prices, currency = stand.prices, stand.currency
    subtotal = sum(prices[item.variant_id].amount * item.quantity for item in cart.items if item.variant_id in prices)
    return CartOut(
        id=cart.id,
        state=cart.state,
        customer_id=cart.customer_id,
        session_id=cart.session_ref,
        market=stand.market.slug,
        currency=currency,
        items=items_out(cart, stand),
        item_count=cart.item_count,
        subtotal=money.text(subtotal, currency),
        email=cart.email,
        shipping_address=cart.shipping_address,
        billing_address=cart.billing_address,
        shipping_method=cart.shipping_method,
        coupon_codes=list(cart.coupon_codes),
        notes=cart.notes,
        reserved_until=cart.held_until,
        order_id=cart.order_id,
        messages=messages(cart, stand),
        version=cart.version,
        created_at=cart.created_at,
        updated_at=cart.updated_at,
        token=token,
    )


def total_out(cart: Cart, stand: Stand, reckoned: Reckoned, why_not_sent: ShopError | None) -> CartTotalOut:
    quote, option, written = reckoned.quote, reckoned.option, money.writer(reckoned.quote.currency)
    refused = refused_out(reckoned.given)
    told = [*messages(cart, stand), *(Message(one.reason, one.detail) for one in refused)]
    if why_not_sent is not None:
        told.append(Message(why_not_sent.code, why_not_sent.detail))
    return CartTotalOut(
        cart_id=cart.id,
        market=reckoned.market.slug,
        currency=quote.currency,
        items=items_out(cart, stand),
        item_count=cart.item_count,
        subtotal=written(quote.subtotal),
        discount=written(quote.discount),
        tax=written(quote.tax),
        tax_included=quote.tax_included,
        shipping=written(quote.shipping),
        total=written(quote.total),
        discounts=[DiscountOut(one.name, written(one.amount)) for one in quote.taken],
        refused_coupons=refused,
        delivery=None if option is None else DeliveryOut(option.code, option.name, written(option.amount)),
        explanation=explain(quote, reckoned.names),
        messages=told,
        version=cart.version,
    )


def items_out(cart: Cart, stand: Stand) -> list[CartItemOut]:
    return [_item_out(item, stand) for item in cart.items]


def _item_out(item: Item, stand: Stand) -> CartItemOut:
    offer, priced = stand.offers.get(item.variant_id), stand.prices.get(item.variant_id)
    price, in_ = (priced.amount, stand.currency) if priced else (item.price, item.currency)
    return CartItemOut(
        id=item.id,
        product_id=item.product_id,
        variant_id=item.variant_id,
        sku=offer.sku if offer else None,
        name=offer.name_in(stand.market) if offer else None,
        options=offer.options if offer else {},
        image_url=offer.image_url if offer else None,
        quantity=item.quantity,
        price=money.text(price, in_),
        subtotal=money.text(price * item.quantity, in_),
        is_available=priced is not None and stand.enough(item),
    )
