from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import msgspec
from psycopg import errors

from tradepost.catalog.matrix import Options
from tradepost.catalog.model import (
    BarcodeTaken,
    Dimensions,
    Draft,
    Product,
    SkuTaken,
    SlugTaken,
    Variant,
    VariantDraft,
)
from tradepost.catalog.naming import reference
from tradepost.catalog.store.reading import get
from tradepost.core.errors import FieldError, NotFound
from tradepost.db import Reader, Tx


async def lock(tx: Tx, store_id: UUID, ref: str) -> Product:
    """The product, which nobody else changes before this transaction ends. Raises NotFound.

    Two statements: one that had waited for the lock would show the variants as they were before its wait.
    """
    known = reference(ref)
    product_id = await tx.value(
        _LOCK_BY_ID if isinstance(known, UUID) else _LOCK_BY_SLUG, {"store_id": store_id, "ref": known}
    )
    if product_id is None:
        raise NotFound
    return await get(tx, store_id, product_id)


_LOCK_BY_ID = """
    select id
    from product
    where store_id = %(store_id)s
      and id = %(ref)s
    for no key update
"""
_LOCK_BY_SLUG = """
    select id
    from product
    where store_id = %(store_id)s
      and slug = %(ref)s
    for no key update
"""


async def free_number_of_slug(tx: Tx, store_id: UUID, slugs: Sequence[str]) -> dict[str, int]:
    """For each slug the smallest number from 2 with which it is free; only those that have one below 10,000."""
    return dict(
        await tx.rows(
            """
            select wanted.slug, free.number
            from unnest(%(slugs)b::text[]) as wanted (slug)
            cross join lateral (
              select number
              from generate_series(2, 9999) as number
              where not exists (
                select
                from product
                where product.store_id = %(store_id)s
                  and product.slug = wanted.slug || '-' || number
              )
              limit 1
            ) as free
            """,
            {"store_id": store_id, "slugs": list(slugs)},
        )
    )


async def free_number_of_sku(tx: Tx, store_id: UUID, skus: Sequence[str]) -> dict[str, int]:
    """As `free_number_of_slug`."""
    return dict(
        await tx.rows(
            """
            select wanted.sku, free.number
            from unnest(%(skus)b::text[]) as wanted (sku)
            cross join lateral (
              select number
              from generate_series(2, 9999) as number
              where not exists (
                select
                from product_variant as variant
                where variant.store_id = %(store_id)s
                  and variant.sku = wanted.sku || '-' || number
              )
              limit 1
            ) as free
            """,
            {"store_id": store_id, "skus": list(skus)},
        )
    )


async def barcodes_in_use(db: Reader, store_id: UUID, barcodes: Sequence[str]) -> set[str]:
    rows = await db.rows(
        "select barcode from product_variant where store_id = %(store_id)s and barcode = any(%(barcodes)s)",
        {"store_id": store_id, "barcodes": list(barcodes)},
    )
    return {barcode for (barcode,) in rows}


async def insert_products(
    tx: Tx, store_id: UUID, slugs: Mapping[UUID, str], drafts: Mapping[UUID, Draft]
) -> dict[UUID, datetime]:
    """Inserts the products whose slugs are free, each once; which ones, and when.

    In the order of slugs, so that two of these wait for each other rather than both.
    """
    products = [(id_, slug, drafts[id_]) for id_, slug in slugs.items()]
    return dict(
        await tx.rows(
            """
            insert into product (store_id, id, slug, name, description, short_description, status, is_featured,
                                 seo_title, seo_description, price, options, tax_class)
            select %(store_id)s, id, slug, name, description, short_description, status, is_featured, seo_title,
                   seo_description, price, options::jsonb, tax_class
            from unnest(%(ids)b::uuid[], %(slugs)b::text[], %(names)b::text[], %(descriptions)b::text[],
                        %(short_descriptions)b::text[], %(statuses)b::text[], %(featured)b::boolean[],
                        %(seo_titles)b::text[], %(seo_descriptions)b::text[], %(prices)b::int8[],
                        %(options)b::text[], %(tax_classes)b::text[])
                 as draft (id, slug, name, description, short_description, status, is_featured, seo_title,
                           seo_description, price, options, tax_class)
            order by slug, id
            on conflict on constraint product_slug_once do nothing
            returning id, created_at
            """,
            {
                "store_id": store_id,
                "ids": [id_ for id_, _, _ in products],
                "slugs": [slug for _, slug, _ in products],
                "names": [draft.name for _, _, draft in products],
                "descriptions": [draft.description for _, _, draft in products],
                "short_descriptions": [draft.short_description for _, _, draft in products],
                "statuses": [str(draft.status) for _, _, draft in products],
                "featured": [draft.is_featured for _, _, draft in products],
                "seo_titles": [draft.seo_title for _, _, draft in products],
                "seo_descriptions": [draft.seo_description for _, _, draft in products],
                "prices": [draft.price for _, _, draft in products],
                "options": [json_text(draft.options) for _, _, draft in products],
                "tax_classes": [draft.tax_class for _, _, draft in products],
            },
        )
    )


class Placed(msgspec.Struct, frozen=True):
    """A variant to be, its place, which is the product and the position there, and what it costs."""

    product_id: UUID
    position: int
    price: int | None
    draft: VariantDraft


async def insert_variants(tx: Tx, store_id: UUID, skus: Mapping[UUID, str], placed: Mapping[UUID, Placed]) -> set[UUID]:
    """Inserts the variants whose SKUs are free, each once, in the order of SKUs; which ones. Raises BarcodeTaken."""
    variants = [(id_, sku, placed[id_], placed[id_].draft) for id_, sku in skus.items()]
    async with once(tx, variant_barcode_once=BarcodeTaken):
        rows = await tx.rows(
            _INSERT_VARIANTS,
            {
                "store_id": store_id,
                "ids": [id_ for id_, _, _, _ in variants],
                "product_ids": [place.product_id for _, _, place, _ in variants],
                "positions": [place.position for _, _, place, _ in variants],
                "skus": [sku for _, sku, _, _ in variants],
                "barcodes": [draft.barcode for _, _, _, draft in variants],
                "names": [draft.name for _, _, _, draft in variants],
                "options": [json_text(draft.options) for _, _, _, draft in variants],
                "prices": [place.price for _, _, place, _ in variants],
                "own_prices": [draft.own_price for _, _, _, draft in variants],
                "compare_prices": [draft.compare_price for _, _, _, draft in variants],
                "cost_prices": [draft.cost_price for _, _, _, draft in variants],
                "tracked": [draft.track_inventory for _, _, _, draft in variants],
                "thresholds": [draft.low_stock_threshold for _, _, _, draft in variants],
                "weights": [draft.weight for _, _, _, draft in variants],
                "dimensions": [json_text(draft.dimensions) for _, _, _, draft in variants],
                "active": [draft.is_active for _, _, _, draft in variants],
            },
        )
    return {id_ for (id_,) in rows}


_INSERT_VARIANTS = """
    insert into product_variant (store_id, id, product_id, position, sku, barcode, name, options, price, own_price,
                                 compare_price, cost_price, track_inventory, low_stock_threshold, weight, dimensions,
                                 is_active)
    select %(store_id)s, id, product_id, position, sku, barcode, name, options::jsonb, price, own_price, compare_price,
           cost_price, track_inventory, low_stock_threshold, weight, dimensions::jsonb, is_active
    from unnest(%(ids)b::uuid[], %(product_ids)b::uuid[], %(positions)b::int4[], %(skus)b::text[],
                %(barcodes)b::text[], %(names)b::text[], %(options)b::text[], %(prices)b::int8[],
                %(own_prices)b::int8[], %(compare_prices)b::int8[], %(cost_prices)b::int8[], %(tracked)b::boolean[],
                %(thresholds)b::int4[], %(weights)b::int4[], %(dimensions)b::text[], %(active)b::boolean[])
         as draft (id, product_id, position, sku, barcode, name, options, price, own_price, compare_price, cost_price,
                   track_inventory, low_stock_threshold, weight, dimensions, is_active)
    order by sku, id
    on conflict on constraint variant_sku_once do nothing
    returning id
"""


async def set_product(tx: Tx, store_id: UUID, product: Product) -> Product:
    """Writes a locked product's own fields and counts its version up. Raises SlugTaken."""
    async with once(tx, product_slug_once=SlugTaken):
        row = await tx.row(
            """
            update product
            set slug = %(slug)s,
                name = %(name)s,
                description = %(description)s,
                short_description = %(short_description)s,
                status = %(status)s,
                is_featured = %(is_featured)s,
                seo_title = %(seo_title)s,
                seo_description = %(seo_description)s,
                price = %(price)s,
                options = %(options)s::text::jsonb,
                tax_class = %(tax_class)s,
                version = version + 1,
                updated_at = now()
            where store_id = %(store_id)s
              and id = %(id)s
            returning version, updated_at
            """,
            msgspec.structs.asdict(product) | {"store_id": store_id, "options": json_text(product.options)},
        )
    if row is None:
        raise NotFound
    version, updated_at = row
    return msgspec.structs.replace(product, version=version, updated_at=updated_at)


async def set_variant(tx: Tx, store_id: UUID, variant: Variant) -> None:
    """Writes a variant of a locked product. Raises SkuTaken, BarcodeTaken."""
    async with once(tx, variant_sku_once=SkuTaken, variant_barcode_once=BarcodeTaken):
        await tx.run(
            """
            update product_variant
            set sku = %(sku)s,
                barcode = %(barcode)s,
                name = %(name)s,
                options = %(options)s::text::jsonb,
                price = %(price)s,
                own_price = %(own_price)s,
                compare_price = %(compare_price)s,
                cost_price = %(cost_price)s,
                track_inventory = %(track_inventory)s,
                low_stock_threshold = %(low_stock_threshold)s,
                weight = %(weight)s,
                dimensions = %(dimensions)s::text::jsonb,
                image_id = %(image_id)s,
                is_active = %(is_active)s
            where store_id = %(store_id)s
              and id = %(id)s
            """,
            msgspec.structs.asdict(variant)
            | {
                "store_id": store_id,
                "options": json_text(variant.options),
                "dimensions": json_text(variant.dimensions),
            },
        )


_POINTERS = {SlugTaken: "/slug", SkuTaken: "/sku", BarcodeTaken: "/barcode"}


@asynccontextmanager
async def once(tx: Tx, **refusals: type[SlugTaken | SkuTaken | BarcodeTaken]) -> AsyncIterator[None]:
    """Turns the violation of a unique index, by its name, into a refusal; what was done before it stays."""
    try:
        async with tx.savepoint():
            yield
    except errors.UniqueViolation as error:
        refusal = refusals.get(error.diag.constraint_name or "")
        if refusal is None:
            raise
        raise refusal(errors=[FieldError(_POINTERS[refusal], refusal.code, "is in use")]) from None


def json_text(value: Dimensions | Options | dict[str, str] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
