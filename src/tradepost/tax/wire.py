"""Rates and exemptions as clients send and see them."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from tradepost.accounts.addresses import rules
from tradepost.catalog.written import TaxClass
from tradepost.core import clock
from tradepost.core.errors import invalid
from tradepost.core.places import Place
from tradepost.http import Amount, In, Moment, Out, PageQuery
from tradepost.tax import vat_numbers
from tradepost.tax.model import (
    MOST_LAYERS,
    STANDARD,
    Answered,
    Exemption,
    ExemptionChanges,
    ExemptionDraft,
    Origin,
    Rate,
    RateChanges,
    RateDraft,
    percent,
)
from tradepost.tax.store.rates import RateFilter

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S", examples=["VAT"])]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1 alpha-2", examples=["DE"])]
State = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S", examples=["CA"])]
PostalCode = Annotated[str, Meta(min_length=1, max_length=20, pattern=r"[^\s-]", examples=["90210"])]
Layer = Annotated[int, Meta(ge=0, lt=MOST_LAYERS)]
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]
Certificate = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
VatNumber = Annotated[str, Meta(min_length=1, max_length=30, examples=["NL004495445B01"])]
_HUNDRED = 100
_STEP = Decimal("0.0001")


class TaxRateIn(In, kw_only=True):
    """`rate` in per cent. Without a state or a `postalPrefix` it is for all of the country.

    It is valid from `validFrom` on, up to `validTo`, which is not part of it; without them, without limit.
    """

    name: Name
    country: Country
    state: State | None = None
    postal_prefix: PostalCode | None = None
    tax_class: TaxClass = STANDARD
    rate: Amount
    layer: Layer = 0
    valid_from: Moment | None = None
    valid_to: Moment | None = None


class TaxRatePatch(In, kw_only=True):
    """What is absent stays as it is."""

    name: Name | UnsetType = UNSET
    country: Country | UnsetType = UNSET
    state: State | UnsetType | None = UNSET
    postal_prefix: PostalCode | UnsetType | None = UNSET
    tax_class: TaxClass | UnsetType = UNSET
    rate: Amount | UnsetType = UNSET
    layer: Layer | UnsetType = UNSET
    valid_from: Moment | UnsetType | None = UNSET
    valid_to: Moment | UnsetType | None = UNSET


class TaxRateOut(Out, kw_only=True):
    """`rate` in per cent. `source` is `eu` for what was loaded and no staff has touched."""

    id: UUID
    name: str
    country: str
    state: str | None
    postal_prefix: str | None
    tax_class: str
    rate: str
    layer: int
    valid_from: str | None
    valid_to: str | None
    source: Origin
    version: int
    created_at: str
    updated_at: str


class TaxRatesQuery(PageQuery):
    """`activeAt`: those that are valid at that time."""

    country: Country | None = None
    tax_class: TaxClass | None = None
    active_at: Moment | None = None


class LookupQuery(In):
    country: Country
    state: State | None = None
    postal_code: PostalCode | None = None
    tax_class: TaxClass = STANDARD


class LookupRateOut(Out):
    name: str
    rate: str


class LookupOut(Out, kw_only=True):
    """The taxes on goods of a class that go to a place; `rate` is their sum, in per cent.

    `taxIncluded`: the shop's prices contain it. `source` is `table` where the shop's own rates say so.
    """

    country: str
    state: str | None
    postal_code: str | None
    tax_class: str
    tax_included: bool
    rate: str
    rates: list[LookupRateOut]
    source: str


class TaxExemptionIn(In, kw_only=True):
    """Without a country it is for everywhere. A `vatNumber` is checked by its form."""

    customer_id: UUID
    country: Country | None = None
    reason: Reason
    certificate: Certificate | None = None
    vat_number: VatNumber | None = None
    valid_from: Moment | None = None
    valid_to: Moment | None = None


class TaxExemptionPatch(In, kw_only=True):
    """What is absent stays as it is."""

    country: Country | UnsetType | None = UNSET
    reason: Reason | UnsetType = UNSET
    certificate: Certificate | UnsetType | None = UNSET
    vat_number: VatNumber | UnsetType | None = UNSET
    valid_from: Moment | UnsetType | None = UNSET
    valid_to: Moment | UnsetType | None = UNSET


class TaxExemptionOut(Out, kw_only=True):
    id: UUID
    customer_id: UUID
    country: str | None
    reason: str
    certificate: str | None
    vat_number: str | None
    valid_from: str | None
    valid_to: str | None
    version: int
    created_at: str
    updated_at: str


class TaxExemptionsQuery(PageQuery):
    customer_id: UUID | None = None


def draft_of(body: TaxRateIn) -> RateDraft:
    """Raises ValidationFailed."""
    return RateDraft(
        name=body.name,
        country=body.country,
        state=body.state,
        postal_prefix=body.postal_prefix,
        tax_class=body.tax_class,
        rate_ppm=_ppm(body.rate),
        layer=body.layer,
        valid_from=_moment(body.valid_from, "/validFrom"),
        valid_to=_moment(body.valid_to, "/validTo"),
    )


def changes_of(body: TaxRatePatch) -> RateChanges:
    """Raises ValidationFailed."""
    return RateChanges(
        name=body.name,
        country=body.country,
        state=body.state,
        postal_prefix=body.postal_prefix,
        tax_class=body.tax_class,
        rate_ppm=UNSET if body.rate is UNSET else _ppm(body.rate),
        layer=body.layer,
        valid_from=UNSET if body.valid_from is UNSET else _moment(body.valid_from, "/validFrom"),
        valid_to=UNSET if body.valid_to is UNSET else _moment(body.valid_to, "/validTo"),
    )


def filter_of(query: TaxRatesQuery) -> RateFilter:
    """Raises ValidationFailed."""
    at = _moment(query.active_at, "?activeAt")
    return RateFilter(country=query.country, tax_class=query.tax_class, valid_at=at)


def place_of(query: LookupQuery) -> Place:
    """Raises ValidationFailed."""
    rules.check_country(query.country, pointer="?country")
    state = query.state and rules.state(query.state, query.country, pointer="?state")
    return Place(query.country, state, query.postal_code).normal()


def exemption_draft_of(body: TaxExemptionIn) -> ExemptionDraft:
    """Raises ValidationFailed."""
    return ExemptionDraft(
        customer_id=body.customer_id,
        country=body.country and _country(body.country),
        reason=body.reason,
        certificate=body.certificate,
        vat_number=_vat_number(body.vat_number),
        valid_from=_moment(body.valid_from, "/validFrom"),
        valid_to=_moment(body.valid_to, "/validTo"),
    )


def exemption_changes_of(body: TaxExemptionPatch) -> ExemptionChanges:
    """Raises ValidationFailed."""
    return ExemptionChanges(
        country=_country(body.country) if isinstance(body.country, str) else body.country,
        reason=body.reason,
        certificate=body.certificate,
        vat_number=UNSET if body.vat_number is UNSET else _vat_number(body.vat_number),
        valid_from=UNSET if body.valid_from is UNSET else _moment(body.valid_from, "/validFrom"),
        valid_to=UNSET if body.valid_to is UNSET else _moment(body.valid_to, "/validTo"),
    )


def rate_out(rate: Rate) -> TaxRateOut:
    return TaxRateOut(
        id=rate.id,
        name=rate.name,
        country=rate.country,
        state=rate.state,
        postal_prefix=rate.postal_prefix,
        tax_class=rate.tax_class,
        rate=percent(rate.rate_ppm),
        layer=rate.layer,
        valid_from=_time(rate.valid_from),
        valid_to=_time(rate.valid_to),
        source=rate.source,
        version=rate.version,
        created_at=clock.rfc3339(rate.created_at),
        updated_at=clock.rfc3339(rate.updated_at),
    )


def exemption_out(exemption: Exemption) -> TaxExemptionOut:
    return TaxExemptionOut(
        id=exemption.id,
        customer_id=exemption.customer_id,
        country=exemption.country,
        reason=exemption.reason,
        certificate=exemption.certificate,
        vat_number=exemption.vat_number,
        valid_from=_time(exemption.valid_from),
        valid_to=_time(exemption.valid_to),
        version=exemption.version,
        created_at=clock.rfc3339(exemption.created_at),
        updated_at=clock.rfc3339(exemption.updated_at),
    )


def lookup_out(place: Place, tax_class: str, answered: Answered, *, tax_included: bool) -> LookupOut:
    rates = answered.rates[tax_class]
    return LookupOut(
        country=place.country,
        state=place.state,
        postal_code=place.postal_code,
        tax_class=tax_class,
        tax_included=tax_included,
        rate=percent(sum(rate.rate_ppm for rate in rates)),
        rates=[LookupRateOut(rate.name, percent(rate.rate_ppm)) for rate in rates],
        source=answered.source,
    )


def _country(country: str) -> str:
    rules.check_country(country, pointer="/country")
    return country


def _ppm(rate: Amount) -> int:
    if not 0 <= rate <= _HUNDRED:
        raise invalid("/rate", "out_of_range", "must be from 0 to 100 per cent")
    if rate != rate.quantize(_STEP):
        raise invalid("/rate", "too_many_digits", "has more than four decimal digits")
    return int(rate / _STEP)


def _vat_number(number: str | None) -> str | None:
    return None if number is None else vat_numbers.written(number, pointer="/vatNumber")


def _moment(text: str | None, pointer: str) -> datetime | None:
    if text is None:
        return None
    try:
        return clock.parse(text)
    except ValueError:
        raise invalid(pointer, "invalid_value", "is no such time") from None


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else clock.rfc3339(moment)
