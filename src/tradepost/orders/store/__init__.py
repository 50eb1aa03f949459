"""Orders in the database: `placing` is the desk's, `reading` finds, `changing` writes what has changed."""

from tradepost.orders.store.changing import Note, get_note, insert_note, notes_of, save
from tradepost.orders.store.editing import Revision, insert_revision, revisions_of, rewrite
from tradepost.orders.store.placing import exists, facts, insert_lines, insert_many, take_turn
from tradepost.orders.store.reading import (
    SORTS,
    OrderFilter,
    Visibility,
    find,
    lock,
    page,
    totals_of,
    unpaid,
)
from tradepost.orders.store.returning import insert_return, returns_of, save_return, set_restocked

__all__ = [
    "SORTS",
    "Note",
    "OrderFilter",
    "Revision",
    "Visibility",
    "exists",
    "facts",
    "find",
    "get_note",
    "insert_lines",
    "insert_many",
    "insert_note",
    "insert_return",
    "insert_revision",
    "lock",
    "notes_of",
    "page",
    "returns_of",
    "revisions_of",
    "rewrite",
    "save",
    "save_return",
    "set_restocked",
    "take_turn",
    "totals_of",
    "unpaid",
]
