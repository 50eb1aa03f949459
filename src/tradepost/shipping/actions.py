"""What happens to a shipment. The caller has locked its order, so parcels of one order change one at a time."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost import inventory
from tradepost.core.actors import Actor
from tradepost.core.clock import now
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.shipping.events import (
    ShipmentCancelled,
    ShipmentDelivered,
    ShipmentLost,
    ShipmentPacked,
    ShipmentReturned,
    ShipmentShipped,
)
from tradepost.shipping.model import STATES, Shipment, ShipmentLine, ShipmentStatus, Tracking
from tradepost.shipping.store import labels
from tradepost.shipping.store import shipments as store


async def pack(
    tx: Tx, order_id: UUID, lines: Sequence[ShipmentLine], *, location_id: UUID, tracking: Tracking, actor: Actor
) -> Shipment:
    """A parcel with these units, at a location. ReferenceNotFound for a location that there is not."""
    shipment_id = uuid7()
    await store.insert(
        tx, actor.store_id, shipment_id, order_id=order_id, location_id=location_id, tracking=tracking, lines=lines
    )
    await publish(tx, ShipmentPacked(order_id), actor=actor, subject_id=shipment_id)
    return await store.get(tx, actor.store_id, shipment_id)


async def ship(tx: Tx, shipment: Shipment, *, tracking: Tracking, actor: Actor) -> Shipment:
    """Hands a parcel to the carrier. Raises InvalidTransition, InsufficientStock."""
    STATES.check(shipment.status, ShipmentStatus.SHIPPED)
    await inventory.ship(tx, shipment.order_id, shipment.units(), location_id=shipment.location_id, actor=actor)
    sent = msgspec.structs.replace(
        shipment, status=ShipmentStatus.SHIPPED, tracking=merged(shipment.tracking, tracking), shipped_at=now()
    )
    fact = ShipmentShipped(shipment.order_id, sent.tracking.carrier, sent.tracking.number)
    await publish(tx, fact, actor=actor, subject_id=shipment.id)
    return await store.save(tx, actor.store_id, sent)


async def deliver(tx: Tx, shipment: Shipment, *, actor: Actor) -> Shipment:
    """It is there. InvalidTransition."""
    STATES.check(shipment.status, ShipmentStatus.DELIVERED)
    await publish(tx, ShipmentDelivered(shipment.order_id), actor=actor, subject_id=shipment.id)
    there = msgspec.structs.replace(shipment, status=ShipmentStatus.DELIVERED, delivered_at=now())
    return await store.save(tx, actor.store_id, there)


async def lose(tx: Tx, shipment: Shipment, *, actor: Actor) -> Shipment:
    """It will not arrive; its units are gone, and the order may get others. InvalidTransition."""
    STATES.check(shipment.status, ShipmentStatus.LOST)
    await publish(tx, ShipmentLost(shipment.order_id), actor=actor, subject_id=shipment.id)
    return await store.save(tx, actor.store_id, msgspec.structs.replace(shipment, status=ShipmentStatus.LOST))


async def come_back(tx: Tx, shipment: Shipment, *, actor: Actor) -> Shipment:
    """It came back undelivered: its units are on hand, and the order's. InvalidTransition."""
    STATES.check(shipment.status, ShipmentStatus.RETURNED)
    await inventory.come_back(tx, shipment.order_id, shipment.units(), location_id=shipment.location_id, actor=actor)
    await publish(tx, ShipmentReturned(shipment.order_id), actor=actor, subject_id=shipment.id)
    return await store.save(tx, actor.store_id, msgspec.structs.replace(shipment, status=ShipmentStatus.RETURNED))


async def cancel(tx: Tx, shipment: Shipment, *, actor: Actor) -> Shipment:
    """It is unpacked, and its label goes back. InvalidTransition."""
    STATES.check(shipment.status, ShipmentStatus.CANCELLED)
    await labels.void_soon(tx, actor.store_id, shipment.id)
    await publish(tx, ShipmentCancelled(shipment.order_id), actor=actor, subject_id=shipment.id)
    return await store.save(tx, actor.store_id, msgspec.structs.replace(shipment, status=ShipmentStatus.CANCELLED))


def merged(known: Tracking, given: Tracking) -> Tracking:
    """What is given, and where that is nothing, what is known."""
    return Tracking(
        given.carrier or known.carrier,
        given.service or known.service,
        given.number or known.number,
        given.url or known.url,
    )
