"""Orders in the database: `placing` is the desk's, `reading` finds, `changing` writes what has changed."""

from tradepost.orders.store.changing import Note, get_note, insert_note, notes_of, save
from tradepost.orders.store.editing import Revision, insert_revision, revisions_of, rewrite
from tradepost.orders.store.placing import exists, facts, insert_lines, insert_many, take_turn
from tradepost.orders.store.reading import (
    SORTS,
    OrderFilter,
    Visibility,
    earlier_orders,
    find,
    lock,
    page,
    totals_of,
    unpaid,
)
from tradepost.orders.store.requests import (
    end_requests,
    find_request,
    forget_requests,
    give_back_requests,
    insert_requests,
    request_exists,
    take_requests,
)
from tradepost.orders.store.returning import insert_return, returns_of, save_return, set_restocked

__all__ = [
    "SORTS",
    "Note",
    "OrderFilter",
    "Revision",
    "Visibility",
    "earlier_orders",
    "end_requests",
    "exists",
    "facts",
    "find",
    "find_request",
    "forget_requests",
    "get_note",
    "give_back_requests",
    "insert_lines",
    "insert_many",
    "insert_note",
    "insert_requests",
    "insert_return",
    "insert_revision",
    "lock",
    "notes_of",
    "page",
    "request_exists",
    "returns_of",
    "revisions_of",
    "rewrite",
    "save",
    "save_return",
    "set_restocked",
    "take_requests",
    "take_turn",
    "totals_of",
    "unpaid",
]
