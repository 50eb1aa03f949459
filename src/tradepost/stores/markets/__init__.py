"""Where a store sells: in one currency and language each, every country in one of them, home for all others."""

from tradepost.stores.markets.choosing import named_market, of_call
from tradepost.stores.markets.store import all_of, get
from tradepost.stores.model import Market, MarketNotFound, Markets, home_of
from tradepost.stores.registry import markets_of as markets_now
from tradepost.stores.store import markets, markets_of

__all__ = [
    "Market",
    "MarketNotFound",
    "Markets",
    "all_of",
    "get",
    "home_of",
    "markets",
    "markets_now",
    "markets_of",
    "named_market",
    "of_call",
]
