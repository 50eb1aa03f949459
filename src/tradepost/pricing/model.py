"""The vocabulary that unties price, promotion, tax and shipping. Amounts are minor units of the basket's currency."""

import msgspec

from tradepost.core.errors import Invalid


class AmountOutOfRange(Invalid):
    """A price times a quantity, or a sum, is larger than any amount may be."""

    title = "The amount is too large"


class BasketLine(msgspec.Struct, frozen=True, gc=False):
    """`quantity` units at `price` each."""

    price: int
    quantity: int


class Discount(msgspec.Struct, frozen=True):
    """`amount` off the lines at `lines` (their places in the basket; None for all), spread by their value."""

    name: str
    amount: int
    lines: tuple[int, ...] | None = None


class TaxRate(msgspec.Struct, frozen=True):
    """A rate in millionths: 80000 is 8 %."""

    name: str
    rate_ppm: int


class Shipping(msgspec.Struct, frozen=True):
    """What delivery costs, and the tax on it (None where it is not taxed)."""

    name: str
    amount: int
    tax: TaxRate | None = None


class Basket(msgspec.Struct, frozen=True):
    """What is to be priced. `tax` holds for every line; `tax_included` says whether prices contain it."""

    currency: str
    lines: list[BasketLine]
    tax: TaxRate | None
    tax_included: bool
    discounts: tuple[Discount, ...] = ()
    shipping: Shipping | None = None


class QuotedLine(msgspec.Struct, frozen=True, gc=False):
    """A line's amounts; `total` is what is paid for it, tax included."""

    price: int
    quantity: int
    subtotal: int
    discount: int
    tax: int
    total: int


class TaxLine(msgspec.Struct, frozen=True):
    """The tax of one rate: `amount` on a net value of `taxable`."""

    name: str
    rate_ppm: int
    taxable: int
    amount: int


class Quote(msgspec.Struct, frozen=True):
    """What a basket costs. total = subtotal - discount + shipping + tax (where prices do not contain the tax)."""

    currency: str
    tax_included: bool
    lines: list[QuotedLine]
    taxes: list[TaxLine]
    subtotal: int
    discount: int
    tax: int
    shipping: int
    total: int


class Step(msgspec.Struct, frozen=True, rename="camel"):
    """One step of an explanation, in words and as an amount. Amounts with `counts` add up to the total."""

    label: str
    amount: str
    counts: bool
