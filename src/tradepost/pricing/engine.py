"""Basket in, quote out. Tax is rounded half up once for each line (see docs/money.md)."""

from collections.abc import Sequence

from tradepost.core.money import LIMIT, round_half_up, split
from tradepost.pricing.model import (
    AmountOutOfRange,
    Basket,
    Delivery,
    Discount,
    Quote,
    QuotedLine,
    Shipping,
    Taken,
    TaxLine,
    TaxRate,
)

_PPM = 1_000_000


def quote(basket: Basket) -> Quote:
    """What the basket costs. Raises AmountOutOfRange before any amount could leave the database's range."""
    subtotals = [line.price * line.quantity for line in basket.lines]
    subtotal = sum(subtotals)
    if subtotal >= LIMIT:
        raise AmountOutOfRange
    left, taken = _reduced(subtotals, basket.discounts) if basket.discounts else (subtotals, ())
    taxes = _Taxes(included=basket.tax_included)
    lines: list[QuotedLine] = []
    for line, before, after in zip(basket.lines, subtotals, left, strict=True):
        net, tax = taxes.take(after, line.taxes)
        lines.append(QuotedLine(line.price, line.quantity, before, before - after, tax, net + tax))
    delivery, shipping = _delivered(basket.shipping) if basket.shipping else (None, 0)
    if basket.shipping:
        taxes.take(shipping, basket.shipping.taxes)
    discount = subtotal - sum(left)
    total = subtotal - discount + shipping + (0 if basket.tax_included else taxes.amount)
    if total >= LIMIT:
        raise AmountOutOfRange
    return Quote(
        basket.currency,
        basket.tax_included,
        lines,
        taxes.lines(),
        subtotal,
        discount,
        taxes.amount,
        shipping,
        total,
        taken,
        delivery,
    )


def shares(left: Sequence[int], discount: Discount) -> list[int]:
    """What a discount takes off each line of which so much is left: by value, and never more than that."""
    if discount.lines is None:
        return split(min(discount.amount, sum(left)), left)
    weights = [left[place] for place in discount.lines]
    off = [0] * len(left)
    for place, share in zip(discount.lines, split(min(discount.amount, sum(weights)), weights), strict=True):
        off[place] = share
    return off


class _Taxes:
    """The taxes of a basket under way, by rate, in the order in which they were met."""

    def __init__(self, *, included: bool) -> None:
        self.amount = 0
        self._included = included
        self._by_rate: dict[TaxRate, tuple[int, int]] = {}

    def take(self, amount: int, rates: tuple[TaxRate, ...]) -> tuple[int, int]:
        """Net value and tax of an amount: the tax is part of it, or comes on top.

        It is rounded once, for all rates together, which then share it by largest remainder.
        """
        if not rates:
            return amount, 0
        ppm = rates[0].rate_ppm if len(rates) == 1 else sum(rate.rate_ppm for rate in rates)
        tax = round_half_up(amount * ppm, _PPM + ppm if self._included else _PPM)
        net = amount - tax if self._included else amount
        parts = [tax] if len(rates) == 1 else split(tax, [rate.rate_ppm for rate in rates])
        for rate, part in zip(rates, parts, strict=True):
            taxable, taxed = self._by_rate.get(rate, (0, 0))
            self._by_rate[rate] = taxable + net, taxed + part
        self.amount += tax
        return net, tax

    def lines(self) -> list[TaxLine]:
        return [TaxLine(rate.name, rate.rate_ppm, *found) for rate, found in self._by_rate.items()]


def _reduced(amounts: Sequence[int], discounts: Sequence[Discount]) -> tuple[list[int], tuple[Taken, ...]]:
    """What is left of each amount, and what each discount took: one after the other, each of what the last one left."""
    left = list(amounts)
    taken: list[Taken] = []
    for discount in discounts:
        if discount.lines is not None and len(discount.lines) == 1:
            (place,) = discount.lines
            taken.append(Taken(discount.name, min(discount.amount, left[place])))
            left[place] -= taken[-1].amount
            continue
        off = shares(left, discount)
        left = [amount - share for amount, share in zip(left, off, strict=True)]
        taken.append(Taken(discount.name, sum(off)))
    return left, tuple(taken)


def _delivered(shipping: Shipping) -> tuple[Delivery, int]:
    (left,), taken = _reduced([shipping.amount], shipping.discounts)
    return Delivery(shipping.name, shipping.amount, taken), left
