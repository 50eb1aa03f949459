"""What a basket costs, and why: a pure function, exact to the minor unit."""

from tradepost.pricing.engine import quote, shares
from tradepost.pricing.explaining import explain
from tradepost.pricing.model import (
    AmountOutOfRange,
    Basket,
    BasketLine,
    Delivery,
    Discount,
    Quote,
    QuotedLine,
    Shipping,
    Step,
    Taken,
    TaxLine,
    TaxRate,
)

__all__ = [
    "AmountOutOfRange",
    "Basket",
    "BasketLine",
    "Delivery",
    "Discount",
    "Quote",
    "QuotedLine",
    "Shipping",
    "Step",
    "Taken",
    "TaxLine",
    "TaxRate",
    "explain",
    "quote",
    "shares",
]
