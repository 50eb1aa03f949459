"""How many there are and how many are promised: levels that are the sums of an append-only ledger, never below zero."""

from tradepost.inventory.actions import NOT_BELOW_ZERO, adjust, open_stock
from tradepost.inventory.model import (
    InsufficientStock,
    Level,
    Movement,
    MovementKind,
    allocate,
    available,
)
from tradepost.inventory.store import insert_location, levels_by_variant, locking, low_stock, write_movements

__all__ = [
    "NOT_BELOW_ZERO",
    "InsufficientStock",
    "Level",
    "Movement",
    "MovementKind",
    "adjust",
    "allocate",
    "available",
    "insert_location",
    "levels_by_variant",
    "locking",
    "low_stock",
    "open_stock",
    "write_movements",
]
