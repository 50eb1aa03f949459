"""Orders as values: what was asked for, what was promised, and why something was refused."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import msgspec

from tradepost.core import clock, ids
from tradepost.core.actors import Actor
from tradepost.core.errors import Conflict, Invalid, ShopError
from tradepost.core.texts import words, words_of
from tradepost.idempotency import Claim
from tradepost.inventory import InsufficientStock
from tradepost.pricing import Delivery, Quote, QuotedLine, Taken, TaxLine, TaxRate
from tradepost.tax import Answered

__all__ = ["InsufficientStock"]

MOST_ITEMS = 100


class OrderStatus(StrEnum):
    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    PROCESSING = "PROCESSING"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"


class PaymentStatus(StrEnum):
    PENDING = "PENDING"
    AUTHORIZED = "AUTHORIZED"
    PAID = "PAID"
    FAILED = "FAILED"
    REFUNDED = "REFUNDED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"


class FulfillmentStatus(StrEnum):
    UNFULFILLED = "UNFULFILLED"
    PARTIAL = "PARTIAL"
    FULFILLED = "FULFILLED"


class CancelReason(StrEnum):
    """Why an order was cancelled. EXPIRED is the system's: it was not paid in time."""

    CUSTOMER = "CUSTOMER"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    FRAUD = "FRAUD"
    MISTAKE = "MISTAKE"
    EXPIRED = "EXPIRED"
    OTHER = "OTHER"


class VariantNotAvailable(Invalid):
    """It is not on sale here: unknown, unpublished, archived or of another store look the same."""

    title = "A product is not available"


class CurrencyNotSupported(Invalid):
    """The store does not sell in this currency."""

    title = "This currency is not offered"


class TooManyItems(Invalid):
    """An order has at most MOST_ITEMS lines."""

    title = f"An order has at most {MOST_ITEMS} lines"


class PriceChanged(Conflict):
    """The total is not the one that the buyer was shown; the problem carries the new quote."""

    title = "The total is not the one you expected"


class Address(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Where to send a parcel or a bill, as it was when the order was placed."""

    first_name: str
    last_name: str
    line1: str
    city: str
    country: str
    company: str | None = None
    line2: str | None = None
    state: str | None = None
    postal_code: str | None = None
    phone: str | None = None


class ItemKey(StrEnum):
    VARIANT = "variantId"
    PRODUCT = "productId"
    SKU = "sku"


class Item(msgspec.Struct, frozen=True, gc=False):
    """A wanted line: a variant by one of its three names, and how many."""

    key: ItemKey
    ref: UUID | str
    quantity: int


def buyer_words(email: str | None, address: Address | None) -> frozenset[str]:
    """What an order is found by of its buyer."""
    found = words(email) if email else set[str]()
    if address:
        found.update(words_of(address.first_name), words_of(address.last_name))
    return frozenset(found)


class BasketRef(msgspec.Struct, frozen=True):
    """A kept basket as the caller read it."""

    id: UUID
    version: int


class PlaceOrder(msgspec.Struct, frozen=True):
    """A checked wish to order. `keep` renders the answer that the idempotency key of `claim` keeps.

    `words` are the buyer's: what can be worked out before the desk's turn is not worked out in it.
    """

    actor: Actor
    items: list[Item]
    email: str | None = None
    customer_id: UUID | None = None
    market_id: UUID | None = None
    currency: str | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    shipping_method: str | None = None
    coupon_codes: tuple[str, ...] = ()
    notes: str | None = None
    expected_total: Decimal | None = None
    taxes: Answered | None = None
    """As a tax service says; None where the table says them."""
    claim: Claim | None = None
    refusal: ShopError | None = None
    """What was found wrong before the turn; a kept answer goes before it."""
    words: frozenset[str] = frozenset()
    basket: BasketRef | None = None
    """Where the items are kept, in the place of `items`."""
    keep: "Keep | None" = None


class KeptRate(msgspec.Struct, frozen=True, rename="camel"):
    """The exchange rate that prices were converted at: of the store's currency to the order's, and who said so."""

    value: str
    as_of: date
    source: str


class KeptDiscount(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A discount, and what it is off: None for all lines."""

    name: str
    amount: int
    line_ids: tuple[UUID, ...] | None = None


class KeptDelivery(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How it is sent, what that costs and what came off that, and the taxes on it."""

    code: str
    name: str
    amount: int
    taxes: tuple[TaxRate, ...] = ()
    taken: tuple[Taken, ...] = ()


class Basis(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What an order's amounts were reckoned on. `market` by its slug, None at home.

    `because`: by line, how its price came about where it is not the plain one. `exempt`: why it is not taxed.
    """

    market: str | None = None
    rate: KeptRate | None = None
    exempt: str | None = None
    taxes: Answered | None = None
    discounts: tuple[KeptDiscount, ...] = ()
    delivery: KeptDelivery | None = None
    coupon_codes: tuple[str, ...] = ()
    because: dict[UUID, str] = {}


PLAIN = Basis()
Keep = Callable[["Order"], tuple[int, list[tuple[str, str]], bytes]]
"""Renders the answer to a placement as its key keeps it: status, headers, body."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """What was bought, with its name, price and image at that moment. Amounts in minor units."""

    id: UUID
    product_id: UUID
    variant_id: UUID
    sku: str
    name: str
    options: dict[str, str]
    quantity: int
    price: int
    subtotal: int
    discount_amount: int
    tax_amount: int
    total_amount: int
    image_url: str | None = None
    taxes: tuple[TaxRate, ...] | None = None
    """None where they are those of the whole order."""


class Order(msgspec.Struct, frozen=True):
    """An order. total = subtotal - discount + shipping + tax, where the prices do not contain the tax."""

    id: UUID
    order_number: str
    status: OrderStatus
    payment_status: PaymentStatus
    fulfillment_status: FulfillmentStatus
    customer_id: UUID | None
    email: str
    currency: str
    tax_included: bool
    subtotal: int
    discount_amount: int
    tax_amount: int
    shipping_amount: int
    total_amount: int
    shipping_address: Address | None
    billing_address: Address | None
    notes: str | None
    version: int
    updated_at: datetime
    lines: list[Line]
    taxes: list[TaxLine]
    token_hash: bytes | None = None
    words: frozenset[str] = frozenset()
    """What a new order is found by, beside its number and products; not read back."""
    held_because: str | None = None
    cancelled_because: CancelReason | None = None
    cancelled_at: datetime | None = None
    deleted_at: datetime | None = None
    tracking_company: str | None = None
    tracking_number: str | None = None
    revision: int = 1
    """Counts what was agreed with the buyer: it grows with each edit, where `version` grows with every change."""
    basis: Basis = PLAIN

    @property
    def created_at(self) -> datetime:
        return clock.from_ms(ids.milliseconds(self.id))

    @property
    def line_names(self) -> list[str]:
        """As the buyer reads them, with how a price came about where it is not the plain one."""
        said = self.basis.because
        return [f"{line.name} ({said[line.id]})" if line.id in said else line.name for line in self.lines]

    def as_quote(self) -> Quote:
        """The stored amounts as the quote they came from, to be explained."""
        lines = [
            QuotedLine(
                line.price, line.quantity, line.subtotal, line.discount_amount, line.tax_amount, line.total_amount
            )
            for line in self.lines
        ]
        return Quote(
            self.currency,
            self.tax_included,
            lines,
            self.taxes,
            self.subtotal,
            self.discount_amount,
            self.tax_amount,
            self.shipping_amount,
            self.total_amount,
            taken=self._taken(),
            delivery=self._delivery(),
        )

    def _taken(self) -> tuple[Taken, ...]:
        """Its discounts by name; what staff took off, and older orders, without one."""
        known = tuple(Taken(one.name, one.amount) for one in self.basis.discounts)
        rest = self.discount_amount - sum(one.amount for one in known)
        return (*known, Taken("Discount", rest)) if rest else known

    def _delivery(self) -> Delivery | None:
        known = self.basis.delivery
        if known is not None:
            return Delivery(known.name, known.amount, known.taken)
        return Delivery("", self.shipping_amount) if self.shipping_amount else None
