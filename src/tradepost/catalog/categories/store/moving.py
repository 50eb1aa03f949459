"""What goes along when a category moves, or goes."""

from collections import defaultdict
from uuid import UUID

from tradepost.catalog.categories.model import Category
from tradepost.db import Tx
from tradepost.db.arrays import uuids


async def carry_along(tx: Tx, store_id: UUID, before: Category, after: Category) -> None:
    """Brings what is inside a category to its new place, and to whether it is shown there."""
    await tx.run(
        """
        update category as inside
        set path = %(path)s || inside.path[%(above)s::int4 + 1 :],
            is_shown = %(is_shown)s and not exists (
              select
              from category as over
              where over.store_id = inside.store_id
                and over.id = any(inside.path[%(above)s::int4 + 1 :])
                and not over.is_active
            )
        where inside.store_id = %(store_id)s
          and inside.path @> array[%(id)s::uuid]
          and inside.id <> %(id)s
        """,
        {
            "store_id": store_id,
            "id": before.id,
            "path": uuids(after.path),
            "above": len(before.path),
            "is_shown": after.is_shown,
        },
    )


async def move_children(tx: Tx, store_id: UUID, category: Category, target: Category) -> list[UUID]:
    """Puts the categories in one into another, with all that is inside them; those that were directly in it."""
    rows = await tx.rows(
        """
        update category as inside
        set path = %(path)s || inside.path[%(above)s::int4 + 1 :],
            parent_id = case when inside.parent_id = %(id)s then %(target_id)s::uuid else inside.parent_id end,
            is_shown = %(is_shown)s and not exists (
              select
              from category as over
              where over.store_id = inside.store_id
                and over.id = any(inside.path[%(above)s::int4 + 1 :])
                and not over.is_active
            ),
            version = inside.version + (inside.parent_id = %(id)s)::int4,
            updated_at = case when inside.parent_id = %(id)s then now() else inside.updated_at end
        where inside.store_id = %(store_id)s
          and inside.path @> array[%(id)s::uuid]
          and inside.id <> %(id)s
        returning inside.id, inside.parent_id = %(target_id)s
        """,
        {
            "store_id": store_id,
            "id": category.id,
            "target_id": target.id,
            "path": uuids(target.path),
            "above": len(category.path),
            "is_shown": target.is_shown,
        },
    )
    return [id_ for id_, is_child in rows if is_child]


async def move_products(
    tx: Tx, store_id: UUID, category_id: UUID, target_id: UUID
) -> dict[tuple[str, ...], list[UUID]]:
    """Takes all products of a category into another one; which ones, by the fields that changed.

    The main category stays the main one, and a product that was in both is in the other one once.
    """
    names = {"store_id": store_id, "id": category_id, "target_id": target_id}
    await tx.run(_LOCK_PRODUCTS, names)
    in_target = {id_ for (id_,) in await tx.rows(_IN_BOTH, names)}
    left = await tx.rows(
        """
        delete from product_category
        where store_id = %(store_id)s
          and category_id = %(id)s
        returning product_id, is_main
        """,
        names,
    )
    product_ids = [id_ for id_, _ in left]
    await tx.run(
        """
        insert into product_category (store_id, product_id, category_id, is_main)
        select %(store_id)s, product_id, %(target_id)s, is_main
        from unnest(%(product_ids)b::uuid[], %(main)b::boolean[]) as belonging (product_id, is_main)
        on conflict (store_id, product_id, category_id)
          do update set is_main = product_category.is_main or excluded.is_main
        """,
        names | {"product_ids": product_ids, "main": [is_main for _, is_main in left]},
    )
    await tx.run(
        """
        update product
        set version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = any(%(product_ids)s)
        """,
        names | {"product_ids": uuids(product_ids)},
    )
    changed: defaultdict[tuple[str, ...], list[UUID]] = defaultdict(list)
    for product_id, is_main in left:
        was_other = not is_main or product_id in in_target
        changed[("categoryId",) * is_main + ("categoryIds",) * was_other].append(product_id)
    return changed


_LOCK_PRODUCTS = """
    select id
    from product
    where store_id = %(store_id)s
      and id in (select product_id from product_category where store_id = %(store_id)s and category_id = %(id)s)
    order by id
    for no key update
"""
_IN_BOTH = """
    select product_id
    from product_category
    where store_id = %(store_id)s
      and category_id = %(target_id)s
      and product_id in (
        select product_id from product_category where store_id = %(store_id)s and category_id = %(id)s
      )
"""
