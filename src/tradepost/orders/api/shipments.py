"""Parcels of an order."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from tradepost import shipping
from tradepost.core.errors import Forbidden, NotFound, ReferenceNotFound, Stale
from tradepost.core.states import InvalidTransition
from tradepost.db import Tx
from tradepost.http import Answer, Call, In, Out, Routes
from tradepost.http.call import etag
from tradepost.inventory import InsufficientStock
from tradepost.orders import parcels, store
from tradepost.orders.api.opening import opened_by
from tradepost.orders.life import Opened, visible
from tradepost.orders.moves import Action
from tradepost.orders.parcels import Wanted
from tradepost.orders.shown import OrderOut, ShipmentOut, order_out, shipment_out
from tradepost.shipping import Shipment, ShipmentStatus, Tracking

routes = Routes("Shipments", "Parcels: packed, shipped, delivered, lost, come back.")

_MOVED = [NotFound, Stale, Forbidden, InvalidTransition]
_Word = Annotated[str, Meta(min_length=1, max_length=200)]
_Url = Annotated[str, Meta(pattern=r"^https://[^\s<>\"]{1,500}$(?!\n)")]


class ShipmentItemIn(In):
    """Units of an item of the order."""

    item_id: UUID
    quantity: Annotated[int, Meta(ge=1, le=9999)]


class TravelIn(In):
    carrier: _Word | None = None
    service: _Word | None = None
    tracking_number: _Word | None = None
    tracking_url: _Url | None = None


class ShipmentIn(TravelIn, kw_only=True):
    """Without `items`, all that is left; without `locationId`, from where the most of it was promised."""

    items: Annotated[list[ShipmentItemIn], Meta(max_length=100)] | None = None
    location_id: UUID | None = None


class ShippedOut(Out):
    shipment: ShipmentOut
    order: OrderOut


class ShipmentsOut(Out):
    items: list[ShipmentOut]


@routes.write(
    "POST",
    "/orders/{order_id}/shipments",
    body=ShipmentIn,
    answer=ShippedOut,
    status=201,
    problems=[*_MOVED, ReferenceNotFound],
    example={"carrier": "UPS"},
)
async def pack_shipment(call: Call, tx: Tx, body: ShipmentIn) -> Answer:
    """Pack a parcel of an order. Its units leave the stock when it is shipped."""
    opened = await opened_by(call, tx, Action.SHIP)
    lines = None if body.items is None else [(item.item_id, item.quantity) for item in body.items]
    done = await parcels.pack(tx, opened, Wanted(lines, body.location_id, _tracking(body)))
    return _answer(call, *done, status=201)


@routes.get("/orders/{order_id}/shipments", answer=ShipmentsOut, problems=[NotFound])
async def list_shipments(call: Call) -> Answer:
    """The parcels of an order, oldest first."""
    async with call.db.read() as db:
        order = await store.find(db, visible(call.actor), call.id("order_id"))
        found = await shipping.of_orders(db, call.actor.store_id, [order.id])
    return call.json(ShipmentsOut([shipment_out(shipment, call.actor) for shipment in found.get(order.id, [])]))


@routes.write(
    "POST",
    "/orders/{order_id}/shipments/{shipment_id}/ship",
    body=TravelIn,
    answer=ShippedOut,
    secured=True,
    problems=[*_MOVED, InsufficientStock],
    example={"carrier": "UPS", "trackingNumber": "1Z999AA10123456784"},
)
async def ship_shipment(call: Call, tx: Tx, body: TravelIn) -> Answer:
    """Hand a parcel to the carrier: its units leave the stock."""
    opened = await opened_by(call, tx, Action.MOVE_PARCEL)
    return _answer(call, *await parcels.ship(tx, opened, call.id("shipment_id"), tracking=_tracking(body)))


@routes.write(
    "POST", "/orders/{order_id}/shipments/{shipment_id}/deliver", answer=ShippedOut, secured=True, problems=_MOVED
)
async def deliver_shipment(call: Call, tx: Tx) -> Answer:
    """Say that a parcel has arrived."""
    return await _move(call, tx, ShipmentStatus.DELIVERED)


@routes.write(
    "POST", "/orders/{order_id}/shipments/{shipment_id}/lose", answer=ShippedOut, secured=True, problems=_MOVED
)
async def lose_shipment(call: Call, tx: Tx) -> Answer:
    """Say that a parcel is lost: its units can be sent again, from what is in stock."""
    return await _move(call, tx, ShipmentStatus.LOST)


@routes.write(
    "POST",
    "/orders/{order_id}/shipments/{shipment_id}/return",
    answer=ShippedOut,
    secured=True,
    problems=[*_MOVED, ReferenceNotFound],
)
async def return_shipment(call: Call, tx: Tx) -> Answer:
    """Say that a parcel came back undelivered: its units are in stock, and the order's, again."""
    return await _move(call, tx, ShipmentStatus.RETURNED)


@routes.write("DELETE", "/orders/{order_id}/shipments/{shipment_id}", answer=ShippedOut, problems=_MOVED)
async def unpack_shipment(call: Call, tx: Tx) -> Answer:
    """Unpack a parcel that has not left."""
    return await _move(call, tx, ShipmentStatus.CANCELLED)


async def _move(call: Call, tx: Tx, to: ShipmentStatus) -> Answer:
    opened = await opened_by(call, tx, Action.MOVE_PARCEL)
    return _answer(call, *await parcels.move(tx, opened, call.id("shipment_id"), to))


def _tracking(body: TravelIn) -> Tracking:
    return Tracking(body.carrier, body.service, body.tracking_number, body.tracking_url)


def _answer(call: Call, opened: Opened, shipment: Shipment, *, status: int = 200) -> Answer:
    out = ShippedOut(shipment_out(shipment, call.actor), order_out(opened))
    return call.json(out, status=status, headers=[etag(opened.order.version)])
