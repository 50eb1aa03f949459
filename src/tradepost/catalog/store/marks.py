from collections.abc import Mapping, Sequence
from uuid import UUID

from tradepost.db import Database
from tradepost.db.arrays import uuids

Subject = tuple[UUID, UUID]


async def marks(db: Database, subjects: Sequence[Subject]) -> Mapping[Subject, tuple[object, ...]]:
    """The marks (`Product.mark`) of products, each named by its store and its id; absent for one that there is not.

    stock_level is inventory's: it is read here as where products are, and never written.
    """
    async with db.read() as reader:
        rows = await reader.rows(
            """
            select product.store_id, product.id, product.version,
                   (select count(*) filter (where local.sale_from <= now())
                         + count(*) filter (where local.sale_to <= now())
                    from variant_price as local
                    where local.store_id = product.store_id
                      and local.product_id = product.id),
                   array(select (select coalesce(sum(level.on_hand - level.reserved), 0)::bigint
                                 from stock_level as level
                                 where level.store_id = variant.store_id
                                   and level.variant_id = variant.id)
                         from product_variant as variant
                         where variant.store_id = product.store_id
                           and variant.product_id = product.id
                         order by variant.position)
            from unnest(%(store_ids)s, %(ids)s) as wanted (store_id, id)
            join product on product.store_id = wanted.store_id and product.id = wanted.id
            """,
            {"store_ids": uuids([store for store, _ in subjects]), "ids": uuids([id_ for _, id_ in subjects])},
        )
    return {
        (store_id, id_): (version, sale_turns, *available) for store_id, id_, version, sale_turns, available in rows
    }
