"""PostgreSQL: connections, transactions that are whole or nothing, migrations, the embedded server, group commit."""

from tradepost.db.composing import Filters, Sort, fetch_page
from tradepost.db.connections import Database, DatabaseUnavailable, Reader, Tx
from tradepost.db.desk import Desk, DeskBusy, Work

__all__ = [
    "Database",
    "DatabaseUnavailable",
    "Desk",
    "DeskBusy",
    "Filters",
    "Reader",
    "Sort",
    "Tx",
    "Work",
    "fetch_page",
]
