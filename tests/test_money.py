from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepost.core import money
from tradepost.core.money import AmountError, CurrencyMismatch, Money

AMOUNTS = st.integers(-(10**14), 10**14)


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [(19999, "USD", "199.99"), (200, "JPY", "200"), (1500, "KWD", "1.500"), (-5, "EUR", "-0.05"), (0, "TND", "0.000")],
)
def test_an_amount_is_written_with_exactly_the_digits_of_its_currency(minor: int, currency: str, written: str) -> None:
    assert money.text(minor, currency) == written
    assert Money.of(written, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("written", "currency", "code"),
    [
        ("1.999", "USD", "too_many_digits"),
        ("1.5", "JPY", "too_many_digits"),
        ("NaN", "USD", "not_a_number"),
        ("Infinity", "USD", "not_a_number"),
        ("1e30", "USD", "amount_out_of_range"),
        ("1e999999999", "USD", "amount_out_of_range"),
        ("10000000000000", "USD", "amount_out_of_range"),
    ],
)
def test_what_a_currency_cannot_hold_is_refused(written: str, currency: str, code: str) -> None:
    with pytest.raises(AmountError) as refused:
        money.parse(Decimal(written), currency)
    assert refused.value.code == code


def test_two_currencies_do_not_add_up() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(1, "USD") + Money(1, "EUR")
    with pytest.raises(CurrencyMismatch):
        _ = Money(1, "USD") < Money(1, "EUR")


@given(AMOUNTS, st.sampled_from(["USD", "JPY", "KWD", "CLF"]))
def test_writing_and_reading_an_amount_changes_nothing(minor: int, currency: str) -> None:
    assert money.parse(Decimal(money.text(minor, currency)), currency) == minor


@given(AMOUNTS, st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
def test_splitting_an_amount_loses_no_unit_and_is_fair(minor: int, weights: list[int]) -> None:
    shares = money.split(minor, weights)
    assert sum(shares) == minor
    total = sum(weights) or len(weights)
    for share, weight in zip(shares, weights if any(weights) else [1] * len(weights), strict=True):
        assert abs(share - Fraction(minor * weight, total)) < 1


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**7))
def test_halves_round_away_from_zero_and_all_else_to_the_nearest(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    rounded = money.round_half_up(numerator, denominator)
    assert abs(rounded - exact) <= Fraction(1, 2)
    if abs(rounded - exact) == Fraction(1, 2):
        assert abs(rounded) > abs(exact)
