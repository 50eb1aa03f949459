"""What a search engine is told and asked, in the shop's words. tests/search_contract.py is what each must keep."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from tradepost.core.errors import Conflict
from tradepost.db.composing import Window
from tradepost.search.words import Part
from tradepost.stores import Store

Order = Literal["relevance", "price", "-price", "newest", "name", "bestSelling"]


class Overtaken(Conflict):
    """Somebody else has told the engine more meanwhile. Nothing was written."""

    title = "The search engine is further than that"


class Document(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A product on sale. Its price is that of the cheapest active variant, in minor units.

    `codes` are SKUs and barcodes; `within` the categories that are shown which it is in or inside, `categories` their
    names; `combinations` the options of each active variant.
    """

    id: UUID
    slug: str
    name: str
    codes: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    within: tuple[UUID, ...] = ()
    short_description: str = ""
    description: str = ""
    combinations: tuple[dict[str, str], ...] = ()
    price: int
    is_featured: bool = False
    in_stock: bool = True


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """A category that is shown."""

    id: UUID
    parent_id: UUID | None = None
    slug: str
    name: str
    sort_order: int = 0


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What is different, as it is now. Telling it again changes nothing, but for `sold`, which is added."""

    documents: Sequence[Document] = ()
    gone: Sequence[UUID] = ()
    """Products that are not on sale."""
    in_stock: Mapping[UUID, bool] = {}
    sold: Mapping[UUID, int] = {}
    """Units to add for each product, or to take away."""
    shelves: Sequence[Shelf] | None = None
    """All categories that there are; None where nothing about them is different."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """All that is given has to fit. `text` is what somebody typed, whatever it is; None is no text.

    A category fits with all that is inside it, by id or slug; of options one variant has to have one of the values of
    each name. Prices in minor units, both ends included.
    """

    text: str | None = None
    category: UUID | str | None = None
    min_price: int | None = None
    max_price: int | None = None
    in_stock: bool | None = None
    featured: bool | None = None
    options: Mapping[str, Sequence[str]] = {}
    sort: Order = "relevance"
    window: Window = Window()


class Hit(msgspec.Struct, frozen=True):
    """A product that was found. The parts of its name add up to it."""

    id: UUID
    name: tuple[Part, ...]


class CategoryCount(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    parent_id: UUID | None
    slug: str
    name: str
    count: int


class PriceCount(msgspec.Struct, frozen=True):
    """Prices from `low` to `high`, both included, in minor units; None for without end."""

    low: int
    high: int | None
    count: int


class ValueCount(msgspec.Struct, frozen=True):
    value: str
    count: int


class OptionCount(msgspec.Struct, frozen=True):
    name: str
    values: tuple[ValueCount, ...]


class Facets(msgspec.Struct, frozen=True, kw_only=True):
    """How many products there would be with another choice: each counts what fits all filters but its own."""

    categories: Sequence[CategoryCount]
    prices: Sequence[PriceCount]
    options: Sequence[OptionCount]
    in_stock: int
    out_of_stock: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A page of what was found. `corrected` is the text that was looked for instead, as the one given found nothing."""

    hits: Sequence[Hit]
    total: int
    facets: Facets
    next_keys: list[object] | None = None
    """The sort key and id of the last hit, where more follow."""
    corrected: str | None = None


class Suggestion(msgspec.Struct, frozen=True):
    id: UUID
    slug: str
    name: tuple[Part, ...]


class Suggestions(msgspec.Struct, frozen=True):
    products: Sequence[Suggestion]
    categories: Sequence[Suggestion]


class Engine(Protocol):
    """Holds the documents of all stores apart, and the position of the event feed up to which it was told of each."""

    async def position(self, store_id: UUID) -> str | None:
        """The position that was written last; None for a store that it knows nothing of."""

    async def write(self, store: Store, changes: Changes, *, after: str | None, upto: str | None) -> None:
        """Takes changes in and moves the position from `after` to `upto`: both, or neither.

        Raises Overtaken where its position is not `after`: two that follow at once do not undo each other's work.
        """

    async def start_over(self, store: Store) -> None:
        """Forgets the position and what was sold. Documents stay and are found until they are written anew."""

    async def find(self, store: Store, query: Query) -> Found: ...

    async def suggest(self, store: Store, text: str, *, limit: int) -> Suggestions:
        """Products and categories whose names have words that begin as the text does, best-known first."""
