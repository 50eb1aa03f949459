"""Products as clients read them: everybody, and staff."""

from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tradepost.catalog.model import Dimensions, Product, Status, Variant
from tradepost.core import money
from tradepost.http import Out


class DimensionsOut(Out):
    length: int
    width: int
    height: int


class ImageOut(Out):
    url: str
    alt: str


class VariantOut(Out, kw_only=True):
    """`inventoryQuantity` is what can be sold now, null where stock is not tracked."""

    id: UUID
    sku: str
    name: str
    options: dict[str, str]
    price: str
    compare_price: str | None
    cost_price: str | UnsetType | None = UNSET
    track_inventory: bool
    inventory_quantity: int | None
    low_stock_threshold: int | UnsetType = UNSET
    weight: int | None
    dimensions: DimensionsOut | None
    in_stock: bool
    is_active: bool


class ProductOut(Out, kw_only=True):
    """Price, SKU, weight and dimensions are those of the cheapest active variant, stock is that of all of them.

    `costPrice` and `lowStockThreshold` are for staff.
    """

    id: UUID
    name: str
    slug: str
    sku: str
    description: str
    short_description: str
    price: str
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
    images: list[ImageOut] = msgspec.field(default_factory=list)
    variants: list[VariantOut]
    version: int
    created_at: datetime
    updated_at: datetime


class FeaturedOut(Out):
    items: list[ProductOut]


def public_product(product: Product, currency: str) -> ProductOut:
    """What everybody may see: the active variants, without what they cost the shop."""
    return _product(product, currency, [_variant(variant, currency) for variant in product.active])


def staff_product(product: Product, currency: str) -> ProductOut:
    shown = _product(product, currency, [staff_variant(variant, currency) for variant in product.variants])
    lead = product.lead
    shown.cost_price = _amount(lead.cost_price, currency)
    shown.low_stock_threshold = lead.low_stock_threshold
    return shown


def staff_variant(variant: Variant, currency: str) -> VariantOut:
    shown = _variant(variant, currency)
    shown.cost_price = _amount(variant.cost_price, currency)
    shown.low_stock_threshold = variant.low_stock_threshold
    return shown


def _product(product: Product, currency: str, variants: list[VariantOut]) -> ProductOut:
    lead = product.lead
    return ProductOut(
        id=product.id,
        name=product.name,
        slug=product.slug,
        sku=lead.sku,
        description=product.description,
        short_description=product.short_description,
        price=money.text(lead.price, currency),
        compare_price=_amount(lead.compare_price, currency),
        currency=currency,
        track_inventory=lead.track_inventory,
        inventory_quantity=product.quantity,
        weight=lead.weight,
        dimensions=_shown_dimensions(lead.dimensions),
        status=product.status,
        is_featured=product.is_featured,
        in_stock=product.in_stock,
        seo_title=product.seo_title,
        seo_description=product.seo_description,
        variants=variants,
        version=product.version,
        created_at=product.created_at,
        updated_at=product.updated_at,
    )


def _variant(variant: Variant, currency: str) -> VariantOut:
    return VariantOut(
        id=variant.id,
        sku=variant.sku,
        name=variant.name,
        options=variant.options,
        price=money.text(variant.price, currency),
        compare_price=_amount(variant.compare_price, currency),
        track_inventory=variant.track_inventory,
        inventory_quantity=variant.quantity,
        weight=variant.weight,
        dimensions=_shown_dimensions(variant.dimensions),
        in_stock=variant.in_stock,
        is_active=variant.is_active,
    )


def _amount(amount: int | None, currency: str) -> str | None:
    return None if amount is None else money.text(amount, currency)


def _shown_dimensions(dimensions: Dimensions | None) -> DimensionsOut | None:
    return DimensionsOut(dimensions.length, dimensions.width, dimensions.height) if dimensions else None
