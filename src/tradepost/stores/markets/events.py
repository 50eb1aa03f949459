from tradepost.events import Fact


class MarketCreated(Fact, frozen=True):
    subject_type = "market"
    slug: str
    currency: str


class MarketChanged(Fact, frozen=True):
    """`changed` are the fields by their wire names; those of `conversion` by their own."""

    subject_type = "market"
    changed: list[str]
