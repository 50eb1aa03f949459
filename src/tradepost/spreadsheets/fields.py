"""The columns that an import knows, and which of them a header names."""

import re
from collections.abc import Mapping, Sequence

from tradepost.core.errors import FieldError
from tradepost.spreadsheets.model import Layout, SpreadsheetUnusable, unusable

PRODUCT = (
    *("slug", "name", "description", "shortDescription", "status", "isFeatured", "seoTitle", "seoDescription"),
    *("taxClass", "category", "categories", "images", "imageAlts"),
)
"""What is a product's: said in its first row, and in the others the same or nothing."""

VARIANT = (
    *("sku", "barcode", "variantName", "options", "price", "comparePrice", "costPrice", "trackInventory", "stock"),
    *("lowStockThreshold", "weight", "length", "width", "height", "isActive"),
)
FIELDS = (*PRODUCT, *VARIANT)
OPTION = "option:"
"""`option:size` is a column of its own for the option `size`."""

MOST_COLUMNS = 500
_SHOWN = 50
_IGNORED = ("", "-")
_OTHER_NAMES = {
    "handle": "slug",
    "title": "name",
    "productname": "name",
    "variant": "variantName",
    "quantity": "stock",
    "onhand": "stock",
    "inventoryquantity": "stock",
    "compareatprice": "comparePrice",
    "cost": "costPrice",
    "ean": "barcode",
    "gtin": "barcode",
    "image": "images",
    "imageurl": "images",
    "imageurls": "images",
    "imagealt": "imageAlts",
    "featured": "isFeatured",
    "active": "isActive",
    "weightgrams": "weight",
}
_KNOWN = {field.lower(): field for field in FIELDS} | _OTHER_NAMES
_NUMBERED_IMAGE = re.compile(r"image(?:url)?\d+")


def field_of(header: str) -> str | None:
    """The field that a header names, however it is spaced and in whatever letters; None where it names none."""
    text = header.strip()
    if text.lower().startswith(OPTION) and text[len(OPTION) :].strip():
        return OPTION + text[len(OPTION) :].strip()
    plain = re.sub(r"[\s_-]+", "", text).lower()
    return "images" if _NUMBERED_IMAGE.fullmatch(plain) else _KNOWN.get(plain)


def columns(headers: Sequence[str], mapping: Mapping[str, str]) -> list[str | None]:
    """The field of each column. `mapping` goes before our own words; mapped to nothing, a column is ignored.

    Raises SpreadsheetUnusable, with all that is wrong.
    """
    if len(headers) > MOST_COLUMNS:
        raise _unusable([("", "too_many_columns", f"has {len(headers)} columns; {MOST_COLUMNS} are the most")])
    wrong: list[tuple[str, str, str]] = []
    fields: list[str | None] = []
    for header in headers:
        said = mapping.get(header.strip())
        fields.append(None if said in _IGNORED else field_of(header if said is None else said))
        if said is not None and said not in _IGNORED and fields[-1] is None:
            wrong.append((header, "unknown_field", f"is mapped to {said[:_SHOWN]!r}, which is no field"))
    present = {header.strip() for header in headers}
    wrong += [(name, "unknown_header", "is mapped, and is not in the file") for name in mapping if name not in present]
    met: set[str] = set()
    for header, field in zip(headers, fields, strict=True):
        if field in met and field != "images":
            wrong.append((header, "repeated_column", f"is a second column for {field}"))
        if field is not None:
            met.add(field)
    if "sku" not in met:
        wrong.append(("sku", "header_missing", "is not among the headers: rows are known by it"))
    if wrong:
        raise _unusable(wrong)
    return fields


def header_of(layout: Layout, field: str) -> str:
    """What the file calls a field; our word where it has no such column."""
    return next((header for header, known in zip(layout.headers, layout.fields, strict=True) if known == field), field)


def _unusable(wrong: Sequence[tuple[str, str, str]]) -> SpreadsheetUnusable:
    found = [(f"/header/{header[:_SHOWN]}".removesuffix("/"), code, detail) for header, code, detail in wrong[:_SHOWN]]
    return unusable(*(FieldError(*one) for one in found))
