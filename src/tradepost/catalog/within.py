"""What categories products are in, all those above them included: what a rule about a category asks."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from tradepost.db.arrays import uuids
from tradepost.db.connections import Row, Statement


def categories_of(store_id: UUID, product_ids: Sequence[UUID]) -> tuple[Statement, dict[str, Any]]:
    """The statement that finds them for each product that there is; `categories_by_product` reads its rows."""
    return (
        """
        select product.id,
               array(select distinct above.id
                     from product_category as belonging
                     join category on category.store_id = belonging.store_id and category.id = belonging.category_id
                     cross join lateral unnest(category.path) as above (id)
                     where belonging.store_id = product.store_id
                       and belonging.product_id = product.id)
        from product
        where product.store_id = %(store_id)s
          and product.id = any(%(product_ids)s)
        """,
        {"store_id": store_id, "product_ids": uuids(product_ids)},
    )


def categories_by_product(rows: Iterable[Row]) -> dict[UUID, frozenset[UUID]]:
    return {product_id: frozenset(category_ids) for product_id, category_ids in rows}
