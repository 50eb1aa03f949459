"""What a carrier is told of an order's parcels, and what comes of it."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from tradepost import catalog, shipping
from tradepost.core.errors import Conflict, FieldError, Invalid, ValidationFailed
from tradepost.core.states import InvalidTransition
from tradepost.db import Reader, Tx
from tradepost.orders.life import Opened, close
from tradepost.orders.model import Address, Line, Order
from tradepost.orders.parcels import of
from tradepost.shipping import Shipment, ShipmentLabel
from tradepost.shipping.carriers import Carriers, Consignment, Dimensions, Parcel, Place

_LONGEST_LINE = 100
_E164 = re.compile(r"[+][0-9]{6,15}")


class ShippingAddressRequired(Invalid):
    """The order has no address to send to."""

    title = "The order has no shipping address"


class NothingToShip(Conflict):
    """Everything is packed or shipped."""

    title = "There is nothing left to ship"


class Box(msgspec.Struct, frozen=True):
    """What is known of a parcel beside what is in it. `weight` in grams; without it, that of its goods together."""

    weight: int | None = None
    dimensions: Dimensions | None = None


class LabelWish(msgspec.Struct, frozen=True):
    """A label that is to be bought."""

    carrier: str
    service: str
    box: Box


async def request_label(
    tx: Tx, opened: Opened, shipment_id: UUID, wish: LabelWish, *, carriers: Carriers, request_key: bytes | None
) -> ShipmentLabel:
    """Writes down that a parcel is to have a label.

    Raises NotFound, InvalidTransition, LabelExists, CarrierNotOffered, CarriersNotSetUp, and what `consignment` does.
    """
    shipment = of(opened, shipment_id)
    carriers.get(wish.carrier)
    announced = await consignment(
        tx, opened.actor.store_id, opened.order, units_of(shipment), box=wish.box, sender=carriers.origin()
    )
    label = await shipping.request_label(
        tx,
        shipment,
        announced,
        carrier=wish.carrier,
        service=wish.service,
        actor=opened.actor,
        request_key=request_key,
    )
    await close(tx, opened)
    return label


async def request_void(tx: Tx, opened: Opened, shipment_id: UUID) -> ShipmentLabel:
    """Raises NotFound, LabelUnderWay, and InvalidTransition for a label that is used, or was given back before."""
    shipment = of(opened, shipment_id)
    if shipment.shipped_at is not None:
        extra = {"currentState": shipment.status, "possible": list[str]()}
        raise InvalidTransition("The parcel has left with this label", extra=extra)
    label = await shipping.request_void(tx, shipment.id, actor=opened.actor)
    await close(tx, opened)
    return label


async def settled(tx: Tx, opened: Opened, label: ShipmentLabel, outcome: shipping.Outcome) -> Opened:
    """The order after its parcel's carrier has answered."""
    await shipping.settle(tx, label, outcome)
    return await close(tx, opened)


async def consignment(
    db: Reader,
    store_id: UUID,
    order: Order,
    units: Mapping[UUID, int],
    *,
    box: Box,
    sender: Place,
    weight_at: str = "/weight",
) -> Consignment:
    """One parcel with so many units of the order's lines, as carriers want it described.

    Raises ShippingAddressRequired, NothingToShip, and ValidationFailed for an address that fits on no label, or, at
    `weight_at`, where a weight is needed that nobody knows.
    """
    if order.shipping_address is None:
        raise ShippingAddressRequired
    recipient = _place(order.shipping_address)
    lines = [line for line in order.lines if units.get(line.id)]
    if not lines:
        raise NothingToShip
    weight = box.weight or await _weight(db, store_id, lines, units, weight_at)
    value = sum(line.price * units[line.id] for line in lines)
    parcel = Parcel(weight, value, order.currency, box.dimensions)
    return Consignment(sender, recipient, (parcel,), order.order_number)


def units_of(shipment: Shipment) -> dict[UUID, int]:
    """Line to the units of it in a parcel."""
    return {line.line_id: line.quantity for line in shipment.lines}


async def _weight(db: Reader, store_id: UUID, lines: Sequence[Line], units: Mapping[UUID, int], at: str) -> int:
    known = await catalog.weights(db, store_id, [line.variant_id for line in lines])
    if unknown := [line.sku for line in lines if not known.get(line.variant_id)]:
        detail = f"is needed, as nobody has said what these weigh: {', '.join(unknown)}"
        raise ValidationFailed(detail, errors=[FieldError(at, "required", detail)])
    return sum((known[line.variant_id] or 0) * units[line.id] for line in lines)


def _place(address: Address) -> Place:
    """ValidationFailed where it does not fit on a label. A telephone number that is not E.164 is left out."""
    street = [part for line in (address.line1, address.line2) if line for part in textwrap.wrap(line, _LONGEST_LINE)]
    written = {
        "name": f"{address.first_name} {address.last_name}".strip()[:_LONGEST_LINE],
        "lines": street,
        "city": address.city,
        "country": address.country,
        "company": address.company and address.company[:_LONGEST_LINE],
        "state": address.state or None,
        "postalCode": address.postal_code or None,
        "phone": address.phone if address.phone and _E164.fullmatch(address.phone) else None,
    }
    try:
        return msgspec.convert(written, Place)
    except msgspec.ValidationError as error:
        raise ValidationFailed(
            f"The shipping address does not fit on a label: {error}",
            errors=[FieldError("/shippingAddress", "out_of_range", str(error))],
        ) from None
