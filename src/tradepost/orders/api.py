from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from tradepost import events
from tradepost.accounts import hash_secret
from tradepost.accounts.api import Email
from tradepost.core import clock, money
from tradepost.core.actors import Actor, ActorKind
from tradepost.core.errors import FieldError, Forbidden, NotFound, ReferenceNotFound, invalid
from tradepost.events.api import EventOut, event_out
from tradepost.http import Answer, Call, In, Moment, Out, PageOut, PageQuery, Routes, Text, page_out, window
from tradepost.http.call import etag
from tradepost.http.paging import choose
from tradepost.http.routes import replayed
from tradepost.idempotency import IdempotencyKeyReused
from tradepost.orders import quoting, store
from tradepost.orders.deciding import Again, Placed, quote_members
from tradepost.orders.model import (
    MOST_ITEMS,
    Address,
    CurrencyNotSupported,
    FulfillmentStatus,
    InsufficientStock,
    Item,
    ItemKey,
    Line,
    Order,
    OrderStatus,
    PaymentStatus,
    PlaceOrder,
    PriceChanged,
    TooManyItems,
    VariantNotAvailable,
)
from tradepost.orders.placing import Desks
from tradepost.orders.store import SORTS, OrderFilter, Visibility
from tradepost.pricing import AmountOutOfRange, Step, explain
from tradepost.stores import store_of

routes = Routes("Orders", "Quote, place and read orders.")

READ_ALL = "orders:read"
WRITE_ALL = "orders:write"

Sku = Annotated[str, Meta(min_length=1, max_length=64)]
Quantity = Annotated[int, Meta(ge=1, le=9999)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
Line200 = Annotated[str, Meta(max_length=200)]


class AddressIn(In):
    first_name: Text
    last_name: Text
    line1: Text
    city: Text
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2", examples=["GB"])]
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


class QuoteIn(In):
    items: list[ItemIn]
    currency: Currency | None = None


class OrderIn(In):
    items: list[ItemIn]
    email: Email | None = None
    customer_id: UUID | None = None
    shipping_address: AddressIn | None = None
    billing_address: AddressIn | None = None
    currency: Currency | None = None
    notes: Annotated[str, Meta(max_length=2000)] | None = None
    expected_total: Decimal | None = None


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


class OrderOut(Out):
    """Everything but ids, statuses and times is as it was when the order was placed."""

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
    version: int
    created_at: str
    updated_at: str


class PlacedOut(OrderOut, omit_defaults=True):
    """`accessToken` is for guests only: it shows this one order, as `X-Order-Token`."""

    access_token: str | None = None


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


class QuoteOut(Out):
    currency: str
    items: list[QuotedItemOut]
    subtotal: str
    discount_amount: str
    tax_amount: str
    tax_included: bool
    shipping_amount: str
    total_amount: str
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
    min_total: Decimal | None = None
    max_total: Decimal | None = None
    sort: str = "-createdAt"


_ADDRESS = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postalCode": "SW1Y 4JH",
    "country": "GB",
}
_EXAMPLE = {"email": "ada@example.com", "items": [{"sku": "DEMO-MUG", "quantity": 2}], "shippingAddress": _ADDRESS}


@routes.get("/orders", query=OrdersQuery, answer=PageOut[OrderOut])
async def list_orders(call: Call, query: OrdersQuery) -> Answer:
    """List orders.

    `search` finds orders of which each word of it begins a word of number, buyer, e-mail address or products.
    """
    wanted = _filter(query, store_of(call).currency)
    async with call.db.read() as db:
        page = await store.page(
            db, _visible(call.actor), wanted, sort=choose(SORTS, query.sort), window=_window(call, query)
        )
    return call.json(page_out(call, query, page, order_out))


@routes.act(
    "POST",
    "/orders/quote",
    body=QuoteIn,
    answer=QuoteOut,
    keyed=False,
    problems=[VariantNotAvailable, CurrencyNotSupported, AmountOutOfRange, TooManyItems],
    example={"items": [{"sku": "DEMO-MUG", "quantity": 2}]},
)
async def quote_order(call: Call, body: QuoteIn) -> Answer:
    """What an order would cost at this moment, with its explanation. Nothing is written or promised."""
    items = _items(body.items)
    async with call.db.read() as db:
        priced = await quoting.quote(db, store_of(call), items, currency=body.currency)
    return call.json(_quote_out(priced))


@routes.act(
    "POST",
    "/orders",
    body=OrderIn,
    answer=PlacedOut,
    status=201,
    secured=True,
    problems=[
        VariantNotAvailable,
        ReferenceNotFound,
        CurrencyNotSupported,
        AmountOutOfRange,
        TooManyItems,
        InsufficientStock,
        PriceChanged,
        IdempotencyKeyReused,
    ],
    example=_EXAMPLE,
)
async def place_order(call: Call, body: OrderIn) -> Answer:
    """Place an order for several products.

    The server prices it and promises its stock, all or nothing, and answers when it is on disk. A guest gives an
    e-mail address and gets an `accessToken`; keys with `orders:write` may name a customer. With `expectedTotal`, an
    order at another total is refused (`price_changed`) with the new quote.
    """
    desks = call.service(Desks)
    request = _request(call, body)
    match await desks.place(request):
        case Placed(order):
            status, headers, kept = _keep(order)
        case Again(stored):
            answer = replayed(stored)
            status, headers, kept = answer.status, answer.headers, answer.body
    if call.actor.kind is ActorKind.GUEST:
        kept = _with_token(kept, desks)
    return Answer(status, kept, headers=[("cache-control", "no-store"), *headers])


@routes.get("/orders/{order_id}", answer=OrderOut, problems=[NotFound])
async def read_order(call: Call) -> Answer:
    """Read one order: any of the store for staff, one's own for everybody else."""
    order = await _find(call)
    return call.json(order_out(order), headers=[etag(order.version)])


@routes.get("/orders/{order_id}/timeline", answer=TimelineOut, problems=[NotFound])
async def order_timeline(call: Call) -> Answer:
    """What happened to an order, in order, and who did it."""
    order = await _find(call)
    async with call.db.read() as db:
        happened = await events.of_subject(db, call.actor.store_id, order.id)
    return call.json(TimelineOut([event_out(event) for event in happened]))


@routes.get("/orders/{order_id}/explain", answer=ExplanationOut, problems=[NotFound])
async def explain_order(call: Call) -> Answer:
    """How an order's total came about, step by step."""
    order = await _find(call)
    steps = explain(order.as_quote(), [line.name for line in order.lines])
    total = money.text(order.total_amount, order.currency)
    return call.json(ExplanationOut(order.order_number, order.currency, total, steps))


async def _find(call: Call) -> Order:
    async with call.db.read() as db:
        return await store.find(db, _visible(call.actor), call.id("order_id"))


def _visible(actor: Actor) -> Visibility:
    """All orders for those who may read all; one's own, or the one of a token, for everybody else."""
    if actor.may(READ_ALL):
        return Visibility(actor.store_id)
    if actor.kind is ActorKind.CUSTOMER and actor.id:
        return Visibility(actor.store_id, customer_id=actor.id)
    if actor.order_token:
        return Visibility(actor.store_id, token_hash=hash_secret(actor.order_token))
    raise NotFound


def _window(call: Call, query: OrdersQuery):  # noqa: ANN202 - see http.window
    found = window(call, query)
    if found.after is None:
        return found
    *by, key = found.after
    return msgspec.structs.replace(found, after=[*by, UUID(str(key))])


def _filter(query: OrdersQuery, currency: str) -> OrderFilter:
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


def _amount(pointer: str, amount: Decimal | None, currency: str) -> int | None:
    if amount is None:
        return None
    try:
        return money.parse(amount, currency)
    except money.AmountError as error:
        raise invalid(pointer, error.code, str(error)) from None


def _request(call: Call, body: OrderIn) -> PlaceOrder:
    actor = call.actor
    if body.customer_id is not None and not actor.may(WRITE_ALL):
        msg = "Only staff may order for a customer"
        raise Forbidden(msg)
    if actor.kind is ActorKind.GUEST and body.email is None:
        raise invalid("/email", "required", "is needed to order as a guest")
    return PlaceOrder(
        actor=actor,
        items=_items(body.items),
        email=body.email,
        customer_id=body.customer_id,
        currency=body.currency,
        shipping_address=_address(body.shipping_address),
        billing_address=_address(body.billing_address),
        notes=body.notes,
        expected_total=body.expected_total,
        claim=call.claim,
        keep=_keep,
    )


def _items(items: list[ItemIn]) -> list[Item]:
    if not items:
        raise invalid("/items", "required", "has no item")
    if len(items) > MOST_ITEMS:
        detail = f"has {len(items)} items; {MOST_ITEMS} are possible"
        raise TooManyItems(errors=[FieldError("/items", "too_many_items", detail)])
    return [_item(at, item) for at, item in enumerate(items)]


def _item(at: int, item: ItemIn) -> Item:
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
        raise invalid(f"/items/{at}", "required", "needs exactly one of variantId, productId and sku")
    key, ref = named[0]
    return Item(key, ref, item.quantity)


def _address(given: AddressIn | None) -> Address | None:
    if given is None:
        return None
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
        given.phone,
    )


def _keep(order: Order) -> tuple[int, list[tuple[str, str]], bytes]:
    """The answer to a placed order, as its idempotency key keeps it: without the guest's secret."""
    return 201, [("location", f"/api/v1/orders/{order.id}"), etag(order.version)], msgspec.json.encode(order_out(order))


_ID_AT = len('{"id":"')


def _with_token(body: bytes, desks: Desks) -> bytes:
    """Adds the guest's access token, which is made from the order's id and kept nowhere in clear."""
    order_id = UUID(body[_ID_AT : _ID_AT + 36].decode())
    return body[:-1] + b',"accessToken":"' + desks.token_of(order_id).encode() + b'"}'


def order_out(order: Order) -> OrderOut:
    written = _writer(order.currency)
    return OrderOut(
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
        version=order.version,
        created_at=clock.rfc3339(order.created_at),
        updated_at=clock.rfc3339(order.updated_at),
    )


def _item_out(line: Line, written: Any) -> ItemOut:  # noqa: ANN401 - see _writer
    return ItemOut(
        id=line.id,
        product_id=line.product_id,
        variant_id=line.variant_id,
        sku=line.sku,
        name=line.name,
        options=line.options,
        image_url=None,
        quantity=line.quantity,
        price=written(line.price),
        subtotal=written(line.subtotal),
        discount_amount=written(line.discount_amount),
        tax_amount=written(line.tax_amount),
        total_amount=written(line.total_amount),
    )


def _quote_out(priced: quoting.PricedItems) -> QuoteOut:
    quote = priced.quote
    written = _writer(quote.currency)
    members = quote_members(quote)
    return QuoteOut(
        currency=quote.currency,
        items=[
            QuotedItemOut(
                product_id=offer.product_id,
                variant_id=offer.variant_id,
                sku=offer.sku,
                name=offer.name,
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
        explanation=explain(quote, [offer.name for offer in priced.offers]),
    )


def _writer(currency: str):  # noqa: ANN202 - minor units to text
    def written(minor: int) -> str:
        return money.text(minor, currency)

    return written
