"""Orders in the database: `placing` is the desk's, `reading` finds, `changing` writes what has changed."""

from tradepost.orders.store.changing import save
from tradepost.orders.store.placing import exists, facts, insert_lines, insert_many, take_turn
from tradepost.orders.store.reading import (
    SORTS,
    OrderFilter,
    Visibility,
    find,
    lock,
    page,
    totals_of,
)

__all__ = [
    "SORTS",
    "OrderFilter",
    "Visibility",
    "exists",
    "facts",
    "find",
    "insert_lines",
    "insert_many",
    "lock",
    "page",
    "save",
    "take_turn",
    "totals_of",
]
