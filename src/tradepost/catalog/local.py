"""What a thing costs, and what it is called, in a market: pure, from what was read of it and a time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from tradepost.stores import Market, Rate
from tradepost.stores.converting import converted, words


class Base(msgspec.Struct, frozen=True, gc=False):
    """A variant's own prices, in the store's currency."""

    amount: int | None
    compare: int | None = None


class LocalPrice(msgspec.Struct, frozen=True, array_like=True):
    """What was written of a variant's price in a market, in minor units of its currency.

    Without a `price` it is the variant's own at home, and converted elsewhere. A sale lasts until `sale_to`, exclusive.
    """

    variant_id: UUID
    market_id: UUID
    price: int | None = None
    compare_price: int | None = None
    sale_price: int | None = None
    sale_from: datetime | None = None
    sale_to: datetime | None = None

    def is_on_sale(self, at: datetime) -> bool:
        """Whether its sale is on; not whether that makes it cheaper."""
        return (
            self.sale_price is not None
            and (self.sale_from is None or self.sale_from <= at)
            and (self.sale_to is None or at < self.sale_to)
        )


class Priced(msgspec.Struct, frozen=True, gc=False):
    """What a variant costs in a market. `because` says in words how that came about; nothing where it is its own price.

    `compare` is what it cost before, or is worth elsewhere; `rate` is the one at which it was converted.
    """

    amount: int
    compare: int | None = None
    because: str = ""
    rate: Rate | None = None


class ProductText(msgspec.Struct, frozen=True, array_like=True):
    """A product's words in a language; None for what is said in the next one."""

    locale: str
    name: str | None = None
    description: str | None = None
    short_description: str | None = None
    seo_title: str | None = None
    seo_description: str | None = None


def priced(base: Base, market: Market, row: LocalPrice | None, rate: Rate | None, at: datetime) -> Priced | None:
    """What a variant costs in a market at a time; None where it is not for sale there.

    The market's own price goes before the variant's, which elsewhere than at home is converted. A sale goes before
    both where it is lower, and what it replaced is then what it is compared with.
    """
    regular = _regular(base, market, row, rate)
    if row is None or regular is None or row.sale_price is None:
        return regular
    if not row.is_on_sale(at) or row.sale_price >= regular.amount:
        return regular
    said = "on sale" if row.sale_to is None else f"sale until {_day(row.sale_to)}"
    return Priced(row.sale_price, regular.amount, said)


def _regular(base: Base, market: Market, row: LocalPrice | None, rate: Rate | None) -> Priced | None:
    if row is not None and row.price is not None:
        return Priced(row.price, row.compare_price, f"the price in {market.name}")
    if base.amount is None:
        return None
    if market.is_home:
        return Priced(base.amount, base.compare)
    amount = None if rate is None else converted(base.amount, market, rate)
    if rate is None or amount is None:
        return None
    compare = None if base.compare is None else converted(base.compare, market, rate)
    return Priced(amount, compare, words(market, rate), rate)


def said(texts: Sequence[ProductText], market: Market, own: ProductText) -> ProductText:
    """A product's words in a market: of each field the first that there is, in the order of its languages."""
    found = own
    for locale in reversed(market.locales):
        for text in texts:
            if text.locale == locale:
                found = _over(text, found)
    return found


def _over(text: ProductText, below: ProductText) -> ProductText:
    fields = {name: value for name in ProductText.__struct_fields__ if (value := getattr(text, name)) is not None}
    return msgspec.structs.replace(below, **fields)


def _day(moment: datetime) -> str:
    """A date, with the time where it is not the day's first moment."""
    moment = moment.astimezone(UTC)
    if moment.time() == datetime.min.time():
        return moment.date().isoformat()
    return moment.strftime("%Y-%m-%d %H:%M UTC")
