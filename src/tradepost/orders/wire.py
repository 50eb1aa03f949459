"""Orders as clients send and see them."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from tradepost.accounts.addresses import rules
from tradepost.accounts.api.wire import Email
from tradepost.core import clock, money
from tradepost.core.errors import FieldError, invalid
from tradepost.events.api import EventOut
from tradepost.http import Amount, In, Moment, Out, PageQuery, Text
from tradepost.orders.deciding import quote_members
from tradepost.orders.model import (
    MOST_ITEMS,
    Address,
    FulfillmentStatus,
    Item,
    ItemKey,
    KeptDelivery,
    KeptRate,
    Line,
    Order,
    OrderStatus,
    PaymentStatus,
    TooManyItems,
)
from tradepost.orders.quoting import Reckoned
from tradepost.orders.store import OrderFilter
from tradepost.pricing import Step, explain
from tradepost.promotions import Evaluation

Sku = Annotated[str, Meta(min_length=1, max_length=64)]
Quantity = Annotated[int, Meta(ge=1, le=9999)]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
Line200 = Annotated[str, Meta(max_length=200)]


EXAMPLE_ADDRESS = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postalCode": "SW1Y 4JH",
    "country": "GB",
}


class AddressIn(In):
    first_name: Text
    last_name: Text
    line1: Text
    city: Text
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1 alpha-2", examples=["GB"])]
    company: Line200 | None = None
    line2: Line200 | None = None
    state: Annotated[str, Meta(max_length=100)] | None = None
    postal_code: Annotated[str, Meta(max_length=20)] | None = None
    phone: Annotated[str, Meta(max_length=30)] | None = None


class ItemIn(In):
    """One of `variantId`, `productId` (of a product with one variant) and `sku`, and how many."""

    quantity: Quantity
    variant_id: UUID | None = None
    product_id: UUID | None = None
    sku: Sku | None = None


Codes = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=1000)]
MethodCode = Annotated[str, Meta(min_length=1, max_length=64)]


class QuoteIn(In):
    """Taxes and delivery are those of the address; without one, the store's own, and nothing for delivery."""

    items: list[ItemIn]
    currency: Currency | None = None
    email: Email | None = None
    shipping_address: AddressIn | None = None
    shipping_method: MethodCode | None = None
    coupon_codes: Codes = ()


class OrderIn(In):
    """An address is given, or named by the id of one that the ordering customer has.

    Without a `shippingMethod` it is sent the cheapest way there is to its address.
    """

    items: list[ItemIn]
    email: Email | None = None
    customer_id: UUID | None = None
    shipping_address: AddressIn | None = None
    billing_address: AddressIn | None = None
    shipping_address_id: UUID | None = None
    billing_address_id: UUID | None = None
    currency: Currency | None = None
    shipping_method: MethodCode | None = None
    coupon_codes: Codes = ()
    notes: Annotated[str, Meta(max_length=2000)] | None = None
    expected_total: Amount | None = None


class ItemOut(Out):
    id: UUID
    product_id: UUID
    variant_id: UUID
    sku: str
    name: str
    options: dict[str, str]
    image_url: str | None
    quantity: int
    price: str
    subtotal: str
    discount_amount: str
    tax_amount: str
    total_amount: str


class DiscountOut(Out):
    """`name` as the buyer reads it."""

    name: str
    amount: str


class DeliveryOut(Out):
    """How it is sent; `amount` is before discounts."""

    code: str
    name: str
    amount: str


class ExchangeRateOut(Out):
    """Of the store's currency to the order's, at which prices were converted."""

    rate: str
    as_of: date
    source: str


class OrderCore(Out):
    """What an order is from its placement on: but for statuses and times, only an edit changes it."""

    id: UUID
    order_number: str
    customer_id: UUID | None
    email: str
    status: OrderStatus
    payment_status: PaymentStatus
    fulfillment_status: FulfillmentStatus
    currency: str
    items: list[ItemOut]
    subtotal: str
    discount_amount: str
    tax_amount: str
    tax_included: bool
    shipping_amount: str
    total_amount: str
    shipping_address: Address | None
    billing_address: Address | None
    notes: str | None
    market: str | None
    exchange_rate: ExchangeRateOut | None
    discounts: list[DiscountOut]
    coupon_codes: list[str]
    delivery: DeliveryOut | None
    tax_exemption: str | None
    version: int
    created_at: str
    updated_at: str


class QuotedItemOut(Out):
    product_id: UUID
    variant_id: UUID
    sku: str
    name: str
    quantity: int
    price: str
    subtotal: str
    discount_amount: str
    tax_amount: str
    total_amount: str


class CouponOut(Out):
    """A code that was asked for and does not apply, and why."""

    code: str
    reason: str
    detail: str


class QuoteOut(Out):
    """`refusedCoupons` would be refused with the order; `delivery` is how it would be sent."""

    market: str
    currency: str
    items: list[QuotedItemOut]
    subtotal: str
    discount_amount: str
    tax_amount: str
    tax_included: bool
    shipping_amount: str
    total_amount: str
    discounts: list[DiscountOut]
    refused_coupons: list[CouponOut]
    delivery: DeliveryOut | None
    explanation: list[Step]


class ExplanationOut(Out):
    order_number: str
    currency: str
    total_amount: str
    explanation: list[Step]


class TimelineOut(Out):
    items: list[EventOut]


class OrdersQuery(PageQuery):
    search: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    status: OrderStatus | None = None
    payment_status: PaymentStatus | None = None
    fulfillment_status: FulfillmentStatus | None = None
    customer_id: UUID | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    min_total: Amount | None = None
    max_total: Amount | None = None
    sort: str = "-createdAt"


def filter_of(query: OrdersQuery, currency: str) -> OrderFilter:
    return OrderFilter(
        search=query.search,
        status=query.status,
        payment_status=query.payment_status,
        fulfillment_status=query.fulfillment_status,
        customer_id=query.customer_id,
        created_from=_moment("?createdFrom", query.created_from),
        created_to=_moment("?createdTo", query.created_to),
        min_total=_amount("?minTotal", query.min_total, currency),
        max_total=_amount("?maxTotal", query.max_total, currency),
    )


def _moment(pointer: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return clock.parse(text)
    except ValueError:
        raise invalid(pointer, "invalid_value", "is no such time") from None


def _amount(pointer: str, amount: Amount | None, currency: str) -> int | None:
    return None if amount is None else money.parse_field(amount, currency, pointer=pointer)


def items_of(items: list[ItemIn], *, pointer: str = "/items") -> list[Item]:
    if not items:
        raise invalid(pointer, "required", "has no item")
    if len(items) > MOST_ITEMS:
        detail = f"has {len(items)} items; {MOST_ITEMS} are possible"
        raise TooManyItems(errors=[FieldError(pointer, "too_many_items", detail)])
    return [item_of(item, pointer=f"{pointer}/{at}") for at, item in enumerate(items)]


def item_of(item: ItemIn, *, pointer: str = "") -> Item:
    """ValidationFailed unless it has one name."""
    named = [
        (key, ref)
        for key, ref in (
            (ItemKey.VARIANT, item.variant_id),
            (ItemKey.PRODUCT, item.product_id),
            (ItemKey.SKU, item.sku),
        )
        if ref is not None
    ]
    if len(named) != 1:
        raise invalid(pointer, "required", "needs exactly one of variantId, productId and sku")
    key, ref = named[0]
    return Item(key, ref, item.quantity)


def address_of(given: AddressIn | None, pointer: str) -> Address | None:
    """The address with its telephone number in E.164. ValidationFailed for a country or a number that there cannot be.

    Only what is remembered from one order to the next is looked at: the rules of its country for states and postal
    codes are for addresses that a customer keeps.
    """
    if given is None:
        return None
    rules.check_country(given.country, pointer=f"{pointer}/country")
    return Address(
        given.first_name,
        given.last_name,
        given.line1,
        given.city,
        given.country,
        given.company,
        given.line2,
        given.state,
        given.postal_code,
        rules.phone(given.phone, given.country, pointer=f"{pointer}/phone"),
    )


def core_out(order: Order) -> OrderCore:
    written = money.writer(order.currency)
    return OrderCore(
        id=order.id,
        order_number=order.order_number,
        customer_id=order.customer_id,
        email=order.email,
        status=order.status,
        payment_status=order.payment_status,
        fulfillment_status=order.fulfillment_status,
        currency=order.currency,
        items=[_item_out(line, written) for line in order.lines],
        subtotal=written(order.subtotal),
        discount_amount=written(order.discount_amount),
        tax_amount=written(order.tax_amount),
        tax_included=order.tax_included,
        shipping_amount=written(order.shipping_amount),
        total_amount=written(order.total_amount),
        shipping_address=order.shipping_address,
        billing_address=order.billing_address,
        notes=order.notes,
        market=order.basis.market,
        exchange_rate=_rate_out(order.basis.rate),
        discounts=[DiscountOut(one.name, written(one.amount)) for one in order.basis.discounts],
        coupon_codes=list(order.basis.coupon_codes),
        delivery=_delivery_out(order.basis.delivery, written),
        tax_exemption=order.basis.exempt,
        version=order.version,
        created_at=clock.rfc3339(order.created_at),
        updated_at=clock.rfc3339(order.updated_at),
    )


def _rate_out(rate: KeptRate | None) -> ExchangeRateOut | None:
    return None if rate is None else ExchangeRateOut(rate.value, rate.as_of, rate.source)


def _delivery_out(delivery: KeptDelivery | None, written: Callable[[int], str]) -> DeliveryOut | None:
    return None if delivery is None else DeliveryOut(delivery.code, delivery.name, written(delivery.amount))


def _item_out(line: Line, written: Callable[[int], str]) -> ItemOut:
    return ItemOut(
        id=line.id,
        product_id=line.product_id,
        variant_id=line.variant_id,
        sku=line.sku,
        name=line.name,
        options=line.options,
        image_url=line.image_url,
        quantity=line.quantity,
        price=written(line.price),
        subtotal=written(line.subtotal),
        discount_amount=written(line.discount_amount),
        tax_amount=written(line.tax_amount),
        total_amount=written(line.total_amount),
    )


def refused_out(given: Evaluation) -> list[CouponOut]:
    """The codes that do not apply."""
    return [CouponOut(one.code, one.reason, one.detail) for one in given.refused if one.code]


def quote_out(priced: Reckoned) -> QuoteOut:
    quote, option = priced.quote, priced.option
    written = money.writer(quote.currency)
    members = quote_members(quote)
    return QuoteOut(
        market=priced.market.slug,
        currency=quote.currency,
        items=[
            QuotedItemOut(
                product_id=offer.product_id,
                variant_id=offer.variant_id,
                sku=offer.sku,
                name=offer.name_in(priced.market),
                quantity=line.quantity,
                price=written(line.price),
                subtotal=written(line.subtotal),
                discount_amount=written(line.discount),
                tax_amount=written(line.tax),
                total_amount=written(line.total),
            )
            for offer, line in zip(priced.offers, quote.lines, strict=True)
        ],
        subtotal=members["subtotal"],
        discount_amount=members["discountAmount"],
        tax_amount=members["taxAmount"],
        tax_included=quote.tax_included,
        shipping_amount=members["shippingAmount"],
        total_amount=members["totalAmount"],
        discounts=[DiscountOut(one.name, written(one.amount)) for one in quote.taken],
        refused_coupons=refused_out(priced.given),
        delivery=None if option is None else DeliveryOut(option.code, option.name, written(option.amount)),
        explanation=explain(quote, priced.names),
    )
