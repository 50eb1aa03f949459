"""Products as clients write them, and what that means."""

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tradepost.catalog.model import (
    MOST_VARIANTS,
    Dimensions,
    Draft,
    ProductChanges,
    Status,
    VariantChanges,
    VariantDraft,
    VariantRequired,
)
from tradepost.catalog.store import ProductFilter
from tradepost.core import money
from tradepost.core.errors import FieldError, invalid
from tradepost.http import Amount, In, Limit, PageQuery

# In a pattern `$` also matches before a last line break; what follows it here forbids that.
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Slug = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)")]
Sku = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^\S+( \S+)*$(?!\n)", examples=["SHIRT-RED-M"])]
Description = Annotated[str, Meta(max_length=20_000)]
ShortText = Annotated[str, Meta(max_length=500)]
SeoTitle = Annotated[str, Meta(max_length=200)]
Options = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=50)], Annotated[str, Meta(min_length=1, max_length=100)]],
    Meta(max_length=10, examples=[{"size": "M"}]),
]
Quantity = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Threshold = Annotated[int, Meta(ge=0, le=1_000_000)]
Grams = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Millimetres = Annotated[int, Meta(ge=0, le=10_000_000)]
Order = Literal["-createdAt", "createdAt", "name", "-name", "price", "-price"]
Absent = TypeVar("Absent")


class DimensionsIn(In):
    """Millimetres."""

    length: Millimetres
    width: Millimetres
    height: Millimetres


class VariantIn(In, kw_only=True):
    """Within a new product, what is absent is as the product says. `inventoryQuantity` is the opening stock."""

    sku: Sku | None = None
    name: Name
    options: Options = msgspec.field(default_factory=dict)
    price: Amount | None = None
    compare_price: Amount | None = None
    cost_price: Amount | None = None
    track_inventory: bool | None = None
    inventory_quantity: Quantity | None = None
    low_stock_threshold: Threshold | None = None
    weight: Grams | None = None
    dimensions: DimensionsIn | None = None


class ProductIn(In, kw_only=True):
    """Without `variants` the product has one of its own; with them, price, stock and the like are defaults for each.

    `inventoryQuantity` is the opening stock.
    """

    name: Name
    slug: Slug | None = None
    sku: Sku | None = None
    description: Description = ""
    short_description: ShortText = ""
    price: Amount | None = None
    compare_price: Amount | None = None
    cost_price: Amount | None = None
    track_inventory: bool = True
    inventory_quantity: Quantity = 0
    low_stock_threshold: Threshold = 5
    weight: Grams | None = None
    dimensions: DimensionsIn | None = None
    status: Status = Status.DRAFT
    is_featured: bool = False
    seo_title: SeoTitle | None = None
    seo_description: ShortText | None = None
    variants: Annotated[list[VariantIn], Meta(min_length=1, max_length=MOST_VARIANTS)] | None = None


class VariantPatch(In, kw_only=True):
    """What is absent stays as it is."""

    sku: Sku | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    options: Options | UnsetType = UNSET
    price: Amount | UnsetType = UNSET
    compare_price: Amount | UnsetType | None = UNSET
    cost_price: Amount | UnsetType | None = UNSET
    track_inventory: bool | UnsetType = UNSET
    low_stock_threshold: Threshold | UnsetType = UNSET
    weight: Grams | UnsetType | None = UNSET
    dimensions: DimensionsIn | UnsetType | None = UNSET
    is_active: bool | UnsetType = UNSET


class ProductPatch(In, kw_only=True):
    """What is absent stays as it is. Price, SKU and the like only where the product has one variant."""

    name: Name | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    sku: Sku | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    short_description: ShortText | UnsetType = UNSET
    price: Amount | UnsetType = UNSET
    compare_price: Amount | UnsetType | None = UNSET
    cost_price: Amount | UnsetType | None = UNSET
    track_inventory: bool | UnsetType = UNSET
    low_stock_threshold: Threshold | UnsetType = UNSET
    weight: Grams | UnsetType | None = UNSET
    dimensions: DimensionsIn | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    is_featured: bool | UnsetType = UNSET
    seo_title: SeoTitle | UnsetType | None = UNSET
    seo_description: ShortText | UnsetType | None = UNSET


class ProductsQuery(PageQuery):
    """Prices are those of the cheapest active variant. What is not on sale only staff get to see."""

    status: Status | None = None
    featured: bool | None = None
    min_price: Amount | None = None
    max_price: Amount | None = None
    in_stock: bool | None = None
    sort: Order = "-createdAt"


class FeaturedQuery(In):
    limit: Limit = 20


def minor(amount: Amount | Absent, pointer: str, currency: str) -> int | Absent:
    """A written price in minor units; what is not there stays so. ValidationFailed with the pointer."""
    if not isinstance(amount, Amount):
        return amount
    return money.parse_field(amount, currency, pointer=pointer)


def draft_of(body: ProductIn, currency: str) -> Draft:
    """Raises ValidationFailed, VariantRequired."""
    return Draft(
        name=body.name,
        slug=body.slug,
        description=body.description,
        short_description=body.short_description,
        status=body.status,
        is_featured=body.is_featured,
        seo_title=body.seo_title,
        seo_description=body.seo_description,
        variants=_variants(body, currency),
    )


def _variants(body: ProductIn, currency: str) -> tuple[VariantDraft, ...]:
    own = VariantDraft(
        sku=body.sku,
        price=minor(body.price, "/price", currency) or 0,
        compare_price=minor(body.compare_price, "/comparePrice", currency),
        cost_price=minor(body.cost_price, "/costPrice", currency),
        track_inventory=body.track_inventory,
        low_stock_threshold=body.low_stock_threshold,
        weight=body.weight,
        dimensions=_dimensions(body.dimensions),
        opening_stock=body.inventory_quantity,
    )
    if body.variants is None:
        if body.price is None:
            raise invalid("/price", "required", "is missing")
        return (_tracked_if_stocked(own),)
    if body.sku is not None:
        detail = "belongs to a variant: put it there"
        raise VariantRequired(errors=[FieldError("/sku", VariantRequired.code, detail)])
    if body.price is None:
        _check_priced(body.variants)
    return tuple(variant_of(variant, own, f"/variants/{at}", currency) for at, variant in enumerate(body.variants))


def _check_priced(variants: list[VariantIn]) -> None:
    for at, variant in enumerate(variants):
        if variant.price is None:
            raise invalid(f"/variants/{at}/price", "required", "is missing, and the product has none either")


def variant_of(body: VariantIn, defaults: VariantDraft, pointer: str, currency: str) -> VariantDraft:
    """A variant that is as `defaults` where it says nothing else. Raises ValidationFailed."""
    given = {
        "price": minor(body.price, f"{pointer}/price", currency),
        "compare_price": minor(body.compare_price, f"{pointer}/comparePrice", currency),
        "cost_price": minor(body.cost_price, f"{pointer}/costPrice", currency),
        "track_inventory": body.track_inventory,
        "low_stock_threshold": body.low_stock_threshold,
        "weight": body.weight,
        "dimensions": _dimensions(body.dimensions),
        "opening_stock": body.inventory_quantity,
    }
    said = {name: value for name, value in given.items() if value is not None}
    draft = msgspec.structs.replace(
        defaults, sku=body.sku, name=body.name, options=body.options, pointer=pointer, **said
    )
    return _tracked_if_stocked(draft)


def new_variant_of(body: VariantIn, currency: str) -> VariantDraft:
    """A variant that is added to a product, and has nothing from it. Raises ValidationFailed."""
    if body.price is None:
        raise invalid("/price", "required", "is missing")
    return variant_of(body, VariantDraft(price=0), "", currency)


def _tracked_if_stocked(draft: VariantDraft) -> VariantDraft:
    if draft.opening_stock and not draft.track_inventory:
        raise invalid(f"{draft.pointer}/inventoryQuantity", "not_tracked", "makes no sense: stock is not tracked")
    return draft


def _dimensions(body: DimensionsIn | Absent) -> Dimensions | Absent:
    return Dimensions(body.length, body.width, body.height) if isinstance(body, DimensionsIn) else body


def changes_of(body: ProductPatch, currency: str) -> ProductChanges:
    """Raises ValidationFailed."""
    return ProductChanges(
        name=body.name,
        slug=body.slug,
        description=body.description,
        short_description=body.short_description,
        status=body.status,
        is_featured=body.is_featured,
        seo_title=body.seo_title,
        seo_description=body.seo_description,
        variant=VariantChanges(
            sku=body.sku,
            price=minor(body.price, "/price", currency),
            compare_price=minor(body.compare_price, "/comparePrice", currency),
            cost_price=minor(body.cost_price, "/costPrice", currency),
            track_inventory=body.track_inventory,
            low_stock_threshold=body.low_stock_threshold,
            weight=body.weight,
            dimensions=_dimensions(body.dimensions),
        ),
    )


def variant_changes_of(body: VariantPatch, currency: str) -> VariantChanges:
    """Raises ValidationFailed."""
    return VariantChanges(
        sku=body.sku,
        name=body.name,
        options=body.options,
        price=minor(body.price, "/price", currency),
        compare_price=minor(body.compare_price, "/comparePrice", currency),
        cost_price=minor(body.cost_price, "/costPrice", currency),
        track_inventory=body.track_inventory,
        low_stock_threshold=body.low_stock_threshold,
        weight=body.weight,
        dimensions=_dimensions(body.dimensions),
        is_active=body.is_active,
    )


def filter_of(query: ProductsQuery, *, visible: Status | None, currency: str) -> ProductFilter:
    """Raises ValidationFailed."""
    return ProductFilter(
        visible=visible,
        status=query.status,
        featured=query.featured,
        min_price=minor(query.min_price, "?minPrice", currency),
        max_price=minor(query.max_price, "?maxPrice", currency),
        in_stock=query.in_stock,
    )
