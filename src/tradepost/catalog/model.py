from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tradepost.catalog import matrix, naming
from tradepost.catalog.local import Base, LocalPrice, Priced, ProductText, priced, said
from tradepost.catalog.matrix import Options
from tradepost.core import money
from tradepost.core.actors import Actor
from tradepost.core.changes import applied, given
from tradepost.core.errors import Conflict, FieldError, Invalid, invalid
from tradepost.core.states import States
from tradepost.stores import Market

MOST_VARIANTS = 100
MOST_IMAGES = 50
MOST_CATEGORIES = 20
WRITE = "products:write"
STANDARD_TAX = "standard"
"""The tax class of what is said to be of no other."""
_MOST_NAME = 200


class Status(StrEnum):
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


STATES = States(
    {
        Status.DRAFT: frozenset({Status.ACTIVE, Status.ARCHIVED}),
        Status.ACTIVE: frozenset({Status.DRAFT, Status.ARCHIVED}),
        Status.ARCHIVED: frozenset({Status.DRAFT, Status.ACTIVE}),
    }
)


class SlugTaken(Conflict):
    """Another product of the store, or another category where it is a category's, has this slug."""

    title = "This slug is in use"


class SkuTaken(Conflict):
    """Another variant of the store has this SKU."""

    title = "This SKU is in use"


class BarcodeTaken(Conflict):
    """Another variant of the store has this barcode."""

    title = "This barcode is in use"


class CombinationTaken(Conflict):
    """Another variant of the product has the same options; one that is not active counts, too."""

    title = "The product has a variant with these options"


class VariantRequired(Invalid):
    """SKU, weight and the like belong to a variant, and the product has several."""

    title = "The product has several variants: change them one by one"


class ProductIncomplete(Invalid):
    """What is on sale has a price; `errors` names each thing that is missing."""

    title = "Something is missing before this can be sold"


class ActiveVariantRequired(Conflict):
    """A product has at least one active variant; to take it off sale, archive it."""

    title = "A product needs an active variant; archive it instead"


class TooManyVariants(Conflict):
    title = f"A product has at most {MOST_VARIANTS} variants"


class Dimensions(msgspec.Struct, frozen=True):
    """Millimetres."""

    length: int
    width: int
    height: int


class Image(msgspec.Struct, frozen=True):
    """A picture somewhere on the web. `alt` says what is to be seen to who cannot see it."""

    id: UUID
    url: str
    alt: str


class ImageDraft(msgspec.Struct, frozen=True):
    url: str
    alt: str


class VariantFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Prices in minor units of the store's currency, `weight` in grams. A simple product's variant has no name.

    Without an `own_price` a variant costs what its product does.
    """

    name: str = ""
    options: dict[str, str] = {}
    own_price: int | None = None
    compare_price: int | None = None
    cost_price: int | None = None
    track_inventory: bool = True
    low_stock_threshold: int = 5
    barcode: str | None = None
    weight: int | None = None
    dimensions: Dimensions | None = None
    is_active: bool = True


class Variant(VariantFacts, frozen=True, kw_only=True):
    """What is sold. `available` is on hand less promised; it says nothing where stock is not tracked."""

    id: UUID
    position: int
    sku: str
    price: int | None = None
    """What it costs: its own price, or the product's. None where there is none yet."""
    image_id: UUID | None = None
    available: int = 0

    @property
    def base(self) -> Base:
        """Its own prices, in the store's currency."""
        return Base(self.price, self.compare_price)

    @property
    def rank(self) -> tuple[int, int]:
        """By price, then by position; what has no price comes last."""
        return money.LIMIT if self.price is None else self.price, self.position

    @property
    def quantity(self) -> int | None:
        """What can be sold now; None for as many as are asked for."""
        return self.available if self.track_inventory else None

    @property
    def in_stock(self) -> bool:
        return not self.track_inventory or self.available > 0


class VariantDraft(VariantFacts, frozen=True, kw_only=True):
    """Without a SKU it gets one. `pointer` is where it stands in the caller's document, for refusals."""

    sku: str | None = None
    opening_stock: int = 0
    """For OpeningStock: see `openings`."""
    pointer: str = ""


class ProductFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`price` is what variants without a price of their own cost. `category_ids` are those beside the main one."""

    name: str
    description: str = ""
    short_description: str = ""
    status: Status = Status.DRAFT
    is_featured: bool = False
    seo_title: str | None = None
    seo_description: str | None = None
    price: int | None = None
    options: Options = ()
    category_id: UUID | None = None
    category_ids: tuple[UUID, ...] = ()
    tax_class: str = STANDARD_TAX


class Draft(ProductFacts, frozen=True, kw_only=True):
    """A product to be; without a slug it gets one made of its name."""

    slug: str | None = None
    images: tuple[ImageDraft, ...] = ()
    variants: tuple[VariantDraft, ...]


class Product(ProductFacts, frozen=True, kw_only=True):
    """A thing with one variant or more, in the order of their positions; at least one is active."""

    id: UUID
    slug: str
    version: int = 1
    created_at: datetime
    updated_at: datetime
    images: tuple[Image, ...] = ()
    variants: tuple[Variant, ...]
    local_prices: tuple[LocalPrice, ...] = ()
    """Of its variants, in the market that it was read for; that is home, unless another was asked for."""
    local_texts: tuple[ProductText, ...] = ()
    read_at: datetime | None = None
    """By the database's clock: which sales are on then is what `local_prices` mean."""
    sale_turns: int = 0
    """How many sales of it have begun or ended, in any market."""

    @property
    def active(self) -> tuple[Variant, ...]:
        return tuple(variant for variant in self.variants if variant.is_active)

    @property
    def lead(self) -> Variant:
        """The cheapest active variant: its price is what the product costs `from`."""
        return min(self.active or self.variants, key=lambda variant: variant.rank)

    @property
    def quantity(self) -> int | None:
        """What can be sold now of all active variants together; None where one of them is not tracked."""
        quantities = [variant.quantity for variant in self.active]
        known = [quantity for quantity in quantities if quantity is not None]
        return sum(known) if len(known) == len(quantities) else None

    @property
    def in_stock(self) -> bool:
        return any(variant.in_stock for variant in self.active)

    @property
    def mark(self) -> tuple[object, ...]:
        """Changes whenever anything about it does that somebody may see; see `store.marks`."""
        return (self.version, self.sale_turns, *(variant.available for variant in self.variants))

    def price_in(self, market: Market, variant: Variant) -> Priced | None:
        """What a variant costs in the market that the product was read for; None where it is not for sale there."""
        row = next((row for row in self.local_prices if row.variant_id == variant.id), None)
        return priced(variant.base, market, row, market.rate, self.read_at or self.updated_at)

    def words_in(self, market: Market) -> ProductText:
        """Its words in the language of that market, and its own where there are no others."""
        own = ProductText(
            market.locale, self.name, self.description, self.short_description, self.seo_title, self.seo_description
        )
        return said(self.local_texts, market, own) if self.local_texts else own


class VariantChanges(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """UNSET is what stays as it is."""

    sku: str | UnsetType = UNSET
    barcode: str | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    options: dict[str, str] | UnsetType = UNSET
    own_price: int | UnsetType | None = UNSET
    compare_price: int | UnsetType | None = UNSET
    cost_price: int | UnsetType | None = UNSET
    track_inventory: bool | UnsetType = UNSET
    low_stock_threshold: int | UnsetType = UNSET
    weight: int | UnsetType | None = UNSET
    dimensions: Dimensions | UnsetType | None = UNSET
    image_id: UUID | UnsetType | None = UNSET
    is_active: bool | UnsetType = UNSET


class ProductChanges(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """UNSET is what stays as it is. `variant` is for the one variant of a simple product."""

    name: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    short_description: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    is_featured: bool | UnsetType = UNSET
    seo_title: str | UnsetType | None = UNSET
    seo_description: str | UnsetType | None = UNSET
    price: int | UnsetType | None = UNSET
    options: Options | UnsetType = UNSET
    category_id: UUID | UnsetType | None = UNSET
    category_ids: tuple[UUID, ...] | UnsetType = UNSET
    tax_class: str | UnsetType = UNSET
    variant: VariantChanges | UnsetType = UNSET

    @property
    def categories(self) -> dict[str, UUID]:
        """The categories that are named, by where."""
        main = None if self.category_id is UNSET else self.category_id
        return named_categories(main, () if self.category_ids is UNSET else self.category_ids)


def named_categories(main: UUID | None, others: Sequence[UUID]) -> dict[str, UUID]:
    """Categories by their pointers in a document."""
    return ({} if main is None else {"/categoryId": main}) | {
        f"/categoryIds/{at}": id_ for at, id_ in enumerate(others)
    }


def changed(product: Product, changes: ProductChanges) -> Product:
    """The product with the changes. A product with one variant and its variant have one price.

    Raises InvalidTransition, VariantRequired, ProductIncomplete, ValidationFailed for its slug and options.
    """
    after = applied(product, msgspec.structs.replace(changes, variant=UNSET))
    if after.status != product.status:
        STATES.check(product.status, after.status)
    if after.slug != product.slug:
        naming.check_slug(after.slug)
    matrix.check(after.options)
    if changes.variant is not UNSET and (fields := _named(changes.variant)):
        if len(product.variants) > 1:
            detail = "belongs to a variant: PATCH /products/{ref}/variants/{variantId}"
            raise VariantRequired(errors=[FieldError(f"/{name}", VariantRequired.code, detail) for name in fields])
        after = with_variant(after, applied(product.variants[0], changes.variant))
    if changes.price is not UNSET and len(after.variants) == 1:
        after = with_variant(after, msgspec.structs.replace(after.variants[0], own_price=None))
    return settled(after)


def changed_variant(product: Product, variant: Variant, changes: VariantChanges) -> Product:
    """The product with a variant changed.

    Raises ActiveVariantRequired, CombinationTaken, ProductIncomplete, and ValidationFailed for an image of another.
    """
    after = applied(variant, changes)
    if after.image_id is not None and after.image_id not in [image.id for image in product.images]:
        raise invalid("/imageId", "reference_not_found", "is no image of this product")
    others = [other.options for other in product.variants if other.id != variant.id]
    check_combination(after.options, others, pointer="/options")
    return settled(with_variant(product, after), said=variant.id)


def generated(product: Product, options: Options | UnsetType, like: VariantDraft) -> tuple[Product, list[VariantDraft]]:
    """The product with these options, and drafts of the combinations that it lacks, each as `like` says.

    A variant without any option goes off sale: among combinations, nobody could choose it. Raises TooManyVariants, and
    ValidationFailed where there is nothing to combine.
    """
    wanted = product.options if options is UNSET else options
    matrix.check(wanted)
    if not wanted:
        raise invalid("/options", "required", "is needed: the product has no options yet")
    if matrix.size(wanted) > MOST_VARIANTS:
        raise TooManyVariants
    known = [variant.options for variant in product.variants]
    drafts = [
        msgspec.structs.replace(like, name=" / ".join(combination.values())[:_MOST_NAME], options=combination)
        for combination in matrix.combinations(wanted)
        if combination not in known
    ]
    if len(product.variants) + len(drafts) > MOST_VARIANTS:
        raise TooManyVariants
    kept = tuple(
        variant if variant.options else msgspec.structs.replace(variant, is_active=False)
        for variant in product.variants
    )
    return msgspec.structs.replace(product, options=wanted, variants=kept), drafts


def settled(product: Product, *, said: UUID | None = None) -> Product:
    """The product with what follows from the rest: prices, options that cover its variants, each category once.

    `said` is the variant that the caller's document is about. Raises ActiveVariantRequired, ProductIncomplete.
    """
    variants = tuple(
        msgspec.structs.replace(variant, price=effective(variant.own_price, product.price))
        for variant in product.variants
    )
    after = msgspec.structs.replace(
        product,
        variants=variants,
        options=matrix.covering(product.options, [variant.options for variant in variants]),
        category_ids=others_than(product.category_id, product.category_ids),
    )
    if not after.active:
        raise ActiveVariantRequired
    if after.status is Status.ACTIVE:
        one = len(variants) == 1
        _check_priced(
            {
                "" if one or variant.id == said else f"/variants/{at}": variant.price
                for at, variant in enumerate(variants)
                if variant.is_active
            }
        )
    return after


def settled_draft(draft: Draft) -> Draft:
    """The same of a product to be. Raises CombinationTaken, ProductIncomplete, ValidationFailed."""
    matrix.check(draft.options)
    combinations = [variant.options for variant in draft.variants]
    for at, variant in enumerate(draft.variants):
        check_combination(variant.options, combinations[:at], pointer=f"{variant.pointer}/options")
    if draft.status is Status.ACTIVE:
        _check_priced({variant.pointer: effective(variant.own_price, draft.price) for variant in draft.variants})
    return msgspec.structs.replace(
        draft,
        options=matrix.covering(draft.options, combinations),
        category_ids=others_than(draft.category_id, draft.category_ids),
    )


def effective(own: int | None, of_product: int | None) -> int | None:
    """What a variant costs."""
    return of_product if own is None else own


def others_than(main: UUID | None, ids: Sequence[UUID]) -> tuple[UUID, ...]:
    """The categories beside the main one, each once, in one order."""
    return tuple(sorted(set(ids) - {main}))


def check_combination(options: dict[str, str], others: Sequence[dict[str, str]], *, pointer: str) -> None:
    """CombinationTaken where one of the others is the same; variants without options do not count."""
    if options and options in others:
        said = ", ".join(f"{name} {value}" for name, value in options.items())
        raise CombinationTaken(errors=[FieldError(pointer, CombinationTaken.code, f"is there already: {said}")])


def _check_priced(prices: dict[str, int | None]) -> None:
    """ProductIncomplete, naming each price that is missing by the pointer of its variant."""
    missing = [pointer for pointer, price in prices.items() if price is None]
    if missing:
        detail = "is missing, and the product has none either" if missing != [""] else "is missing"
        raise ProductIncomplete(errors=[FieldError(f"{pointer}/price", "required", detail) for pointer in missing])


def _named(changes: VariantChanges) -> list[str]:
    """The wire names of what is to change."""
    names = given(changes)
    return [field.encode_name for field in msgspec.structs.fields(changes) if field.name in names]


def with_variant(product: Product, variant: Variant) -> Product:
    """The product with this variant in the place of the one with its id."""
    variants = tuple(variant if other.id == variant.id else other for other in product.variants)
    return msgspec.structs.replace(product, variants=variants)


def openings(drafts: Sequence[VariantDraft], variants: Sequence[Variant]) -> list[tuple[UUID, int]]:
    """The opening stock of new variants, zero included: only the tracked ones, as only these have levels."""
    return [
        (variant.id, draft.opening_stock)
        for draft, variant in zip(drafts, variants, strict=True)
        if variant.track_inventory
    ]


def sees_all(actor: Actor) -> bool:
    """Whether drafts, archived products, cost prices and thresholds are for his eyes."""
    return actor.may(WRITE)
