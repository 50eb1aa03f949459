"""Which categories products are in. The categories themselves are in `catalog/categories`."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from tradepost.catalog.model import Draft, Product, ProductFacts
from tradepost.db import Tx


async def insert_categories(tx: Tx, store_id: UUID, drafts: Mapping[UUID, Draft]) -> None:
    """Puts new products into their categories, which are held."""
    await insert_belonging(tx, store_id, drafts.items())


async def set_categories(tx: Tx, store_id: UUID, product: Product) -> None:
    """Puts a locked product into its categories, which are held, and takes it out of all others."""
    await tx.run(
        "delete from product_category where store_id = %(store_id)s and product_id = %(id)s",
        {"store_id": store_id, "id": product.id},
    )
    await insert_belonging(tx, store_id, [(product.id, product)])


async def insert_belonging(tx: Tx, store_id: UUID, products: Iterable[tuple[UUID, ProductFacts]]) -> None:
    rows = [
        (id_, category_id, category_id == facts.category_id)
        for id_, facts in products
        for category_id in (facts.category_id, *facts.category_ids)
        if category_id is not None
    ]
    if not rows:
        return
    await tx.run(
        """
        insert into product_category (store_id, product_id, category_id, is_main)
        select %(store_id)s, product_id, category_id, is_main
        from unnest(%(product_ids)b::uuid[], %(category_ids)b::uuid[], %(main)b::boolean[])
             as belonging (product_id, category_id, is_main)
        """,
        {
            "store_id": store_id,
            "product_ids": [product_id for product_id, _, _ in rows],
            "category_ids": [category_id for _, category_id, _ in rows],
            "main": [is_main for _, _, is_main in rows],
        },
    )
