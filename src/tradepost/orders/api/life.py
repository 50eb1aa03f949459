"""What staff and buyers do to an order after it was placed."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta

from tradepost.core.errors import Forbidden, NotFound, Stale, invalid
from tradepost.core.states import InvalidTransition
from tradepost.db import Tx
from tradepost.events.api import ActorOut
from tradepost.http import Answer, Call, In, Out, Routes
from tradepost.http.call import etag
from tradepost.http.routes import DryRunQuery
from tradepost.inventory import InsufficientStock
from tradepost.orders import cancelling, changing, parcels, paying, store
from tradepost.orders.api.opening import opened_by
from tradepost.orders.life import Opened, visible
from tradepost.orders.model import CancelReason, OrderStatus
from tradepost.orders.moves import Action
from tradepost.orders.shown import OrderOut, order_out
from tradepost.orders.store import Note
from tradepost.orders.wire import AddressIn, address_of
from tradepost.payments import PaymentUnderWay, Providers

routes = Routes("The life of an order", "Status, tracking, cancellation, holds and notes.")

ShortText = Annotated[str, Meta(min_length=1, max_length=200)]
_MOVED = [NotFound, Stale, Forbidden, InvalidTransition]
_CANCELLED = [*_MOVED, PaymentUnderWay]


class StatusIn(In):
    """The status that the order is to have; `reason` is for CANCELLED."""

    status: OrderStatus
    reason: CancelReason = CancelReason.OTHER


class ShippingIn(In):
    """What is null goes."""

    tracking_company: ShortText | None = None
    tracking_number: ShortText | None = None


class TrackingIn(In):
    """What is null goes."""

    shipping_provider: ShortText | None = None
    tracking_number: ShortText | None = None


class CancelIn(In):
    reason: CancelReason | None = None


class HoldIn(In):
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class AddressesIn(In):
    """What is absent stays."""

    shipping_address: AddressIn | None = None
    billing_address: AddressIn | None = None


class NoteIn(In):
    text: Annotated[str, Meta(min_length=1, max_length=5000)]


class NoteOut(Out):
    id: UUID
    text: str
    actor: ActorOut
    created_at: datetime


class NotesOut(Out):
    items: list[NoteOut]


@routes.write(
    "PATCH",
    "/orders/{order_id}/status",
    body=StatusIn,
    answer=OrderOut,
    secured=True,
    problems=[*_CANCELLED, InsufficientStock],
    example={"status": "CONFIRMED"},
)
async def change_order_status(call: Call, tx: Tx, body: StatusIn) -> Answer:
    """Move an order to another status, with all that belongs to the move.

    CONFIRMED and PROCESSING take note of it; SHIPPED ships what is left, DELIVERED says that all has arrived, CANCELLED
    cancels. Each needs the permission of its action; `actions` of the order says what is possible.
    """
    action, do = _MOVES.get(body.status, (None, None))
    if action is None or do is None:
        raise invalid("/status", "not_allowed", "is nothing that an order can be moved to: see its actions")
    opened = await opened_by(call, tx, action)
    if body.status is OrderStatus.CANCELLED:
        _give_back_soon(call, opened)
    return _answer(call, await do(tx, opened, body.reason))


async def _confirm(tx: Tx, opened: Opened, _reason: CancelReason) -> Opened:
    return await changing.confirm(tx, opened)


async def _process(tx: Tx, opened: Opened, _reason: CancelReason) -> Opened:
    return await changing.process(tx, opened)


async def _ship(tx: Tx, opened: Opened, _reason: CancelReason) -> Opened:
    return await parcels.ship_rest(tx, opened)


async def _deliver(tx: Tx, opened: Opened, _reason: CancelReason) -> Opened:
    return await parcels.deliver_all(tx, opened)


async def _cancel(tx: Tx, opened: Opened, reason: CancelReason) -> Opened:
    return await cancelling.cancel(tx, opened, reason=reason)


_Move = Callable[[Tx, Opened, CancelReason], Awaitable[Opened]]
_MOVES: dict[OrderStatus, tuple[Action, _Move]] = {
    OrderStatus.CONFIRMED: (Action.CONFIRM, _confirm),
    OrderStatus.PROCESSING: (Action.PROCESS, _process),
    OrderStatus.SHIPPED: (Action.SHIP, _ship),
    OrderStatus.DELIVERED: (Action.DELIVER, _deliver),
    OrderStatus.CANCELLED: (Action.CANCEL, _cancel),
}


@routes.write(
    "PATCH",
    "/orders/{order_id}/shipping",
    body=ShippingIn,
    answer=OrderOut,
    problems=_MOVED,
    example={"trackingCompany": "UPS", "trackingNumber": "1Z999AA10123456784"},
)
async def change_order_shipping(call: Call, tx: Tx, body: ShippingIn) -> Answer:
    """Say with which carrier and number an order travels, before or after it has left."""
    opened = await opened_by(call, tx, Action.CHANGE_TRACKING)
    done = await changing.set_tracking(tx, opened, company=body.tracking_company, number=body.tracking_number)
    return _answer(call, done)


@routes.write(
    "PATCH",
    "/orders/{order_id}/tracking",
    body=TrackingIn,
    answer=OrderOut,
    problems=_MOVED,
    example={"shippingProvider": "UPS", "trackingNumber": "1Z999AA10123456784"},
)
async def change_order_tracking(call: Call, tx: Tx, body: TrackingIn) -> Answer:
    """The same as `/shipping`, by its other name."""
    opened = await opened_by(call, tx, Action.CHANGE_TRACKING)
    done = await changing.set_tracking(tx, opened, company=body.shipping_provider, number=body.tracking_number)
    return _answer(call, done)


_CANCEL: dict[str, Any] = {
    "query": DryRunQuery,
    "body": CancelIn,
    "answer": OrderOut,
    "secured": True,
    "problems": _CANCELLED,
    "example": {"reason": "CUSTOMER"},
}


@routes.write("PATCH", "/orders/{order_id}/cancel", name="patch_order_cancel", **_CANCEL)
@routes.write("POST", "/orders/{order_id}/cancel", **_CANCEL)
async def cancel_order(call: Call, tx: Tx, query: DryRunQuery, body: CancelIn) -> Answer:  # noqa: ARG001
    """Cancel an order: its stock is given back, and so is what was paid. Nothing is deleted.

    The buyer may until something is packed, staff until something has left. `dryRun=true` shows what would be. POST and
    PATCH are the same.
    """
    opened = await opened_by(call, tx, Action.CANCEL)
    _give_back_soon(call, opened)
    usual = CancelReason.OTHER if call.actor.may("orders:cancel") else CancelReason.CUSTOMER
    return _answer(call, await cancelling.cancel(tx, opened, reason=body.reason or usual))


@routes.write("DELETE", "/orders/{order_id}", status=204, secured=True, problems=_CANCELLED)
async def delete_order(call: Call, tx: Tx) -> Answer:
    """Take an order out of every list; one that lives is cancelled first. It is kept for the books."""
    opened = await opened_by(call, tx, Action.DELETE)
    _give_back_soon(call, opened)
    await cancelling.delete(tx, opened)
    return Answer(204)


@routes.write(
    "POST",
    "/orders/{order_id}/hold",
    body=HoldIn,
    answer=OrderOut,
    problems=_MOVED,
    example={"reason": "The address looks wrong"},
)
async def hold_order(call: Call, tx: Tx, body: HoldIn) -> Answer:
    """Hold an order: nothing is shipped, and it does not expire."""
    return _answer(call, await changing.hold(tx, await opened_by(call, tx, Action.HOLD), reason=body.reason))


@routes.write("DELETE", "/orders/{order_id}/hold", answer=OrderOut, problems=_MOVED)
async def release_order(call: Call, tx: Tx) -> Answer:
    """Release an order that is on hold."""
    return _answer(call, await changing.release(tx, await opened_by(call, tx, Action.RELEASE)))


@routes.write(
    "PATCH",
    "/orders/{order_id}/addresses",
    body=AddressesIn,
    answer=OrderOut,
    problems=_MOVED,
    example={
        "shippingAddress": {
            "firstName": "Ada",
            "lastName": "Lovelace",
            "line1": "1 Sussex Place",
            "city": "London",
            "postalCode": "NW1 4SA",
            "country": "GB",
        }
    },
)
async def change_order_addresses(call: Call, tx: Tx, body: AddressesIn) -> Answer:
    """Send an order, or its bill, somewhere else, until something is packed."""
    to = address_of(body.shipping_address, "/shippingAddress")
    bill = address_of(body.billing_address, "/billingAddress")
    opened = await opened_by(call, tx, Action.CHANGE_ADDRESS)
    return _answer(call, await changing.change_addresses(tx, opened, shipping=to, billing=bill))


@routes.write(
    "POST",
    "/orders/{order_id}/notes",
    body=NoteIn,
    answer=NoteOut,
    status=201,
    problems=_MOVED,
    example={"text": "Called: leave it with the neighbours."},
)
async def add_order_note(call: Call, tx: Tx, body: NoteIn) -> Answer:
    """Write something down about an order, for staff."""
    opened = await opened_by(call, tx, Action.NOTE)
    note = await changing.note(tx, opened.order.id, text=body.text, actor=call.actor)
    return call.json(_note_out(note), status=201)


@routes.get("/orders/{order_id}/notes", answer=NotesOut, problems=[NotFound])
async def list_order_notes(call: Call) -> Answer:
    """What staff wrote down about an order, oldest first."""
    async with call.db.read() as db:
        order = await store.find(db, visible(call.actor), call.id("order_id"))
        found = await store.notes_of(db, call.actor.store_id, order.id)
    return call.json(NotesOut([_note_out(note) for note in found]))


def _give_back_soon(call: Call, opened: Opened) -> None:
    """What was paid goes back once the cancellation is on disk; if this process dies before, by the sweep."""
    if opened.payments:
        store_id, order_id, providers = call.actor.store_id, opened.order.id, call.service(Providers)
        call.afterwards.append(("refund", lambda: paying.finish(call.db, providers, store_id, order_id)))


def _answer(call: Call, opened: Opened) -> Answer:
    return call.json(order_out(opened), headers=[etag(opened.order.version)])


def _note_out(note: Note) -> NoteOut:
    return NoteOut(note.id, note.text, ActorOut(note.actor_kind, note.actor_id), note.created_at)
