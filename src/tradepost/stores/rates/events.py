from tradepost.events import Fact


class ExchangeRateSet(Fact, frozen=True):
    """A store's own rate, from its currency to `quote`; decimal text."""

    subject_type = "exchange_rate"
    quote: str
    rate: str


class ExchangeRateRemoved(Fact, frozen=True):
    """From now on it is what is published."""

    subject_type = "exchange_rate"
    quote: str
