from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from urllib.parse import quote

import msgspec
import structlog

from tradepost.core import money
from tradepost.shipping.carriers.model import (
    CarrierUnavailable,
    Consignment,
    Document,
    Label,
    Rate,
    ServiceNotOffered,
    Source,
    TrackingStatus,
    TrackingUpdate,
    bounded,
    refused,
)
from tradepost.shipping.carriers.ups import questions
from tradepost.shipping.carriers.ups.account import UpsAccount
from tradepost.shipping.carriers.ups.answers import (
    Activity,
    Charge,
    PackageResult,
    RateAnswer,
    RatedShipment,
    ShipAnswer,
    ShipmentResults,
    TrackAnswer,
    VoidAnswer,
    several,
)
from tradepost.shipping.carriers.ups.client import UpsClient
from tradepost.shipping.carriers.ups.faults import faults, plain_refusal, refusal

log = structlog.get_logger()

NAME = "ups"
_TRACKING_URL = "https://www.ups.com/track?tracknum="
_NUMBER_LENGTHS = range(7, 35)
_DONE = "1"
_UNKNOWN_NUMBER = {"TV1002", "TW0001"}
_ALREADY_VOIDED = "already been voided"
_SERVICES = {
    "01": "UPS Next Day Air",
    "02": "UPS 2nd Day Air",
    "03": "UPS Ground",
    "07": "UPS Worldwide Express",
    "08": "UPS Worldwide Expedited",
    "11": "UPS Standard",
    "12": "UPS 3 Day Select",
    "13": "UPS Next Day Air Saver",
    "14": "UPS Next Day Air Early",
    "54": "UPS Worldwide Express Plus",
    "59": "UPS 2nd Day Air A.M.",
    "65": "UPS Worldwide Saver",
    "70": "UPS Access Point Economy",
    "74": "UPS Express 12:00",
}
_MEDIA_TYPES = {"GIF": "image/gif", "PNG": "image/png", "PDF": "application/pdf"}
_STATUSES = {
    "M": TrackingStatus.LABELLED,
    "O": TrackingStatus.OUT_FOR_DELIVERY,
    "D": TrackingStatus.DELIVERED,
    "X": TrackingStatus.EXCEPTION,
    "MV": TrackingStatus.EXCEPTION,
    "RS": TrackingStatus.RETURNED,
}
"""By the type of an activity; all others (I in transit, P picked up, …) are on their way."""
_OUT_FOR_DELIVERY = "021"
_RETURNING = "035"
"""On its way back; it is RETURNED when it is there."""

Answer = TypeVar("Answer")


class UpsCarrier:
    """UPS knows no idempotency keys: a label whose answer was lost may have been made.

    It carries the order's number, by which it is found at UPS, and a label that is never scanned can be voided there.
    Goods that cross a border need customs papers, which are not made here.
    """

    name = NAME
    keeps_keys = False

    def __init__(self, account: UpsAccount, *, client: UpsClient | None = None) -> None:
        self._account = account.account
        self._client = client or UpsClient(account)

    async def rates(self, consignment: Consignment) -> Sequence[Rate]:
        body = questions.rating(consignment, self._account)
        reply = await self._client.ask("POST", "/api/rating/v2409/Shop", body=body)
        if reply.is_good:
            answer = _read(reply.body, RateAnswer)
            return [_rate(each) for each in several(answer.rate_response.rated_shipment)]
        error = refusal(reply.body, consignment)
        if isinstance(error, ServiceNotOffered):
            return []
        raise error

    async def label(self, consignment: Consignment, *, service: str, key: str) -> Label:
        """The key is only told to UPS, to help its support: the same one buys a second label."""
        body = questions.shipping(consignment, self._account, service=service, key=key)
        reply = await self._client.ask("POST", "/api/shipments/v2409/ship", body=body)
        if not reply.is_good:
            raise refusal(reply.body, consignment, service=service)
        return _label(_read(reply.body, ShipAnswer).shipment_response.shipment_results, service)

    async def track(self, tracking_number: str) -> Sequence[TrackingUpdate]:
        if len(tracking_number) not in _NUMBER_LENGTHS:
            return []
        reply = await self._client.ask("GET", f"/api/track/v1/details/{quote(tracking_number, safe='')}")
        if reply.is_good:
            return _updates(_read(reply.body, TrackAnswer), tracking_number)
        found = faults(reply.body)
        if any(fault.code in _UNKNOWN_NUMBER for fault in found):
            return []
        raise plain_refusal(found)

    async def void(self, reference: str) -> None:
        path = f"/api/shipments/v2409/void/cancel/{quote(reference, safe='')}"
        reply = await self._client.ask("DELETE", path)
        if not reply.is_good:
            found = faults(reply.body)
            if not any(_ALREADY_VOIDED in fault.message for fault in found):
                raise plain_refusal(found)
        elif _read(reply.body, VoidAnswer).void_shipment_response.summary_result.status.code != _DONE:
            raise refused(NAME, f"{reference} was not voided")

    async def close(self) -> None:
        await self._client.close()


def _read(body: bytes, kind: type[Answer]) -> Answer:
    """CarrierUnavailable, and a line in the log without the body, which has addresses in it."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise _unreadable(kind.__name__, str(error)) from None


def _unreadable(what: str, why: str) -> CarrierUnavailable:
    log.error("carrier_answer_unreadable", carrier=NAME, answer=what, reason=bounded(why))
    return CarrierUnavailable(f"{NAME}: an answer cannot be read")


def _rate(rated: RatedShipment) -> Rate:
    days = rated.guaranteed_delivery.business_days_in_transit if rated.guaranteed_delivery else None
    known = int(days) if days and days.isdecimal() else None
    code = rated.service.code
    return Rate(
        carrier=NAME,
        service=code,
        name=_SERVICES.get(code, f"UPS {bounded(code)}"),
        amount=_minor(rated.charge),
        currency=rated.charge.currency_code,
        earliest=known,
        latest=known,
        source=Source.CARRIER,
    )


def _label(made: ShipmentResults, service: str) -> Label:
    number = made.shipment_identification_number
    return Label(
        carrier=NAME,
        service=service,
        tracking_number=number,
        tracking_url=f"{_TRACKING_URL}{quote(number, safe='')}",
        documents=tuple(_document(each) for each in several(made.package_results)),
        reference=number,
        amount=_minor(made.charge),
        currency=made.charge.currency_code,
    )


def _document(result: PackageResult) -> Document:
    image = result.shipping_label
    media_type = _MEDIA_TYPES.get(image.image_format.code.upper(), "application/octet-stream")
    return Document(result.tracking_number, image.graphic_image, media_type)


def _minor(charge: Charge) -> int:
    try:
        return money.parse(Decimal(charge.monetary_value), charge.currency_code)
    except (InvalidOperation, ValueError) as error:
        raise _unreadable("Charge", str(error)) from None


def _updates(answer: TrackAnswer, tracking_number: str) -> list[TrackingUpdate]:
    packages = [package for shipment in answer.track_response.shipment for package in shipment.package]
    ours = [package for package in packages if package.tracking_number == tracking_number] or packages[:1]
    updates = [_update(activity) for package in ours for activity in package.activity]
    return sorted(updates, key=lambda update: update.at)


def _update(activity: Activity) -> TrackingUpdate:
    status, address = activity.status, activity.location.address if activity.location else None
    parts = (address.city, address.state_province, address.country_code) if address else ()
    return TrackingUpdate(
        status=_status(activity),
        at=_at(activity),
        place=bounded(", ".join(part for part in parts if part)),
        text=bounded(status.description),
        reference=bounded(f"{activity.date}-{activity.time}-{status.type}-{status.code}"),
    )


def _status(activity: Activity) -> TrackingStatus:
    status = activity.status
    if status.status_code == _OUT_FOR_DELIVERY:
        return TrackingStatus.OUT_FOR_DELIVERY
    if status.status_code == _RETURNING:
        return TrackingStatus.EXCEPTION
    return _STATUSES.get(status.type, TrackingStatus.IN_TRANSIT)


def _at(activity: Activity) -> datetime:
    """A scan without its time in GMT is taken as if its place were in Greenwich."""
    date, time = activity.gmt_date or activity.date, activity.gmt_time or activity.time
    digits = time.replace(":", "").zfill(6)
    try:
        return datetime.strptime(f"{date}{digits}", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise _unreadable("Activity", str(error)) from None
