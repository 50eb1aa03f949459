"""Editing an order that was placed: preview, confirm, and what has changed."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, field

from tradepost.core import money
from tradepost.core.errors import Forbidden, NotFound, Stale, invalid
from tradepost.core.states import InvalidTransition
from tradepost.db import Tx
from tradepost.events.api import ActorOut
from tradepost.http import Amount, Answer, Call, In, Out, Routes
from tradepost.http.call import etag
from tradepost.http.routes import DryRunQuery
from tradepost.inventory import InsufficientStock
from tradepost.orders import editing, edits, paying, store
from tradepost.orders.api.opening import opened_by
from tradepost.orders.deciding import check_total
from tradepost.orders.edits import Agreed, Difference, Edit, NothingLeft
from tradepost.orders.life import Opened, visible
from tradepost.orders.model import MOST_ITEMS, Order, PriceChanged, TooManyItems, VariantNotAvailable
from tradepost.orders.moves import Action
from tradepost.orders.paying import RefundLimitExceeded
from tradepost.orders.shown import OrderOut, order_out
from tradepost.orders.store import Revision
from tradepost.orders.wire import AddressIn, ItemIn, address_of, items_of
from tradepost.payments import PaymentUnderWay, Providers
from tradepost.pricing import AmountOutOfRange

routes = Routes("Edits", "Changes to what was agreed, as versions.")


class EditItemIn(In):
    """How many of an item there shall be; 0 takes it out."""

    item_id: UUID
    quantity: Annotated[int, Meta(ge=0, le=9999)]


class EditIn(In):
    """`add` is at today's prices. With `expectedTotal`, another total is refused (`price_changed`)."""

    items: Annotated[list[EditItemIn], Meta(max_length=MOST_ITEMS)] = field(default_factory=list)
    add: Annotated[list[ItemIn], Meta(max_length=MOST_ITEMS)] = field(default_factory=list)
    discount_amount: Amount | None = None
    shipping_amount: Amount | None = None
    shipping_address: AddressIn | None = None
    billing_address: AddressIn | None = None
    reason: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    expected_total: Amount | None = None


class DifferenceOut(Out):
    """`what` is `item`, with quantities, `amount`, with amounts, or `address`, each on one line."""

    what: str
    name: str
    before: str
    after: str


class EditOut(Out):
    """`difference`: by how much the total grew. `refundAmount`: what goes back to the buyer of what he has paid."""

    revision: int
    changes: list[DifferenceOut]
    difference: str
    refund_amount: str
    order: OrderOut


class RevisionOut(Out):
    """An edit: what it changed, who made it, and why."""

    revision: int
    reason: str | None
    changes: list[DifferenceOut]
    actor: ActorOut
    created_at: datetime


class RevisionsOut(Out):
    items: list[RevisionOut]


@routes.write(
    "POST",
    "/orders/{order_id}/edits",
    query=DryRunQuery,
    body=EditIn,
    answer=EditOut,
    secured=True,
    problems=[
        *(NotFound, Stale, Forbidden, InvalidTransition, NothingLeft, TooManyItems, VariantNotAvailable),
        *(AmountOutOfRange, InsufficientStock, PriceChanged, PaymentUnderWay, RefundLimitExceeded),
    ],
    example={"items": [{"itemId": "01a1fcc7-f477-7000-a95e-da9cde12b4a1", "quantity": 1}], "reason": "One too many"},
)
async def edit_order(call: Call, tx: Tx, query: DryRunQuery, body: EditIn) -> Answer:  # noqa: ARG001 - see routes.write
    """Change items, discount, shipping or addresses of an order, all or nothing; `dryRun=true` shows what would be.

    Items keep the price that they were ordered at. Stock is taken or given back. What was paid too much goes back; what
    is missing can be paid.
    """
    opened = await opened_by(call, tx, Action.EDIT)
    done = await editing.edit(tx, opened, await _edit(tx, opened, body), reason=body.reason)
    if body.expected_total is not None:
        check_total(body.expected_total, done.opened.order.as_quote())
    if done.excess:
        store_id, order_id, providers = call.actor.store_id, opened.order.id, call.service(Providers)
        call.afterwards.append(("refund", lambda: paying.finish(call.db, providers, store_id, order_id)))
    order, currency = done.opened.order, opened.order.currency
    out = EditOut(
        revision=order.revision,
        changes=[_difference_out(one, currency) for one in done.differences],
        difference=money.text(order.total_amount - opened.order.total_amount, currency),
        refund_amount=money.text(done.excess, currency),
        order=order_out(done.opened),
    )
    return call.json(out, headers=[etag(order.version)])


@routes.get("/orders/{order_id}/edits", answer=RevisionsOut, problems=[NotFound])
async def list_order_edits(call: Call) -> Answer:
    """What was changed of an order, edit by edit, oldest first."""
    async with call.db.read() as db:
        order = await store.find(db, visible(call.actor), call.id("order_id"))
        found = await store.revisions_of(db, call.actor.store_id, order.id)
    versions = [*(one.agreed for one in found), edits.agreed(order)]
    shown = [_revision_out(one, after, order) for one, after in zip(found, versions[1:], strict=True)]
    return call.json(RevisionsOut(shown))


async def _edit(tx: Tx, opened: Opened, body: EditIn) -> Edit:
    quantities: dict[UUID, int] = {}
    for at, item in enumerate(body.items):
        if item.item_id in quantities:
            raise invalid(f"/items/{at}/itemId", "ambiguous", "is named twice")
        quantities[item.item_id] = item.quantity
    if len(opened.order.lines) + len(body.add) > MOST_ITEMS:
        raise TooManyItems
    added = await editing.added(tx, opened, items_of(body.add, pointer="/add") if body.add else [])
    currency = opened.order.currency
    return Edit(
        quantities,
        added,
        _units(body.discount_amount, currency, "/discountAmount"),
        _units(body.shipping_amount, currency, "/shippingAmount"),
        address_of(body.shipping_address, "/shippingAddress"),
        address_of(body.billing_address, "/billingAddress"),
    )


def _units(amount: Amount | None, currency: str, pointer: str) -> int | None:
    return None if amount is None else money.parse_field(amount, currency, pointer=pointer)


def _revision_out(one: Revision, after: Agreed, order: Order) -> RevisionOut:
    changes = [_difference_out(found, order.currency) for found in edits.differences(one.agreed, after)]
    return RevisionOut(one.revision + 1, one.reason, changes, ActorOut(one.actor_kind, one.actor_id), one.created_at)


_NAMES = {
    "discount_amount": "discountAmount",
    "shipping_amount": "shippingAmount",
    "tax_amount": "taxAmount",
    "total_amount": "totalAmount",
    "shipping_address": "shippingAddress",
    "billing_address": "billingAddress",
}


def _difference_out(one: Difference, currency: str) -> DifferenceOut:
    if one.what == "item":
        return DifferenceOut(one.what, one.name, str(one.before), str(one.after))

    def said(value: int | str) -> str:
        return money.text(value, currency) if isinstance(value, int) else value

    return DifferenceOut(one.what, _NAMES[one.name], said(one.before), said(one.after))
