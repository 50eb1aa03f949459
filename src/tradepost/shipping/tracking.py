"""What a carrier says of a parcel moves it: handed over, delivered, lost, come back."""

from collections.abc import Sequence

import structlog

from tradepost.core.actors import Actor
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.inventory import InsufficientStock
from tradepost.shipping.actions import come_back, deliver, lose, ship
from tradepost.shipping.carriers import TrackingStatus, TrackingUpdate
from tradepost.shipping.events import ShipmentTracked
from tradepost.shipping.model import STATES, Followed, Shipment, ShipmentStatus, Tracking
from tradepost.shipping.store import shipments, tracking

log = structlog.get_logger()

_NOTHING_MORE = Tracking()
_HAS_IT = frozenset(TrackingStatus) - {TrackingStatus.LABELLED, TrackingStatus.EXCEPTION}
_ENDS = {
    TrackingStatus.DELIVERED: (ShipmentStatus.DELIVERED, deliver),
    TrackingStatus.LOST: (ShipmentStatus.LOST, lose),
    TrackingStatus.RETURNED: (ShipmentStatus.RETURNED, come_back),
}


async def follow(tx: Tx, parcel: Followed, updates: Sequence[TrackingUpdate], *, actor: Actor) -> None:
    """Writes down what is new, oldest first, and moves the parcel where that leads. The caller has locked its order.

    What staff have said of it before stands, where the carrier's word does not lead on from there. What is said of a
    number that is no longer the parcel's is nothing to it.
    """
    shipment = await shipments.get(tx, actor.store_id, parcel.shipment_id)
    if shipment.tracking.number != parcel.tracking_number:
        return
    new = await tracking.insert_new(tx, actor.store_id, shipment.id, updates)
    for update in new:
        fact = ShipmentTracked(shipment.order_id, update.status, update.at, update.place, update.text)
        await publish(tx, fact, actor=actor, subject_id=shipment.id)
        shipment = await _moved(tx, shipment, update.status, actor)


async def _moved(tx: Tx, shipment: Shipment, status: TrackingStatus, actor: Actor) -> Shipment:
    if shipment.status is ShipmentStatus.PACKED and status in _HAS_IT:
        shipment = await _handed_over(tx, shipment, actor)
    if status not in _ENDS:
        return shipment
    to, act = _ENDS[status]
    if to not in STATES.moves[shipment.status]:
        return shipment
    return await act(tx, shipment, actor=actor)


async def _handed_over(tx: Tx, shipment: Shipment, actor: Actor) -> Shipment:
    """The carrier has it, whether or not somebody said so here."""
    try:
        async with tx.savepoint():
            return await ship(tx, shipment, tracking=_NOTHING_MORE, actor=actor)
    except InsufficientStock as error:
        log.warning("carrier_has_what_is_not_in_stock", shipment=str(shipment.id), why=error.detail)
        return shipment
