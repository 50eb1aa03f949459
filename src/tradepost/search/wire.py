"""Search on the wire."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from tradepost.catalog.naming import reference
from tradepost.catalog.shown import ProductOut
from tradepost.catalog.written import OptionName, OptionValue
from tradepost.core import money
from tradepost.core.errors import invalid
from tradepost.db.composing import Window
from tradepost.http import Amount, In, Out, PageOut, PageQuery
from tradepost.search.engine import Facets, Found, Order, Query, Suggestion
from tradepost.search.words import Part
from tradepost.stores.markets.choosing import Country

Typed = Annotated[str, Meta(max_length=200)]
MOST_SUGGESTIONS = 20


class SearchQuery(PageQuery):
    """All filters have to fit. `q` is plain text, whatever is in it; prices are those of the cheapest active variant.

    `category` is the id or slug of a category; what is inside it counts as in it. `option[size]=M` asks for a variant
    of that size: several values of a name are alternatives, several names have to fit the same variant. `country` names
    the market, where neither X-Market, nor the caller's key, nor X-Country does.
    """

    q: Typed | None = None
    category: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    min_price: Amount | None = None
    max_price: Amount | None = None
    in_stock: bool | None = None
    featured: bool | None = None
    option: Annotated[
        dict[OptionName, Annotated[list[OptionValue], Meta(min_length=1, max_length=20)]], Meta(max_length=5)
    ] = msgspec.field(default_factory=dict[str, list[str]])
    sort: Order = "relevance"
    country: Country | None = None


class SuggestQuery(In):
    """`q` is what has been typed so far."""

    q: Typed
    limit: Annotated[int, Meta(ge=1, le=MOST_SUGGESTIONS)] = 8


class PartOut(Out):
    """A piece of a name. It is plain text: escape it, and mark it up where it is `matched`."""

    text: str
    matched: bool


class HitOut(ProductOut, kw_only=True):
    """A product, and its name in parts that say what was looked for; together they are the name.

    A name in another language than the store's, in which nothing is looked for, is one part.
    """

    highlight: list[PartOut]


class CategoryCountOut(Out):
    id: UUID
    parent_id: UUID | None
    slug: str
    name: str
    count: int


class PriceCountOut(Out):
    """A range with both ends included; without end where `maxPrice` is null. Good for `minPrice` and `maxPrice`."""

    min_price: str
    max_price: str | None
    count: int


class ValueCountOut(Out):
    value: str
    count: int


class OptionCountOut(Out):
    name: str
    values: list[ValueCountOut]


class AvailabilityOut(Out):
    in_stock: int
    out_of_stock: int


class FacetsOut(Out):
    """How many products another choice would find: each facet counts what fits all filters but its own."""

    categories: list[CategoryCountOut]
    prices: list[PriceCountOut]
    options: list[OptionCountOut]
    availability: AvailabilityOut


class SearchOut(PageOut[HitOut], kw_only=True):
    """`correctedQuery` is what was looked for instead, where `q` as it is finds nothing."""

    facets: FacetsOut
    corrected_query: str | None


class SuggestionOut(Out):
    id: UUID
    slug: str
    name: str
    highlight: list[PartOut]


class SuggestionsOut(Out):
    products: list[SuggestionOut]
    categories: list[SuggestionOut]


def query_of(query: SearchQuery, window: Window, currency: str) -> Query:
    """Raises ValidationFailed."""
    low, high = _price(query.min_price, "?minPrice", currency), _price(query.max_price, "?maxPrice", currency)
    if low is not None and high is not None and low > high:
        raise invalid("?minPrice", "out_of_range", "is more than maxPrice")
    text = (query.q or "").strip()
    return Query(
        text=query.q if text else None,
        category=None if query.category is None else reference(query.category),
        min_price=low,
        max_price=high,
        in_stock=query.in_stock,
        featured=query.featured,
        options=query.option,
        sort=query.sort,
        window=window,
    )


def _price(amount: Amount | None, pointer: str, currency: str) -> int | None:
    return None if amount is None else money.parse_field(amount, currency, pointer=pointer)


def hit_out(product: ProductOut, name: tuple[Part, ...]) -> HitOut:
    found = _parts(name)
    if "".join(part.text for part in name) != product.name:
        found = [PartOut(product.name, matched=False)]
    return HitOut(**msgspec.structs.asdict(product), highlight=found)


def search_out(page: PageOut[HitOut], found: Found, currency: str) -> SearchOut:
    return SearchOut(
        **msgspec.structs.asdict(page), facets=_facets(found.facets, currency), corrected_query=found.corrected
    )


def suggestion_out(suggestion: Suggestion) -> SuggestionOut:
    name = "".join(part.text for part in suggestion.name)
    return SuggestionOut(suggestion.id, suggestion.slug, name, _parts(suggestion.name))


def _facets(facets: Facets, currency: str) -> FacetsOut:
    amount = money.writer(currency)
    return FacetsOut(
        categories=[
            CategoryCountOut(one.id, one.parent_id, one.slug, one.name, one.count) for one in facets.categories
        ],
        prices=[
            PriceCountOut(amount(one.low), None if one.high is None else amount(one.high), one.count)
            for one in facets.prices
        ],
        options=[
            OptionCountOut(option.name, [ValueCountOut(one.value, one.count) for one in option.values])
            for option in facets.options
        ],
        availability=AvailabilityOut(facets.in_stock, facets.out_of_stock),
    )


def _parts(name: tuple[Part, ...]) -> list[PartOut]:
    return [PartOut(part.text, part.matched) for part in name]
