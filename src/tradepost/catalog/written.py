"""Products as clients write them, and what that means."""

from typing import Annotated, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tradepost.catalog import matrix, naming
from tradepost.catalog.model import (
    MOST_CATEGORIES,
    MOST_IMAGES,
    MOST_VARIANTS,
    STANDARD_TAX,
    Dimensions,
    Draft,
    ImageDraft,
    ProductChanges,
    Status,
    VariantChanges,
    VariantDraft,
    VariantRequired,
)
from tradepost.catalog.store import ProductFilter
from tradepost.core import money, urls
from tradepost.core.errors import FieldError, invalid
from tradepost.http import Amount, In, Limit, PageQuery
from tradepost.stores.markets.choosing import Country

# In a pattern `$` also matches before a last line break; what follows it here forbids that.
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Slug = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)")]
Sku = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^\S+( \S+)*$(?!\n)", examples=["SHIRT-RED-M"])]
Barcode = Annotated[str, Meta(pattern=r"^[0-9A-Za-z.+/-]{1,64}$(?!\n)", examples=["4006381333931"])]
Url = Annotated[str, Meta(min_length=1, max_length=2000, examples=["https://images.example.com/shirt.jpg"])]
Alt = Annotated[str, Meta(max_length=500)]
Description = Annotated[str, Meta(max_length=20_000)]
ShortText = Annotated[str, Meta(max_length=500)]
SeoTitle = Annotated[str, Meta(max_length=200)]
OptionName = Annotated[str, Meta(min_length=1, max_length=50, pattern=r"\S")]
OptionValue = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
Combination = Annotated[dict[OptionName, OptionValue], Meta(max_length=10, examples=[{"size": "M"}])]
Categories = Annotated[list[UUID], Meta(max_length=MOST_CATEGORIES)]
TaxClass = Annotated[
    str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)", examples=["reduced"])
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


class ImageIn(In):
    """An image on the web. `alt` says what is to be seen; empty where it is mere decoration."""

    url: Url
    alt: Alt = ""


class OptionIn(In):
    """Something that variants differ in, such as the size, with what it can be; both in the order to be shown in."""

    name: OptionName
    values: Annotated[list[OptionValue], Meta(min_length=1, max_length=MOST_VARIANTS)]


OptionList = Annotated[list[OptionIn], Meta(max_length=10, examples=[[{"name": "size", "values": ["S", "M", "L"]}]])]


class VariantIn(In, kw_only=True):
    """Without a price it costs what the product does. `inventoryQuantity` is the opening stock.

    Within a new product, what else is absent is as the product says.
    """

    sku: Sku | None = None
    barcode: Barcode | None = None
    name: Name
    options: Combination = msgspec.field(default_factory=dict)
    price: Amount | None = None
    compare_price: Amount | None = None
    cost_price: Amount | None = None
    track_inventory: bool | None = None
    inventory_quantity: Quantity | None = None
    low_stock_threshold: Threshold | None = None
    weight: Grams | None = None
    dimensions: DimensionsIn | None = None


class ProductIn(In, kw_only=True):
    """Without `variants` the product has one of its own; with them, stock, weight and the like are defaults for each.

    `price` is that of all variants without one of their own; a draft may do without. `inventoryQuantity` is the opening
    stock. `categoryId` is the main category, `categoryIds` are further ones.
    """

    name: Name
    slug: Slug | None = None
    sku: Sku | None = None
    barcode: Barcode | None = None
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
    category_id: UUID | None = None
    category_ids: Categories = msgspec.field(default_factory=list)
    tax_class: TaxClass = STANDARD_TAX
    images: Annotated[list[ImageIn], Meta(max_length=MOST_IMAGES)] = msgspec.field(default_factory=list)
    options: OptionList = msgspec.field(default_factory=list)
    variants: Annotated[list[VariantIn], Meta(min_length=1, max_length=MOST_VARIANTS)] | None = None


class MatrixIn(In, kw_only=True):
    """`options` become the product's; without them, those that it has are combined. The rest is for each new variant.

    `inventoryQuantity` is the opening stock of each of them.
    """

    options: OptionList | None = None
    price: Amount | None = None
    compare_price: Amount | None = None
    cost_price: Amount | None = None
    track_inventory: bool = True
    inventory_quantity: Quantity = 0
    low_stock_threshold: Threshold = 5
    weight: Grams | None = None
    dimensions: DimensionsIn | None = None


class VariantPatch(In, kw_only=True):
    """What is absent stays as it is. With a `price` of null it costs what the product does.

    `imageId` is one of the product's images.
    """

    sku: Sku | UnsetType = UNSET
    barcode: Barcode | UnsetType | None = UNSET
    name: Name | UnsetType = UNSET
    options: Combination | UnsetType = UNSET
    price: Amount | UnsetType | None = UNSET
    compare_price: Amount | UnsetType | None = UNSET
    cost_price: Amount | UnsetType | None = UNSET
    track_inventory: bool | UnsetType = UNSET
    low_stock_threshold: Threshold | UnsetType = UNSET
    weight: Grams | UnsetType | None = UNSET
    dimensions: DimensionsIn | UnsetType | None = UNSET
    image_id: UUID | UnsetType | None = UNSET
    is_active: bool | UnsetType = UNSET


class ProductPatch(In, kw_only=True):
    """What is absent stays as it is. SKU, weight and the like only where the product has one variant.

    `price` is that of all variants without one of their own. `categoryIds` takes the place of all categories but the
    main one. `options` gives names and values their order; what variants have stays.
    """

    name: Name | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    sku: Sku | UnsetType = UNSET
    barcode: Barcode | UnsetType | None = UNSET
    description: Description | UnsetType = UNSET
    short_description: ShortText | UnsetType = UNSET
    price: Amount | UnsetType | None = UNSET
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
    category_id: UUID | UnsetType | None = UNSET
    category_ids: Categories | UnsetType = UNSET
    tax_class: TaxClass | UnsetType = UNSET
    options: OptionList | UnsetType = UNSET


class MarketQuery(In):
    """`country` names the market, where neither X-Market, nor the caller's key, nor X-Country does."""

    country: Country | None = None


class ProductsQuery(PageQuery):
    """Prices are those of the cheapest active variant. What is not on sale only staff get to see.

    `minPrice`, `maxPrice` and the order by price go by home prices, without sales, whatever the market. `country` names
    the market, where neither X-Market, nor the caller's key, nor X-Country does. `category` is the id or slug of a
    category; what is inside it counts as in it.
    """

    category: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    status: Status | None = None
    featured: bool | None = None
    min_price: Amount | None = None
    max_price: Amount | None = None
    in_stock: bool | None = None
    sort: Order = "-createdAt"
    country: Country | None = None


class FeaturedQuery(MarketQuery):
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
        price=minor(body.price, "/price", currency),
        options=_options(body.options),
        category_id=body.category_id,
        category_ids=tuple(body.category_ids),
        tax_class=body.tax_class,
        images=tuple(image_of(image, f"/images/{at}") for at, image in enumerate(body.images)),
        variants=_variants(body, currency),
    )


def image_of(body: ImageIn, pointer: str) -> ImageDraft:
    """Raises ValidationFailed for an address that is none of a public host."""
    urls.check_public_https(body.url, pointer=f"{pointer}/url")
    return ImageDraft(body.url, body.alt)


def _options(body: list[OptionIn]) -> matrix.Options:
    return tuple(matrix.Option(option.name, tuple(option.values)) for option in body)


def _variants(body: ProductIn, currency: str) -> tuple[VariantDraft, ...]:
    own = VariantDraft(
        sku=body.sku,
        barcode=body.barcode,
        compare_price=minor(body.compare_price, "/comparePrice", currency),
        cost_price=minor(body.cost_price, "/costPrice", currency),
        track_inventory=body.track_inventory,
        low_stock_threshold=body.low_stock_threshold,
        weight=body.weight,
        dimensions=_dimensions(body.dimensions),
        opening_stock=body.inventory_quantity,
    )
    if body.variants is None:
        return (_tracked_if_stocked(own),)
    for name, value in (("sku", body.sku), ("barcode", body.barcode)):
        if value is not None:
            detail = "belongs to a variant: put it there"
            raise VariantRequired(errors=[FieldError(f"/{name}", VariantRequired.code, detail)])
    return tuple(variant_of(variant, own, f"/variants/{at}", currency) for at, variant in enumerate(body.variants))


def variant_of(body: VariantIn, defaults: VariantDraft, pointer: str, currency: str) -> VariantDraft:
    """A variant that is as `defaults` where it says nothing else. Raises ValidationFailed."""
    given = {
        "own_price": minor(body.price, f"{pointer}/price", currency),
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
        defaults,
        sku=body.sku,
        barcode=body.barcode,
        name=body.name,
        options=body.options,
        pointer=pointer,
        **said,
    )
    return _tracked_if_stocked(draft)


def new_variant_of(body: VariantIn, currency: str) -> VariantDraft:
    """A variant that is added to a product, and has nothing from it but perhaps its price. Raises ValidationFailed."""
    return variant_of(body, VariantDraft(), "", currency)


def matrix_of(body: MatrixIn, currency: str) -> tuple[matrix.Options | UnsetType, VariantDraft]:
    """The options to combine, and what each new variant is like. Raises ValidationFailed."""
    like = VariantDraft(
        own_price=minor(body.price, "/price", currency),
        compare_price=minor(body.compare_price, "/comparePrice", currency),
        cost_price=minor(body.cost_price, "/costPrice", currency),
        track_inventory=body.track_inventory,
        low_stock_threshold=body.low_stock_threshold,
        weight=body.weight,
        dimensions=_dimensions(body.dimensions),
        opening_stock=body.inventory_quantity,
    )
    return UNSET if body.options is None else _options(body.options), _tracked_if_stocked(like)


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
        price=minor(body.price, "/price", currency),
        options=UNSET if body.options is UNSET else _options(body.options),
        category_id=body.category_id,
        category_ids=UNSET if body.category_ids is UNSET else tuple(body.category_ids),
        tax_class=body.tax_class,
        variant=VariantChanges(
            sku=body.sku,
            barcode=body.barcode,
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
        barcode=body.barcode,
        name=body.name,
        options=body.options,
        own_price=minor(body.price, "/price", currency),
        compare_price=minor(body.compare_price, "/comparePrice", currency),
        cost_price=minor(body.cost_price, "/costPrice", currency),
        track_inventory=body.track_inventory,
        low_stock_threshold=body.low_stock_threshold,
        weight=body.weight,
        dimensions=_dimensions(body.dimensions),
        image_id=body.image_id,
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
        category=None if query.category is None else naming.reference(query.category),
    )
