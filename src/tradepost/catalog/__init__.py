"""What is sold: products in categories, each with at least one variant that carries its price, SKU and stock."""

from tradepost.catalog.actions import (
    OpeningStock,
    add_variant,
    archive,
    change,
    change_variant,
    create,
    create_many,
    generate,
)
from tradepost.catalog.events import ProductArchived, ProductChanged, ProductCreated
from tradepost.catalog.matrix import Option
from tradepost.catalog.model import (
    ActiveVariantRequired,
    BarcodeTaken,
    CombinationTaken,
    Dimensions,
    Draft,
    ImageDraft,
    Product,
    ProductChanges,
    ProductIncomplete,
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
from tradepost.catalog.store.marks import marks
from tradepost.catalog.weights import weights

__all__ = [
    "ActiveVariantRequired",
    "BarcodeTaken",
    "CombinationTaken",
    "Dimensions",
    "Draft",
    "ImageDraft",
    "OpeningStock",
    "Option",
    "Product",
    "ProductArchived",
    "ProductChanged",
    "ProductChanges",
    "ProductCreated",
    "ProductIncomplete",
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
    "generate",
    "get",
    "marks",
    "openings",
    "weights",
]
