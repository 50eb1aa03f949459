"""Money as integer minor units of one currency: exact, or refused.

The number of decimal digits of a currency is the one of ISO 4217, list one (most have two; the exceptions stand here).
"""

import re
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from functools import cache, lru_cache
from typing import Self

import msgspec

from tradepost.core.errors import invalid

LIMIT = 10**15
"""No amount reaches this many minor units: sums stay exact in a bigint and in a JavaScript number."""

_DIGITS: dict[str, int] = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
_EXACT = Context(prec=60)
_CODE = re.compile(r"[A-Z]{3}")


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies met in one sum."""


class AmountError(ValueError):
    """A written amount is not one of this currency. `code` says why: not_a_number, too_many_digits, out_of_range."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def digits(currency: str) -> int:
    """Decimal digits of an ISO 4217 code; ValueError for anything that is not three capital letters."""
    if not _CODE.fullmatch(currency):
        msg = f"{currency!r} is not a currency code"
        raise ValueError(msg)
    return _DIGITS.get(currency, 2)


def parse(amount: Decimal, currency: str) -> int:
    """Minor units of a written amount, exactly; AmountError where it has more digits than the currency."""
    if not amount.is_finite():
        raise AmountError("not_a_number", "must be a finite number")
    if amount.adjusted() > len(str(LIMIT)):
        raise AmountError("amount_out_of_range", "is too large")
    sign, written, exponent = amount.normalize(_EXACT).as_tuple()
    if len(amount.as_tuple().digits) > _EXACT.prec or -int(exponent) > digits(currency):
        raise AmountError("too_many_digits", f"{currency} has {digits(currency)} decimal digits")
    minor = Decimal((sign, written, int(exponent) + digits(currency)))
    if abs(minor) >= LIMIT:
        raise AmountError("amount_out_of_range", "is too large")
    return int(minor)


def parse_field(amount: Decimal, currency: str, *, pointer: str) -> int:
    """The same for a field that is not negative; ValidationFailed with the pointer."""
    try:
        minor = parse(amount, currency)
    except AmountError as error:
        raise invalid(pointer, error.code, str(error)) from None
    if minor < 0:
        raise invalid(pointer, "out_of_range", "must not be negative")
    return minor


def text(minor: int, currency: str) -> str:
    """The decimal string of an amount, with exactly the currency's digits: `"199.99"`, `"200"`, `"1.500"`."""
    return writer(currency)(minor)


@cache
def writer(currency: str) -> Callable[[int], str]:
    """`text` for many amounts of one currency."""
    places = digits(currency)
    if not places:
        return str
    unit, pattern = 10**places, f"%d.%0{places}d"

    @lru_cache(8192)  # most amounts of a day are prices that come again, and zero
    def written(minor: int) -> str:
        return pattern % divmod(minor, unit) if minor >= 0 else "-" + pattern % divmod(-minor, unit)

    return written


def round_half_up(numerator: int, denominator: int) -> int:
    """The one rounding place: the nearest integer to a fraction, halves away from zero. `denominator` > 0."""
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude


def split(minor: int, weights: Sequence[int]) -> list[int]:
    """Shares of an amount in proportion to weights, by largest remainder: they add up to it to the minor unit.

    Weights are not negative. Where all are zero, the parts are as equal as can be; earlier parts get the odd units.
    """
    if not weights:
        return []
    if not any(weights):
        weights = [1] * len(weights)
    total, sign = sum(weights), -1 if minor < 0 else 1
    magnitude = abs(minor)
    shares = [magnitude * weight // total for weight in weights]
    missing = magnitude - sum(shares)
    if missing:
        remainders = [magnitude * weight % total for weight in weights]
        for at in sorted(range(len(shares)), key=remainders.__getitem__, reverse=True)[:missing]:
            shares[at] += 1
    return shares if sign > 0 else [-share for share in shares]


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount of one currency. Sums and comparisons of two currencies raise CurrencyMismatch."""

    minor: int
    currency: str

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(0, currency)

    @classmethod
    def of(cls, amount: Decimal | str, currency: str) -> Self:
        """From a written amount; AmountError where the currency cannot hold it."""
        return cls(parse(Decimal(amount), currency), currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            msg = f"{self.currency} and {other.currency} do not add up"
            raise CurrencyMismatch(msg)
        return other.minor

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __mul__(self, quantity: int) -> "Money":
        return Money(self.minor * quantity, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._same(other)

    def split(self, weights: Sequence[int]) -> "list[Money]":
        """See `split`: no unit is lost."""
        return [Money(share, self.currency) for share in split(self.minor, weights)]

    def __str__(self) -> str:
        return text(self.minor, self.currency)
