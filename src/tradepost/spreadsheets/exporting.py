"""Everything of one kind as comma-separated values, a page at a time: nothing is held while the reader is slow.

Each page is a statement of its own. What changes meanwhile is in it as it was when its page was read.
"""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from uuid import UUID

from tradepost import catalog
from tradepost.catalog import Product, Variant, categories
from tradepost.core import clock, money
from tradepost.core.ids import milliseconds
from tradepost.db import Database
from tradepost.db.connections import Row
from tradepost.spreadsheets import books
from tradepost.spreadsheets.cells import guarded, joined, written_options, written_path
from tradepost.spreadsheets.fields import FIELDS
from tradepost.stores import Store

_PRODUCTS = 500
_ROWS = 1000
_NEVER = UUID(int=0)
_CUSTOMER = ("id", "email", "firstName", "lastName", "phone", "isActive", "emailVerified", "createdAt", "updatedAt")
_ORDER = (
    *("orderNumber", "createdAt", "status", "paymentStatus", "fulfillmentStatus", "customerId", "email", "currency"),
    *("subtotal", "discountAmount", "taxAmount", "shippingAmount", "totalAmount", "items", "notes"),
)
_ADDRESS = ("firstName", "lastName", "company", "line1", "line2", "city", "state", "postalCode", "country", "phone")

Cell = str | int | bool | None
"""What is written in one cell."""


async def products(db: Database, store: Store) -> AsyncIterator[bytes]:
    """A row for each variant, with the columns of an import: read in again, it changes nothing."""
    yield lines([FIELDS])
    last = _NEVER
    while True:
        async with db.read() as reader:
            page = await catalog.after(reader, store.id, last, limit=_PRODUCTS)
            if not page:
                return
            ids = [variant.id for product in page for variant in product.variants]
            on_hand = await books.on_hand(reader, store.id, ids)
            paths = await categories.paths(reader, store.id)
        written = money.writer(store.currency)
        yield lines(
            _product(product, variant, on_hand, paths, written) for product in page for variant in product.variants
        )
        last = page[-1].id


async def customers(db: Database, store: Store) -> AsyncIterator[bytes]:
    """A row for each customer, in the order in which they came."""
    yield lines([_CUSTOMER])
    async for page in _pages(db, store, books.customers_after):
        yield lines(map(_customer, page))


async def orders(db: Database, store: Store) -> AsyncIterator[bytes]:
    """A row for each order, in the order in which they were placed; deleted ones are left out."""
    yield lines([[*_ORDER, *(f"shipping{name[0].upper()}{name[1:]}" for name in _ADDRESS)]])
    async for page in _pages(db, store, books.orders_after):
        yield lines(map(_order, page))


async def _pages(db: Database, store: Store, after: books.After) -> AsyncIterator[list[Row]]:
    """Page after page of rows that begin with an id."""
    last = _NEVER
    while True:
        async with db.read() as reader:
            page = await after(reader, store.id, last, limit=_ROWS)
        if not page:
            return
        yield page
        last = page[-1][0]


def lines(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Rows of cells as they go over the wire."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _cell(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case int():
            return str(cell)
        case _:
            return guarded(cell)


def _product(
    product: Product,
    variant: Variant,
    on_hand: dict[UUID, int],
    paths: dict[UUID, categories.Path],
    written: Callable[[int], str],
) -> list[Cell]:
    """In the order of FIELDS. What is the product's own stands in each of its rows."""

    def amount(minor: int | None) -> str | None:
        return None if minor is None else written(minor)

    homes = [written_path(paths[id_]) for id_ in product.category_ids if id_ in paths]
    sides = variant.dimensions
    return [
        product.slug,
        product.name,
        product.description,
        product.short_description,
        product.status,
        product.is_featured,
        product.seo_title,
        product.seo_description,
        product.tax_class,
        written_path(paths[product.category_id]) if product.category_id in paths else None,
        " | ".join(homes),
        " ".join(image.url for image in product.images),
        joined([image.alt for image in product.images], "|"),
        variant.sku,
        variant.barcode,
        variant.name,
        written_options(variant.options),
        amount(variant.price),
        amount(variant.compare_price),
        amount(variant.cost_price),
        variant.track_inventory,
        on_hand.get(variant.id, 0) if variant.track_inventory else None,
        variant.low_stock_threshold,
        variant.weight,
        sides.length if sides else None,
        sides.width if sides else None,
        sides.height if sides else None,
        variant.is_active,
    ]


def _customer(row: Row) -> list[Cell]:
    id_, email, first_name, last_name, phone, is_active, is_verified, created_at, updated_at = row
    return [
        *(str(id_), email, first_name, last_name, phone, is_active, is_verified),
        *(clock.rfc3339(created_at), clock.rfc3339(updated_at)),
    ]


def _order(row: Row) -> list[Cell]:
    (
        id_, number, status, payment_status, fulfillment_status, customer_id, email, currency, subtotal, discount, tax,
        shipping, total, notes, address, items,
    ) = row  # fmt: skip
    written = money.writer(currency)
    placed_at = clock.rfc3339(clock.from_ms(milliseconds(id_)))
    return [
        *(number, placed_at, status, payment_status, fulfillment_status, customer_id and str(customer_id), email),
        *(currency, *(written(amount) for amount in (subtotal, discount, tax, shipping, total))),
        *(joined([f"{quantity} x {sku}" for sku, quantity in items], " | "), notes),
        *((address or {}).get(name) for name in _ADDRESS),
    ]
