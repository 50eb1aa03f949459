"""What is sold: products, each with at least one variant that carries its price, SKU and stock."""

from tradepost.catalog.actions import (
    OpeningStock,
    add_variant,
    archive,
    change,
    change_variant,
    create,
    create_many,
)
from tradepost.catalog.events import ProductArchived, ProductChanged, ProductCreated
from tradepost.catalog.model import (
    ActiveVariantRequired,
    Dimensions,
    Draft,
    Product,
    ProductChanges,
    SkuTaken,
    SlugTaken,
    Status,
    TooManyVariants,
    Variant,
    VariantChanges,
    VariantDraft,
    VariantRequired,
    openings,
)
from tradepost.catalog.store import find, get
from tradepost.catalog.weights import weights

__all__ = [
    "ActiveVariantRequired",
    "Dimensions",
    "Draft",
    "OpeningStock",
    "Product",
    "ProductArchived",
    "ProductChanged",
    "ProductChanges",
    "ProductCreated",
    "SkuTaken",
    "SlugTaken",
    "Status",
    "TooManyVariants",
    "Variant",
    "VariantChanges",
    "VariantDraft",
    "VariantRequired",
    "add_variant",
    "archive",
    "change",
    "change_variant",
    "create",
    "create_many",
    "find",
    "get",
    "openings",
    "weights",
]
