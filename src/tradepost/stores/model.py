from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from uuid import UUID

import msgspec

from tradepost.core.errors import Invalid

MANUAL = "MANUAL"
SAME = "SAME"


class MarketNotFound(Invalid):
    """A market was named that the store does not have, or in which it does not sell at present."""

    title = "There is no such market, or it is not active"


class Store(msgspec.Struct, frozen=True):
    """A tenant. `tax_rate_ppm` is in millionths; `tax_included` says whether prices contain the tax."""

    id: UUID
    slug: str
    name: str
    hosts: list[str]
    currency: str
    locale: str
    time_zone: str
    tax_name: str
    tax_rate_ppm: int
    tax_included: bool
    order_prefix: str
    is_default: bool
    terms: int = 0
    """Another number whenever markets, rates, taxes or ways of sending have changed."""


class Rounding(StrEnum):
    """How a converted price is rounded: to a minor unit, a whole unit, a multiple of a step, or so that it ends so."""

    NONE = "NONE"
    WHOLE = "WHOLE"
    STEP = "STEP"
    ENDING = "ENDING"


class Rate(msgspec.Struct, frozen=True):
    """How much of a market's currency one unit of the store's currency is, to twelve digits; and who says so."""

    value: Decimal
    as_of: date
    source: str

    def __str__(self) -> str:
        return f"{self.value:f}"


class Market(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a store sells in one currency and language. The home market has the store's id, and takes no margin.

    `margin_ppm` (millionths) is added to converted prices; `round_to` is the step or the ending, in minor units.
    """

    id: UUID
    slug: str
    name: str
    countries: tuple[str, ...] = ()
    currency: str
    locale: str
    tax_included: bool
    margin_ppm: int = 0
    rounding: Rounding = Rounding.NONE
    round_to: int | None = None
    is_home: bool = False
    is_active: bool = True
    version: int = 1
    created_at: datetime | None = None
    updated_at: datetime | None = None
    home_currency: str
    """The store's, in which variants have their own prices."""
    locales: tuple[str, ...] = ()
    """In which languages words are looked for, best first; after them come the product's own."""
    rate: Rate | None = None
    """From the home currency; None where nobody has said one, or none is needed."""


class Markets(msgspec.Struct, frozen=True, dict=True):
    """The markets of a store, home first, with today's rates."""

    all: tuple[Market, ...]

    @property
    def home(self) -> Market:
        return self.all[0]

    def for_country(self, country: str) -> Market:
        """The active market that has this country, or else home."""
        return self._by_country.get(country, self.home)

    def by_id(self, market_id: UUID) -> Market:
        """Raises MarketNotFound for one that is not active, too."""
        return _active(self._by_id.get(market_id))

    def by_slug(self, slug: str) -> Market:
        """Raises MarketNotFound for one that is not active, too."""
        return _active(self._by_slug.get(slug))

    @cached_property
    def fingerprint(self) -> str:
        """Another one whenever a market or a rate has changed."""
        said = "\n".join(f"{market.id} {market.version} {market.is_active} {market.rate}" for market in self.all)
        return blake2b(said.encode(), digest_size=9).hexdigest()

    @cached_property
    def _by_id(self) -> dict[UUID, Market]:
        return {market.id: market for market in self.all}

    @cached_property
    def _by_slug(self) -> dict[str, Market]:
        return {market.slug: market for market in self.all}

    @cached_property
    def _by_country(self) -> dict[str, Market]:
        return {country: market for market in self.all if market.is_active for country in market.countries}


def home_of(store: Store) -> Market:
    """The home market as far as the store itself knows it."""
    return Market(
        id=store.id,
        slug="home",
        name=store.name,
        currency=store.currency,
        locale=store.locale,
        tax_included=store.tax_included,
        is_home=True,
        home_currency=store.currency,
    )


def locales_of(locale: str, *, own: str) -> tuple[str, ...]:
    """Where words for a locale are looked for before the store's own: `de-AT`, then `de`; none from its own on."""
    found: list[str] = []
    for one in (locale, locale.partition("-")[0]):
        if one == own:
            break
        if one not in found:
            found.append(one)
    return tuple(found)


def in_order(markets: Sequence[Market]) -> tuple[Market, ...]:
    """Home first, the others by slug."""
    return tuple(sorted(markets, key=lambda market: (not market.is_home, market.slug)))


def _active(market: Market | None) -> Market:
    if market is None or not market.is_active:
        raise MarketNotFound
    return market
