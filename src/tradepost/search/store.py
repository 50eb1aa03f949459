"""The catalogue as search reads it: tables of other packages, read and never written."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import LiteralString
from uuid import UUID

import msgspec

from tradepost.db import Reader
from tradepost.db.arrays import uuids
from tradepost.search.engine import Document, Shelf

_TURN = 0x7365_6172
_COMBINATIONS = msgspec.json.Decoder(tuple[dict[str, str], ...])


async def take_turn(db: Reader, store_id: UUID) -> bool:
    """Whether this connection may follow for a store now: one does, until `end_turn` or its own end."""
    taken: bool = await db.value(
        "select pg_try_advisory_lock(%(kind)s::int4, hashtext(%(store_id)s::text))",
        {"kind": _TURN, "store_id": store_id},
    )
    return taken


async def end_turn(db: Reader, store_id: UUID) -> None:
    await db.run(
        "select pg_advisory_unlock(%(kind)s::int4, hashtext(%(store_id)s::text))",
        {"kind": _TURN, "store_id": store_id},
    )


async def product_ids(db: Reader, store_id: UUID, *, after: UUID | None, limit: int) -> list[UUID]:
    """Products of any status, in the order of their ids."""
    rows = await db.rows(
        """
        select id
        from product
        where store_id = %(store_id)s
          and id > coalesce(%(after)s, '00000000-0000-0000-0000-000000000000'::uuid)
        order by id
        limit %(limit)s
        """,
        {"store_id": store_id, "after": after, "limit": limit},
    )
    return [id_ for (id_,) in rows]


async def count_products(db: Reader, store_id: UUID) -> int:
    found: int = await db.value("select count(*) from product where store_id = %(store_id)s", {"store_id": store_id})
    return found


async def documents(db: Reader, store_id: UUID, ids: Collection[UUID]) -> list[Document]:
    """Those of these products that are on sale."""
    rows = await db.rows(
        _ON_SALE,
        {"store_id": store_id, "ids": uuids(list(ids))},
    )
    return [
        Document(
            id=id_,
            slug=slug,
            name=name,
            short_description=short_description,
            description=description,
            is_featured=is_featured,
            price=price,
            in_stock=in_stock,
            codes=tuple(codes),
            combinations=_COMBINATIONS.decode(combinations),
            within=tuple(within),
            categories=tuple(categories),
        )
        for (
            id_, slug, name, short_description, description, is_featured, price, in_stock, codes, combinations, within,
            categories,
        ) in rows
    ]  # fmt: skip


_ON_SALE: LiteralString = """
    select product.id, product.slug, product.name, product.short_description, product.description,
           product.is_featured, offer.price, offer.in_stock, offer.codes, offer.combinations::text, place.ids,
           place.names
    from product
    cross join lateral (
      select min(variant.price) as price,
             coalesce(bool_or(not variant.track_inventory or stock.available > 0), false) as in_stock,
             array_remove(array_agg(variant.sku order by variant.position)
                          || array_agg(variant.barcode order by variant.position), null) as codes,
             coalesce(jsonb_agg(distinct variant.options) filter (where variant.options <> '{}'), '[]')
               as combinations
      from product_variant as variant
      cross join lateral (
        select coalesce(sum(level.on_hand - level.reserved), 0) as available
        from stock_level as level
        where level.store_id = variant.store_id
          and level.variant_id = variant.id
      ) as stock
      where variant.store_id = product.store_id
        and variant.product_id = product.id
        and variant.is_active
    ) as offer
    cross join lateral (
      select coalesce(array_agg(above.id order by above.id), '{}') as ids,
             coalesce(array_agg(above.name order by above.id), '{}') as names
      from category as above
      where above.store_id = product.store_id
        and above.id in (
          select step.id
          from product_category as belonging
          join category as direct on direct.store_id = belonging.store_id and direct.id = belonging.category_id
          cross join lateral unnest(direct.path) as step (id)
          where belonging.store_id = product.store_id
            and belonging.product_id = product.id
            and direct.is_shown
        )
    ) as place
    where product.store_id = %(store_id)s
      and product.id = any(%(ids)s)
      and product.status = 'ACTIVE'
      and offer.price is not null
"""


async def in_stock(db: Reader, store_id: UUID, ids: Collection[UUID]) -> dict[UUID, bool]:
    """Whether one of its active variants can be bought, for each product that has one."""
    rows = await db.rows(
        """
        select variant.product_id, bool_or(not variant.track_inventory or stock.available > 0)
        from product_variant as variant
        cross join lateral (
          select coalesce(sum(level.on_hand - level.reserved), 0) as available
          from stock_level as level
          where level.store_id = variant.store_id
            and level.variant_id = variant.id
        ) as stock
        where variant.store_id = %(store_id)s
          and variant.product_id = any(%(ids)s)
          and variant.is_active
        group by variant.product_id
        """,
        {"store_id": store_id, "ids": uuids(list(ids))},
    )
    return dict(rows)


async def shelves(db: Reader, store_id: UUID) -> list[Shelf]:
    """All categories that are shown."""
    rows = await db.rows(
        """
        select id, parent_id, slug, name, sort_order
        from category
        where store_id = %(store_id)s
          and is_shown
        order by id
        """,
        {"store_id": store_id},
    )
    return [
        Shelf(id=id_, parent_id=parent_id, slug=slug, name=name, sort_order=sort_order)
        for id_, parent_id, slug, name, sort_order in rows
    ]


async def products_inside(db: Reader, store_id: UUID, category_ids: Collection[UUID]) -> set[UUID]:
    """Products in some categories, or anywhere inside them."""
    rows = await db.rows(
        """
        select distinct belonging.product_id
        from unnest(%(ids)s) as wanted (id)
        join category on category.store_id = %(store_id)s and category.path @> array[wanted.id]
        join product_category as belonging
          on belonging.store_id = category.store_id and belonging.category_id = category.id
        """,
        {"store_id": store_id, "ids": uuids(list(category_ids))},
    )
    return {id_ for (id_,) in rows}


async def products_of_variants(db: Reader, store_id: UUID, variant_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The product of each variant."""
    rows = await db.rows(
        "select id, product_id from product_variant where store_id = %(store_id)s and id = any(%(ids)s)",
        {"store_id": store_id, "ids": uuids(list(variant_ids))},
    )
    return dict(rows)


async def products_in_orders(db: Reader, store_id: UUID, order_ids: Collection[UUID]) -> set[UUID]:
    rows = await db.rows(
        "select distinct product_id from order_line where store_id = %(store_id)s and order_id = any(%(ids)s)",
        {"store_id": store_id, "ids": uuids(list(order_ids))},
    )
    return {id_ for (id_,) in rows}


async def placed_in_orders(db: Reader, store_id: UUID, times: Mapping[UUID, int]) -> Counter[UUID]:
    """Units by variant that were placed in some orders, each order so many times."""
    rows = await db.rows(
        """
        select event.subject_id, (item.value ->> 'variantId')::uuid, (item.value ->> 'quantity')::bigint
        from event
        cross join lateral jsonb_array_elements(event.payload -> 'items') as item
        where event.store_id = %(store_id)s
          and event.subject_id = any(%(ids)s)
          and event.name = 'order.placed'
        """,
        {"store_id": store_id, "ids": uuids(list(times))},
    )
    found = Counter[UUID]()
    for order_id, variant_id, units in rows:
        found[variant_id] += units * times[order_id]
    return found
