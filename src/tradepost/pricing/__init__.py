"""What a basket costs, and why: a pure function, exact to the minor unit."""

from tradepost.pricing.engine import quote
from tradepost.pricing.explaining import explain
from tradepost.pricing.model import (
    AmountOutOfRange,
    Basket,
    BasketLine,
    Discount,
    Quote,
    QuotedLine,
    Shipping,
    Step,
    TaxLine,
    TaxRate,
)

__all__ = [
    "AmountOutOfRange",
    "Basket",
    "BasketLine",
    "Discount",
    "Quote",
    "QuotedLine",
    "Shipping",
    "Step",
    "TaxLine",
    "TaxRate",
    "explain",
    "quote",
]
