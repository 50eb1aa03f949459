"""Markets as clients send and see them."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tradepost.core import money
from tradepost.http import Amount, In, Out
from tradepost.stores.creating import CURRENCY, LOCALE, SLUG
from tradepost.stores.markets.choosing import Country
from tradepost.stores.markets.model import MarketChanges, MarketDraft
from tradepost.stores.model import Market, Rate, Rounding

Slug = Annotated[str, Meta(min_length=1, max_length=50, pattern=SLUG, examples=["euro"])]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Locale = Annotated[str, Meta(pattern=LOCALE, examples=["de-AT"])]
Currency = Annotated[str, Meta(pattern=CURRENCY, examples=["EUR"])]
Countries = Annotated[list[Country], Meta(max_length=300)]
Margin = Annotated[int, Meta(ge=-900_000, le=10_000_000)]


class ConversionIn(In, kw_only=True):
    """What becomes of a price that the market has none of its own for.

    `marginPpm` is added, in millionths: 20000 is 2 %. `roundTo` is the step of STEP, such as 0.05, or the ending of
    ENDING, such as 0.99, in the market's currency.
    """

    margin_ppm: Margin = 0
    rounding: Rounding = Rounding.NONE
    round_to: Amount | None = None


class MarketIn(In, kw_only=True):
    """Slug and currency stay as they are made."""

    slug: Slug
    name: Name
    countries: Countries = msgspec.field(default_factory=list)
    currency: Currency
    locale: Locale
    tax_included: bool
    conversion: ConversionIn = msgspec.field(default_factory=ConversionIn)
    is_active: bool = True


class MarketPatch(In, kw_only=True):
    """What is absent stays as it is; `countries` and `conversion` are replaced whole."""

    name: Name | UnsetType = UNSET
    countries: Countries | UnsetType = UNSET
    locale: Locale | UnsetType = UNSET
    tax_included: bool | UnsetType = UNSET
    conversion: ConversionIn | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class ConversionOut(Out):
    margin_ppm: int
    rounding: Rounding
    round_to: str | None


class RateOut(Out):
    """How much of the market's currency one unit of the store's currency is; `source` is MANUAL where it was set."""

    rate: str
    as_of: date
    source: str


class MarketOut(Out, kw_only=True):
    """`rate` is what prices are converted at today; null where none is known, and none is needed at home."""

    id: UUID
    slug: str
    name: str
    countries: list[str]
    currency: str
    locale: str
    tax_included: bool
    conversion: ConversionOut
    rate: RateOut | None
    is_home: bool
    is_active: bool
    version: int
    created_at: datetime | None
    updated_at: datetime | None


class MarketsOut(Out):
    """All markets of the store, home first."""

    items: list[MarketOut]


def draft_of(body: MarketIn) -> MarketDraft:
    """Raises ValidationFailed."""
    return MarketDraft(
        slug=body.slug,
        name=body.name,
        countries=tuple(body.countries),
        currency=body.currency,
        locale=body.locale,
        tax_included=body.tax_included,
        margin_ppm=body.conversion.margin_ppm,
        rounding=body.conversion.rounding,
        round_to=_round_to(body.conversion, body.currency),
        is_active=body.is_active,
    )


def changes_of(body: MarketPatch, currency: str) -> MarketChanges:
    """Raises ValidationFailed."""
    conversion = body.conversion
    return MarketChanges(
        name=body.name,
        countries=UNSET if body.countries is UNSET else tuple(body.countries),
        locale=body.locale,
        tax_included=body.tax_included,
        margin_ppm=UNSET if conversion is UNSET else conversion.margin_ppm,
        rounding=UNSET if conversion is UNSET else conversion.rounding,
        round_to=UNSET if conversion is UNSET else _round_to(conversion, currency),
        is_active=body.is_active,
    )


def _round_to(conversion: ConversionIn, currency: str) -> int | None:
    if conversion.round_to is None:
        return None
    return money.parse_field(conversion.round_to, currency, pointer="/conversion/roundTo")


def market_out(market: Market) -> MarketOut:
    round_to = None if market.round_to is None else money.text(market.round_to, market.currency)
    return MarketOut(
        id=market.id,
        slug=market.slug,
        name=market.name,
        countries=list(market.countries),
        currency=market.currency,
        locale=market.locale,
        tax_included=market.tax_included,
        conversion=ConversionOut(market.margin_ppm, market.rounding, round_to),
        rate=rate_out(market.rate),
        is_home=market.is_home,
        is_active=market.is_active,
        version=market.version,
        created_at=market.created_at,
        updated_at=market.updated_at,
    )


def rate_out(rate: Rate | None) -> RateOut | None:
    return None if rate is None else RateOut(str(rate), rate.as_of, rate.source)
