"""Exchange rates: published ones, newest first, and those that a store has set for itself, which go before them."""

from tradepost.stores.rates.actions import Refreshed, Refused, refresh, remove, set_rate
from tradepost.stores.rates.model import Quoted, is_sudden
from tradepost.stores.rates.provider import Published, RateProvider, RatesUnavailable, RatesUnusable
from tradepost.stores.rates.store import newest, quoted

__all__ = [
    "Published",
    "Quoted",
    "RateProvider",
    "RatesUnavailable",
    "RatesUnusable",
    "Refreshed",
    "Refused",
    "is_sudden",
    "newest",
    "quoted",
    "refresh",
    "remove",
    "set_rate",
]
