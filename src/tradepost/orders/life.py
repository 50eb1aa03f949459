"""One order while it changes: locked, with all that its statuses follow from, and written with what follows."""

from collections.abc import Sequence
from itertools import pairwise
from uuid import UUID

import msgspec

from tradepost import payments, shipping
from tradepost.accounts import hash_secret
from tradepost.core.actors import Actor
from tradepost.core.errors import NotFound, check_version
from tradepost.db import Reader, Tx
from tradepost.events import publish
from tradepost.orders import moves, store
from tradepost.orders.events import OrderStatusChanged
from tradepost.orders.model import Order, OrderStatus
from tradepost.orders.moves import RULES, Action, Facts, Goods
from tradepost.orders.store import Visibility
from tradepost.payments import Summary
from tradepost.shipping import Shipment, ShipmentStatus

READ_ALL = "orders:read"
_SENT = (ShipmentStatus.SHIPPED, ShipmentStatus.DELIVERED)


class Opened(msgspec.Struct, frozen=True):
    """An order with what its statuses follow from, and who looks at it or changes it."""

    order: Order
    facts: Facts
    shipments: Sequence[Shipment]
    payments: Sequence[Summary]
    actor: Actor

    def check(self, action: Action) -> None:
        """Raises Forbidden, or InvalidTransition with the reason, unless the actor may do it now."""
        moves.check(action, self.facts, actor=self.actor, owns=owns(self.actor, self.order))

    def unpacked(self) -> dict[UUID, int]:
        """Line to the units of it that are in no parcel, or were in one that got lost or came back."""
        packed = (ShipmentStatus.PACKED, *_SENT)
        left = {line.id: line.quantity for line in self.order.lines}
        for shipment in self.shipments:
            for line in shipment.lines if shipment.status in packed else ():
                left[line.line_id] = max(0, left[line.line_id] - line.quantity)
        return left


async def open_order(
    tx: Tx, order_id: UUID, action: Action, *, actor: Actor, expected_version: int | None = None
) -> Opened:
    """Locks an order for something that the actor may do to it now.

    Raises NotFound, Stale, Forbidden, InvalidTransition.
    """
    order = await store.lock(tx, visible(actor, RULES[action].permission), order_id)
    check_version(order.version, expected_version)
    opened = await _open(tx, order, actor)
    opened.check(action)
    return opened


async def reopen(tx: Tx, order_id: UUID, *, actor: Actor) -> Opened:
    """Locks an order, also a deleted one, for what nobody asked for: money or a parcel that arrived. NotFound."""
    return await _open(tx, await store.lock(tx, Visibility(actor.store_id, deleted_too=True), order_id), actor)


async def close(tx: Tx, opened: Opened, after: Order | None = None) -> Opened:
    """Writes the order with the statuses that follow from the facts as they are now; each step is an event.

    Nothing is written where neither the order nor what hangs on it has changed.
    """
    now = await _open(tx, after or opened.order, opened.actor)
    steps = moves.steps_of(now.facts)
    final = msgspec.structs.replace(
        now.order,
        status=steps[-1],
        payment_status=moves.payment_status_of(now.order.total_amount, now.facts.money),
        fulfillment_status=moves.fulfillment_status_of(now.facts.goods),
    )
    if final == opened.order and (now.shipments, now.payments) == (opened.shipments, opened.payments):
        return opened
    saved = await store.save(tx, opened.actor.store_id, final)
    await _tell(tx, opened, saved, steps)
    return _opened(saved, now.shipments, now.payments, opened.actor)


async def _tell(tx: Tx, opened: Opened, saved: Order, steps: Sequence[OrderStatus]) -> None:
    before = opened.order
    path = steps if steps[0] is before.status else [before.status, *steps]
    moved = list(pairwise(path))
    others = (before.payment_status, before.fulfillment_status) != (saved.payment_status, saved.fulfillment_status)
    for from_, to in moved or ([(saved.status, saved.status)] if others else []):
        fact = OrderStatusChanged(from_, to, saved.payment_status, saved.fulfillment_status)
        await publish(tx, fact, actor=opened.actor, subject_id=saved.id)


async def opened_all(db: Reader, orders: Sequence[Order], actor: Actor) -> list[Opened]:
    """Orders with what hangs on them; two statements for all of them."""
    ids = [order.id for order in orders]
    paid = await payments.of_orders(db, actor.store_id, ids)
    shipments = await shipping.of_orders(db, actor.store_id, ids)
    return [_opened(order, shipments.get(order.id, []), paid[order.id], actor) for order in orders]


async def _open(tx: Tx, order: Order, actor: Actor) -> Opened:
    (opened,) = await opened_all(tx, [order], actor)
    return opened


def _opened(order: Order, shipments: Sequence[Shipment], paid: Sequence[Summary], actor: Actor) -> Opened:
    goods = goods_of(order, shipments)
    facts = Facts(order.status, order.total_amount, order.held_because is not None, payments.balance(paid), goods)
    return Opened(order, facts, shipments, paid, actor)


def goods_of(order: Order, shipments: Sequence[Shipment]) -> Goods:
    def units(*statuses: ShipmentStatus) -> int:
        return sum(line.quantity for one in shipments if one.status in statuses for line in one.lines)

    return Goods(
        ordered=sum(line.quantity for line in order.lines),
        packed=units(ShipmentStatus.PACKED),
        shipped=units(*_SENT),
        delivered=units(ShipmentStatus.DELIVERED),
        parcels=sum(shipment.is_open for shipment in shipments),
    )


def visible(actor: Actor, permission: str = READ_ALL) -> Visibility:
    """All orders for those who may read or do it to all; one's own, and the one of a token, for everybody else."""
    if actor.may(READ_ALL) or actor.may(permission):
        return Visibility(actor.store_id)
    token_hash = hash_secret(actor.order_token) if actor.order_token else None
    customer_id = actor.id if actor.session_id else None
    if token_hash is None and customer_id is None:
        raise NotFound
    return Visibility(actor.store_id, customer_id, token_hash)


def owns(actor: Actor, order: Order) -> bool:
    """Whether the actor is the buyer: the customer himself, or who shows the order's token."""
    if actor.session_id is not None and actor.id is not None and actor.id == order.customer_id:
        return True
    return actor.order_token is not None and hash_secret(actor.order_token) == order.token_hash
