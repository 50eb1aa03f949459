from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradepost.pricing import AmountOutOfRange, Basket, BasketLine, Discount, Shipping, TaxRate, explain, quote

LINES = st.lists(
    st.builds(BasketLine, price=st.integers(0, 10**7), quantity=st.integers(1, 50)), min_size=1, max_size=12
)
TAXES = st.none() | st.builds(TaxRate, name=st.just("Tax"), rate_ppm=st.integers(0, 300_000))
DISCOUNTS = st.lists(st.builds(Discount, name=st.just("Off"), amount=st.integers(0, 10**8)), max_size=3).map(tuple)
SHIPPING = st.none() | st.builds(Shipping, name=st.just("Post"), amount=st.integers(0, 10**5), tax=TAXES)
BASKETS = st.builds(
    Basket,
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
    lines=LINES,
    tax=TAXES,
    tax_included=st.booleans(),
    discounts=DISCOUNTS,
    shipping=SHIPPING,
)


def half_up(exact: Fraction) -> int:
    """The independent model's rounding, with fractions."""
    return int(exact + Fraction(1, 2)) if exact >= 0 else -int(-exact + Fraction(1, 2))


@given(BASKETS)
@settings(max_examples=400, deadline=None)
def test_a_total_is_exact_to_the_minor_unit(basket: Basket) -> None:
    priced = quote(basket)
    subtotal = sum(line.price * line.quantity for line in basket.lines)
    assert priced.subtotal == subtotal
    assert priced.discount == min(subtotal, sum(discount.amount for discount in basket.discounts))
    rate = Fraction(basket.tax.rate_ppm, 10**6) if basket.tax else Fraction(0)
    share = rate / (1 + rate) if basket.tax_included else rate
    assert [line.tax for line in priced.lines] == [
        half_up((line.subtotal - line.discount) * share) for line in priced.lines
    ]
    assert priced.total == subtotal - priced.discount + priced.shipping + (0 if basket.tax_included else priced.tax)
    assert priced.tax == sum(tax.amount for tax in priced.taxes)


@given(BASKETS)
@settings(max_examples=200, deadline=None)
def test_lines_add_up_and_none_is_below_zero(basket: Basket) -> None:
    priced = quote(basket)
    assert sum(line.discount for line in priced.lines) == priced.discount
    assert all(0 <= line.discount <= line.subtotal for line in priced.lines)
    goods = priced.total - priced.shipping
    shipping_tax = priced.tax - sum(line.tax for line in priced.lines)
    assert sum(line.total for line in priced.lines) == goods - (0 if basket.tax_included else shipping_tax)


def test_the_steps_of_an_explanation_that_count_add_up_to_the_total() -> None:
    basket = Basket(
        "USD",
        [BasketLine(1999, 3), BasketLine(500, 1)],
        TaxRate("Sales tax", 80_000),
        tax_included=False,
        discounts=(Discount("Spring", 497),),
        shipping=Shipping("Post", 450),
    )
    steps = explain(quote(basket), ["Mug", "Spoon"])
    counted = sum(round(float(step.amount) * 100) for step in steps if step.counts)
    assert counted == round(float(steps[-1].amount) * 100)
    assert steps[0].label == "3 x Mug at 19.99"
    assert steps[-1].label == "Total"


def test_tax_that_prices_contain_does_not_count_twice() -> None:
    priced = quote(Basket("EUR", [BasketLine(11900, 1)], TaxRate("VAT", 190_000), tax_included=True))
    assert (priced.total, priced.tax, priced.taxes[0].taxable) == (11900, 1900, 10000)


def test_an_amount_that_no_order_may_have_is_refused_before_it_is_summed_up() -> None:
    with pytest.raises(AmountOutOfRange):
        quote(Basket("USD", [BasketLine(10**14, 9999)], None, tax_included=False))
