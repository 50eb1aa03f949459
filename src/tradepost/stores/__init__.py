"""Whose shop it is, and where it sells: currency, language and tax; found by host or key, never by what a body says."""

from tradepost.stores.creating import HostTaken, StoreDraft, StoreTaken, create
from tradepost.stores.model import Market, MarketNotFound, Markets, Rate, Rounding, Store, home_of
from tradepost.stores.registry import Stores, markets_of, store_of
from tradepost.stores.store import all_stores, get, insert

__all__ = [
    "HostTaken",
    "Market",
    "MarketNotFound",
    "Markets",
    "Rate",
    "Rounding",
    "Store",
    "StoreDraft",
    "StoreTaken",
    "Stores",
    "all_stores",
    "create",
    "get",
    "home_of",
    "insert",
    "markets_of",
    "store_of",
]
