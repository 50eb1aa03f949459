"""Parcels of an order: packed, shipped, delivered, or not."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

import msgspec

from tradepost import inventory, shipping
from tradepost.core.actors import Actor, system
from tradepost.core.errors import FieldError, NotFound, ValidationFailed
from tradepost.db import Database, Tx
from tradepost.orders.life import Opened, close, reopen
from tradepost.orders.model import Order, OrderStatus
from tradepost.shipping import Shipment, ShipmentLine, ShipmentStatus, Tracking

_NO_TRACKING = Tracking()
_GONE = (ShipmentStatus.SHIPPED, ShipmentStatus.DELIVERED, ShipmentStatus.LOST)


class Wanted(msgspec.Struct, frozen=True):
    """What goes into a parcel, and from where: all that is left, where no lines are named."""

    lines: Sequence[tuple[UUID, int]] | None = None
    location_id: UUID | None = None
    tracking: Tracking = _NO_TRACKING


async def pack(tx: Tx, opened: Opened, wanted: Wanted) -> tuple[Opened, Shipment]:
    """A parcel with units of the order. Raises ValidationFailed, ReferenceNotFound, NotFound without a location."""
    shipment = await _pack(tx, opened, wanted)
    return await close(tx, opened), shipment


async def ship_rest(tx: Tx, opened: Opened, *, tracking: Tracking = _NO_TRACKING) -> Opened:
    """Ships all that is packed, and packs and ships the rest. Raises InsufficientStock."""
    if any(opened.unpacked().values()):
        await _pack(tx, opened, Wanted(tracking=tracking))
    after = opened.order
    for shipment in await _shipments(tx, opened):
        if shipment.status is ShipmentStatus.PACKED:
            sent = await shipping.ship(tx, shipment, tracking=tracking, actor=opened.actor)
            after = _tracked(after, sent.tracking)
    return await close(tx, opened, after)


async def deliver_all(tx: Tx, opened: Opened) -> Opened:
    """Everything that is on its way is there."""
    for shipment in opened.shipments:
        if shipment.status is ShipmentStatus.SHIPPED:
            await shipping.deliver(tx, shipment, actor=opened.actor)
    return await close(tx, opened)


async def ship(tx: Tx, opened: Opened, shipment_id: UUID, *, tracking: Tracking) -> tuple[Opened, Shipment]:
    """Hands a parcel to the carrier. Raises NotFound, InvalidTransition, InsufficientStock."""
    sent = await shipping.ship(tx, of(opened, shipment_id), tracking=tracking, actor=opened.actor)
    return await close(tx, opened, _tracked(opened.order, sent.tracking)), sent


async def move(tx: Tx, opened: Opened, shipment_id: UUID, to: ShipmentStatus) -> tuple[Opened, Shipment]:
    """What became of a parcel: DELIVERED, LOST, RETURNED or CANCELLED. Raises NotFound, InvalidTransition."""
    act = {
        ShipmentStatus.DELIVERED: shipping.deliver,
        ShipmentStatus.LOST: shipping.lose,
        ShipmentStatus.RETURNED: shipping.come_back,
        ShipmentStatus.CANCELLED: shipping.cancel,
    }[to]
    moved = await act(tx, of(opened, shipment_id), actor=opened.actor)
    if to is ShipmentStatus.RETURNED:
        await _free(tx, opened, await _shipments(tx, opened))
    return await close(tx, opened), moved


async def settle_order(db: Database, store_id: UUID, order_id: UUID, change: Callable[[Tx], Awaitable[None]]) -> None:
    """Something became of a parcel: the order is locked, changed, and brought in line. See `shipping.Sweep`."""

    async def unit(tx: Tx) -> None:
        opened = await reopen(tx, order_id, actor=system(store_id))
        await change(tx)
        shipments = await _shipments(tx, opened)
        after, left_before = opened.order, {one.id for one in opened.shipments if one.shipped_at}
        for shipment in shipments:
            if shipment.shipped_at and shipment.id not in left_before:
                after = _tracked(after, shipment.tracking)
        if any(shipment.status is ShipmentStatus.RETURNED for shipment in shipments):
            await _free(tx, opened, shipments)
        await close(tx, opened, after)

    await db.write(unit)


def of(opened: Opened, shipment_id: UUID) -> Shipment:
    """A parcel of the order. NotFound."""
    found = next((shipment for shipment in opened.shipments if shipment.id == shipment_id), None)
    if found is None:
        raise NotFound
    return found


async def _pack(tx: Tx, opened: Opened, wanted: Wanted) -> Shipment:
    lines = _lines(opened, wanted.lines)
    location_id = wanted.location_id or await _location(tx, opened.order.id, lines, opened.actor)
    return await shipping.pack(
        tx, opened.order.id, lines, location_id=location_id, tracking=wanted.tracking, actor=opened.actor
    )


def _lines(opened: Opened, wanted: Sequence[tuple[UUID, int]] | None) -> list[ShipmentLine]:
    """The units that go into a parcel. ValidationFailed for lines that there are not, or more units than are left."""
    left = opened.unpacked()
    variants = {line.id: line.variant_id for line in opened.order.lines}
    if wanted is None:
        wanted = [(line_id, quantity) for line_id, quantity in left.items() if quantity]
    if problems := list(_problems(wanted, left)):
        raise ValidationFailed(problems[0].detail, errors=problems)
    return [ShipmentLine(line_id, variants[line_id], quantity) for line_id, quantity in wanted]


def _problems(wanted: Sequence[tuple[UUID, int]], left: Mapping[UUID, int]) -> list[FieldError]:
    problems: list[FieldError] = []
    named: set[UUID] = set()
    for at, (line_id, quantity) in enumerate(wanted):
        if line_id not in left:
            problems.append(FieldError(f"/items/{at}/itemId", "reference_not_found", "is no item of this order"))
        elif line_id in named:
            problems.append(FieldError(f"/items/{at}/itemId", "ambiguous", "is named twice"))
        elif quantity > left[line_id]:
            problems.append(FieldError(f"/items/{at}/quantity", "out_of_range", f"{left[line_id]} are left to ship"))
        named.add(line_id)
    return problems or ([] if wanted else [FieldError("/items", "required", "has no item")])


async def _location(tx: Tx, order_id: UUID, lines: Sequence[ShipmentLine], actor: Actor) -> UUID:
    """The location that has promised the most of these units; the store's first where none has."""
    held = await inventory.holdings(tx, actor.store_id, order_id)
    units = {line.variant_id: line.quantity for line in lines}
    found = inventory.main_location(held, units) or await inventory.first_location(tx, actor.store_id)
    if found is None:
        msg = "The store has no stock location"
        raise NotFound(msg)
    return found


async def _shipments(tx: Tx, opened: Opened) -> Sequence[Shipment]:
    """As they are by now."""
    found = await shipping.of_orders(tx, opened.actor.store_id, [opened.order.id])
    return found.get(opened.order.id, [])


async def _free(tx: Tx, opened: Opened, shipments: Sequence[Shipment]) -> None:
    """What came back to an order that has got it otherwise, or has ended, is promised to nobody."""
    order, actor = opened.order, opened.actor
    surplus: dict[UUID, int] = {}
    for holding in await inventory.holdings(tx, actor.store_id, order.id):
        surplus[holding.variant_id] = surplus.get(holding.variant_id, 0) + holding.units
    if order.status not in (OrderStatus.CANCELLED, OrderStatus.REFUNDED):
        for line in order.lines:
            surplus[line.variant_id] = surplus.get(line.variant_id, 0) - line.quantity
        for shipment in shipments:
            for variant_id, units in shipment.units().items() if shipment.status in _GONE else ():
                surplus[variant_id] = surplus.get(variant_id, 0) + units
    if free := {variant_id: units for variant_id, units in surplus.items() if units > 0}:
        await inventory.release(tx, order.id, free, actor=actor)


def _tracked(order: Order, tracking: Tracking) -> Order:
    """The order's own tracking is that of the parcel that left last, where it has any."""
    if tracking.number is None and tracking.carrier is None:
        return order
    return msgspec.structs.replace(
        order,
        tracking_company=tracking.carrier or order.tracking_company,
        tracking_number=tracking.number or order.tracking_number,
    )
