"""Labels: asked of a carrier in one transaction, bought in none, written down in another."""

from collections.abc import Mapping
from functools import partial
from uuid import UUID

import msgspec
import structlog

from tradepost.core.actors import Actor
from tradepost.core.crash_points import crash_point
from tradepost.core.errors import Invalid, ShopError
from tradepost.core.ids import uuid7
from tradepost.core.waiting import backoff
from tradepost.db import Database, Tx
from tradepost.events import Fact, publish
from tradepost.shipping.carriers import Carrier, CarrierNotReached, CarrierUnavailable, Consignment, Label
from tradepost.shipping.events import (
    ShipmentLabelBought,
    ShipmentLabelGivenUp,
    ShipmentLabelKept,
    ShipmentLabelRefused,
    ShipmentLabelUncertain,
    ShipmentLabelVoided,
)
from tradepost.shipping.model import (
    LABEL_STATES,
    STATES,
    LabelState,
    LabelUnderWay,
    Shipment,
    ShipmentLabel,
    ShipmentStatus,
    Tracking,
)
from tradepost.shipping.store import labels, shipments

log = structlog.get_logger()

_LEASE_SECONDS = 60.0
_UNLABELLED = Tracking()


class Refused(msgspec.Struct, frozen=True):
    """The carrier did not do it, and nothing came of it."""

    error: ShopError


class Uncertain(msgspec.Struct, frozen=True):
    """The carrier may have done it."""

    error: ShopError


class Returned(msgspec.Struct, frozen=True):
    """The carrier took it back."""


Outcome = Label | Refused | Uncertain | Returned


async def request_label(
    tx: Tx,
    shipment: Shipment,
    consignment: Consignment,
    *,
    carrier: str,
    service: str,
    actor: Actor,
    request_key: bytes | None = None,
) -> ShipmentLabel:
    """Writes down that a label is wanted for a packed parcel. Raises InvalidTransition, LabelExists."""
    STATES.check(shipment.status, ShipmentStatus.SHIPPED)
    label = ShipmentLabel(
        store_id=actor.store_id,
        id=uuid7(),
        order_id=shipment.order_id,
        shipment_id=shipment.id,
        carrier=carrier,
        service=service,
        state=LabelState.BUYING,
        consignment=consignment,
        reference=None,
        attempts=0,
        actor=actor,
    )
    await labels.insert(tx, label, lease_seconds=_LEASE_SECONDS, request_key=request_key)
    return label


async def request_void(tx: Tx, shipment_id: UUID, *, actor: Actor) -> ShipmentLabel:
    """The parcel's label as one to be given back; an uncertain one is given up, which asks nobody.

    Raises NotFound where there is none, LabelUnderWay, and InvalidTransition for one that was given back before.
    """
    label = await labels.newest(tx, actor.store_id, shipment_id)
    if label.state is LabelState.BUYING:
        raise LabelUnderWay
    if label.state is LabelState.VOIDING:
        return label
    is_uncertain = label.state is LabelState.UNCERTAIN
    to = LabelState.GIVEN_UP if is_uncertain else LabelState.VOIDING
    LABEL_STATES.check(label.state, to)
    await labels.set_state(tx, label, to, seconds=_LEASE_SECONDS)
    if is_uncertain:
        await publish(tx, ShipmentLabelGivenUp(label.order_id, label.carrier), actor=actor, subject_id=shipment_id)
    return msgspec.structs.replace(label, state=to)


async def carry_out(db: Database, carriers: Mapping[str, Carrier], label: ShipmentLabel) -> Outcome:
    """Asks the carrier; nothing is locked meanwhile. What comes back is for `settle`.

    Raises CarrierUnavailable where asking again is safe: the label stays as it is, and the sweep does it.
    """
    carrier = carriers.get(label.carrier)
    if carrier is None:
        gone = CarrierNotReached(f"{label.carrier} is no carrier of this installation any more")
        return Refused(gone) if label.state is LabelState.VOIDING else Uncertain(gone)
    try:
        return await _asked(carrier, label)
    except CarrierUnavailable as error:
        await db.write(partial(_note, label=label, error=error.detail))
        raise


async def _note(tx: Tx, *, label: ShipmentLabel, error: str) -> None:
    await labels.set_tried(tx, label, error=error, seconds=backoff(label.attempts))


async def _asked(carrier: Carrier, label: ShipmentLabel) -> Outcome:
    if label.state is LabelState.VOIDING:
        return await _voided(carrier, label)
    if label.attempts and not carrier.keeps_keys:
        return Uncertain(CarrierUnavailable("Whoever asked for the label died before the answer was written down"))
    crash_point("label_before_call")
    try:
        made = await carrier.label(label.consignment, service=label.service, key=label.key)
    except Invalid as error:
        return Refused(error)
    except CarrierUnavailable as error:
        if isinstance(error, CarrierNotReached) and not label.attempts:
            return Refused(error)
        if carrier.keeps_keys:
            raise
        return Uncertain(error)
    crash_point("label_after_call")
    return made


async def _voided(carrier: Carrier, label: ShipmentLabel) -> Outcome:
    """Giving back may be asked for as often as it takes."""
    assert label.reference is not None  # noqa: S101 - for the type checker: it was bought
    try:
        await carrier.void(label.reference)
    except Invalid as error:
        return Refused(error)
    return Returned()


async def settle(tx: Tx, asked: ShipmentLabel, outcome: Outcome) -> None:
    """Writes down what came of it, once. The caller has locked the order."""
    label = await labels.lock(tx, asked.store_id, asked.id)
    if label.state is not asked.state:
        return
    match outcome:
        case Label():
            await _settle_bought(tx, label, outcome)
        case Returned():
            await _settle_voided(tx, label)
        case Uncertain(error):
            log.error("label_uncertain", carrier=label.carrier, label=str(label.id), why=error.detail)
            await labels.set_state(tx, label, LabelState.UNCERTAIN, error=error.detail)
            await _tell(tx, label, ShipmentLabelUncertain(label.order_id, label.carrier))
        case Refused(error):
            await _settle_refused(tx, label, error)


async def _settle_bought(tx: Tx, label: ShipmentLabel, made: Label) -> None:
    """One for a parcel that was unpacked meanwhile, or has left without it, is given back at once."""
    shipment = await shipments.get(tx, label.store_id, label.shipment_id)
    if shipment.status is not ShipmentStatus.PACKED:
        await labels.set_bought(tx, label, made, LabelState.VOIDING)
        return
    await labels.set_bought(tx, label, made, LabelState.BOUGHT)
    tracking = Tracking(made.carrier, made.service, made.tracking_number, made.tracking_url)
    await shipments.save(tx, label.store_id, msgspec.structs.replace(shipment, tracking=tracking))
    fact = ShipmentLabelBought(label.order_id, made.carrier, made.service, made.tracking_number)
    await _tell(tx, label, fact)


async def _settle_voided(tx: Tx, label: ShipmentLabel) -> None:
    await labels.set_state(tx, label, LabelState.VOIDED)
    shipment = await shipments.get(tx, label.store_id, label.shipment_id)
    if shipment.status is ShipmentStatus.PACKED:
        await shipments.save(tx, label.store_id, msgspec.structs.replace(shipment, tracking=_UNLABELLED))
    await _tell(tx, label, ShipmentLabelVoided(label.order_id, label.carrier))


async def _settle_refused(tx: Tx, label: ShipmentLabel, error: ShopError) -> None:
    if label.state is LabelState.VOIDING:
        await labels.set_state(tx, label, LabelState.BOUGHT, error=error.detail)
        await _tell(tx, label, ShipmentLabelKept(label.order_id, label.carrier, error.code))
    else:
        await labels.set_state(tx, label, LabelState.REFUSED, error=error.detail)
        await _tell(tx, label, ShipmentLabelRefused(label.order_id, label.carrier, error.code))


async def _tell(tx: Tx, label: ShipmentLabel, fact: Fact) -> None:
    await publish(tx, fact, actor=label.actor, subject_id=label.shipment_id)
