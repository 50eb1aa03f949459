import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tradepost.core import texts
from tradepost.core.actors import Actor
from tradepost.core.changes import applied, given
from tradepost.core.errors import Conflict, FieldError, Invalid, invalid
from tradepost.core.states import States

MOST_VARIANTS = 100
WRITE = "products:write"
_MOST_SLUG = 94
_MOST_SKU = 58
_SLUGS_OF_ROUTES = frozenset({"featured", "low-stock", "search"})
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


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
    """Another product of the store has this slug."""

    title = "This slug is in use"


class SkuTaken(Conflict):
    """Another variant of the store has this SKU."""

    title = "This SKU is in use"


class VariantRequired(Invalid):
    """Price, SKU and the like belong to a variant, and the product has several."""

    title = "The product has several variants: change them one by one"


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


class VariantFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Prices in minor units of the store's currency, `weight` in grams. A simple product's variant has no name."""

    name: str = ""
    options: dict[str, str] = {}
    price: int
    compare_price: int | None = None
    cost_price: int | None = None
    track_inventory: bool = True
    low_stock_threshold: int = 5
    weight: int | None = None
    dimensions: Dimensions | None = None
    is_active: bool = True


class Variant(VariantFacts, frozen=True, kw_only=True):
    """What is sold. `available` is on hand less promised; it says nothing where stock is not tracked."""

    id: UUID
    position: int
    sku: str
    available: int = 0

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
    name: str
    description: str = ""
    short_description: str = ""
    status: Status = Status.DRAFT
    is_featured: bool = False
    seo_title: str | None = None
    seo_description: str | None = None


class Draft(ProductFacts, frozen=True, kw_only=True):
    """A product to be; without a slug it gets one made of its name."""

    slug: str | None = None
    variants: tuple[VariantDraft, ...]


class Product(ProductFacts, frozen=True, kw_only=True):
    """A thing with one variant or more, in the order of their positions; at least one is active."""

    id: UUID
    slug: str
    version: int = 1
    created_at: datetime
    updated_at: datetime
    variants: tuple[Variant, ...]

    @property
    def active(self) -> tuple[Variant, ...]:
        return tuple(variant for variant in self.variants if variant.is_active)

    @property
    def lead(self) -> Variant:
        """The cheapest active variant: its price is what the product costs `from`."""
        return min(self.active or self.variants, key=lambda variant: (variant.price, variant.position))

    @property
    def quantity(self) -> int | None:
        """What can be sold now of all active variants together; None where one of them is not tracked."""
        quantities = [variant.quantity for variant in self.active]
        known = [quantity for quantity in quantities if quantity is not None]
        return sum(known) if len(known) == len(quantities) else None

    @property
    def in_stock(self) -> bool:
        return any(variant.in_stock for variant in self.active)


class VariantChanges(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """UNSET is what stays as it is."""

    sku: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    options: dict[str, str] | UnsetType = UNSET
    price: int | UnsetType = UNSET
    compare_price: int | UnsetType | None = UNSET
    cost_price: int | UnsetType | None = UNSET
    track_inventory: bool | UnsetType = UNSET
    low_stock_threshold: int | UnsetType = UNSET
    weight: int | UnsetType | None = UNSET
    dimensions: Dimensions | UnsetType | None = UNSET
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
    variant: VariantChanges | UnsetType = UNSET


def changed(product: Product, changes: ProductChanges) -> Product:
    """The product with the changes. Raises InvalidTransition, VariantRequired, ValidationFailed for its slug."""
    product_changes = msgspec.structs.replace(changes, variant=UNSET)
    after = applied(product, product_changes)
    if after.status != product.status:
        STATES.check(product.status, after.status)
    if after.slug != product.slug:
        check_slug(after.slug)
    if changes.variant is UNSET or not (fields := _named(changes.variant)):
        return after
    if len(product.variants) > 1:
        detail = "belongs to a variant: PATCH /products/{ref}/variants/{variantId}"
        raise VariantRequired(errors=[FieldError(f"/{name}", VariantRequired.code, detail) for name in fields])
    return with_variant(after, applied(product.variants[0], changes.variant))


def changed_variant(product: Product, variant: Variant, changes: VariantChanges) -> Product:
    """The product with a variant changed. Raises ActiveVariantRequired."""
    after = with_variant(product, applied(variant, changes))
    if not after.active:
        raise ActiveVariantRequired
    return after


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


def reference(text: str) -> UUID | str:
    """What a path names a product by: its id, or its slug."""
    return UUID(text) if _UUID.fullmatch(text) else text


def check_slug(slug: str) -> None:
    """ValidationFailed for a slug that could be an id or is the address of something else."""
    if not _addresses_a_product(slug):
        raise invalid("/slug", "slug_reserved", "cannot be a slug: it means something else in an address")


def default_slug(name: str) -> str:
    """A slug made of a name, with room for a number."""
    slug = texts.slug(name)[:_MOST_SLUG].strip("-")
    return slug if slug and _addresses_a_product(slug) else f"product-{slug}".strip("-")


def _addresses_a_product(slug: str) -> bool:
    return slug not in _SLUGS_OF_ROUTES and not _UUID.fullmatch(slug)


def default_sku(slug: str, *, place: int | None = None) -> str:
    """A SKU made of the product's slug and the variant's place among several, with room for a number."""
    sku = slug.upper()[:_MOST_SKU]
    return sku if place is None else f"{sku[: _MOST_SKU - 4]}-{place}"


def sees_all(actor: Actor) -> bool:
    """Whether drafts, archived products, cost prices and thresholds are for his eyes."""
    return actor.may(WRITE)
