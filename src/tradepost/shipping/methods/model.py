"""Zones, and the ways of sending to them. Weights in grams, amounts in minor units of the currency they stand under."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tradepost.catalog.model import STANDARD_TAX
from tradepost.core.changes import applied
from tradepost.core.errors import Conflict, FieldError, Invalid, invalid
from tradepost.core.places import Place

MOST_ZONES = 200
MOST_METHODS = 200
MOST_STEPS = 100
MOST_CURRENCIES = 50


class ShippingZoneOverlaps(Conflict):
    """Another active zone has the same place, or is the rest of the world, too; `errors` points at each."""

    title = "Another zone has the same place"


class ShippingCodeTaken(Conflict):
    """Another method of the store has this code; one that is not active counts, too."""

    title = "This code is in use"


class TooManyShippingZones(Conflict):
    title = f"A store has at most {MOST_ZONES} active shipping zones"


class TooManyShippingMethods(Conflict):
    title = f"A store has at most {MOST_METHODS} active shipping methods"


class ShippingMethodNotAvailable(Invalid):
    """There is no such way of sending, or not for this parcel to this place; the detail says why."""

    title = "The shipping method is not available"


class Basis(StrEnum):
    """What a price depends on."""

    FLAT = "FLAT"
    WEIGHT = "WEIGHT"
    SUBTOTAL = "SUBTOTAL"
    ITEMS = "ITEMS"


class Area(msgspec.Struct, frozen=True, rename="camel"):
    """A country, one state of it, or all that has a postal code with this beginning."""

    country: str
    state: str | None = None
    postal_prefix: str | None = None

    def has(self, place: Place) -> bool:
        """Of a place that is normal."""
        if self.state is not None and self.state != place.state:
            return False
        return self.postal_prefix is None or (place.postal_code or "").startswith(self.postal_prefix)

    @property
    def detail(self) -> tuple[int, bool]:
        """How closely it says where it is: by the postal code, then by the state, then by the country."""
        return len(self.postal_prefix or ""), self.state is not None


class ZoneFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    name: str
    places: tuple[Area, ...] = ()
    is_rest_of_world: bool = msgspec.field(default=False, name="restOfWorld")
    is_active: bool = True


class ZoneDraft(ZoneFacts, frozen=True, kw_only=True):
    """A zone to be."""


class Zone(ZoneFacts, frozen=True, kw_only=True):
    id: UUID
    version: int = 1
    created_at: datetime
    updated_at: datetime


class ZoneChanges(msgspec.Struct, frozen=True, kw_only=True):
    """UNSET is what stays as it is."""

    name: str | UnsetType = UNSET
    places: tuple[Area, ...] | UnsetType = UNSET
    is_rest_of_world: bool | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class Step(msgspec.Struct, frozen=True, rename="camel"):
    """What it costs up to so many grams, minor units or items, that number included; None: without limit."""

    up_to: int | None
    amount: int


class Table(msgspec.Struct, frozen=True, rename="camel"):
    """Prices in one currency. From a subtotal of `free_above` on, nothing.

    `per_additional` comes on top for each item behind the first, or each kilogram begun behind the first. What is above
    the last step, or not between the subtotals, is not offered.
    """

    steps: tuple[Step, ...]
    per_additional: int = 0
    free_above: int | None = None
    min_subtotal: int | None = None
    max_subtotal: int | None = None


class MethodFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A way of sending to a zone, or of not sending: `is_pickup`, at a stock location where one is named."""

    zone_id: UUID
    code: str
    name: str
    description: str = ""
    tax_class: str = STANDARD_TAX
    is_pickup: bool = False
    location_id: UUID | None = None
    min_days: int | None = None
    max_days: int | None = None
    min_weight: int | None = None
    max_weight: int | None = None
    basis: Basis
    prices: Mapping[str, Table]
    sort_order: int = 0
    is_active: bool = True


class MethodDraft(MethodFacts, frozen=True, kw_only=True):
    """A method to be."""


class Method(MethodFacts, frozen=True, kw_only=True):
    id: UUID
    version: int = 1
    created_at: datetime
    updated_at: datetime


class MethodChanges(msgspec.Struct, frozen=True, kw_only=True):
    """UNSET is what stays as it is."""

    zone_id: UUID | UnsetType = UNSET
    code: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    tax_class: str | UnsetType = UNSET
    is_pickup: bool | UnsetType = UNSET
    location_id: UUID | UnsetType | None = UNSET
    min_days: int | UnsetType | None = UNSET
    max_days: int | UnsetType | None = UNSET
    min_weight: int | UnsetType | None = UNSET
    max_weight: int | UnsetType | None = UNSET
    basis: Basis | UnsetType = UNSET
    prices: Mapping[str, Table] | UnsetType = UNSET
    sort_order: int | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


def changed_zone(zone: Zone, changes: ZoneChanges) -> Zone:
    """Raises ValidationFailed."""
    after = applied(zone, changes)
    check_zone(after)
    return after


def check_zone(zone: ZoneFacts) -> None:
    """ValidationFailed for a zone that is nowhere, or has a place twice."""
    if not zone.places and not zone.is_rest_of_world:
        raise invalid("/places", "required", "is needed unless the zone is the rest of the world")
    met: set[Area] = set()
    for at, area in enumerate(zone.places):
        if area in met:
            raise invalid(f"/places/{at}", "repeated", "is there twice")
        met.add(area)


def check_apart(zone: ZoneFacts, others: Iterable[Zone]) -> None:
    """ShippingZoneOverlaps where an active zone shares something with another active one."""
    if not zone.is_active:
        return
    active = [other for other in others if other.is_active]
    owners = {area: other for other in active for area in other.places}
    errors = [
        FieldError(f"/places/{at}", ShippingZoneOverlaps.code, f"is in the zone {owners[area].name}, too")
        for at, area in enumerate(zone.places)
        if area in owners
    ]
    rest = next((other for other in active if other.is_rest_of_world), None)
    if zone.is_rest_of_world and rest is not None:
        detail = f"is the zone {rest.name} already"
        errors.append(FieldError("/restOfWorld", ShippingZoneOverlaps.code, detail))
    if errors:
        raise ShippingZoneOverlaps(errors=errors)


def changed_method(method: Method, changes: MethodChanges, currency: str) -> Method:
    """Raises ValidationFailed."""
    after = applied(method, changes)
    if after.basis is not method.basis and changes.prices is UNSET:
        raise invalid("/prices", "required", "is needed where the basis changes")
    check_method(after, currency)
    return after


def check_method(method: MethodFacts, currency: str) -> None:
    """ValidationFailed for what makes no sense together. `currency` is the store's."""
    _check_order(method.min_days, method.max_days, "/maxDays")
    _check_order(method.min_weight, method.max_weight, "/maxWeight")
    if method.location_id is not None and not method.is_pickup:
        raise invalid("/locationId", "not_allowed", "goes with isPickup only")
    if currency not in method.prices:
        raise invalid(f"/prices/{currency}", "required", "is missing: the store's own currency needs its prices")
    for code, table in method.prices.items():
        _check_table(table, method.basis, f"/prices/{code}")


def _check_table(table: Table, basis: Basis, pointer: str) -> None:
    last = len(table.steps) - 1
    if not 0 <= last < MOST_STEPS:
        raise invalid(f"{pointer}/steps", "out_of_range", f"must be 1 to {MOST_STEPS} steps")
    if basis is Basis.FLAT and (last > 0 or table.steps[0].up_to is not None):
        raise invalid(f"{pointer}/steps", "not_allowed", "a flat price is one step without upTo")
    for at, step in enumerate(table.steps):
        if step.up_to is None and at < last:
            raise invalid(f"{pointer}/steps/{at}/upTo", "required", "is missing: only the last step has no end")
    for at, (lower, upper) in enumerate(pairwise(table.steps), 1):
        if lower.up_to is not None and upper.up_to is not None and upper.up_to <= lower.up_to:
            raise invalid(f"{pointer}/steps/{at}/upTo", "out_of_range", "does not reach above the step before it")
    if table.per_additional and basis in (Basis.FLAT, Basis.SUBTOTAL):
        raise invalid(f"{pointer}/perAdditional", "not_allowed", "goes with prices by items or by weight")
    _check_order(table.min_subtotal, table.max_subtotal, f"{pointer}/maxSubtotal")


def _check_order(lower: int | None, upper: int | None, pointer: str) -> None:
    if lower is not None and upper is not None and upper < lower:
        raise invalid(pointer, "out_of_range", "is less than where it begins")
