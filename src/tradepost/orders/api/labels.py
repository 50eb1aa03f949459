"""What sending costs, labels, and where parcels are."""

from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from tradepost import idempotency, shipping
from tradepost.core import money
from tradepost.core.errors import FieldError, Forbidden, NotFound, ShopError, Stale, invalid
from tradepost.core.states import InvalidTransition
from tradepost.db import Tx
from tradepost.http import Answer, Call, In, Out, Routes
from tradepost.http.call import etag
from tradepost.http.routes import replayed
from tradepost.idempotency import Claim, IdempotencyInFlight
from tradepost.orders import labels, store
from tradepost.orders.api.opening import opened_by
from tradepost.orders.api.shipments import ShippedOut
from tradepost.orders.labels import Box, LabelWish, NothingToShip, ShippingAddressRequired, consignment, units_of
from tradepost.orders.life import READ_ALL, Opened, opened_all, reopen, visible
from tradepost.orders.moves import Action
from tradepost.orders.parcels import of
from tradepost.orders.shown import order_out, shipment_out
from tradepost.shipping import LabelExists, LabelState, LabelUnderWay, Outcome, Refused, ShipmentLabel
from tradepost.shipping.carriers import (
    CarrierNotOffered,
    CarrierNotReached,
    CarrierRefused,
    Carriers,
    CarriersNotSetUp,
    CarrierUnavailable,
    Dimensions,
    Note,
    Rate,
    ServiceNotOffered,
    Source,
    TrackingStatus,
)

routes = Routes("Carriers", "What sending an order costs, labels, and where its parcels are.")

_SHIPS = "orders:ship"
_SAID = {"/recipient": "/shippingAddress", "/parcels/0": "", "/service": "/service"}
"""Where a carrier's pointers lead, into the order and the request."""
_UNDER_WAY = {LabelState.BUYING, LabelState.UNCERTAIN, LabelState.VOIDING}
_GOING_BACK = {LabelState.VOIDING, LabelState.GIVEN_UP}
_ASKED = [NotFound, Stale, Forbidden, InvalidTransition]
_Grams = Annotated[int, Meta(ge=1, le=10_000_000)]
_Millimetres = Annotated[int, Meta(ge=1, le=100_000)]
_Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,40}$(?!\n)")]


class DimensionsIn(In):
    """Millimetres."""

    length: _Millimetres
    width: _Millimetres
    height: _Millimetres


class RatesQuery(In):
    """`weight` in grams; without it, what the goods weigh. The sides in millimetres, all three or none."""

    weight: _Grams | None = None
    length: _Millimetres | None = None
    width: _Millimetres | None = None
    height: _Millimetres | None = None


class LabelIn(In):
    """`service` as a rate names it. `weight` in grams; without it, what the goods weigh."""

    carrier: _Code
    service: _Code
    weight: _Grams | None = None
    dimensions: DimensionsIn | None = None


class RateOut(Out):
    """`earliestDays` and `latestDays` are days on the way, where the carrier says."""

    carrier: str
    service: str
    name: str
    amount: str
    currency: str
    earliest_days: int | None
    latest_days: int | None
    source: Source


class NoteOut(Out):
    """A carrier that is not among the rates, and why."""

    carrier: str
    code: str
    detail: str


class RatesOut(Out):
    """Cheapest first."""

    rates: list[RateOut]
    notes: list[NoteOut]


class LabelOut(Out):
    """What is stuck on the parcel; `content` is base64."""

    tracking_number: str
    media_type: str
    content: bytes


class TrackingUpdateOut(Out):
    status: TrackingStatus
    at: datetime
    place: str
    text: str


class TrackedOut(Out):
    """What the carrier has told, oldest first."""

    items: list[TrackingUpdateOut]


_RATES_PROBLEMS = [NotFound, ShippingAddressRequired, NothingToShip, CarriersNotSetUp]


@routes.get("/orders/{order_id}/rates", query=RatesQuery, answer=RatesOut, problems=_RATES_PROBLEMS)
async def read_order_rates(call: Call, query: RatesQuery) -> Answer:
    """What it costs to send what is in no parcel yet, as one."""
    opened = await _read(call, _SHIPS)
    return await _rates(call, query, opened, opened.unpacked())


@routes.get(
    "/orders/{order_id}/shipments/{shipment_id}/rates", query=RatesQuery, answer=RatesOut, problems=_RATES_PROBLEMS
)
async def read_shipment_rates(call: Call, query: RatesQuery) -> Answer:
    """What it costs to send a parcel.

    All carriers are asked at once; one that has not answered within three seconds is among the notes.
    """
    opened = await _read(call, _SHIPS)
    return await _rates(call, query, opened, units_of(of(opened, call.id("shipment_id"))))


@routes.act(
    "POST",
    "/orders/{order_id}/shipments/{shipment_id}/label",
    body=LabelIn,
    answer=ShippedOut,
    status=201,
    also=202,
    secured=True,
    problems=[
        *(*_ASKED, LabelExists, ShippingAddressRequired, CarriersNotSetUp, CarrierNotOffered),
        *(CarrierRefused, ServiceNotOffered, CarrierNotReached),
    ],
    example={"carrier": "fake", "service": "ground", "weight": 1500},
)
async def buy_label(call: Call, body: LabelIn) -> Answer:
    """Buy a carrier's label for a packed parcel, which gets its tracking number.

    202 where the carrier has not answered: a label that is BUYING is asked for again by itself; one that is UNCERTAIN
    may have been sold by a carrier that cannot tell, and waits for somebody to look there and give it up.
    """
    begun = await call.db.write(lambda tx: _begin(call, tx, body))
    return begun if isinstance(begun, Answer) else await _carried_out(call, begun)


@routes.act(
    "DELETE",
    "/orders/{order_id}/shipments/{shipment_id}/label",
    answer=ShippedOut,
    also=202,
    problems=[*_ASKED, LabelUnderWay, CarrierRefused, CarrierNotReached],
)
async def void_label(call: Call) -> Answer:
    """Give a parcel's label back to its carrier; one that is UNCERTAIN is given up, and nobody is asked."""
    begun = await call.db.write(lambda tx: _begin_void(call, tx))
    return begun if isinstance(begun, Answer) else await _carried_out(call, begun)


@routes.get("/orders/{order_id}/shipments/{shipment_id}/label", answer=LabelOut, problems=[NotFound])
async def read_label(call: Call) -> Answer:
    """The label of a parcel, to be printed."""
    opened = await _read(call, _SHIPS)
    async with call.db.read() as db:
        found = await shipping.get_document(db, call.actor.store_id, of(opened, call.id("shipment_id")).id)
    return call.json(LabelOut(found.tracking_number, found.media_type, found.content))


@routes.get("/orders/{order_id}/shipments/{shipment_id}/tracking", answer=TrackedOut, problems=[NotFound])
async def track_shipment(call: Call) -> Answer:
    """Where a parcel is, and was."""
    opened = await _read(call)
    async with call.db.read() as db:
        found = await shipping.updates_of(db, call.actor.store_id, of(opened, call.id("shipment_id")).id)
    return call.json(TrackedOut([TrackingUpdateOut(one.status, one.at, one.place, one.text) for one in found]))


async def _read(call: Call, permission: str = READ_ALL) -> Opened:
    async with call.db.read() as db:
        order = await store.find(db, visible(call.actor, permission), call.id("order_id"))
        (opened,) = await opened_all(db, [order], call.actor)
    return opened


async def _rates(call: Call, query: RatesQuery, opened: Opened, units: dict[UUID, int]) -> Answer:
    carriers = call.service(Carriers)
    box = Box(query.weight, _sides(query))
    async with call.db.read() as db:
        announced = await consignment(
            db, call.actor.store_id, opened.order, units, box=box, sender=carriers.origin(), weight_at="?weight"
        )
    found = await carriers.rates(announced)
    return call.json(RatesOut([_rate_out(rate) for rate in found.rates], [_note_out(note) for note in found.notes]))


def _sides(query: RatesQuery) -> Dimensions | None:
    sides = {"length": query.length, "width": query.width, "height": query.height}
    missing = [name for name, side in sides.items() if side is None]
    if len(missing) == len(sides):
        return None
    if query.length is None or query.width is None or query.height is None:
        raise invalid(f"?{missing[0]}", "required", "is needed beside the other sides")
    return Dimensions(query.length, query.width, query.height)


async def _begin(call: Call, tx: Tx, body: LabelIn) -> Answer | ShipmentLabel:
    """What is to be asked; an answer where this request came before."""
    if call.claim is not None:
        if kept := await idempotency.begin(tx, call.claim):
            return replayed(kept)
        if asked := await shipping.find_of_request(tx, call.actor.store_id, call.claim.key_hash):
            return await _answered(call, tx, asked)
    opened = await opened_by(call, tx, Action.MOVE_PARCEL)
    sides = body.dimensions
    box = Box(body.weight, Dimensions(sides.length, sides.width, sides.height) if sides else None)
    return await labels.request_label(
        tx,
        opened,
        call.id("shipment_id"),
        LabelWish(body.carrier, body.service, box),
        carriers=call.service(Carriers),
        request_key=call.claim.key_hash if call.claim else None,
    )


async def _begin_void(call: Call, tx: Tx) -> Answer | ShipmentLabel:
    if call.claim is not None and (kept := await idempotency.begin(tx, call.claim)):
        return replayed(kept)
    opened = await opened_by(call, tx, Action.MOVE_PARCEL)
    asked = await labels.request_void(tx, opened, call.id("shipment_id"))
    return asked if asked.state is LabelState.VOIDING else await _answered(call, tx, asked)


async def _carried_out(call: Call, asked: ShipmentLabel) -> Answer:
    """Asks the carrier, and answers with what came of it; a refusal once it is written down."""
    try:
        outcome = await shipping.carry_out(call.db, call.service(Carriers).by_name, asked)
    except CarrierUnavailable:
        return await call.db.write(lambda tx: _answered(call, tx, asked))
    if isinstance(outcome, Refused):
        await call.db.write(lambda tx: _settle(call, tx, asked, outcome))
        raise _pointed(outcome.error)
    return await call.db.write(lambda tx: _end(call, tx, asked, outcome))


async def _end(call: Call, tx: Tx, asked: ShipmentLabel, outcome: Outcome) -> Answer:
    await _settle(call, tx, asked, outcome)
    return await _answered(call, tx, asked)


async def _settle(call: Call, tx: Tx, asked: ShipmentLabel, outcome: Outcome) -> None:
    await labels.settled(tx, await reopen(tx, asked.order_id, actor=call.actor), asked, outcome)


async def _answered(call: Call, tx: Tx, asked: ShipmentLabel) -> Answer:
    """The answer is kept once it is known what came of it: until then the request may come again.

    One to giving back is kept at once: sent again, the request must not give back a label that was bought since.
    """
    answer = await _as_it_stands(call, tx, asked)
    if call.claim is not None and (answer.status != HTTPStatus.ACCEPTED or asked.state in _GOING_BACK):
        await _keep(tx, call.claim, answer)
    return answer


async def _keep(tx: Tx, claim: Claim, answer: Answer) -> None:
    """Where the same request is here once more just now, it keeps its own: what the carrier did is written down."""
    with suppress(IdempotencyInFlight):
        if await idempotency.begin(tx, claim) is None:
            await idempotency.insert(tx, claim, status=answer.status, headers=answer.headers, body=answer.body)


async def _as_it_stands(call: Call, tx: Tx, asked: ShipmentLabel) -> Answer:
    """The parcel with its newest label, and whether anything is still under way with it."""
    opened = await reopen(tx, asked.order_id, actor=call.actor)
    shipment = of(opened, asked.shipment_id)
    out = ShippedOut(shipment_out(shipment, call.actor), order_out(opened))
    is_open = shipment.label is not None and shipment.label.state in _UNDER_WAY
    done = HTTPStatus.OK if asked.state in _GOING_BACK else HTTPStatus.CREATED
    status = HTTPStatus.ACCEPTED if is_open else done
    return call.json(out, status=int(status), headers=[etag(opened.order.version)])


def _pointed(error: ShopError) -> ShopError:
    """A carrier's refusal, pointing into the request or the order instead of the consignment."""
    found = [
        FieldError(ours + one.pointer.removeprefix(theirs), one.code, one.detail)
        for one in error.errors
        for theirs, ours in _SAID.items()
        if one.pointer.startswith(theirs)
    ]
    return type(error)(error.detail, errors=found)


def _rate_out(rate: Rate) -> RateOut:
    return RateOut(
        carrier=rate.carrier,
        service=rate.service,
        name=rate.name,
        amount=money.text(rate.amount, rate.currency),
        currency=rate.currency,
        earliest_days=rate.earliest,
        latest_days=rate.latest,
        source=rate.source,
    )


def _note_out(note: Note) -> NoteOut:
    return NoteOut(note.carrier, note.code, note.detail)
