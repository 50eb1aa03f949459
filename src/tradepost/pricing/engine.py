"""Basket in, quote out. Tax is rounded half up once for each line (see docs/money.md)."""

from tradepost.core.money import LIMIT, round_half_up, split
from tradepost.pricing.model import AmountOutOfRange, Basket, Discount, Quote, QuotedLine, TaxLine, TaxRate

_PPM = 1_000_000


def quote(basket: Basket) -> Quote:
    """What the basket costs. Raises AmountOutOfRange before any amount could leave the database's range."""
    subtotals = [line.price * line.quantity for line in basket.lines]
    if sum(subtotals) >= LIMIT:
        raise AmountOutOfRange
    discounts = _discounts(subtotals, basket.discounts) if basket.discounts else [0] * len(subtotals)
    included = basket.tax_included
    lines: list[QuotedLine] = []
    taxable = tax = 0
    for line, subtotal, discount in zip(basket.lines, subtotals, discounts, strict=True):
        net, line_tax = _taxed(subtotal - discount, basket.tax, included=included)
        taxable += net
        tax += line_tax
        lines.append(QuotedLine(line.price, line.quantity, subtotal, discount, line_tax, net + line_tax))
    taxes = [TaxLine(basket.tax.name, basket.tax.rate_ppm, taxable, tax)] if basket.tax else []
    shipping = basket.shipping.amount if basket.shipping else 0
    if basket.shipping and basket.shipping.tax:
        taxes = _with_shipping(taxes, basket.shipping.tax, *_taxed(shipping, basket.shipping.tax, included=included))
    tax = sum(line.amount for line in taxes)
    subtotal, discount = sum(subtotals), sum(discounts)
    total = subtotal - discount + shipping + (0 if included else tax)
    if total >= LIMIT:
        raise AmountOutOfRange
    return Quote(basket.currency, included, lines, taxes, subtotal, discount, tax, shipping, total)


def _taxed(amount: int, rate: TaxRate | None, *, included: bool) -> tuple[int, int]:
    """Net value and tax of an amount: the tax is part of it, or comes on top."""
    if rate is None:
        return amount, 0
    if included:
        tax = round_half_up(amount * rate.rate_ppm, _PPM + rate.rate_ppm)
        return amount - tax, tax
    return amount, round_half_up(amount * rate.rate_ppm, _PPM)


def _discounts(subtotals: list[int], discounts: tuple[Discount, ...]) -> list[int]:
    """Each line's share of every discount, one after the other; never more than what is left of the line."""
    left = list(subtotals)
    for discount in discounts:
        places = range(len(left)) if discount.lines is None else discount.lines
        weights = [left[place] for place in places]
        for place, share in zip(places, split(min(discount.amount, sum(weights)), weights), strict=True):
            left[place] -= share
    return [subtotal - rest for subtotal, rest in zip(subtotals, left, strict=True)]


def _with_shipping(taxes: list[TaxLine], rate: TaxRate, net: int, tax: int) -> list[TaxLine]:
    """The tax of shipping, in the line of its rate."""
    same = [line for line in taxes if (line.name, line.rate_ppm) == (rate.name, rate.rate_ppm)]
    others = [line for line in taxes if line not in same]
    net += sum(line.taxable for line in same)
    tax += sum(line.amount for line in same)
    return [*others, TaxLine(rate.name, rate.rate_ppm, net, tax)]
