"""Many products written at once. Their rows are locked."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tradepost.catalog.model import BarcodeTaken, Image, Product, Variant
from tradepost.catalog.store.belonging import insert_belonging
from tradepost.catalog.store.writing import json_text, once
from tradepost.db import Tx
from tradepost.db.arrays import uuids


async def set_products(tx: Tx, store_id: UUID, products: Sequence[Product]) -> list[Product]:
    """Writes what is the products' own, but their slugs, and counts their versions up."""
    rows = await tx.rows(
        """
        update product
        set name = changed.name,
            description = changed.description,
            short_description = changed.short_description,
            status = changed.status,
            is_featured = changed.is_featured,
            seo_title = changed.seo_title,
            seo_description = changed.seo_description,
            price = changed.price,
            options = changed.options::jsonb,
            tax_class = changed.tax_class,
            version = version + 1,
            updated_at = now()
        from unnest(%(ids)b::uuid[], %(names)b::text[], %(descriptions)b::text[], %(short_descriptions)b::text[],
                    %(statuses)b::text[], %(featured)b::boolean[], %(seo_titles)b::text[],
                    %(seo_descriptions)b::text[], %(prices)b::int8[], %(options)b::text[],
                    %(tax_classes)b::text[])
             as changed (id, name, description, short_description, status, is_featured, seo_title, seo_description,
                         price, options, tax_class)
        where product.store_id = %(store_id)s
          and product.id = changed.id
        returning product.id, product.version, product.updated_at
        """,
        {
            "store_id": store_id,
            "ids": [product.id for product in products],
            "names": [product.name for product in products],
            "descriptions": [product.description for product in products],
            "short_descriptions": [product.short_description for product in products],
            "statuses": [str(product.status) for product in products],
            "featured": [product.is_featured for product in products],
            "seo_titles": [product.seo_title for product in products],
            "seo_descriptions": [product.seo_description for product in products],
            "prices": [product.price for product in products],
            "options": [json_text(product.options) for product in products],
            "tax_classes": [product.tax_class for product in products],
        },
    )
    written: dict[UUID, tuple[int, datetime]] = {id_: (version, at) for id_, version, at in rows}
    return [
        msgspec.structs.replace(product, version=written[product.id][0], updated_at=written[product.id][1])
        for product in products
    ]


async def set_variants(tx: Tx, store_id: UUID, variants: Sequence[Variant]) -> None:
    """Writes variants, but their SKUs. Raises BarcodeTaken."""
    async with once(tx, variant_barcode_once=BarcodeTaken):
        await tx.run(
            _SET_VARIANTS,
            {
                "store_id": store_id,
                "ids": [variant.id for variant in variants],
                "barcodes": [variant.barcode for variant in variants],
                "names": [variant.name for variant in variants],
                "options": [json_text(variant.options) for variant in variants],
                "prices": [variant.price for variant in variants],
                "own_prices": [variant.own_price for variant in variants],
                "compare_prices": [variant.compare_price for variant in variants],
                "cost_prices": [variant.cost_price for variant in variants],
                "tracked": [variant.track_inventory for variant in variants],
                "thresholds": [variant.low_stock_threshold for variant in variants],
                "weights": [variant.weight for variant in variants],
                "dimensions": [json_text(variant.dimensions) for variant in variants],
                "image_ids": [variant.image_id for variant in variants],
                "active": [variant.is_active for variant in variants],
            },
        )


_SET_VARIANTS = """
    update product_variant as variant
    set barcode = changed.barcode,
        name = changed.name,
        options = changed.options::jsonb,
        price = changed.price,
        own_price = changed.own_price,
        compare_price = changed.compare_price,
        cost_price = changed.cost_price,
        track_inventory = changed.track_inventory,
        low_stock_threshold = changed.low_stock_threshold,
        weight = changed.weight,
        dimensions = changed.dimensions::jsonb,
        image_id = changed.image_id,
        is_active = changed.is_active
    from unnest(%(ids)b::uuid[], %(barcodes)b::text[], %(names)b::text[], %(options)b::text[], %(prices)b::int8[],
                %(own_prices)b::int8[], %(compare_prices)b::int8[], %(cost_prices)b::int8[], %(tracked)b::boolean[],
                %(thresholds)b::int4[], %(weights)b::int4[], %(dimensions)b::text[], %(image_ids)b::uuid[],
                %(active)b::boolean[])
         as changed (id, barcode, name, options, price, own_price, compare_price, cost_price, track_inventory,
                     low_stock_threshold, weight, dimensions, image_id, is_active)
    where variant.store_id = %(store_id)s
      and variant.id = changed.id
"""


async def replace_categories(tx: Tx, store_id: UUID, products: Sequence[Product]) -> None:
    """Puts products into their categories, which are held, and takes them out of all others."""
    await tx.run(
        "delete from product_category where store_id = %(store_id)s and product_id = any(%(ids)s)",
        {"store_id": store_id, "ids": uuids([product.id for product in products])},
    )
    await insert_belonging(tx, store_id, [(product.id, product) for product in products])


async def replace_images(tx: Tx, store_id: UUID, products: Sequence[Product]) -> None:
    """The images of products as they are here. Variants name no others any more."""
    rows = [(product.id, at, image) for product in products for at, image in enumerate(product.images)]
    ids = {"store_id": store_id, "ids": uuids([product.id for product in products])}
    await tx.run(
        """
        delete from product_image
        where store_id = %(store_id)s
          and product_id = any(%(ids)s)
          and id <> all(%(kept)s)
        """,
        {**ids, "kept": uuids([image.id for _, _, image in rows])},
    )
    if rows:
        await tx.run(_PUT_IMAGES, {"store_id": store_id, **_columns(rows)})
        await tx.run(_NEW_IMAGES, {"store_id": store_id, **_columns(rows)})


_PUT_IMAGES = """
    update product_image as image
    set position = wanted.position,
        alt = wanted.alt
    from unnest(%(product_ids)b::uuid[], %(ids)b::uuid[], %(positions)b::int4[], %(urls)b::text[], %(alts)b::text[])
         as wanted (product_id, id, position, url, alt)
    where image.store_id = %(store_id)s
      and image.product_id = wanted.product_id
      and image.id = wanted.id
"""
_NEW_IMAGES = """
    insert into product_image (store_id, product_id, id, position, url, alt)
    select %(store_id)s, product_id, id, position, url, alt
    from unnest(%(product_ids)b::uuid[], %(ids)b::uuid[], %(positions)b::int4[], %(urls)b::text[], %(alts)b::text[])
         as wanted (product_id, id, position, url, alt)
    on conflict (store_id, product_id, id) do nothing
"""


def _columns(rows: Sequence[tuple[UUID, int, Image]]) -> dict[str, list[object]]:
    return {
        "product_ids": [product_id for product_id, _, _ in rows],
        "ids": [image.id for _, _, image in rows],
        "positions": [position for _, position, _ in rows],
        "urls": [image.url for _, _, image in rows],
        "alts": [image.alt for _, _, image in rows],
    }
