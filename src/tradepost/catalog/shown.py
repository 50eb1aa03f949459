"""Products as clients read them: everybody, and staff."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, UnsetType

from tradepost.catalog import matrix
from tradepost.catalog.model import Dimensions, Image, Product, Status, Variant
from tradepost.core import money
from tradepost.http import Out
from tradepost.stores import Market


class DimensionsOut(Out):
    length: int
    width: int
    height: int


class ImageOut(Out):
    id: UUID
    url: str
    alt: str


class OptionOut(Out):
    name: str
    values: list[str]


class VariantOut(Out, kw_only=True):
    """`price` is what it costs in the market, today: its `ownPrice`, which only staff see, or else the product's.

    Both in other markets as they have them, or converted; less in a sale, where `comparePrice` is what it cost before.
    It is null where it is not for sale. `inventoryQuantity` is what can be sold now, null where stock is not tracked.
    `imageId` is one of the product's.
    """

    id: UUID
    sku: str
    barcode: str | None
    name: str
    options: dict[str, str]
    price: str | None
    own_price: str | UnsetType | None = UNSET
    compare_price: str | None
    cost_price: str | UnsetType | None = UNSET
    track_inventory: bool
    inventory_quantity: int | None
    low_stock_threshold: int | UnsetType = UNSET
    weight: int | None
    dimensions: DimensionsOut | None
    image_id: UUID | None
    in_stock: bool
    is_active: bool


class ProductOut(Out, kw_only=True):
    """Price, SKU, weight and the like are those of the cheapest active variant, stock is that of all of them.

    Prices are those of the market, in its `currency`; words are in its language. `costPrice`, `lowStockThreshold`,
    `taxClass` and `basePrice`, which is that of variants without a price of their own, are for staff; what is in the
    store's currency is there in the home market only. `categoryId` is the main category, `categoryIds` are others.
    """

    id: UUID
    name: str
    slug: str
    sku: str
    barcode: str | None
    description: str
    short_description: str
    price: str | None
    base_price: str | UnsetType | None = UNSET
    compare_price: str | None
    cost_price: str | UnsetType | None = UNSET
    currency: str
    track_inventory: bool
    inventory_quantity: int | None
    low_stock_threshold: int | UnsetType = UNSET
    weight: int | None
    dimensions: DimensionsOut | None
    status: Status
    is_featured: bool
    in_stock: bool
    seo_title: str | None
    seo_description: str | None
    category_id: UUID | None
    category_ids: list[UUID]
    tax_class: str | UnsetType = UNSET
    images: list[ImageOut]
    options: list[OptionOut]
    variants: list[VariantOut]
    version: int
    created_at: datetime
    updated_at: datetime


class FeaturedOut(Out):
    items: list[ProductOut]


class ImagesOut(Out):
    items: list[ImageOut]


class GeneratedOut(Out):
    """`created` are the ids of the new variants."""

    created: list[UUID]
    product: ProductOut


def public_product(product: Product, market: Market) -> ProductOut:
    """What everybody may see: the active variants and their options, without what they cost the shop."""
    shown = _product(product, market, [_variant(product, variant, market) for variant in product.active])
    offered = matrix.restricted(product.options, [variant.options for variant in product.active])
    shown.options = _options(offered)
    return shown


def staff_product(product: Product, market: Market) -> ProductOut:
    shown = _product(product, market, [staff_variant(product, variant, market) for variant in product.variants])
    lead = _lead(product, market)
    if market.is_home:
        shown.base_price = _amount(product.price, market.currency)
        shown.cost_price = _amount(lead.cost_price, market.currency)
    shown.low_stock_threshold = lead.low_stock_threshold
    shown.tax_class = product.tax_class
    return shown


def staff_variant(product: Product, variant: Variant, market: Market) -> VariantOut:
    shown = _variant(product, variant, market)
    if market.is_home:
        shown.own_price = _amount(variant.own_price, market.currency)
        shown.cost_price = _amount(variant.cost_price, market.currency)
    shown.low_stock_threshold = variant.low_stock_threshold
    return shown


def _lead(product: Product, market: Market) -> Variant:
    """The cheapest active variant in the market, where prices may stand in another order than at home."""
    if market.is_home and not product.local_prices:
        return product.lead

    def rank(variant: Variant) -> tuple[int, tuple[int, int]]:
        price = product.price_in(market, variant)
        return money.LIMIT if price is None else price.amount, variant.rank

    return min(product.active or product.variants, key=rank)


def _product(product: Product, market: Market, variants: list[VariantOut]) -> ProductOut:
    lead = _lead(product, market)
    price = product.price_in(market, lead)
    words = product.words_in(market)
    return ProductOut(
        id=product.id,
        name=words.name or product.name,
        slug=product.slug,
        sku=lead.sku,
        barcode=lead.barcode,
        description=words.description or "",
        short_description=words.short_description or "",
        price=_amount(price.amount if price else None, market.currency),
        compare_price=_amount(price.compare if price else None, market.currency),
        currency=market.currency,
        track_inventory=lead.track_inventory,
        inventory_quantity=product.quantity,
        weight=lead.weight,
        dimensions=_shown_dimensions(lead.dimensions),
        status=product.status,
        is_featured=product.is_featured,
        in_stock=product.in_stock,
        seo_title=words.seo_title,
        seo_description=words.seo_description,
        category_id=product.category_id,
        category_ids=list(product.category_ids),
        images=images_out(product.images),
        options=_options(product.options),
        variants=variants,
        version=product.version,
        created_at=product.created_at,
        updated_at=product.updated_at,
    )


def _variant(product: Product, variant: Variant, market: Market) -> VariantOut:
    price = product.price_in(market, variant)
    return VariantOut(
        id=variant.id,
        sku=variant.sku,
        barcode=variant.barcode,
        name=variant.name,
        options=variant.options,
        price=_amount(price.amount if price else None, market.currency),
        compare_price=_amount(price.compare if price else None, market.currency),
        track_inventory=variant.track_inventory,
        inventory_quantity=variant.quantity,
        weight=variant.weight,
        dimensions=_shown_dimensions(variant.dimensions),
        image_id=variant.image_id,
        in_stock=variant.in_stock,
        is_active=variant.is_active,
    )


def images_out(images: Sequence[Image]) -> list[ImageOut]:
    return [ImageOut(image.id, image.url, image.alt) for image in images]


def _options(options: matrix.Options) -> list[OptionOut]:
    return [OptionOut(option.name, list(option.values)) for option in options]


def _amount(amount: int | None, currency: str) -> str | None:
    return None if amount is None else money.text(amount, currency)


def _shown_dimensions(dimensions: Dimensions | None) -> DimensionsOut | None:
    return DimensionsOut(dimensions.length, dimensions.width, dimensions.height) if dimensions else None
