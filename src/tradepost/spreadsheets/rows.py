"""Rows as they were meant: cells become values, or errors that name the column."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tradepost.catalog import Status, written
from tradepost.catalog.categories import MOST_DEPTH, Path
from tradepost.catalog.model import MOST_CATEGORIES, MOST_IMAGES, ImageDraft
from tradepost.core import money, texts, urls
from tradepost.core.errors import ValidationFailed
from tradepost.http.bodies import refusal
from tradepost.spreadsheets import cells, fields
from tradepost.spreadsheets.fields import OPTION
from tradepost.spreadsheets.model import Layout, RowError
from tradepost.spreadsheets.reading import Record

Values = dict[str, Any]
"""What a row says, by field: only what is not blank. Of which type a value is, `_READERS` says."""

_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,6})?")
_MANY_DIGITS = re.compile(r"\d(?:[ -]?\d){12}")
_WORDS: dict[str, bool] = {
    **dict.fromkeys("true yes y 1 on".split(), True),
    **dict.fromkeys("false no n 0 off".split(), False),
}
_FREE = ("name", "description")


class CellError(ValueError):
    """A cell is not what its column is for."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Row(msgspec.Struct, eq=False):
    """One row: its values, and what is wrong with it. A row with an error is left out."""

    line: int
    values: Values
    errors: list[RowError]

    @property
    def sku(self) -> str:
        return self.values.get("sku", "")

    @property
    def slug(self) -> str | None:
        return self.values.get("slug")


class Meaning:
    """Reads the rows of one file. `currency` is that of its prices."""

    def __init__(self, layout: Layout, currency: str) -> None:
        self._layout = layout
        self._currency = currency
        self._decimal_comma = layout.separator != ","
        self._readers = [None if field is None else self._reader(field) for field in layout.fields]

    def row(self, record: Record) -> Row:
        """A record's row, with everything that is wrong with its cells."""
        row = Row(record.line, {}, [])
        if record.problem is not None:
            row.errors.append(RowError(record.line, None, None, "malformed_row", record.problem))
            return row
        if len(record.cells) > len(self._layout.headers) and any(record.cells[len(self._layout.headers) :]):
            detail = f"has {len(record.cells)} cells; the header has {len(self._layout.headers)}"
            row.errors.append(RowError(record.line, None, None, "too_many_cells", detail))
            return row
        for header, field, read, cell in zip(
            self._layout.headers, self._layout.fields, self._readers, record.cells, strict=False
        ):
            if read is None or field is None or not cell or cell.isspace():
                continue
            try:
                _put(row.values, field, read(cells.unguarded(cell)))
            except CellError as error:
                row.errors.append(RowError(record.line, header, None, error.code, str(error)))
        self._refuse_characters(record, row)
        self._require(row)
        if row.sku:
            row.errors = [msgspec.structs.replace(error, sku=row.sku) for error in row.errors]
        return row

    def _require(self, row: Row) -> None:
        if not row.sku and not any(error.header == fields.header_of(self._layout, "sku") for error in row.errors):
            row.errors.append(RowError(row.line, fields.header_of(self._layout, "sku"), None, "required", "is missing"))

    def _refuse_characters(self, record: Record, row: Row) -> None:
        """What the rest of the API does not take either: control characters, and numbers of payment cards."""
        whole = "\n".join(record.cells)
        if texts.has_forbidden(whole):
            for header, cell in zip(self._layout.headers, record.cells, strict=False):
                if texts.has_forbidden(cell):
                    detail = "has a control or invisible character"
                    row.errors.append(RowError(row.line, header, None, "invalid_character", detail))
        if _MANY_DIGITS.search(whole):
            for field in _FREE:
                if texts.has_card_number(row.values.get(field, "")):
                    header = fields.header_of(self._layout, field)
                    detail = "has the number of a payment card: leave it out"
                    row.errors.append(RowError(row.line, header, None, "card_data_not_allowed", detail))

    def _reader(self, field: str) -> Callable[[str], Any]:
        if field.startswith(OPTION):
            return lambda cell: {field[len(OPTION) :]: _option_value(cell)}
        if field in ("price", "comparePrice", "costPrice"):
            return self._amount
        return _READERS[field]

    def _amount(self, cell: str) -> int:
        text = cell.strip()
        if self._decimal_comma and "." not in text:
            text = text.replace(",", ".", 1)
        return _minor(text, self._currency)


def _put(values: Values, field: str, value: Any) -> None:  # noqa: ANN401 - of the field's type
    """Options of several columns are together, and so are images."""
    if field.startswith(OPTION) or field == "options":
        value = values.get("options", {}) | value
        field = "options"
    elif field == "images":
        value = (*values.get("images", ()), *value)
        if len(value) > MOST_IMAGES:
            raise CellError("out_of_range", f"has too many images: {MOST_IMAGES} are the most")
    values[field] = value


@lru_cache(4096)
def _minor(text: str, currency: str) -> int:
    if not _AMOUNT.fullmatch(text):
        raise CellError("invalid_type", "is no amount such as 19.99")
    try:
        return money.parse(Decimal(text), currency)
    except money.AmountError as error:
        raise CellError(error.code, str(error)) from None


def _read(kind: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - an annotated type
    """Reads a cell as a value of one of the API's types, under the same rules. It raises CellError.

    The type is a field's of a struct, as msgspec looks at a bare one anew each time, which takes longer than the rest.
    """
    holder = msgspec.defstruct("Cell", [("value", kind)])

    def read(cell: Any) -> Any:  # noqa: ANN401 - see above
        try:
            return msgspec.convert({"value": cell}, holder, strict=False).value  # pyrefly: ignore[missing-attribute]
        except msgspec.ValidationError as error:
            (found,) = refusal(error, "").errors
            # Every cell is text, so only a number can be of another type.
            detail = "is no whole number" if found.code == "invalid_type" else found.detail
            raise CellError(found.code, detail) from None

    return read


def _trimmed(kind: Any) -> Callable[[str], Any]:  # noqa: ANN401
    read = _read(kind)
    return lambda cell: read(cell.strip())


_option_value = _trimmed(written.OptionValue)
_category_name = _read(Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")])
_url = _read(written.Url)
_alt = _read(written.Alt)
_combination = _read(written.Combination)


def _flag(cell: str) -> bool:
    found = _WORDS.get(cell.strip().lower())
    if found is None:
        raise CellError("invalid_type", "is neither true nor false")
    return found


def _status(cell: str) -> Status:
    try:
        return Status(cell.strip().upper())
    except ValueError:
        raise CellError("invalid_value", f"is none of {', '.join(Status)}") from None


@lru_cache(1024)
def _path(cell: str) -> Path:
    names = cells.path(cell)
    if len(names) > MOST_DEPTH:
        raise CellError("category_too_deep", f"has {len(names)} levels; {MOST_DEPTH} are the most")
    return tuple(_category_name(name) for name in names)


def _paths(cell: str) -> tuple[Path, ...]:
    found = tuple(dict.fromkeys(_path(part) for part in cells.parted(cell, "|")))
    if len(found) > MOST_CATEGORIES:
        raise CellError("out_of_range", f"has too many categories: {MOST_CATEGORIES} are the most")
    return found


def _images(cell: str) -> tuple[str, ...]:
    found = tuple(cell.split())
    for url in found:
        _url(url)
        try:
            urls.check_public_https(url, pointer="")
        except ValidationFailed as error:
            raise CellError(error.errors[0].code, error.errors[0].detail) from None
    return found


def _alts(cell: str) -> tuple[str, ...]:
    return tuple(_alt(alt) for alt in cells.listed(cell))


def _options(cell: str) -> dict[str, str]:
    found = cells.options(cell)
    if found is None:
        raise CellError("invalid_format", "is not of the form size: M | colour: Red")
    return _combination(found)


_READERS: dict[str, Callable[[str], Any]] = {
    "slug": _trimmed(written.Slug),
    "name": _read(written.Name),
    "description": _read(written.Description),
    "shortDescription": _read(written.ShortText),
    "status": _status,
    "isFeatured": _flag,
    "seoTitle": _read(written.SeoTitle),
    "seoDescription": _read(written.ShortText),
    "taxClass": _trimmed(written.TaxClass),
    "category": _path,
    "categories": _paths,
    "images": _images,
    "imageAlts": _alts,
    "sku": _trimmed(written.Sku),
    "barcode": _trimmed(written.Barcode),
    "variantName": _read(written.Name),
    "options": _options,
    "trackInventory": _flag,
    "stock": _trimmed(written.Quantity),
    "lowStockThreshold": _trimmed(written.Threshold),
    "weight": _trimmed(written.Grams),
    "length": _trimmed(written.Millimetres),
    "width": _trimmed(written.Millimetres),
    "height": _trimmed(written.Millimetres),
    "isActive": _flag,
}


class Group(msgspec.Struct, eq=False):
    """The rows of one product, which stand or fall together: no product is half imported."""

    rows: list[Row]

    @property
    def first(self) -> Row:
        return self.rows[0]


def said(group: Group, layout: Layout) -> Values:
    """What the rows say of the product itself. Where a later one says something else, that is its error."""
    found: Values = {}
    for row in group.rows:
        for field in fields.PRODUCT:
            value = row.values.get(field)
            if value is None:
                continue
            if found.setdefault(field, value) != value:
                detail = "is not what an earlier row of the same product says"
                header = fields.header_of(layout, field)
                row.errors.append(RowError(row.line, header, row.sku, "contradiction", detail))
    return found


def images_of(values: Values, known: dict[str, str]) -> tuple[ImageDraft, ...] | None:
    """The images that the rows name; a text that they do not give is the one that the image has, by `known`."""
    if "images" not in values:
        return None
    alts: Sequence[str] = values.get("imageAlts", ())
    return tuple(
        ImageDraft(url, alts[at] if at < len(alts) else known.get(url, "")) for at, url in enumerate(values["images"])
    )
