"""Cancelling an order, and deleting it: nothing is lost but the promise."""

import msgspec

from tradepost import inventory, promotions, shipping
from tradepost.core.clock import now
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.orders.events import OrderCancelled, OrderDeleted
from tradepost.orders.life import Opened, close
from tradepost.orders.model import CancelReason, Order, OrderStatus
from tradepost.orders.paying import give_all_back
from tradepost.shipping import ShipmentStatus


async def cancel(tx: Tx, opened: Opened, *, reason: CancelReason) -> Opened:
    """Unpacks what is packed, gives the stock back, and what was paid; shipping information goes."""
    return await close(tx, opened, await _cancelled(tx, opened, reason))


async def delete(tx: Tx, opened: Opened) -> Opened:
    """Takes an order out of every list; one that lives is cancelled first. It is kept for the books."""
    lives = opened.order.status not in (OrderStatus.CANCELLED, OrderStatus.REFUNDED)
    after = await _cancelled(tx, opened, CancelReason.OTHER) if lives else opened.order
    await publish(tx, OrderDeleted(), actor=opened.actor, subject_id=after.id)
    return await close(tx, opened, msgspec.structs.replace(after, deleted_at=now()))


async def _cancelled(tx: Tx, opened: Opened, reason: CancelReason) -> Order:
    for shipment in opened.shipments:
        if shipment.status is ShipmentStatus.PACKED:
            await shipping.cancel(tx, shipment, actor=opened.actor)
    await publish(tx, OrderCancelled(reason), actor=opened.actor, subject_id=opened.order.id)
    await promotions.give_back(tx, opened.actor.store_id, opened.order.id)
    await inventory.release(tx, opened.order.id, actor=opened.actor)
    await give_all_back(tx, opened.order.id, opened.actor)
    return msgspec.structs.replace(
        opened.order,
        status=OrderStatus.CANCELLED,
        cancelled_because=reason,
        cancelled_at=now(),
        held_because=None,
        tracking_company=None,
        tracking_number=None,
    )
