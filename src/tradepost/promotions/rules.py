"""Conditions and actions: what is kept is what was written, so these are the words of clients and of the engine alike.

Amounts stand by currency, `{"USD": "20.00"}`. What is not offered in a basket's currency does not apply there.
"""

from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

MOST_DEPTH = 5
MOST_CONDITIONS = 50
MOST_ACTIONS = 10
MOST_NAMED = 1000

Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)", examples=["USD"])]
Amounts = Annotated[dict[Currency, Decimal], Meta(min_length=1, max_length=50, examples=[{"USD": "20.00"}])]
Percent = Annotated[Decimal, Meta(description="Above 0, at most 100, with up to four decimal digits", examples=["10"])]
SomeIds = Annotated[frozenset[UUID], Meta(min_length=1)]
Units = Annotated[int, Meta(ge=1, le=1_000_000)]
Few = Annotated[int, Meta(ge=1, le=1000)]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1 alpha-2", examples=["GB"])]
Code = Annotated[str, Meta(min_length=1, max_length=100)]
ClockTime = Annotated[time, Meta(tz=False, examples=["17:30:00"])]
Codes = Annotated[frozenset[Code], Meta(min_length=1)]


class Weekday(StrEnum):
    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class Rule(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", forbid_unknown_fields=True):
    """A condition or an action; its `type` says which."""


class Matching(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The lines with one of these products, or with a product in one of these categories or inside them."""

    product_ids: frozenset[UUID] = frozenset()
    category_ids: frozenset[UUID] = frozenset()


class AllOf(Rule, frozen=True, tag="all"):
    """Every one of these conditions."""

    of: "Annotated[tuple[Inner, ...], Meta(min_length=1, max_length=MOST_CONDITIONS)]"


class AnyOf(Rule, frozen=True, tag="any"):
    """At least one of these conditions."""

    of: "Annotated[tuple[Inner, ...], Meta(min_length=1, max_length=MOST_CONDITIONS)]"


class Unless(Rule, frozen=True, tag="not"):
    """Not this condition."""

    of: "Inner"


class SubtotalIs(Rule, frozen=True, tag="subtotal"):
    """Goods of at least `min` and at most `max`, before any discount; of the matching lines where `lines` is given."""

    min: Amounts | None = None
    max: Amounts | None = None
    lines: Matching | None = None


class QuantityIs(Rule, frozen=True, tag="quantity"):
    """At least `min` units, of the matching lines where `lines` is given."""

    min: Units
    lines: Matching | None = None


class HasProduct(Rule, frozen=True, tag="product"):
    """One of these products is in the basket."""

    product_ids: SomeIds


class InCategory(Rule, frozen=True, tag="category"):
    """A product in one of these categories, or inside them, is in the basket."""

    category_ids: SomeIds


class IsFirstOrder(Rule, frozen=True, tag="first_order"):
    """The buyer is known, and has not ordered yet; orders that were cancelled do not count."""


class IsCustomer(Rule, frozen=True, tag="customer"):
    """The buyer is one of these customers."""

    customer_ids: SomeIds


class IsSignedIn(Rule, frozen=True, tag="signed_in"):
    """The buyer has an account and has signed in to it."""


class InMarket(Rule, frozen=True, tag="market"):
    """The basket is of one of these markets, by id or slug."""

    markets: Codes


class ToCountry(Rule, frozen=True, tag="country"):
    """It is delivered to one of these countries."""

    countries: Annotated[frozenset[Country], Meta(min_length=1)]


class AtTime(Rule, frozen=True, tag="time"):
    """In the store's time zone: from a day to a day, both included, on some days of the week, at some time of the day.

    `until` is not included. Where it is before `from`, the time goes over midnight: on the days that are named by the
    clock, so that 01:00 of a Saturday is a Saturday.
    """

    first_day: date | None = None
    last_day: date | None = None
    weekdays: frozenset[Weekday] = frozenset()
    from_: ClockTime | None = msgspec.field(default=None, name="from")
    until: ClockTime | None = None


Condition = (
    AllOf
    | AnyOf
    | Unless
    | SubtotalIs
    | QuantityIs
    | HasProduct
    | InCategory
    | IsFirstOrder
    | IsCustomer
    | IsSignedIn
    | InMarket
    | ToCountry
    | AtTime
)


Inner = Annotated[
    Condition,
    Meta(extra_json_schema={"x-short": {"type": "object", "required": ["type"], "description": "A condition again"}}),
]
"""A condition inside another one. The API document does not go round in circles: programs that read it get lost."""


class PercentOff(Rule, frozen=True, tag="percent_off"):
    """So much of the order, or of the matching lines; `upTo` an amount."""

    percent: Percent
    lines: Matching | None = None
    up_to: Amounts | None = None


class AmountOff(Rule, frozen=True, tag="amount_off"):
    """An amount once off the order, or off the matching lines together."""

    amounts: Amounts
    lines: Matching | None = None


class UnitAmountOff(Rule, frozen=True, tag="unit_amount_off"):
    """An amount off each unit, of the matching lines."""

    amounts: Amounts
    lines: Matching | None = None


class UnitPrice(Rule, frozen=True, tag="unit_price"):
    """Each unit of the matching lines costs this, where it would cost more."""

    prices: Amounts
    lines: Matching | None = None


class BuyGet(Rule, frozen=True, tag="buy_get"):
    """For each `buy` and `get` units of the matching lines together, the `get` cheapest of them all at `percent` off.

    At most `times` times.
    """

    buy: Few
    get: Few
    percent: Percent = Decimal(100)
    lines: Matching | None = None
    times: Few | None = None


class FreeShipping(Rule, frozen=True, tag="free_shipping"):
    """Delivery for nothing: by these methods, where they are named, and `upTo` an amount."""

    methods: Codes | None = None
    up_to: Amounts | None = None


class ShippingPercentOff(Rule, frozen=True, tag="shipping_percent_off"):
    """So much off delivery: by these methods, where they are named, and `upTo` an amount."""

    percent: Percent
    methods: Codes | None = None
    up_to: Amounts | None = None


class ShippingAmountOff(Rule, frozen=True, tag="shipping_amount_off"):
    """An amount off delivery: by these methods, where they are named."""

    amounts: Amounts
    methods: Codes | None = None


class Tier(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """From a subtotal or from a number of units on: a percentage or an amount off. One of each two is given."""

    from_subtotal: Amounts | None = None
    from_quantity: Units | None = None
    percent: Percent | None = None
    amounts: Amounts | None = None


class Tiers(Rule, frozen=True, tag="tiers"):
    """Of what is reached the last: off the order, or off the matching lines, which then are what is counted."""

    steps: Annotated[tuple[Tier, ...], Meta(min_length=1, max_length=20)]
    lines: Matching | None = None


Action = (
    PercentOff
    | AmountOff
    | UnitAmountOff
    | UnitPrice
    | BuyGet
    | FreeShipping
    | ShippingPercentOff
    | ShippingAmountOff
    | Tiers
)
