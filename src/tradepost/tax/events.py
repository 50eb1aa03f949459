from uuid import UUID

from tradepost.events import Fact


class TaxRateCreated(Fact, frozen=True):
    """`rate_ppm` in millionths."""

    subject_type = "tax_rate"
    country: str
    tax_class: str
    rate_ppm: int


class TaxRateChanged(Fact, frozen=True):
    """`changed` are the fields by their wire names; `rate_ppm` is what it is now."""

    subject_type = "tax_rate"
    changed: list[str]
    rate_ppm: int


class TaxRateEnded(Fact, frozen=True):
    subject_type = "tax_rate"
    country: str
    tax_class: str


class TaxExemptionCreated(Fact, frozen=True):
    """`country` is None where it holds everywhere."""

    subject_type = "tax_exemption"
    customer_id: UUID
    country: str | None


class TaxExemptionChanged(Fact, frozen=True):
    """`changed` are the fields by their wire names."""

    subject_type = "tax_exemption"
    customer_id: UUID
    changed: list[str]


class TaxExemptionEnded(Fact, frozen=True):
    subject_type = "tax_exemption"
    customer_id: UUID
