"""What is done with returns. The order is locked."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from tradepost import inventory, shipping
from tradepost.core.errors import FieldError, NotFound, ValidationFailed
from tradepost.core.ids import uuid7
from tradepost.core.states import InvalidTransition
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.orders import returns, store
from tradepost.orders.events import ReturnApproved, ReturnReceived, ReturnRefunded, ReturnRejected, ReturnRequested
from tradepost.orders.life import Opened, close
from tradepost.orders.paying import give_back
from tradepost.orders.returns import STATES, FeeExceedsValue, Return, ReturnStatus, Wanted
from tradepost.payments import Operation
from tradepost.shipping import ShipmentStatus

_BECAUSE = "returned"
_LEFT = (ShipmentStatus.SHIPPED, ShipmentStatus.DELIVERED)


async def request(tx: Tx, opened: Opened, wanted: Wanted, *, note: str | None, is_agreed: bool) -> Return:
    """A return of units that were shipped; what staff enter is agreed to. ValidationFailed."""
    earlier = await store.returns_of(tx, opened.actor.store_id, opened.order.id)
    lines = returns.lines_of(opened.order, _shipped(opened), earlier, wanted)
    return_id = uuid7()
    status = ReturnStatus.APPROVED if is_agreed else ReturnStatus.REQUESTED
    await store.insert_return(
        tx, opened.actor.store_id, return_id, order_id=opened.order.id, status=status, note=note, lines=lines
    )
    await publish(tx, ReturnRequested(opened.order.id), actor=opened.actor, subject_id=return_id)
    if is_agreed:
        await publish(tx, ReturnApproved(opened.order.id), actor=opened.actor, subject_id=return_id)
    return await _get(tx, opened, return_id)


async def approve(tx: Tx, opened: Opened, return_id: UUID) -> Return:
    """Raises NotFound, InvalidTransition."""
    one = await _get(tx, opened, return_id)
    await publish(tx, ReturnApproved(opened.order.id), actor=opened.actor, subject_id=return_id)
    return await _move(tx, opened, one, ReturnStatus.APPROVED)


async def reject(tx: Tx, opened: Opened, return_id: UUID) -> Return:
    """Its units may be returned again. Raises NotFound, InvalidTransition."""
    one = await _get(tx, opened, return_id)
    await publish(tx, ReturnRejected(opened.order.id), actor=opened.actor, subject_id=return_id)
    return await _move(tx, opened, one, ReturnStatus.REJECTED)


async def receive(
    tx: Tx, opened: Opened, return_id: UUID, *, restocked: Mapping[UUID, int] | None, location_id: UUID | None
) -> Return:
    """The goods are here. `restocked`: line to how many can be sold again, None for all; the others are written off.

    So their parcels had arrived, whether or not somebody said so: what a buyer sends back comes back once.

    Raises NotFound, InvalidTransition, ValidationFailed, ReferenceNotFound for a location without stock of them.
    """
    one = await _get(tx, opened, return_id)
    STATES.check(one.status, ReturnStatus.RECEIVED)
    await _note_arrivals(tx, opened, one)
    back = {line.line_id: line.quantity for line in one.lines} if restocked is None else dict(restocked)
    _check_restocked(one, back)
    units: dict[UUID, int] = {}
    for line in one.lines:
        units[line.variant_id] = units.get(line.variant_id, 0) + back.get(line.line_id, 0)
    place = location_id or await inventory.first_location(tx, opened.actor.store_id)
    if place is not None and any(units.values()):
        await inventory.take_back(tx, opened.order.id, units, location_id=place, actor=opened.actor)
    await store.set_restocked(
        tx, opened.actor.store_id, return_id, {line.line_id: back.get(line.line_id, 0) for line in one.lines}
    )
    await publish(tx, ReturnReceived(opened.order.id), actor=opened.actor, subject_id=return_id)
    return await _move(tx, opened, await _get(tx, opened, return_id), ReturnStatus.RECEIVED)


async def refund(tx: Tx, opened: Opened, return_id: UUID, *, fee: int, shipping: int) -> Sequence[Operation]:
    """Asks for what its goods were paid with, and some of the shipping, less a fee, to be given back.

    Raises NotFound, InvalidTransition, FeeExceedsValue, RefundLimitExceeded, RefundExceedsCaptured; no provider is
    asked then.
    """
    one = await _get(tx, opened, return_id)
    STATES.check(one.status, ReturnStatus.REFUNDED)
    earlier = await store.returns_of(tx, opened.actor.store_id, opened.order.id)
    amount = returns.value_of(opened.order, one, earlier) + shipping - fee
    if amount < 0:
        raise FeeExceedsValue(
            errors=[FieldError("/fee", FeeExceedsValue.code, "is more than the goods were paid with")]
        )
    await publish(tx, ReturnRefunded(opened.order.id, amount), actor=opened.actor, subject_id=return_id)
    await _move(tx, opened, msgspec.structs.replace(one, refund_amount=amount), ReturnStatus.REFUNDED)
    return await give_back(tx, opened, amount, _BECAUSE) if amount else []


async def _note_arrivals(tx: Tx, opened: Opened, one: Return) -> None:
    """Says that parcels have arrived, the oldest first, as far as all that came back must have been in them.

    InvalidTransition where they were in no parcel that has left, or came back with it.
    """
    earlier = await store.returns_of(tx, opened.actor.store_id, opened.order.id)
    missing: dict[UUID, int] = {}
    for line in (line for each in earlier if each.id == one.id or each.is_here for line in each.lines):
        missing[line.line_id] = missing.get(line.line_id, 0) + line.quantity
    for shipment in sorted(opened.shipments, key=lambda each: each.status is not ShipmentStatus.DELIVERED):
        if shipment.status not in _LEFT or not any(missing.get(line.line_id, 0) > 0 for line in shipment.lines):
            continue
        if shipment.status is ShipmentStatus.SHIPPED:
            await shipping.deliver(tx, shipment, actor=opened.actor)
        for line in shipment.lines:
            missing[line.line_id] = missing.get(line.line_id, 0) - line.quantity
    if any(count > 0 for count in missing.values()):
        extra = {"currentState": one.status, "possible": [ReturnStatus.REJECTED]}
        raise InvalidTransition("The goods are in no parcel that has left and not come back", extra=extra)
    await close(tx, opened)


async def _get(tx: Tx, opened: Opened, return_id: UUID) -> Return:
    found = await store.returns_of(tx, opened.actor.store_id, opened.order.id)
    one = next((one for one in found if one.id == return_id), None)
    if one is None:
        raise NotFound
    return one


async def _move(tx: Tx, opened: Opened, one: Return, to: ReturnStatus) -> Return:
    STATES.check(one.status, to)
    return await store.save_return(tx, opened.actor.store_id, msgspec.structs.replace(one, status=to))


def _shipped(opened: Opened) -> dict[UUID, int]:
    """Line to the units of it that have left."""
    units: dict[UUID, int] = {}
    for shipment in opened.shipments:
        if shipment.status in _LEFT:
            for line in shipment.lines:
                units[line.line_id] = units.get(line.line_id, 0) + line.quantity
    return units


def _check_restocked(one: Return, back: Mapping[UUID, int]) -> None:
    returned = {line.line_id: line.quantity for line in one.lines}
    problems = [
        FieldError(f"/items/{at}", "out_of_range", "is not in the return, or more than came back")
        for at, (line_id, quantity) in enumerate(back.items())
        if quantity > returned.get(line_id, 0)
    ]
    if problems:
        raise ValidationFailed(problems[0].detail, errors=problems)
