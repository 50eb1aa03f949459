from collections.abc import Sequence

from tradepost.core.money import text
from tradepost.pricing.model import Quote, Step


def explain(quote: Quote, names: Sequence[str]) -> list[Step]:
    """How the total came about, step by step. `names` are those of the lines, in order."""

    def step(label: str, amount: int, *, counts: bool) -> Step:
        return Step(label, text(amount, quote.currency), counts)

    steps = [
        step(f"{line.quantity} x {name} at {text(line.price, quote.currency)}", line.subtotal, counts=True)
        for line, name in zip(quote.lines, names, strict=True)
    ]
    steps += [step("Discount", -quote.discount, counts=True)] if quote.discount else []
    steps += [step("Shipping", quote.shipping, counts=True)] if quote.shipping else []
    for tax in quote.taxes:
        how = "contained in the prices" if quote.tax_included else "rounded half up for each line"
        base = text(tax.taxable, quote.currency)
        label = f"{tax.name}, {_percent(tax.rate_ppm)} of {base}, {how}"
        steps.append(step(label, tax.amount, counts=not quote.tax_included))
    steps.append(step("Total", quote.total, counts=False))
    return steps


def _percent(ppm: int) -> str:
    return f"{ppm // 10_000}.{ppm % 10_000:04d}".rstrip("0").rstrip(".") + " %"
