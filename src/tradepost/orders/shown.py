"""An order with what hangs on it, as somebody may see it: parcels, payments, and what he may do next."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

import msgspec

from tradepost import payments
from tradepost.core import money
from tradepost.core.actors import Actor, ActorKind
from tradepost.db import Reader
from tradepost.http import Out
from tradepost.orders import moves
from tradepost.orders.life import READ_ALL, Opened, opened_all, owns
from tradepost.orders.model import CancelReason, Order, OrderStatus
from tradepost.orders.moves import RULES, Action, Facts, Goods
from tradepost.orders.wire import OrderCore, core_out
from tradepost.payments import Balance, Summary
from tradepost.shipping import LabelState, Shipment, ShipmentStatus, ShownLabel


class ActionOut(Out, omit_defaults=True):
    """Something that may be done to the order: whether by this caller and now, and if not, why not.

    `limit`, of refunding: how much the caller may give back of this order in all, where his role has a limit.
    """

    name: Action
    allowed: bool
    reason: str | None
    requires: str
    limit: str | None = None


class ShipmentItemOut(Out):
    item_id: UUID
    quantity: int


class ShownLabelOut(Out):
    """`amount` is what the carrier charges the shop; `lastError` is what came in the way."""

    id: UUID
    state: LabelState
    carrier: str
    service: str
    tracking_number: str | None
    amount: str | None
    currency: str | None
    last_error: str | None


class ShipmentOut(Out):
    """`label` is the newest that was asked of a carrier, and for staff."""

    id: UUID
    location_id: UUID
    status: ShipmentStatus
    carrier: str | None
    service: str | None
    tracking_number: str | None
    tracking_url: str | None
    items: list[ShipmentItemOut]
    label: ShownLabelOut | None
    created_at: datetime
    shipped_at: datetime | None
    delivered_at: datetime | None


class PaymentOut(Out):
    """`nextAction` is for the buyer's browser, as the provider says it. `capturedAmount` is before refunds."""

    id: UUID
    provider: str
    method: str
    status: payments.Status
    amount: str
    captured_amount: str
    refunded_amount: str
    currency: str
    next_action: dict[str, str] | None
    decline_code: str | None
    decline_message: str | None
    created_at: datetime


class OrderOut(OrderCore):
    """`heldBecause` is for staff. `actions` are those that there are at all, with what each requires."""

    revision: int
    paid_amount: str
    refunded_amount: str
    is_on_hold: bool
    held_because: str | None
    cancel_reason: CancelReason | None
    cancelled_at: datetime | None
    tracking_company: str | None
    tracking_number: str | None
    shipments: list[ShipmentOut]
    payments: list[PaymentOut]
    actions: list[ActionOut]


class PlacedOut(OrderOut, omit_defaults=True):
    """`accessToken` is for guests only: it shows this one order, as `X-Order-Token`."""

    access_token: str | None = None


async def shown(db: Reader, actor: Actor, orders: Sequence[Order]) -> dict[UUID, OrderOut]:
    """Orders as the actor sees them, by id: two statements for all of them."""
    found = await opened_all(db, orders, actor)
    return {opened.order.id: order_out(opened) for opened in found}


def order_out(opened: Opened) -> OrderOut:
    order, facts, actor = opened.order, opened.facts, opened.actor
    written = money.writer(order.currency)
    return OrderOut(
        **msgspec.structs.asdict(core_out(order)),
        revision=order.revision,
        paid_amount=written(facts.money.captured),
        refunded_amount=written(facts.money.refunded),
        is_on_hold=facts.is_on_hold,
        held_because=order.held_because if actor.may(READ_ALL) else None,
        cancel_reason=order.cancelled_because,
        cancelled_at=order.cancelled_at,
        tracking_company=order.tracking_company,
        tracking_number=order.tracking_number,
        shipments=[shipment_out(shipment, actor) for shipment in opened.shipments],
        payments=[payment_out(one) for one in opened.payments],
        actions=actions_out(facts, order.currency, actor=actor, is_own=owns(actor, order)),
    )


def placed_out(opened: Opened, *, access_token: str | None) -> PlacedOut:
    """An order as who placed it gets it."""
    return PlacedOut(**msgspec.structs.asdict(order_out(opened)), access_token=access_token)


def actions_out(facts: Facts, currency: str, *, actor: Actor, is_own: bool) -> list[ActionOut]:
    return [_action_out(action, facts, currency, actor=actor, is_own=is_own) for action in Action]


def payment_out(one: Summary) -> PaymentOut:
    payment = one.payment
    written = money.writer(payment.currency)
    return PaymentOut(
        id=payment.id,
        provider=payment.provider,
        method=payment.method,
        status=payment.status,
        amount=written(payment.amount),
        captured_amount=written(one.captured),
        refunded_amount=written(one.refunded),
        currency=payment.currency,
        next_action=payment.next_action,
        decline_code=payment.decline_code,
        decline_message=payment.decline_message,
        created_at=payment.created_at,
    )


def shipment_out(shipment: Shipment, actor: Actor) -> ShipmentOut:
    label = shipment.label if actor.may(READ_ALL) else None
    return ShipmentOut(
        id=shipment.id,
        location_id=shipment.location_id,
        status=shipment.status,
        carrier=shipment.tracking.carrier,
        service=shipment.tracking.service,
        tracking_number=shipment.tracking.number,
        tracking_url=shipment.tracking.url,
        items=[ShipmentItemOut(line.line_id, line.quantity) for line in shipment.lines],
        label=label_out(label) if label else None,
        created_at=shipment.created_at,
        shipped_at=shipment.shipped_at,
        delivered_at=shipment.delivered_at,
    )


def label_out(label: ShownLabel) -> ShownLabelOut:
    amount = None
    if label.amount is not None and label.currency is not None:
        amount = money.text(label.amount, label.currency)
    return ShownLabelOut(
        id=label.id,
        state=label.state,
        carrier=label.carrier,
        service=label.service,
        tracking_number=label.tracking_number,
        amount=amount,
        currency=label.currency,
        last_error=label.last_error,
    )


def _action_out(action: Action, facts: Facts, currency: str, *, actor: Actor, is_own: bool) -> ActionOut:
    obstacle = moves.obstacle_to(action, facts, actor=actor, owns=is_own)
    reason = obstacle.code if obstacle else None
    limit = actor.refund_limit if action is Action.REFUND else None
    written = None if limit is None else money.text(limit, currency)
    return ActionOut(action, obstacle is None, reason, RULES[action].requires, written)


class _Kept(msgspec.Struct, rename="camel"):
    """What of a kept answer decides what else is said of a new order."""

    currency: str
    total_amount: str


def whole(core: bytes, actor: Actor, *, is_own: bool, access_token: str | None = None) -> bytes:
    """The answer to a placement, from the core that is kept: what else there is to say is the same for all new orders.

    So it is neither kept nor made each time. It is what reading the order would show at that moment.
    """
    kept = msgspec.json.decode(core, type=_Kept)
    is_free = not kept.total_amount.strip("0.")
    rest = _rest_of_new(kept.currency, actor.permissions, actor.refund_limit, is_free, is_own)
    token = b',"accessToken":' + msgspec.json.encode(access_token) if access_token else b""
    return b"".join((core[:-1], rest, token, b"}"))


@lru_cache(256)
def _rest_of_new(
    currency: str,
    permissions: frozenset[str],
    refund_limit: int | None,
    is_free: bool,  # noqa: FBT001
    is_own: bool,  # noqa: FBT001
) -> bytes:
    actor = Actor(ActorKind.SYSTEM, UUID(int=0), permissions=permissions, refund_limit=refund_limit)
    facts = Facts(OrderStatus.PENDING, total=0 if is_free else 1, is_on_hold=False, money=Balance(), goods=Goods(1))
    nothing = money.text(0, currency)
    rest: dict[str, object] = {
        "revision": 1,
        "paidAmount": nothing,
        "refundedAmount": nothing,
        "isOnHold": False,
        "heldBecause": None,
        "cancelReason": None,
        "cancelledAt": None,
        "trackingCompany": None,
        "trackingNumber": None,
        "shipments": [],
        "payments": [],
        "actions": actions_out(facts, currency, actor=actor, is_own=is_own),
    }
    return b"," + msgspec.json.encode(rest)[1:-1]
