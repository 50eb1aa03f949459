"""Prices in another currency: exact until they are rounded, once, by the market's rule."""

from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal

from tradepost.core import money
from tradepost.core.money import LIMIT, round_half_up
from tradepost.stores.model import Market, Rate, Rounding

_PPM = 1_000_000
_DIGITS = Context(prec=12, rounding=ROUND_HALF_UP)


def cross(base_to_quote: Decimal, base_to_home: Decimal, *, as_of: date, source: str) -> Rate:
    """The rate from home to quote, where both are known from one base."""
    return Rate(_DIGITS.divide(base_to_quote, base_to_home), as_of, source)


def converted(amount: int, market: Market, rate: Rate) -> int | None:
    """A home amount in the market: at the rate, plus its margin, rounded by its rule. None above what money can be.

    What costs something never becomes free: it costs a step, or the ending, at least.
    """
    if amount == 0:
        return 0
    over, under = rate.value.as_integer_ratio()
    numerator = amount * over * (_PPM + market.margin_ppm) * 10 ** money.digits(market.currency)
    denominator = under * _PPM * 10 ** money.digits(market.home_currency)
    step, end = _grid(market)
    steps = round_half_up(numerator - end * denominator, step * denominator)
    rounded = max(steps * step + end, end or step)
    return rounded if rounded < LIMIT else None


def words(market: Market, rate: Rate) -> str:
    """How a price was converted: `converted at 1.0843, plus 2 %, rounded to .99`."""
    said = [] if market.currency == market.home_currency else [f"converted at {rate}"]
    if market.margin_ppm:
        said.append(f"{'plus' if market.margin_ppm > 0 else 'minus'} {_percent(abs(market.margin_ppm))}")
    match market.rounding:
        case Rounding.NONE:
            pass
        case Rounding.WHOLE:
            said.append("rounded to whole units")
        case Rounding.STEP:
            said.append(f"rounded to steps of {money.text(market.round_to or 1, market.currency)}")
        case Rounding.ENDING:
            said.append(f"rounded to {money.text(market.round_to or 0, market.currency).removeprefix('0')}")
    return ", ".join(said)


def _grid(market: Market) -> tuple[int, int]:
    """The amounts that a price may be rounded to: so far apart, from an offset, in minor units."""
    unit = 10 ** money.digits(market.currency)
    match market.rounding:
        case Rounding.NONE:
            return 1, 0
        case Rounding.WHOLE:
            return unit, 0
        case Rounding.STEP:
            return market.round_to or 1, 0
        case Rounding.ENDING:
            end = market.round_to or 0
            return max(unit, 10 ** len(str(end))), end


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm % 10_000:04d}".rstrip("0").rstrip(".") + " %"
