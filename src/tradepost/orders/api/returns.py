"""Goods that come back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from tradepost.core import money
from tradepost.core.errors import Forbidden, NotFound, ReferenceNotFound, Stale
from tradepost.core.states import InvalidTransition
from tradepost.db import Tx
from tradepost.http import Amount, Answer, Call, In, Out, Routes
from tradepost.orders import returning, store
from tradepost.orders.api.opening import opened_by
from tradepost.orders.api.paying import PaidOut, asked_for
from tradepost.orders.life import Opened, visible
from tradepost.orders.moves import Action
from tradepost.orders.paying import RefundLimitExceeded
from tradepost.orders.returns import FeeExceedsValue, Return, ReturnReason, ReturnStatus
from tradepost.payments import Operation, PaymentUnderWay, RefundExceedsCaptured

routes = Routes("Returns", "Goods that come back, and their money.")

_MOVED = [NotFound, Stale, Forbidden, InvalidTransition]
_Quantity = Annotated[int, Meta(ge=1, le=9999)]


class ReturnItemIn(In):
    item_id: UUID
    quantity: _Quantity
    reason: ReturnReason = ReturnReason.UNWANTED


class ReturnIn(In):
    items: Annotated[list[ReturnItemIn], Meta(max_length=100)]
    note: Annotated[str, Meta(min_length=1, max_length=2000)] | None = None


class RestockIn(In):
    """How many of an item can be sold again; the others are written off."""

    item_id: UUID
    restock: Annotated[int, Meta(ge=0, le=9999)]


class ReceiveIn(In):
    """Without `items`, all of it can be sold again; without `locationId`, at the store's first location."""

    items: Annotated[list[RestockIn], Meta(max_length=100)] | None = None
    location_id: UUID | None = None


class ReturnRefundIn(In):
    """What is given back beside the goods, and what is kept."""

    shipping: Amount | None = None
    fee: Amount | None = None


class ReturnItemOut(Out):
    item_id: UUID
    quantity: int
    reason: ReturnReason
    restocked: int | None


class ReturnOut(Out):
    id: UUID
    order_id: UUID
    status: ReturnStatus
    note: str | None
    refund_amount: str | None
    items: list[ReturnItemOut]
    version: int
    created_at: datetime
    updated_at: datetime


class ReturnsOut(Out):
    items: list[ReturnOut]


@routes.write(
    "POST",
    "/orders/{order_id}/returns",
    body=ReturnIn,
    answer=ReturnOut,
    status=201,
    problems=_MOVED,
    example={"items": [{"itemId": "01a1fcc7-f477-7000-a95e-da9cde12b4a1", "quantity": 1, "reason": "DAMAGED"}]},
)
async def request_return(call: Call, tx: Tx, body: ReturnIn) -> Answer:
    """Return some of what was shipped. The buyer asks; what staff enter is agreed to."""
    opened = await opened_by(call, tx, Action.RETURN)
    wanted = [(item.item_id, item.quantity, item.reason) for item in body.items]
    is_agreed = call.actor.may("orders:return")
    one = await returning.request(tx, opened, wanted, note=body.note, is_agreed=is_agreed)
    return call.json(return_out(one, opened.order.currency), status=201)


@routes.get("/orders/{order_id}/returns", answer=ReturnsOut, problems=[NotFound])
async def list_returns(call: Call) -> Answer:
    """The returns of an order, oldest first."""
    async with call.db.read() as db:
        order = await store.find(db, visible(call.actor), call.id("order_id"))
        found = await store.returns_of(db, call.actor.store_id, order.id)
    return call.json(ReturnsOut([return_out(one, order.currency) for one in found]))


@routes.write("POST", "/orders/{order_id}/returns/{return_id}/approve", answer=ReturnOut, problems=_MOVED)
async def approve_return(call: Call, tx: Tx) -> Answer:
    """Agree to a return."""
    opened = await opened_by(call, tx, Action.SETTLE_RETURN)
    return _answer(call, opened, await returning.approve(tx, opened, call.id("return_id")))


@routes.write("POST", "/orders/{order_id}/returns/{return_id}/reject", answer=ReturnOut, problems=_MOVED)
async def reject_return(call: Call, tx: Tx) -> Answer:
    """Refuse a return."""
    opened = await opened_by(call, tx, Action.SETTLE_RETURN)
    return _answer(call, opened, await returning.reject(tx, opened, call.id("return_id")))


@routes.write(
    "POST",
    "/orders/{order_id}/returns/{return_id}/receive",
    body=ReceiveIn,
    answer=ReturnOut,
    secured=True,
    problems=[*_MOVED, ReferenceNotFound],
    example={},
)
async def receive_return(call: Call, tx: Tx, body: ReceiveIn) -> Answer:
    """Say that the goods are here: what can be sold again goes into stock, the rest is written off."""
    opened = await opened_by(call, tx, Action.SETTLE_RETURN)
    restocked = None if body.items is None else {item.item_id: item.restock for item in body.items}
    one = await returning.receive(tx, opened, call.id("return_id"), restocked=restocked, location_id=body.location_id)
    return _answer(call, opened, one)


@routes.act(
    "POST",
    "/orders/{order_id}/returns/{return_id}/refund",
    body=ReturnRefundIn,
    answer=PaidOut,
    secured=True,
    problems=[*_MOVED, FeeExceedsValue, PaymentUnderWay, RefundExceedsCaptured, RefundLimitExceeded],
    example={"fee": "2.50"},
)
async def refund_return(call: Call, body: ReturnRefundIn) -> Answer:
    """Give back what the goods of a return were paid with, tax included: to the minor unit, however many returns."""
    return_id = call.id("return_id")

    async def ask(tx: Tx, opened: Opened) -> Sequence[Operation]:
        fee = _units(body.fee, opened, "/fee")
        shipping = _units(body.shipping, opened, "/shipping")
        return await returning.refund(tx, opened, return_id, fee=fee, shipping=shipping)

    return await asked_for(call, Action.REFUND, ask)


def _units(amount: Amount | None, opened: Opened, pointer: str) -> int:
    return 0 if amount is None else money.parse_field(amount, opened.order.currency, pointer=pointer)


def _answer(call: Call, opened: Opened, one: Return) -> Answer:
    return call.json(return_out(one, opened.order.currency))


def return_out(one: Return, currency: str) -> ReturnOut:
    return ReturnOut(
        id=one.id,
        order_id=one.order_id,
        status=one.status,
        note=one.note,
        refund_amount=None if one.refund_amount is None else money.text(one.refund_amount, currency),
        items=[ReturnItemOut(line.line_id, line.quantity, line.reason, line.restocked) for line in one.lines],
        version=one.version,
        created_at=one.created_at,
        updated_at=one.updated_at,
    )
