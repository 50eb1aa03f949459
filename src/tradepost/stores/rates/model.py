from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import msgspec

_MOST_TIMES = 5


class Quoted(msgspec.Struct, frozen=True):
    """What one unit of a base costs in another currency. `version` is of a rate that the store has set."""

    base: str
    quote: str
    rate: Decimal
    as_of: date
    source: str
    version: int | None = None


def is_sudden(rate: Decimal, known: Decimal) -> bool:
    """Whether no currency of the world moves so far between two looks: it is a slip of the decimal point, or worse."""
    return rate > known * _MOST_TIMES or rate * _MOST_TIMES < known


def doubts(rates: Mapping[str, Decimal], known: Mapping[str, Decimal]) -> dict[str, str]:
    """What is wrong with rates, by currency; those that are not in it can be believed."""
    return {quote: why for quote, rate in rates.items() if (why := _doubt(rate, known.get(quote)))}


def _doubt(rate: Decimal, known: Decimal | None) -> str | None:
    if not rate.is_finite() or rate <= 0:
        return "is no rate"
    if known is not None and is_sudden(rate, known):
        return f"is too far from the last one, {known:f}"
    return None
