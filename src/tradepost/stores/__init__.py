"""Whose shop it is: currency, language, time zone and tax; found by host or by key, never by what a body says."""

from tradepost.stores.model import Store
from tradepost.stores.registry import Stores, store_of
from tradepost.stores.store import all_stores, get, insert

__all__ = ["Store", "Stores", "all_stores", "get", "insert", "store_of"]
