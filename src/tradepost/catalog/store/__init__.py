"""Every statement on products and their variants."""

from tradepost.catalog.store.reading import SORTS, ProductFilter, featured, find, get, page
from tradepost.catalog.store.writing import (
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
    "ProductFilter",
    "featured",
    "find",
    "free_number_of_sku",
    "free_number_of_slug",
    "get",
    "insert_products",
    "insert_variants",
    "lock",
    "page",
    "set_product",
    "set_variant",
]
