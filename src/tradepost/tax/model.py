from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tradepost.accounts.addresses import rules
from tradepost.catalog.model import STANDARD_TAX
from tradepost.core.changes import applied
from tradepost.core.errors import Conflict, FieldError, invalid
from tradepost.core.money import round_half_up
from tradepost.core.places import normal_postal_code, normal_state
from tradepost.pricing import TaxRate

STANDARD = STANDARD_TAX
"""The tax class of what is said to be of no other; its rates hold where a class has none of its own."""
MOST_RATES = 5000
MOST_LAYERS = 10
PPM = 1_000_000
READ = "taxes:read"
WRITE = "taxes:write"


class TaxRateOverlaps(Conflict):
    """Another rate of the same place, class and layer is valid at the same time; the problem has its id."""

    title = "Another rate of this place, class and layer is valid at the same time"


class TooManyTaxRates(Conflict):
    title = f"A store has at most {MOST_RATES} tax rates that have not ended"


class Origin(StrEnum):
    """Where a rate comes from: what staff have written or touched is theirs."""

    STAFF = "staff"
    EU = "eu"


class RateFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rate in millionths, for a part of a country and a tax class.

    It is valid from `valid_from` on, up to `valid_to`, which is not part of it; None has no limit.
    """

    name: str
    country: str
    state: str | None = None
    postal_prefix: str | None = None
    tax_class: str = STANDARD
    rate_ppm: int
    layer: int = 0
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def is_valid(self, at: datetime) -> bool:
        return holds(self.valid_from, self.valid_to, at)

    @property
    def key(self) -> "Key":
        return self.country, self.state, self.postal_prefix, self.tax_class, self.layer


Key = tuple[str, str | None, str | None, str, int]
"""What two rates must not share at one time: place, class and layer."""


Facts = TypeVar("Facts", bound=RateFacts)


class RateDraft(RateFacts, frozen=True, kw_only=True):
    """A rate to be."""


class Rate(RateFacts, frozen=True, kw_only=True):
    id: UUID
    source: Origin = Origin.STAFF
    version: int = 1
    created_at: datetime
    updated_at: datetime


class RateChanges(msgspec.Struct, frozen=True, kw_only=True):
    """UNSET is what stays as it is."""

    name: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    state: str | UnsetType | None = UNSET
    postal_prefix: str | UnsetType | None = UNSET
    tax_class: str | UnsetType = UNSET
    rate_ppm: int | UnsetType = UNSET
    layer: int | UnsetType = UNSET
    valid_from: datetime | UnsetType | None = UNSET
    valid_to: datetime | UnsetType | None = UNSET


class ExemptionFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A customer pays no tax in a country, or everywhere where that is None."""

    customer_id: UUID
    country: str | None = None
    reason: str
    certificate: str | None = None
    vat_number: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def is_valid(self, at: datetime) -> bool:
        return holds(self.valid_from, self.valid_to, at)


class ExemptionDraft(ExemptionFacts, frozen=True, kw_only=True):
    """An exemption to be."""


class Exemption(ExemptionFacts, frozen=True, kw_only=True):
    id: UUID
    version: int = 1
    created_at: datetime
    updated_at: datetime


class ExemptionChanges(msgspec.Struct, frozen=True, kw_only=True):
    """UNSET is what stays as it is."""

    country: str | UnsetType | None = UNSET
    reason: str | UnsetType = UNSET
    certificate: str | UnsetType | None = UNSET
    vat_number: str | UnsetType | None = UNSET
    valid_from: datetime | UnsetType | None = UNSET
    valid_to: datetime | UnsetType | None = UNSET


def holds(valid_from: datetime | None, valid_to: datetime | None, at: datetime) -> bool:
    """Whether a moment is in a half-open time: its beginning is part of it, its end is not."""
    return (valid_from is None or valid_from <= at) and (valid_to is None or at < valid_to)


def drafted(draft: RateDraft) -> RateDraft:
    """The draft as it is kept. ValidationFailed."""
    _check_time(draft)
    return _written(draft)


def changed(rate: Rate, changes: RateChanges) -> Rate:
    """The rate with the changes, which make it the staff's; what differs in nothing stays. ValidationFailed."""
    after = _written(applied(rate, changes))
    if after == rate:
        return rate
    _check_time(after, rate)
    return msgspec.structs.replace(after, source=Origin.STAFF)


def exempted(draft: ExemptionDraft) -> ExemptionDraft:
    """The draft, which may be kept. ValidationFailed."""
    _check_time(draft)
    return draft


def changed_exemption(exemption: Exemption, changes: ExemptionChanges) -> Exemption:
    """Raises ValidationFailed."""
    after = applied(exemption, changes)
    _check_time(after, exemption)
    return after


def _check_time(facts: RateFacts | ExemptionFacts, before: RateFacts | ExemptionFacts | None = None) -> None:
    """ValidationFailed for a time that ends before it begins, or as it does; one that was so before may stay."""
    time = facts.valid_from, facts.valid_to
    if before is not None and time == (before.valid_from, before.valid_to):
        return
    if facts.valid_from is not None and facts.valid_to is not None and facts.valid_to <= facts.valid_from:
        raise invalid("/validTo", "out_of_range", "must be after validFrom")


def _written(facts: Facts) -> Facts:
    """ValidationFailed for a country or a state that there is not."""
    rules.check_country(facts.country, pointer="/country")
    return msgspec.structs.replace(
        facts,
        state=normal_state(rules.state(facts.state, facts.country, pointer="/state")) if facts.state else None,
        postal_prefix=normal_postal_code(facts.postal_prefix) if facts.postal_prefix else None,
    )


def overlaps(other_id: UUID) -> TaxRateOverlaps:
    pointer = FieldError("/validFrom", TaxRateOverlaps.code, "is in the time of another rate")
    return TaxRateOverlaps(errors=[pointer], extra={"taxRateId": str(other_id)})


def net_unit(price: int, rates: tuple[TaxRate, ...]) -> int:
    """A price that contains these taxes without them, rounded half up: what an exempt buyer pays for a unit."""
    return round_half_up(price * PPM, PPM + sum(rate.rate_ppm for rate in rates)) if rates else price


def percent(ppm: int) -> str:
    """A rate in millionths as it is written: `8.25` for 82500."""
    return f"{ppm // 10_000}.{ppm % 10_000:04d}".rstrip("0").rstrip(".")


class Answered(msgspec.Struct, frozen=True):
    """The rates of each tax class that was asked for, and whose word they are: a service's name, or `table`."""

    rates: Mapping[str, tuple[TaxRate, ...]]
    source: str
