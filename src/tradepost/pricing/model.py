"""The vocabulary that unties price, promotion, tax and shipping. Amounts are minor units of the basket's currency."""

import msgspec

from tradepost.core.errors import Invalid


class AmountOutOfRange(Invalid):
    """A price times a quantity, or a sum, is larger than any amount may be."""

    title = "The amount is too large"


class TaxRate(msgspec.Struct, frozen=True):
    """A rate in millionths: 80000 is 8 %."""

    name: str
    rate_ppm: int


class BasketLine(msgspec.Struct, frozen=True, gc=False):
    """`quantity` units at `price` each, and every tax on them: none, one, or a state's and a city's."""

    price: int
    quantity: int
    taxes: tuple[TaxRate, ...] = ()


class Discount(msgspec.Struct, frozen=True):
    """`amount` off the lines at `lines` (their places in the basket; None for all), spread by their value."""

    name: str
    amount: int
    lines: tuple[int, ...] | None = None


class Shipping(msgspec.Struct, frozen=True):
    """What delivery costs, what comes off that, and the taxes on what is left."""

    name: str
    amount: int
    taxes: tuple[TaxRate, ...] = ()
    discounts: tuple[Discount, ...] = ()


class Basket(msgspec.Struct, frozen=True):
    """What is to be priced. `tax_included` says whether prices contain their taxes, that of delivery too."""

    currency: str
    lines: list[BasketLine]
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


class Taken(msgspec.Struct, frozen=True):
    """What a discount took off in the end: never more than was left to take it from."""

    name: str
    amount: int


class Delivery(msgspec.Struct, frozen=True):
    """What delivery would cost, and what was taken off. `name` is that of the method, or empty."""

    name: str
    amount: int
    taken: tuple[Taken, ...] = ()


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
    taken: tuple[Taken, ...] = ()
    """The discounts on lines, in the order in which they were given; together `discount`."""
    delivery: Delivery | None = None
    """`shipping` is what is left of it."""


class Step(msgspec.Struct, frozen=True, rename="camel"):
    """One step of an explanation, in words and as an amount. Amounts with `counts` add up to the total."""

    label: str
    amount: str
    counts: bool
