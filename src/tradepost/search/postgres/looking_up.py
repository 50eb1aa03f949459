"""Smaller questions: which words are known at all, and what begins as somebody types."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost.db import Reader
from tradepost.db.arrays import texts

_STEMS = msgspec.json.Decoder(dict[str, str])
_CANDIDATES = 400


class Named(msgspec.Struct, frozen=True):
    """Something with a name, and the words of it that have a stem."""

    is_product: bool
    id: UUID
    slug: str
    name: str
    stems: dict[str, str]


async def unknown(db: Reader, store_id: UUID, queries: Sequence[str]) -> list[bool]:
    """For each query of one word, whether nothing on sale has it.

    Materialized, so that it is planned as if all were wanted, by the index: a planner who looks for one expects to meet
    it soon wherever he begins, and of a word that nothing has reads everything.
    """
    rows = await db.rows(
        """
        select not exists (
          with found as materialized (
            select
            from search_document
            where store_id = %(store_id)s
              and words @@ asked.query::tsquery
          )
          select from found
        )
        from unnest(%(queries)s) with ordinality as asked (query, place)
        order by asked.place
        """,
        {"store_id": store_id, "queries": texts(queries)},
    )
    return [missing for (missing,) in rows]


async def named(db: Reader, store_id: UUID, query: str, *, limit: int) -> list[Named]:
    """Categories, then products, whose names fit a query: what sold best first.

    Of names that fit in great numbers, as they do after one letter, only some are looked at.
    """
    rows = await db.rows(
        """
        (select false, category_id, slug, name, stems::text
         from search_category
         where store_id = %(store_id)s
           and words @@ %(query)s::tsquery
         order by sort_order, name, category_id
         limit %(limit)s)
        union all
        (select true, candidate.product_id, candidate.slug, candidate.name, candidate.stems::text
         from (
           select product_id, slug, name, stems
           from search_document
           where store_id = %(store_id)s
             and words @@ %(query)s::tsquery
           limit %(candidates)s
         ) as candidate
         left join search_sold as sold
           on sold.store_id = %(store_id)s and sold.product_id = candidate.product_id
         order by coalesce(sold.units, 0) desc, length(candidate.name), candidate.product_id
         limit %(limit)s)
        """,
        {"store_id": store_id, "query": query, "limit": limit, "candidates": _CANDIDATES},
    )
    return [Named(is_product, id_, slug, name, _STEMS.decode(stems)) for is_product, id_, slug, name, stems in rows]
