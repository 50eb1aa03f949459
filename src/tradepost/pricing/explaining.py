from collections.abc import Sequence

from tradepost.core.money import text
from tradepost.pricing.model import Quote, Step, TaxLine


def explain(quote: Quote, names: Sequence[str]) -> list[Step]:
    """How the total came about, step by step. `names` are those of the lines, in order."""
    steps = [
        _step(quote, f"{line.quantity} x {name} at {text(line.price, quote.currency)}", line.subtotal)
        for line, name in zip(quote.lines, names, strict=True)
    ]
    steps += [_step(quote, one.name, -one.amount) for one in quote.taken]
    if quote.delivery:
        label = f"Shipping: {quote.delivery.name}" if quote.delivery.name else "Shipping"
        steps.append(_step(quote, label, quote.delivery.amount))
        steps += [_step(quote, one.name, -one.amount) for one in quote.delivery.taken]
    steps += [_of_tax(quote, tax) for tax in quote.taxes]
    steps.append(_step(quote, "Total", quote.total, counts=False))
    return steps


def _step(quote: Quote, label: str, amount: int, *, counts: bool = True) -> Step:
    return Step(label, text(amount, quote.currency), counts)


def _of_tax(quote: Quote, tax: TaxLine) -> Step:
    how = "contained in the prices" if quote.tax_included else "rounded half up for each line"
    label = f"{tax.name}, {_percent(tax.rate_ppm)} of {text(tax.taxable, quote.currency)}, {how}"
    return _step(quote, label, tax.amount, counts=not quote.tax_included)


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm % 10_000:04d}".rstrip("0").rstrip(".") + " %"
