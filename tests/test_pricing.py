"""What a basket costs, beside an independent model that reckons in fractions."""

import random
from collections import defaultdict
from fractions import Fraction

import pytest

from tradepost.pricing import (
    AmountOutOfRange,
    Basket,
    BasketLine,
    Discount,
    Quote,
    Shipping,
    TaxRate,
    explain,
    quote,
)

BASKETS = 50_000
RATES = [TaxRate("VAT", 200_000), TaxRate("VAT", 55_000), TaxRate("State", 62_500), TaxRate("City", 8_875)]
CURRENCIES = {"JPY": 1, "USD": 100, "KWD": 1000}


def some_basket(dice: random.Random) -> Basket:
    """Any basket: few lines or many, cheap or dear, with discounts that overlap and may be too large."""
    currency = dice.choice(list(CURRENCIES))
    most = CURRENCIES[currency] * dice.choice([1, 20, 500, 100_000])
    count = dice.choice([1, 1, 2, 3, 7, 20])
    taxes = [(), (RATES[0],), (RATES[1],), (RATES[2], RATES[3]), (TaxRate("Odd", dice.randrange(500_000)),)]
    return Basket(
        currency,
        [BasketLine(dice.randint(0, most), dice.randint(1, 12), dice.choice(taxes)) for _ in range(count)],
        tax_included=dice.random() < 0.5,
        discounts=tuple(_some_discount(dice, count, most) for _ in range(dice.choice([0, 0, 1, 2, 4]))),
        shipping=dice.choice([None, Shipping("Post", dice.randint(0, most), dice.choice(taxes), _off(dice, most))]),
    )


def _some_discount(dice: random.Random, count: int, most: int) -> Discount:
    places = None if dice.random() < 0.4 else tuple(sorted(dice.sample(range(count), dice.randint(1, count))))
    return Discount("Off", dice.randint(0, most * dice.choice([1, 5])), places)


def _off(dice: random.Random, most: int) -> tuple[Discount, ...]:
    return tuple(Discount("Free", dice.randint(0, most)) for _ in range(dice.choice([0, 1, 2])))


def half_up(exact: Fraction) -> int:
    return int(exact + Fraction(1, 2))


def by_largest_remainder(amount: int, weights: list[int]) -> list[int]:
    """A unit at a time to whoever is furthest below his exact share."""
    total = sum(weights)
    exact = [Fraction(amount * weight, total) if total else Fraction(amount, len(weights)) for weight in weights]
    parts = [int(share) for share in exact]
    while sum(parts) < amount:
        behind = max(range(len(parts)), key=lambda at: (exact[at] - parts[at], -at))
        parts[behind] += 1
    return parts


class Model:
    """The same basket in fractions: what each line, rate and the whole come to."""

    def __init__(self, basket: Basket) -> None:
        self.left = [line.price * line.quantity for line in basket.lines]
        for discount in basket.discounts:
            places = range(len(self.left)) if discount.lines is None else discount.lines
            weights = [self.left[place] for place in places]
            if any(weights):
                amount = min(discount.amount, sum(weights))
                for place, part in zip(places, by_largest_remainder(amount, weights), strict=True):
                    self.left[place] -= part
        self.shipping = basket.shipping.amount if basket.shipping else 0
        for discount in basket.shipping.discounts if basket.shipping else ():
            self.shipping = max(0, self.shipping - discount.amount)
        self.by_rate: defaultdict[TaxRate, int] = defaultdict(int)
        self.taxes = [
            self._tax(left, line.taxes, included=basket.tax_included)
            for left, line in zip(self.left, basket.lines, strict=True)
        ]
        delivery = basket.shipping.taxes if basket.shipping else ()
        self.tax = sum(self.taxes) + self._tax(self.shipping, delivery, included=basket.tax_included)
        self.total = sum(self.left) + self.shipping + (0 if basket.tax_included else self.tax)

    def _tax(self, amount: int, rates: tuple[TaxRate, ...], *, included: bool) -> int:
        if not rates:
            return 0
        rate = sum((Fraction(one.rate_ppm, 10**6) for one in rates), Fraction(0))
        tax = half_up(amount * (rate / (1 + rate) if included else rate))
        for one, part in zip(rates, by_largest_remainder(tax, [one.rate_ppm for one in rates]), strict=True):
            self.by_rate[one] += part
        return tax


def test_a_basket_costs_what_a_model_in_fractions_says_to_the_minor_unit() -> None:
    dice = random.Random(20261121)
    for number in range(BASKETS):
        basket = some_basket(dice)
        priced, model = quote(basket), Model(basket)
        assert [line.subtotal - line.discount for line in priced.lines] == model.left, (number, basket)
        assert [line.tax for line in priced.lines] == model.taxes, (number, basket)
        assert {TaxRate(tax.name, tax.rate_ppm): tax.amount for tax in priced.taxes} == model.by_rate, (number, basket)
        assert (priced.shipping, priced.tax, priced.total) == (model.shipping, model.tax, model.total), (number, basket)
        assert _adds_up(priced), (number, basket)


def _adds_up(priced: Quote) -> bool:
    """Whether the parts of a quote are its whole, and none is below zero."""
    counted = sum(_minor(step.amount) for step in explain(priced, ["x"] * len(priced.lines)) if step.counts)
    return (
        all(0 <= line.discount <= line.subtotal and line.tax >= 0 for line in priced.lines)
        and sum(line.subtotal for line in priced.lines) == priced.subtotal
        and sum(line.discount for line in priced.lines) == priced.discount == sum(one.amount for one in priced.taken)
        and priced.tax == sum(tax.amount for tax in priced.taxes)
        and counted == priced.total
    )


def _minor(amount: str) -> int:
    return int(amount.replace(".", ""))


def test_an_explanation_says_what_each_thing_does_to_the_total() -> None:
    basket = Basket(
        "USD",
        [BasketLine(1999, 3, (RATES[2], RATES[3])), BasketLine(500, 1)],
        tax_included=False,
        discounts=(Discount("Spring", 497),),
        shipping=Shipping("Post", 450, discounts=(Discount("Free above 50", 450),)),
    )
    said = [(step.label, step.amount) for step in explain(quote(basket), ["Mug", "Spoon"])]
    assert said == [
        ("3 x Mug at 19.99", "59.97"),
        ("1 x Spoon at 5.00", "5.00"),
        ("Spring", "-4.97"),
        ("Shipping: Post", "4.50"),
        ("Free above 50", "-4.50"),
        ("State, 6.25 % of 55.38, rounded half up for each line", "3.46"),
        ("City, 0.8875 % of 55.38, rounded half up for each line", "0.49"),
        ("Total", "63.95"),
    ]


def test_tax_that_prices_contain_does_not_count_twice() -> None:
    vat = (TaxRate("VAT", 190_000),)
    priced = quote(Basket("EUR", [BasketLine(11900, 1, vat)], tax_included=True))
    assert (priced.total, priced.tax, priced.taxes[0].taxable) == (11900, 1900, 10000)


def test_goods_of_two_rates_and_their_delivery_are_taxed_each_at_its_own() -> None:
    full, reduced = TaxRate("VAT", 200_000), TaxRate("VAT", 55_000)
    lines = [BasketLine(1200, 1, (full,)), BasketLine(1055, 2, (reduced,))]
    priced = quote(Basket("EUR", lines, tax_included=True, shipping=Shipping("Post", 600, (full,))))
    assert [(tax.rate_ppm, tax.taxable, tax.amount) for tax in priced.taxes] == [
        (200_000, 1500, 300),
        (55_000, 2000, 110),
    ]


def test_a_rate_of_nothing_is_told_too() -> None:
    priced = quote(Basket("EUR", [BasketLine(1000, 1, (TaxRate("Zero-rated", 0),))], tax_included=True))
    assert [(tax.name, tax.taxable, tax.amount) for tax in priced.taxes] == [("Zero-rated", 1000, 0)]


def test_an_amount_that_no_order_may_have_is_refused_before_it_is_summed_up() -> None:
    with pytest.raises(AmountOutOfRange):
        quote(Basket("USD", [BasketLine(10**14, 9999)], tax_included=False))
