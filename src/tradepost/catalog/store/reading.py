from collections.abc import Iterable, Sequence
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import sql

from tradepost.catalog.local import LocalPrice, ProductText
from tradepost.catalog.matrix import Options, in_order
from tradepost.catalog.model import Image, Product, Status, Variant
from tradepost.catalog.naming import reference
from tradepost.core.errors import NotFound
from tradepost.core.pages import Page
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.arrays import texts, uuids
from tradepost.db.composing import Window
from tradepost.db.connections import Row
from tradepost.stores import Market

ALL = tuple(Status)
_VARIANTS = msgspec.json.Decoder(tuple[Variant, ...])
_IMAGES = msgspec.json.Decoder(tuple[Image, ...])
_OPTIONS = msgspec.json.Decoder(Options)
_PRICES = msgspec.json.Decoder(tuple[LocalPrice, ...])
_TEXTS = msgspec.json.Decoder(tuple[ProductText, ...])

# stock_level is inventory's: it is read here, so that a product takes one statement, and never written.
_COLUMNS: LiteralString = """
    select product.id, product.slug, product.name, product.description, product.short_description, product.status,
           product.is_featured, product.seo_title, product.seo_description, product.version, product.created_at,
           product.updated_at, product.price, product.options::text, product.tax_class,
           (select belonging.category_id
            from product_category as belonging
            where belonging.store_id = product.store_id
              and belonging.product_id = product.id
              and belonging.is_main),
           array(select belonging.category_id
                 from product_category as belonging
                 where belonging.store_id = product.store_id
                   and belonging.product_id = product.id
                   and not belonging.is_main
                 order by belonging.category_id),
           (select json_agg(json_build_object('id', image.id, 'url', image.url, 'alt', image.alt)
                            order by image.position)::text
            from product_image as image
            where image.store_id = product.store_id
              and image.product_id = product.id),
           (select json_agg(json_build_object(
                     'id', variant.id,
                     'position', variant.position,
                     'sku', variant.sku,
                     'barcode', variant.barcode,
                     'name', variant.name,
                     'options', variant.options,
                     'price', variant.price,
                     'ownPrice', variant.own_price,
                     'comparePrice', variant.compare_price,
                     'costPrice', variant.cost_price,
                     'trackInventory', variant.track_inventory,
                     'lowStockThreshold', variant.low_stock_threshold,
                     'weight', variant.weight,
                     'dimensions', variant.dimensions,
                     'imageId', variant.image_id,
                     'isActive', variant.is_active,
                     'available', (select coalesce(sum(level.on_hand - level.reserved), 0)
                                   from stock_level as level
                                   where level.store_id = variant.store_id
                                     and level.variant_id = variant.id)
                   ) order by variant.position)::text
            from product_variant as variant
            where variant.store_id = product.store_id
              and variant.product_id = product.id),
           now(),
           (select count(*) filter (where local.sale_from <= now()) + count(*) filter (where local.sale_to <= now())
            from variant_price as local
            where local.store_id = product.store_id
              and local.product_id = product.id),
           (select json_agg(json_build_array(local.variant_id, local.market_id, local.price, local.compare_price,
                                             local.sale_price, local.sale_from, local.sale_to))::text
            from variant_price as local
            where local.store_id = product.store_id
              and local.product_id = product.id
              and local.market_id = %(market_id)s),
           (select json_agg(json_build_array(said.locale, said.name, said.description, said.short_description,
                                             said.seo_title, said.seo_description))::text
            from product_text as said
            where said.store_id = product.store_id
              and said.product_id = product.id
              and said.locale = any(%(locales)s))
"""
_FROM: LiteralString = """
    from product
"""
# Joined to its cheapest active variant, in the order of the index on price: a page by price reads a page's rows. What
# has no price yet, as drafts may, comes after the highest; the number is money.LIMIT, which is the index's, too.
_FROM_CHEAPEST: LiteralString = """
    from product
    join product_variant as cheapest on cheapest.store_id = product.store_id
                                    and cheapest.product_id = product.id
                                    and cheapest.is_active
                                    and not exists (
      select
      from product_variant as other
      where other.store_id = cheapest.store_id
        and other.product_id = cheapest.product_id
        and other.is_active
        and (coalesce(other.price, 1000000000000000), other.position)
            < (coalesce(cheapest.price, 1000000000000000), cheapest.position)
    )
"""
_IN_STOCK: LiteralString = """
    exists (
      select
      from product_variant as variant
      where variant.store_id = product.store_id
        and variant.product_id = product.id
        and variant.is_active
        and (not variant.track_inventory or 0 < (
          select sum(level.on_hand - level.reserved)
          from stock_level as level
          where level.store_id = variant.store_id
            and level.variant_id = variant.id
        ))
    )
"""
_BY_ID: LiteralString = """
    where product.store_id = %(store_id)s
      and product.id = %(ref)s
      and product.status = any(%(statuses)s)
"""
_BY_SLUG: LiteralString = """
    where product.store_id = %(store_id)s
      and product.slug = %(ref)s
      and product.status = any(%(statuses)s)
"""

# Each product once, in however many of the categories it is. What this costs grows with the category, not the shop.
_IN_CATEGORY: LiteralString = """
    product.id in (
      select belonging.product_id
      from category as wanted
      join category as inside on inside.store_id = wanted.store_id and inside.path @> array[wanted.id]
      join product_category as belonging on belonging.store_id = inside.store_id and belonging.category_id = inside.id
      where wanted.store_id = %(store_id)s
        and {name} = %(category)s
        and (inside.is_shown or %(sees_hidden)s)
    )
"""
_IN_CATEGORY_BY_ID: LiteralString = _IN_CATEGORY.replace("{name}", "wanted.id")
_IN_CATEGORY_BY_SLUG: LiteralString = _IN_CATEGORY.replace("{name}", "wanted.slug")
_BY_PRICE: LiteralString = "coalesce(cheapest.price, 1000000000000000)"

SORTS = {
    "-createdAt": Sort("product.id", descending=True),
    "createdAt": Sort("product.id"),
    "name": Sort("product.id", by="product.name"),
    "-name": Sort("product.id", by="product.name", descending=True),
    "price": Sort("cheapest.product_id", by=_BY_PRICE),
    "-price": Sort("cheapest.product_id", by=_BY_PRICE, descending=True),
}


class ProductFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None does not filter. Prices in minor units, of the cheapest active variant."""

    visible: Status | None = None
    """The one status that the caller may see; None for all of them."""
    status: Status | None = None
    featured: bool | None = None
    min_price: int | None = None
    max_price: int | None = None
    in_stock: bool | None = None
    category: UUID | str | None = None
    """In it or inside it, by id or slug; of those that are shown where `visible` limits what the caller may see."""

    @property
    def by_price(self) -> bool:
        return self.min_price is not None or self.max_price is not None


class Known(msgspec.Struct, frozen=True):
    """What is there already: product and variant by SKU, product by slug."""

    by_sku: dict[str, tuple[UUID, UUID]]
    by_slug: dict[str, UUID]


async def find(
    db: Reader,
    store_id: UUID,
    ref: UUID | str,
    *,
    statuses: Sequence[Status] = ALL,
    market: Market | None = None,
) -> Product | None:
    """A product with its variants and what can be sold of them, by id or slug, in one statement.

    With its prices and words in a market; at home, and in its own words, where none is named.
    """
    known = reference(ref) if isinstance(ref, str) else ref
    params = _params(store_id, market) | {"ref": known, "statuses": [str(status) for status in statuses]}
    row = await db.row(_COLUMNS + _FROM + (_BY_ID if isinstance(known, UUID) else _BY_SLUG), params)
    return None if row is None else _product(row)


async def get(
    db: Reader,
    store_id: UUID,
    ref: UUID | str,
    *,
    statuses: Sequence[Status] = ALL,
    market: Market | None = None,
) -> Product:
    """As `find`; NotFound where there is none of these statuses."""
    found = await find(db, store_id, ref, statuses=statuses, market=market)
    if found is None:
        raise NotFound
    return found


async def known(db: Reader, store_id: UUID, *, skus: Sequence[str], slugs: Sequence[str]) -> Known:
    """Which products these SKUs and slugs belong to."""
    by_sku, by_slug = await db.together(
        (_BY_SKUS, {"store_id": store_id, "skus": texts(skus)}),
        (_BY_SLUGS, {"store_id": store_id, "slugs": texts(slugs)}),
    )
    return Known({sku: (product_id, variant_id) for sku, variant_id, product_id in by_sku}, dict(by_slug))


# Composed, so that they are planned each time: a session that asked while the shop was small would read it whole ever
# after, and a shop is never filled faster than by its first import.
_BY_SKUS = sql.SQL(
    """
    select sku, id, product_id
    from product_variant
    where store_id = %(store_id)s
      and sku = any(%(skus)s)
    """
).format()
_BY_SLUGS = sql.SQL(
    """
    select slug, id
    from product
    where store_id = %(store_id)s
      and slug = any(%(slugs)s)
    """
).format()


async def lock_many(tx: Tx, store_id: UUID, ids: Iterable[UUID]) -> dict[UUID, Product]:
    """Products, in the order of their ids, which nobody else changes before this transaction ends. See `lock`."""
    wanted = uuids(sorted(set(ids)))
    await tx.run(
        """
        select
        from product
        where store_id = %(store_id)s
          and id = any(%(ids)s)
        order by id
        for no key update
        """,
        {"store_id": store_id, "ids": wanted},
    )
    rows = await tx.rows(
        _COLUMNS
        + _FROM
        + """
        where product.store_id = %(store_id)s
          and product.id = any(%(ids)s)
        order by product.id
        """,
        _params(store_id) | {"ids": wanted},
    )
    return {product.id: product for product in map(_product, rows)}


async def after(db: Reader, store_id: UUID, last: UUID, *, limit: int) -> list[Product]:
    """The products after an id, in the order of ids."""
    rows = await db.rows(
        _COLUMNS
        + _FROM
        + """
        where product.store_id = %(store_id)s
          and product.id > %(last)s
        order by product.id
        limit %(limit)s
        """,
        _params(store_id) | {"last": last, "limit": limit},
    )
    return [_product(row) for row in rows]


async def featured(db: Reader, store_id: UUID, *, limit: int, market: Market | None = None) -> list[Product]:
    """What the shop puts in its window, newest first. For the market, see `find`."""
    rows = await db.rows(
        _COLUMNS
        + _FROM
        + """
        where product.store_id = %(store_id)s
          and product.is_featured
          and product.status = 'ACTIVE'
        order by product.id desc
        limit %(limit)s
        """,
        _params(store_id, market) | {"limit": limit},
    )
    return [_product(row) for row in rows]


async def on_sale(
    db: Reader, store_id: UUID, ids: Sequence[UUID], *, market: Market | None = None
) -> dict[UUID, Product]:
    """Those of these products that can be bought at this moment, in one statement. For the market, see `find`."""
    rows = await db.rows(
        _COLUMNS
        + _FROM
        + """
        where product.store_id = %(store_id)s
          and product.id = any(%(ids)s)
          and product.status = 'ACTIVE'
        """,
        _params(store_id, market) | {"ids": uuids(ids)},
    )
    return {product.id: product for product in map(_product, rows)}


async def page(
    db: Reader,
    store_id: UUID,
    wanted: ProductFilter,
    *,
    sort: Sort,
    window: Window,
    market: Market | None = None,
) -> Page[Product]:
    """Found and sorted by home prices and a product's own name, whatever the market. For that, see `find`."""
    by_price = sort.by == SORTS["price"].by
    return await fetch_page(
        db,
        select=_COLUMNS + (_FROM_CHEAPEST if by_price or wanted.by_price else _FROM),
        counted=_FROM_CHEAPEST if wanted.by_price else _FROM,
        filters=_filters(wanted, _params(store_id, market)),
        sort=sort,
        window=window,
        build=_product,
        keys=lambda product: _keys(product, sort),
    )


def _params(store_id: UUID, market: Market | None = None) -> dict[str, Any]:
    """What the columns ask for. The home market has the store's id."""
    return {
        "store_id": store_id,
        "market_id": market.id if market else store_id,
        "locales": texts(market.locales if market else ()),
    }


def _filters(wanted: ProductFilter, params: dict[str, Any]) -> Filters:
    filters = Filters("product.store_id = %(store_id)s", **params)
    filters.add_if("product.status = %(visible)s", visible=wanted.visible)
    filters.add_if("product.status = %(status)s", status=wanted.status)
    filters.add_if(_BY_PRICE + " >= %(min_price)s and cheapest.price is not null", min_price=wanted.min_price)
    filters.add_if(_BY_PRICE + " <= %(max_price)s", max_price=wanted.max_price)
    if wanted.category is not None:
        inside = _IN_CATEGORY_BY_ID if isinstance(wanted.category, UUID) else _IN_CATEGORY_BY_SLUG
        filters.add(inside, category=wanted.category, sees_hidden=wanted.visible is None)
    if wanted.featured is not None:
        filters.add("product.is_featured" if wanted.featured else "not product.is_featured")
    if wanted.in_stock is not None:
        filters.add(_IN_STOCK if wanted.in_stock else "not " + _IN_STOCK)
    return filters


def _keys(product: Product, sort: Sort) -> list[object]:
    by: dict[str, str | int] = {"product.name": product.name, _BY_PRICE: product.lead.rank[0]}
    return [product.id] if sort.by is None else [by[sort.by], product.id]


def _product(row: Row) -> Product:
    (
        id_, slug, name, description, short_description, status, is_featured, seo_title, seo_description, version,
        created_at, updated_at, price, options, tax_class, category_id, category_ids, images, variants, read_at,
        sale_turns, local_prices, local_texts,
    ) = row  # fmt: skip
    listed = _OPTIONS.decode(options)
    return Product(
        id=id_,
        slug=slug,
        name=name,
        description=description,
        short_description=short_description,
        status=Status(status),
        is_featured=is_featured,
        seo_title=seo_title,
        seo_description=seo_description,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
        price=price,
        options=listed,
        tax_class=tax_class,
        category_id=category_id,
        category_ids=tuple(category_ids),
        images=_IMAGES.decode(images) if images else (),
        variants=tuple(_ordered(variant, listed) for variant in _VARIANTS.decode(variants)),
        local_prices=_PRICES.decode(local_prices) if local_prices else (),
        local_texts=_TEXTS.decode(local_texts) if local_texts else (),
        read_at=read_at,
        sale_turns=sale_turns,
    )


def _ordered(variant: Variant, options: Options) -> Variant:
    """The database keeps no order of a variant's options; the product does."""
    if len(variant.options) < 2:  # noqa: PLR2004 - one has no order
        return variant
    return msgspec.structs.replace(variant, options=in_order(variant.options, options))
