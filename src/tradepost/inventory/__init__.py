"""How many there are and how many are promised: levels that are the sums of an append-only ledger, never below zero."""

from tradepost.inventory.actions import MOST_UNITS, NOT_BELOW_ZERO, Adjustment, adjust, adjust_many, open_stock
from tradepost.inventory.model import (
    Holding,
    InsufficientStock,
    Level,
    Movement,
    MovementKind,
    allocate,
    available,
)
from tradepost.inventory.promising import come_back, main_location, release, reserve, ship, take_back
from tradepost.inventory.store import (
    first_location,
    holdings,
    insert_location,
    left,
    levels_by_variant,
    locking,
    low_stock,
    write_movements,
)

__all__ = [
    "MOST_UNITS",
    "NOT_BELOW_ZERO",
    "Adjustment",
    "Holding",
    "InsufficientStock",
    "Level",
    "Movement",
    "MovementKind",
    "adjust",
    "adjust_many",
    "allocate",
    "available",
    "come_back",
    "first_location",
    "holdings",
    "insert_location",
    "left",
    "levels_by_variant",
    "locking",
    "low_stock",
    "main_location",
    "open_stock",
    "release",
    "reserve",
    "ship",
    "take_back",
    "write_movements",
]
