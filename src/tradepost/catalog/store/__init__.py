"""Every statement on products, their variants and images, and on which categories they are in."""

from tradepost.catalog.store.belonging import insert_categories, set_categories
from tradepost.catalog.store.editing import replace_categories, replace_images, set_products, set_variants
from tradepost.catalog.store.images import delete_image, insert_images, set_image, set_order
from tradepost.catalog.store.reading import (
    SORTS,
    Known,
    ProductFilter,
    after,
    featured,
    find,
    get,
    known,
    lock_many,
    on_sale,
    page,
)
from tradepost.catalog.store.writing import (
    Placed,
    barcodes_in_use,
    free_number_of_sku,
    free_number_of_slug,
    insert_products,
    insert_variants,
    lock,
    set_product,
    set_variant,
)

__all__ = [
    "SORTS",
    "Known",
    "Placed",
    "ProductFilter",
    "after",
    "barcodes_in_use",
    "delete_image",
    "featured",
    "find",
    "free_number_of_sku",
    "free_number_of_slug",
    "get",
    "insert_categories",
    "insert_images",
    "insert_products",
    "insert_variants",
    "known",
    "lock",
    "lock_many",
    "on_sale",
    "page",
    "replace_categories",
    "replace_images",
    "set_categories",
    "set_image",
    "set_order",
    "set_product",
    "set_products",
    "set_variant",
    "set_variants",
]
