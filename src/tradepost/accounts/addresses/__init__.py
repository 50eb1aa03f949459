"""Customers' addresses: each customer's own, by the rules of their countries, one default for each type."""

from tradepost.accounts.addresses.actions import add, change, remove
from tradepost.accounts.addresses.model import (
    Address,
    AddressChanges,
    AddressDraft,
    AddressType,
    TooManyAddresses,
)
from tradepost.accounts.addresses.rules import load as load_rules
from tradepost.accounts.addresses.store import find_many

__all__ = [
    "Address",
    "AddressChanges",
    "AddressDraft",
    "AddressType",
    "TooManyAddresses",
    "add",
    "change",
    "find_many",
    "load_rules",
    "remove",
]
