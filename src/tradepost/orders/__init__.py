"""The promise to a shopper: priced by the server, exact about stock, placed once, kept for ever."""

from tradepost.orders.model import (
    Address,
    InsufficientStock,
    Item,
    Order,
    OrderStatus,
    PlaceOrder,
    PriceChanged,
    TooManyItems,
)
from tradepost.orders.placing import Desks, token_of
from tradepost.orders.quoting import Quotes
from tradepost.orders.receiving import Requests
from tradepost.orders.store import find, page

__all__ = [
    "Address",
    "Desks",
    "InsufficientStock",
    "Item",
    "Order",
    "OrderStatus",
    "PlaceOrder",
    "PriceChanged",
    "Quotes",
    "Requests",
    "TooManyItems",
    "find",
    "page",
    "token_of",
]
