"""Rates from a table that a merchant writes, for shops without a carrier's account, and for when carriers are down."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Never

import msgspec
from msgspec import Meta

from tradepost.core import money
from tradepost.shipping.carriers.model import Consignment, Label, Rate, Source, TrackingUpdate, not_offered

NAME = "table"
EVERYWHERE = "*"

_Code = Annotated[str, Meta(pattern="^[a-z0-9_-]{1,40}$")]
_Country = Annotated[str, Meta(pattern=r"^([A-Z]{2}|\*)$")]
_Days = Annotated[int, Meta(ge=0, le=365)]


class Measure(StrEnum):
    WEIGHT = "weight"
    SUBTOTAL = "subtotal"


class Bracket(msgspec.Struct, frozen=True):
    """`amount` minor units for up to `limit` grams or minor units, that one included; None: without limit."""

    limit: int | None
    amount: int


class Zone(msgspec.Struct, frozen=True):
    """What a service costs to some countries. From a subtotal of `free_from` minor units on, nothing."""

    countries: frozenset[str]
    measure: Measure
    brackets: tuple[Bracket, ...]
    free_from: int | None

    def amount(self, weight: int, subtotal: int) -> int | None:
        """Minor units; None for what is above the last bracket."""
        measured = weight if self.measure is Measure.WEIGHT else subtotal
        found = next((each for each in self.brackets if each.limit is None or measured <= each.limit), None)
        if found is None:
            return None
        return 0 if self.free_from is not None and subtotal >= self.free_from else found.amount


class Service(msgspec.Struct, frozen=True):
    """A way of sending, with the days it takes where that is known."""

    code: str
    name: str
    earliest: int | None
    latest: int | None
    zones: tuple[Zone, ...]

    def zone(self, country: str) -> Zone | None:
        """The zone that names the country, or else the one for everywhere."""
        named = next((zone for zone in self.zones if country in zone.countries), None)
        return named or next((zone for zone in self.zones if EVERYWHERE in zone.countries), None)


class Table(msgspec.Struct, frozen=True):
    """A merchant's rates, all in one currency."""

    currency: str
    services: tuple[Service, ...]

    def rates(self, consignment: Consignment) -> Iterator[Rate]:
        """One for each service that goes there; none for a consignment of another currency."""
        if consignment.currency != self.currency:
            return
        for service in self.services:
            zone = service.zone(consignment.recipient.country)
            amount = zone.amount(consignment.weight, consignment.value) if zone else None
            if amount is not None:
                days = (service.earliest, service.latest)
                yield Rate(NAME, service.code, service.name, amount, self.currency, *days, Source.TABLE)


class TableRates:
    """The table as a carrier that has rates only: its labels are written by hand."""

    name = NAME
    keeps_keys = True

    def __init__(self, table: Table) -> None:
        self._table = table

    async def rates(self, consignment: Consignment) -> Sequence[Rate]:
        return list(self._table.rates(consignment))

    async def label(self, consignment: Consignment, *, service: str, key: str) -> Label:  # noqa: ARG002 - Carrier's
        """Raises ServiceNotOffered."""
        _by_hand()

    async def track(self, tracking_number: str) -> Sequence[TrackingUpdate]:  # noqa: ARG002 - Carrier's
        """Raises ServiceNotOffered."""
        _by_hand()

    async def void(self, reference: str) -> None:  # noqa: ARG002 - Carrier's
        """Raises ServiceNotOffered."""
        _by_hand()

    async def close(self) -> None:
        pass


def _by_hand() -> Never:
    raise not_offered(NAME, "labels")


class _WrittenBracket(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    amount: Decimal
    up_to: Decimal | None = None


class _WrittenZone(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    countries: Annotated[list[_Country], Meta(min_length=1, max_length=300)]
    brackets: Annotated[list[_WrittenBracket], Meta(min_length=1, max_length=100)]
    by: Measure = Measure.WEIGHT
    free_from: Decimal | None = None


class _WrittenService(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    code: _Code
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    zones: Annotated[list[_WrittenZone], Meta(min_length=1, max_length=300)]
    days: tuple[_Days, _Days] | None = None


class _WrittenTable(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    services: Annotated[list[_WrittenService], Meta(min_length=1, max_length=100)]


def table_of(written: str) -> Table:
    """A table as JSON (docs/shipping.md). ValueError says where it is wrong: ``… - at `$.services[0].zones[1]` ``."""
    try:
        raw = msgspec.json.decode(written, type=_WrittenTable)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    _once([service.code for service in raw.services], "$.services")
    services = [_service(each, raw.currency, f"$.services[{at}]") for at, each in enumerate(raw.services)]
    return Table(raw.currency, tuple(services))


def _service(raw: _WrittenService, currency: str, at: str) -> Service:
    _once([country for zone in raw.zones for country in zone.countries], f"{at}.zones")
    earliest, latest = raw.days or (None, None)
    if earliest is not None and latest is not None and earliest > latest:
        _wrong("the earliest day is after the latest", f"{at}.days")
    zones = [_zone(each, currency, f"{at}.zones[{number}]") for number, each in enumerate(raw.zones)]
    return Service(raw.code, raw.name, earliest, latest, tuple(zones))


def _zone(raw: _WrittenZone, currency: str, at: str) -> Zone:
    brackets = [_bracket(each, raw.by, currency, f"{at}.brackets[{n}]") for n, each in enumerate(raw.brackets)]
    for number, (lower, upper) in enumerate(pairwise(brackets), 1):
        if lower.limit is None or (upper.limit is not None and upper.limit <= lower.limit):
            _wrong("does not reach above the bracket before it", f"{at}.brackets[{number}].upTo")
    free_from = None if raw.free_from is None else _minor(raw.free_from, currency, f"{at}.freeFrom")
    return Zone(frozenset(raw.countries), raw.by, tuple(brackets), free_from)


def _bracket(raw: _WrittenBracket, by: Measure, currency: str, at: str) -> Bracket:
    amount = _minor(raw.amount, currency, f"{at}.amount")
    if raw.up_to is None:
        return Bracket(None, amount)
    limit = _grams(raw.up_to, f"{at}.upTo") if by is Measure.WEIGHT else _minor(raw.up_to, currency, f"{at}.upTo")
    return Bracket(limit, amount)


def _minor(amount: Decimal, currency: str, at: str) -> int:
    try:
        minor = money.parse(amount, currency)
    except money.AmountError as error:
        _wrong(str(error), at)
    if minor < 0:
        _wrong("is negative", at)
    return minor


def _grams(weight: Decimal, at: str) -> int:
    if not weight.is_finite() or weight != weight.to_integral_value() or not 0 < weight < money.LIMIT:
        _wrong("is not a whole number of grams", at)
    return int(weight)


def _once(values: Sequence[str], at: str) -> None:
    twice = next((value for number, value in enumerate(values) if value in values[:number]), None)
    if twice is not None:
        _wrong(f"{twice!r} is there twice", at)


def _wrong(what: str, at: str) -> Never:
    raise ValueError(f"{what} - at `{at}`")
