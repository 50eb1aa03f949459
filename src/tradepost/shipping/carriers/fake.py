"""A carrier that is nobody: for a first try and for tests. It behaves like a real one, also when it misbehaves."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tradepost.core import clock, money
from tradepost.core.errors import FieldError
from tradepost.shipping.carriers.model import (
    CarrierUnavailable,
    Consignment,
    Document,
    Label,
    Parcel,
    Rate,
    Source,
    TrackingStatus,
    TrackingUpdate,
    not_offered,
    refused,
)
from tradepost.shipping.carriers.pdf import page

NAME = "fake"
_TRACKING_URL = "https://fake-carrier.example/track/"
_HEAVIEST_GRAMS = 70_000
_HANGS_SECONDS = 10.0
_SLOW_SECONDS = 2.0
_NUMBER = re.compile(r"FK(?P<fate>\d)(?P<minute>\d{8})(?P<serial>\d{6})(?P<check>\d)")
_MINUTE_MS = 60_000


class Whim(StrEnum):
    """The recipient's postal code makes the fake misbehave; any other is well served."""

    HANGS = "99901"
    IS_DOWN = "99902"
    IS_SLOW = "99903"
    REFUSES = "99904"
    REFUSES_LABELS = "99905"
    LOSES_ANSWERS = "99906"
    GETS_STUCK = "99907"
    LOSES_PARCELS = "99908"
    BRINGS_BACK = "99909"


class _Service(msgspec.Struct, frozen=True):
    """Hundredths of the currency's unit: `base`, and `each` kilogram begun. The days are within the country."""

    name: str
    base: int
    each: int
    earliest: int
    latest: int


_SERVICES: Mapping[str, _Service] = {
    "ground": _Service("Ground", 490, 120, 2, 4),
    "express": _Service("Express", 1290, 310, 1, 1),
}
_ABROAD_TIMES = 3
_ABROAD_DAYS = 3

_Step = tuple[timedelta, TrackingStatus, str]
_START: list[_Step] = [
    (timedelta(), TrackingStatus.LABELLED, "Label made"),
    (timedelta(hours=6), TrackingStatus.IN_TRANSIT, "Picked up"),
]
_OUT: _Step = (timedelta(days=2), TrackingStatus.OUT_FOR_DELIVERY, "Out for delivery")
_FATES: Mapping[str, list[_Step]] = {
    "0": [*_START, _OUT, (timedelta(days=2, hours=5), TrackingStatus.DELIVERED, "Delivered")],
    "1": [
        *_START,
        (timedelta(days=1), TrackingStatus.EXCEPTION, "Held: the address is being looked at"),
        _OUT,
        (timedelta(days=2, hours=5), TrackingStatus.DELIVERED, "Delivered"),
    ],
    "2": [*_START, (timedelta(days=9), TrackingStatus.LOST, "Lost")],
    "3": [*_START, _OUT, (timedelta(days=5), TrackingStatus.RETURNED, "Nobody there: brought back to the sender")],
}
_FATE_OF = {Whim.GETS_STUCK: "1", Whim.LOSES_PARCELS: "2", Whim.BRINGS_BACK: "3"}


class FakeCarrier:
    """A tracking number holds when its label was made and what becomes of the parcel, so any process can track it.

    Which keys have bought a label, and which labels were given back, only the process remembers that did it.
    """

    name = NAME
    keeps_keys = True

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = clock.now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._labels: dict[str, Label] = {}
        self._voided: set[str] = set()

    async def rates(self, consignment: Consignment) -> Sequence[Rate]:
        await self._misbehave(consignment)
        return [_rate(code, service, consignment) for code, service in _SERVICES.items()]

    async def label(self, consignment: Consignment, *, service: str, key: str) -> Label:
        """The same key buys one label, whatever the consignment."""
        await self._misbehave(consignment)
        whim = _whim(consignment)
        if whim is Whim.REFUSES_LABELS:
            raise refused(NAME, "No pickups from this sender today")
        if service not in _SERVICES:
            raise not_offered(NAME, service)
        made = self._labels.get(key)
        if made is None:
            made = self._labels[key] = self._make(consignment, service, key)
            if whim is Whim.LOSES_ANSWERS:
                raise CarrierUnavailable(f"{NAME}: the line was lost")
        return made

    async def track(self, tracking_number: str) -> Sequence[TrackingUpdate]:
        match = _valid(tracking_number)
        if match is None:
            return []
        made = clock.from_ms(int(match["minute"]) * _MINUTE_MS)
        steps = _START[:1] if tracking_number in self._voided else _FATES[match["fate"]]
        return [
            TrackingUpdate(status, made + after, "Faketown", text, f"{tracking_number}-{number}")
            for number, (after, status, text) in enumerate(steps)
            if made + after <= self._now()
        ]

    async def void(self, reference: str) -> None:
        if reference in self._voided:
            return
        updates = await self.track(reference)
        if not updates:
            raise refused(NAME, f"There is no label {reference}")
        if updates[-1].status is not TrackingStatus.LABELLED:
            raise refused(NAME, f"{reference} is on its way")
        self._voided.add(reference)

    async def close(self) -> None:
        pass

    async def _misbehave(self, consignment: Consignment) -> None:
        match _whim(consignment):
            case Whim.HANGS:
                await self._sleep(_HANGS_SECONDS)
                raise CarrierUnavailable(f"{NAME}: no answer in {_HANGS_SECONDS:.0f} seconds")
            case Whim.IS_DOWN:
                raise CarrierUnavailable(f"{NAME}: answered 503")
            case Whim.IS_SLOW:
                await self._sleep(_SLOW_SECONDS)
            case Whim.REFUSES:
                said = f"The postal code {Whim.REFUSES} is not served"
                pointed = FieldError("/recipient/postalCode", "invalid_postal_code", said)
                raise refused(NAME, said, errors=(pointed,))
            case _:
                pass
        for at, parcel in enumerate(consignment.parcels):
            if parcel.weight > _HEAVIEST_GRAMS:
                said = f"A parcel has at most {_HEAVIEST_GRAMS // 1000} kg"
                raise refused(NAME, said, errors=(FieldError(f"/parcels/{at}/weight", "out_of_range", said),))

    def _make(self, consignment: Consignment, service: str, key: str) -> Label:
        whim = _whim(consignment)
        fate = _FATE_OF.get(whim, "0") if whim else "0"
        rate = _rate(service, _SERVICES[service], consignment)
        documents = []
        for at, parcel in enumerate(consignment.parcels):
            number = _tracking_number(fate, self._now(), f"{key}/{at}")
            printed = page(_printed(consignment, parcel, rate, number))
            documents.append(Document(number, printed, "application/pdf"))
        lead = documents[0].tracking_number
        return Label(
            carrier=NAME,
            service=service,
            tracking_number=lead,
            tracking_url=f"{_TRACKING_URL}{lead}",
            documents=tuple(documents),
            reference=lead,
            amount=rate.amount,
            currency=rate.currency,
        )


def _whim(consignment: Consignment) -> Whim | None:
    return next((whim for whim in Whim if whim == consignment.recipient.postal_code), None)


def _rate(code: str, service: _Service, consignment: Consignment) -> Rate:
    kilograms = sum(-(-max(parcel.weight, 1) // 1000) for parcel in consignment.parcels)
    times, days = (_ABROAD_TIMES, _ABROAD_DAYS) if consignment.crosses_border else (1, 0)
    hundredths = (service.base + service.each * kilograms) * times
    return Rate(
        carrier=NAME,
        service=code,
        name=f"Fake {service.name}",
        amount=money.round_half_up(hundredths * 10 ** money.digits(consignment.currency), 100),
        currency=consignment.currency,
        earliest=service.earliest + days,
        latest=service.latest + days,
        source=Source.CARRIER,
    )


def _tracking_number(fate: str, made: datetime, seed: str) -> str:
    serial = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]) % 10**6
    digits = f"{fate}{clock.to_ms(made) // _MINUTE_MS:08d}{serial:06d}"
    return f"FK{digits}{_check_digit(digits)}"


def _check_digit(digits: str) -> int:
    """GS1's: from the right, weights 3 and 1 in turn, up to the next ten."""
    return -sum(int(digit) * (3, 1)[at % 2] for at, digit in enumerate(reversed(digits))) % 10


def _valid(tracking_number: str) -> re.Match[str] | None:
    match = _NUMBER.fullmatch(tracking_number)
    good = match and match["fate"] in _FATES and _check_digit(tracking_number[2:-1]) == int(match["check"])
    return match if good else None


def _printed(consignment: Consignment, parcel: Parcel, rate: Rate, number: str) -> list[str]:
    to = consignment.recipient
    return [
        f"{rate.name}   {number}",
        f"{parcel.weight} g   {consignment.reference}",
        "",
        *(to.name, *([to.company] if to.company else []), *to.lines),
        " ".join(part for part in (to.postal_code, to.city, to.state, to.country) if part),
        "",
        "This label is fake: nobody will come.",
    ]
