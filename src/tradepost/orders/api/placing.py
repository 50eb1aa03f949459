from itertools import chain
from uuid import UUID

import msgspec

from tradepost import events
from tradepost.core import money
from tradepost.core.actors import Actor, ActorKind
from tradepost.core.errors import FieldError, Forbidden, NotFound, ReferenceNotFound, invalid
from tradepost.events.api import EventOut, event_out
from tradepost.http import Answer, Call, PageOut, Routes, page_out, window
from tradepost.http.call import etag
from tradepost.http.paging import choose
from tradepost.http.routes import DryRunQuery
from tradepost.idempotency import IdempotencyKeyReused
from tradepost.orders import store
from tradepost.orders.addressing import Addresses, addresses_of
from tradepost.orders.answering import RequestedOut, ordered
from tradepost.orders.life import READ_ALL, opened_all, visible
from tradepost.orders.model import (
    CurrencyNotSupported,
    InsufficientStock,
    Order,
    PlaceOrder,
    PriceChanged,
    TooManyItems,
    VariantNotAvailable,
    buyer_words,
)
from tradepost.orders.quoting import Asked, Quotes
from tradepost.orders.shown import OrderOut, PlacedOut, shown
from tradepost.orders.store import SORTS
from tradepost.orders.wire import (
    EXAMPLE_ADDRESS,
    ExplanationOut,
    OrderIn,
    OrdersQuery,
    QuoteIn,
    QuoteOut,
    TimelineOut,
    address_of,
    filter_of,
    items_of,
    quote_out,
)
from tradepost.pricing import AmountOutOfRange, explain
from tradepost.promotions import check_codes
from tradepost.stores import store_of
from tradepost.stores.markets import named_market

routes = Routes("Orders", "Quote, place and read orders.")

WRITE_ALL = "orders:write"

_EXAMPLE = {
    "email": "ada@example.com",
    "items": [{"sku": "DEMO-MUG", "quantity": 2}],
    "shippingAddress": EXAMPLE_ADDRESS,
}


@routes.get("/orders", query=OrdersQuery, answer=PageOut[OrderOut])
async def list_orders(call: Call, query: OrdersQuery) -> Answer:
    """List orders: all of the store for staff, one's own for a customer.

    `search` finds orders of which each word of it begins a word of number, buyer, e-mail address or products.
    """
    wanted = filter_of(query, store_of(call).currency)
    async with call.db.read() as db:
        page = await store.page(
            db, visible(call.actor), wanted, sort=choose(SORTS, query.sort), window=_window(call, query)
        )
        found = await shown(db, call.actor, page.items)
    return call.json(page_out(call, query, page, lambda order: found[order.id]))


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
    check_codes(body.coupon_codes)
    asked = Asked(
        items=items_of(body.items),
        market_id=named_market(call),
        currency=body.currency,
        customer_id=call.actor.id if call.actor.session_id else None,
        is_signed_in=call.actor.session_id is not None,
        email=body.email,
        address=address_of(body.shipping_address, "/shippingAddress"),
        coupon_codes=body.coupon_codes,
        shipping_method=body.shipping_method,
    )
    return call.json(quote_out(await call.service(Quotes).of(call.actor.store_id, asked)))


@routes.act(
    "POST",
    "/orders",
    body=OrderIn,
    query=DryRunQuery,
    answer=PlacedOut,
    later=RequestedOut,
    status=201,
    secured=True,
    problems=[
        Forbidden,
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
async def place_order(call: Call, query: DryRunQuery, body: OrderIn) -> Answer:
    """Place an order for several products.

    The server prices it and promises its stock, all or nothing, and answers when it is on disk. A guest gives an
    e-mail address and gets an `accessToken`; keys with `orders:write` may name a customer. `shippingAddressId` and
    `billingAddressId` name addresses of the ordering customer, which are copied. With `expectedTotal`, an order at
    another total is refused (`price_changed`) with the new quote.
    """
    check_codes(body.coupon_codes)
    customer_id = _buyer(call.actor, body)
    request = _request(call, body, await addresses_of(call, body, customer_id=customer_id), customer_id=customer_id)
    return await ordered(call, request, dry_run=query.dry_run)


@routes.get("/orders/{order_id}", answer=OrderOut, problems=[NotFound])
async def read_order(call: Call) -> Answer:
    """Read one order: any of the store for staff, one's own for everybody else."""
    async with call.db.read() as db:
        order = await store.find(db, visible(call.actor), call.id("order_id"))
        found = await shown(db, call.actor, [order])
    return call.json(found[order.id], headers=[etag(order.version)])


@routes.get("/orders/{order_id}/timeline", answer=TimelineOut, problems=[NotFound])
async def order_timeline(call: Call) -> Answer:
    """What happened to an order, its parcels and its payments, in order, and who did it."""
    order = await _find(call)
    async with call.db.read() as db:
        (opened,) = await opened_all(db, [order], call.actor)
        returns = await store.returns_of(db, call.actor.store_id, order.id)
        parts = [opened.shipments, [one.payment for one in opened.payments], returns]
        subjects = [order.id, *(part.id for part in chain.from_iterable(parts))]
        happened = await events.of_subjects(db, call.actor.store_id, subjects)
    return call.json(TimelineOut([_told(call.actor, event_out(event)) for event in happened]))


def _told(actor: Actor, event: EventOut) -> EventOut:
    """Who it was, staff may know; the buyer knows himself, and of others only what they are."""
    if actor.may(READ_ALL) or event.actor.id == actor.id:
        return event
    return msgspec.structs.replace(event, actor=msgspec.structs.replace(event.actor, id=None))


@routes.get("/orders/{order_id}/explain", answer=ExplanationOut, problems=[NotFound])
async def explain_order(call: Call) -> Answer:
    """How an order's total came about, step by step."""
    order = await _find(call)
    steps = explain(order.as_quote(), order.line_names)
    total = money.text(order.total_amount, order.currency)
    return call.json(ExplanationOut(order.order_number, order.currency, total, steps))


async def _find(call: Call) -> Order:
    async with call.db.read() as db:
        return await store.find(db, visible(call.actor), call.id("order_id"))


def _window(call: Call, query: OrdersQuery):  # noqa: ANN202 - see http.window
    found = window(call, query)
    if found.after is None:
        return found
    *by, key = found.after
    return msgspec.structs.replace(found, after=[*by, UUID(str(key))])


def _buyer(actor: Actor, body: OrderIn) -> UUID | None:
    """The customer who orders: a person himself, and whom staff names. A guest is none, and gives an address.

    Who may order for others orders for a guest where he gives an address and no customer.
    """
    himself = actor.id if actor.session_id else None
    if actor.may(WRITE_ALL):
        return body.customer_id or (himself if body.email is None else None)
    if body.customer_id is not None and himself is None:
        msg = "Only staff may order for a customer"
        raise Forbidden(msg)
    if actor.kind is ActorKind.GUEST and body.email is None:
        raise invalid("/email", "required", "is needed to order as a guest")
    if body.customer_id in (None, himself):
        return himself
    raise ReferenceNotFound(errors=[FieldError("/customerId", "reference_not_found", "is no customer")])


def _request(call: Call, body: OrderIn, to: Addresses, *, customer_id: UUID | None) -> PlaceOrder:
    return PlaceOrder(
        actor=call.actor,
        items=items_of(body.items),
        email=body.email,
        customer_id=customer_id,
        market_id=named_market(call),
        currency=body.currency,
        shipping_method=body.shipping_method,
        coupon_codes=body.coupon_codes,
        shipping_address=to.shipping,
        billing_address=to.billing,
        notes=body.notes,
        expected_total=body.expected_total,
        refusal=to.refusal,
        words=buyer_words(body.email, to.shipping or to.billing),
    )
