"""Zones and methods as clients send and see them."""

import re
from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tradepost.accounts.addresses import rules
from tradepost.catalog.model import STANDARD_TAX
from tradepost.catalog.written import TaxClass
from tradepost.core import clock, money
from tradepost.core.errors import invalid
from tradepost.core.places import Place, normal_postal_code, normal_state
from tradepost.http import Amount, In, Out, PageQuery
from tradepost.shipping.methods.choosing import NotOffered, Option
from tradepost.shipping.methods.model import (
    MOST_CURRENCIES,
    Area,
    Basis,
    Method,
    MethodChanges,
    MethodDraft,
    Step,
    Table,
    Zone,
    ZoneChanges,
    ZoneDraft,
)

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
Description = Annotated[str, Meta(max_length=1000)]
Code = Annotated[
    str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)", examples=["express"])
]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1 alpha-2", examples=["FR"])]
State = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S", examples=["CA"])]
PostalCode = Annotated[str, Meta(min_length=1, max_length=20, pattern=r"[^\s-]", examples=["20000"])]
Prefixes = Annotated[list[PostalCode], Meta(max_length=200, examples=[["20", "97"]])]
Days = Annotated[int, Meta(ge=0, le=365)]
Grams = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Items = Annotated[int, Meta(ge=0, le=1_000_000)]
SortOrder = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
_MOST_COUNTED = 1_000_000_000
_MOST_AREAS = 2000


class ZonePlaceIn(In):
    """A country; with a state, that state of it; with `postalPrefixes`, all whose postal code begins like one."""

    country: Country
    state: State | None = None
    postal_prefixes: Prefixes | None = None


Places = Annotated[list[ZonePlaceIn], Meta(max_length=300)]


class ShippingZoneIn(In, kw_only=True):
    """`restOfWorld`: everywhere where no other zone is."""

    name: Name
    places: Places = msgspec.field(default_factory=list)
    rest_of_world: bool = False
    is_active: bool = True


class ShippingZonePatch(In, kw_only=True):
    """What is absent stays as it is. `places` takes the place of all places."""

    name: Name | UnsetType = UNSET
    places: Places | UnsetType = UNSET
    rest_of_world: bool | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class ZonePlaceOut(Out):
    country: str
    state: str | None
    postal_prefixes: list[str] | None


class ShippingZoneOut(Out, kw_only=True):
    id: UUID
    name: str
    places: list[ZonePlaceOut]
    rest_of_world: bool
    is_active: bool
    version: int
    created_at: str
    updated_at: str


class ShippingZonesQuery(PageQuery):
    is_active: bool | None = None


class PriceStepIn(In):
    """`amount` for up to so many grams, items, or so large a subtotal, that one included; null is without limit."""

    amount: Amount
    up_to: Amount | None = None


class PricesIn(In, kw_only=True):
    """In one currency. What is above the last step, or not between the subtotals, is not offered.

    `perAdditional` comes on top for each item behind the first, or each kilogram begun behind the first. From a
    subtotal, after discounts, of `freeAbove` on it costs nothing.
    """

    steps: list[PriceStepIn]
    per_additional: Amount | None = None
    free_above: Amount | None = None
    min_subtotal: Amount | None = None
    max_subtotal: Amount | None = None


Prices = Annotated[dict[CurrencyCode, PricesIn], Meta(min_length=1, max_length=MOST_CURRENCIES)]


class ShippingMethodIn(In, kw_only=True):
    """`prices` by currency; the store's own is needed, others are converted where they have none.

    Weights in grams. A pick-up needs no address; `locationId` is the stock location where it is.
    """

    zone_id: UUID
    code: Code
    name: Name
    description: Description = ""
    tax_class: TaxClass = STANDARD_TAX
    is_pickup: bool = False
    location_id: UUID | None = None
    min_days: Days | None = None
    max_days: Days | None = None
    min_weight: Grams | None = None
    max_weight: Grams | None = None
    basis: Basis
    prices: Prices
    sort_order: SortOrder = 0
    is_active: bool = True


class ShippingMethodPatch(In, kw_only=True):
    """What is absent stays as it is. `prices` takes the place of all prices, and has to come with a new `basis`."""

    zone_id: UUID | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    tax_class: TaxClass | UnsetType = UNSET
    is_pickup: bool | UnsetType = UNSET
    location_id: UUID | UnsetType | None = UNSET
    min_days: Days | UnsetType | None = UNSET
    max_days: Days | UnsetType | None = UNSET
    min_weight: Grams | UnsetType | None = UNSET
    max_weight: Grams | UnsetType | None = UNSET
    basis: Basis | UnsetType = UNSET
    prices: Prices | UnsetType = UNSET
    sort_order: SortOrder | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class PriceStepOut(Out):
    """`upTo` is an amount where the basis is the subtotal, else a number."""

    amount: str
    up_to: str | int | None


class PricesOut(Out, kw_only=True):
    steps: list[PriceStepOut]
    per_additional: str | None
    free_above: str | None
    min_subtotal: str | None
    max_subtotal: str | None


class ShippingMethodOut(Out, kw_only=True):
    id: UUID
    zone_id: UUID
    code: str
    name: str
    description: str
    tax_class: str
    is_pickup: bool
    location_id: UUID | None
    min_days: int | None
    max_days: int | None
    min_weight: int | None
    max_weight: int | None
    basis: Basis
    prices: dict[str, PricesOut]
    sort_order: int
    is_active: bool
    version: int
    created_at: str
    updated_at: str


class ShippingMethodsQuery(PageQuery):
    zone_id: UUID | None = None
    is_active: bool | None = None


class OptionsQuery(In):
    """Without a country, what can be picked up. `weight` in grams, `subtotal` after discounts."""

    country: Country | None = None
    state: State | None = None
    postal_code: PostalCode | None = None
    weight: Grams = 0
    subtotal: Amount | None = None
    items: Items = 1


class ShippingOptionOut(Out, kw_only=True):
    """`freeBecause`, in words, where it would cost something else."""

    code: str
    name: str
    description: str
    amount: str
    is_pickup: bool
    location_id: UUID | None
    min_days: int | None
    max_days: int | None
    free_because: str | None


class NotOfferedOut(Out):
    """Why, in words."""

    code: str
    name: str
    reason: str


class ShippingOptionsOut(Out):
    currency: str
    options: list[ShippingOptionOut]
    not_offered: list[NotOfferedOut]


def zone_draft_of(body: ShippingZoneIn) -> ZoneDraft:
    """Raises ValidationFailed."""
    return ZoneDraft(
        name=body.name, places=_areas(body.places), is_rest_of_world=body.rest_of_world, is_active=body.is_active
    )


def zone_changes_of(body: ShippingZonePatch) -> ZoneChanges:
    """Raises ValidationFailed."""
    return ZoneChanges(
        name=body.name,
        places=UNSET if body.places is UNSET else _areas(body.places),
        is_rest_of_world=body.rest_of_world,
        is_active=body.is_active,
    )


def method_draft_of(body: ShippingMethodIn) -> MethodDraft:
    """Raises ValidationFailed."""
    return MethodDraft(
        zone_id=body.zone_id,
        code=body.code,
        name=body.name,
        description=body.description,
        tax_class=body.tax_class,
        is_pickup=body.is_pickup,
        location_id=body.location_id,
        min_days=body.min_days,
        max_days=body.max_days,
        min_weight=body.min_weight,
        max_weight=body.max_weight,
        basis=body.basis,
        prices=_prices(body.prices, body.basis),
        sort_order=body.sort_order,
        is_active=body.is_active,
    )


def method_changes_of(body: ShippingMethodPatch, basis: Basis) -> MethodChanges:
    """`basis` is what the method's prices depend on so far. Raises ValidationFailed."""
    wanted = basis if body.basis is UNSET else body.basis
    return MethodChanges(
        zone_id=body.zone_id,
        code=body.code,
        name=body.name,
        description=body.description,
        tax_class=body.tax_class,
        is_pickup=body.is_pickup,
        location_id=body.location_id,
        min_days=body.min_days,
        max_days=body.max_days,
        min_weight=body.min_weight,
        max_weight=body.max_weight,
        basis=body.basis,
        prices=UNSET if body.prices is UNSET else _prices(body.prices, wanted),
        sort_order=body.sort_order,
        is_active=body.is_active,
    )


def place_of(query: OptionsQuery) -> Place | None:
    """Raises ValidationFailed."""
    if query.country is None:
        return None
    rules.check_country(query.country, pointer="?country")
    state = query.state and rules.state(query.state, query.country, pointer="?state")
    return Place(query.country, state, query.postal_code)


def zone_out(zone: Zone) -> ShippingZoneOut:
    return ShippingZoneOut(
        id=zone.id,
        name=zone.name,
        places=_places_out(zone.places),
        rest_of_world=zone.is_rest_of_world,
        is_active=zone.is_active,
        version=zone.version,
        created_at=clock.rfc3339(zone.created_at),
        updated_at=clock.rfc3339(zone.updated_at),
    )


def method_out(method: Method) -> ShippingMethodOut:
    return ShippingMethodOut(
        id=method.id,
        zone_id=method.zone_id,
        code=method.code,
        name=method.name,
        description=method.description,
        tax_class=method.tax_class,
        is_pickup=method.is_pickup,
        location_id=method.location_id,
        min_days=method.min_days,
        max_days=method.max_days,
        min_weight=method.min_weight,
        max_weight=method.max_weight,
        basis=method.basis,
        prices={code: _prices_out(table, method.basis, code) for code, table in method.prices.items()},
        sort_order=method.sort_order,
        is_active=method.is_active,
        version=method.version,
        created_at=clock.rfc3339(method.created_at),
        updated_at=clock.rfc3339(method.updated_at),
    )


def options_out(found: list[Option | NotOffered], currency: str) -> ShippingOptionsOut:
    written = money.writer(currency)
    return ShippingOptionsOut(
        currency,
        [
            ShippingOptionOut(
                code=one.code,
                name=one.name,
                description=one.description,
                amount=written(one.amount),
                is_pickup=one.is_pickup,
                location_id=one.location_id,
                min_days=one.min_days,
                max_days=one.max_days,
                free_because=one.free_because,
            )
            for one in found
            if isinstance(one, Option)
        ],
        [NotOfferedOut(one.code, one.name, one.reason) for one in found if isinstance(one, NotOffered)],
    )


def _areas(places: list[ZonePlaceIn]) -> tuple[Area, ...]:
    found = [area for at, place in enumerate(places) for area in _areas_of(place, f"/places/{at}")]
    if len(found) > _MOST_AREAS:
        raise invalid("/places", "out_of_range", f"has too many postal codes: {_MOST_AREAS} are the most")
    return tuple(found)


def _areas_of(place: ZonePlaceIn, pointer: str) -> list[Area]:
    rules.check_country(place.country, pointer=f"{pointer}/country")
    if not place.postal_prefixes:
        state = place.state and normal_state(rules.state(place.state, place.country, pointer=f"{pointer}/state"))
        return [Area(place.country, state)]
    if place.state is not None:
        raise invalid(f"{pointer}/state", "not_allowed", "does not go with postalPrefixes")
    return [Area(place.country, None, normal_postal_code(prefix)) for prefix in place.postal_prefixes]


def _places_out(areas: tuple[Area, ...]) -> list[ZonePlaceOut]:
    """Postal codes of one country that stand together are one place, as they were written."""
    shown: list[ZonePlaceOut] = []
    for area in areas:
        last = shown[-1] if shown else None
        if area.postal_prefix is None:
            shown.append(ZonePlaceOut(area.country, area.state, None))
        elif last is not None and last.country == area.country and last.postal_prefixes is not None:
            last.postal_prefixes.append(area.postal_prefix)
        else:
            shown.append(ZonePlaceOut(area.country, None, [area.postal_prefix]))
    return shown


def _prices(prices: Mapping[str, PricesIn], basis: Basis) -> dict[str, Table]:
    return {code: _table(table, basis, code, f"/prices/{code}") for code, table in prices.items()}


def _table(body: PricesIn, basis: Basis, currency: str, pointer: str) -> Table:
    def minor(amount: Amount | None, name: str) -> int | None:
        return None if amount is None else money.parse_field(amount, currency, pointer=f"{pointer}/{name}")

    return Table(
        steps=tuple(_step(step, basis, currency, f"{pointer}/steps/{at}") for at, step in enumerate(body.steps)),
        per_additional=minor(body.per_additional, "perAdditional") or 0,
        free_above=minor(body.free_above, "freeAbove"),
        min_subtotal=minor(body.min_subtotal, "minSubtotal"),
        max_subtotal=minor(body.max_subtotal, "maxSubtotal"),
    )


def _step(body: PriceStepIn, basis: Basis, currency: str, pointer: str) -> Step:
    amount = money.parse_field(body.amount, currency, pointer=f"{pointer}/amount")
    if body.up_to is None:
        return Step(None, amount)
    if basis is Basis.SUBTOTAL:
        return Step(money.parse_field(body.up_to, currency, pointer=f"{pointer}/upTo"), amount)
    return Step(_count(body.up_to, f"{pointer}/upTo"), amount)


def _count(number: Amount, pointer: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", str(number)) or not 0 < int(number) <= _MOST_COUNTED:
        raise invalid(pointer, "out_of_range", "must be a whole number of grams or items")
    return int(number)


def _prices_out(table: Table, basis: Basis, currency: str) -> PricesOut:
    written = money.writer(currency)

    def maybe(amount: int | None) -> str | None:
        return None if amount is None else written(amount)

    return PricesOut(
        steps=[
            PriceStepOut(written(step.amount), maybe(step.up_to) if basis is Basis.SUBTOTAL else step.up_to)
            for step in table.steps
        ],
        per_additional=maybe(table.per_additional or None),
        free_above=maybe(table.free_above),
        min_subtotal=maybe(table.min_subtotal),
        max_subtotal=maybe(table.max_subtotal),
    )
