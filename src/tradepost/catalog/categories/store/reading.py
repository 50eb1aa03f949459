from collections.abc import Collection, Iterable, Sequence
from typing import LiteralString
from uuid import UUID

from tradepost.catalog.categories.model import Category, Crumb, Node, Path
from tradepost.catalog.model import ImageDraft
from tradepost.catalog.naming import reference
from tradepost.core.errors import NotFound
from tradepost.db import Reader
from tradepost.db.arrays import texts, uuids
from tradepost.db.connections import Asked, Row

# Its words in the first of some languages in which it has them; in none of them, its own.
_NAME: LiteralString = """
           coalesce((select said.name
                     from category_text as said
                     where said.store_id = category.store_id
                       and said.category_id = category.id
                       and said.locale = any(%(locales)s)
                       and said.name is not null
                     order by array_position(%(locales)s, said.locale)
                     limit 1), category.name)
"""
_COLUMNS: LiteralString = (
    """
    select category.id, category.parent_id, category.path, category.slug,
    """
    + _NAME
    + ", "
    + _NAME.replace("name", "description")
    + """,
           category.image_url, category.image_alt, category.sort_order, category.is_active, category.is_shown,
           category.version, category.created_at, category.updated_at
    """
)


def around(store_id: UUID, product_ids: Collection[UUID]) -> Asked:
    """The statement that finds the categories that products are in, with all above them: rows of product and ids."""
    return (
        """
        select belonging.product_id, array_agg(distinct step.id)
        from product_category as belonging
        join category on category.store_id = belonging.store_id and category.id = belonging.category_id
        cross join lateral unnest(category.path) as step (id)
        where belonging.store_id = %(store_id)s
          and belonging.product_id = any(%(product_ids)s)
        group by belonging.product_id
        """,
        {"store_id": store_id, "product_ids": uuids(sorted(product_ids))},
    )


async def find(
    db: Reader, store_id: UUID, ref: UUID | str, *, sees_hidden: bool = True, locales: Sequence[str] = ()
) -> Category | None:
    """A category by id or slug; None for one that is not shown, unless the caller sees those, too.

    Its words are those of the first of `locales` that has them, or else its own.
    """
    known = reference(ref) if isinstance(ref, str) else ref
    row = await db.row(
        _COLUMNS + (_BY_ID if isinstance(known, UUID) else _BY_SLUG),
        {"store_id": store_id, "ref": known, "sees_hidden": sees_hidden, "locales": texts(locales)},
    )
    return None if row is None else _category(row)


_BY_ID: LiteralString = """
    from category
    where store_id = %(store_id)s
      and id = %(ref)s
      and (is_shown or %(sees_hidden)s)
"""
_BY_SLUG: LiteralString = """
    from category
    where store_id = %(store_id)s
      and slug = %(ref)s
      and (is_shown or %(sees_hidden)s)
"""


async def get(
    db: Reader, store_id: UUID, ref: UUID | str, *, sees_hidden: bool = True, locales: Sequence[str] = ()
) -> Category:
    """As `find`; NotFound."""
    found = await find(db, store_id, ref, sees_hidden=sees_hidden, locales=locales)
    if found is None:
        raise NotFound
    return found


async def breadcrumb(db: Reader, store_id: UUID, category: Category, *, locales: Sequence[str] = ()) -> list[Crumb]:
    """The way from the root to a category, itself included. For the languages, see `find`."""
    rows = await db.rows(
        "select category.id, category.slug, " + _NAME + _ON_THE_WAY,
        {"store_id": store_id, "path": uuids(category.path), "locales": texts(locales)},
    )
    return [Crumb(*row) for row in rows]


_ON_THE_WAY: LiteralString = """
    from category
    where category.store_id = %(store_id)s
      and category.id = any(%(path)s)
    order by cardinality(category.path)
"""


async def tree(
    db: Reader, store_id: UUID, *, within: UUID | None = None, sees_hidden: bool, locales: Sequence[str] = ()
) -> list[Node]:
    """The categories of a store, or one and what is inside it, parents first and neighbours in their order.

    With their numbers of products on sale. Through a category that the caller does not see, no product counts. For the
    languages, see `find`.
    """
    rows = await db.rows(
        _COUNTING + _COLUMNS + _COUNTED,
        {"store_id": store_id, "within": within, "sees_hidden": sees_hidden, "locales": texts(locales)},
    )
    return [Node(_category(row[:-2]), *row[-2:]) for row in rows]


# Most products are in one category, so what is inside is a sum of numbers, not a set of products. A product in several
# categories inside the same one is `twice` in that sum: once too often for each of them but the first.
_COUNTING: LiteralString = """
    with seen as materialized (
      select id, path
      from category
      where store_id = %(store_id)s
        and (is_shown or %(sees_hidden)s)
        and (%(within)s::uuid is null or path @> array[%(within)s::uuid])
    ), direct as materialized (
      select belonging.category_id as id, count(*) as products
      from seen
      join product_category as belonging on belonging.store_id = %(store_id)s and belonging.category_id = seen.id
      join product on product.store_id = belonging.store_id and product.id = belonging.product_id
      where product.status = 'ACTIVE'
      group by belonging.category_id
    ), inside as (
      select above.id, sum(direct.products) as products
      from direct
      join seen on seen.id = direct.id
      cross join lateral unnest(seen.path) as above (id)
      group by above.id
    ), twice as (
      select met.id, sum(met.times - 1) as products
      from (
        select belonging.product_id, above.id, count(*) as times
        from (
          select distinct product_id
          from product_category
          where store_id = %(store_id)s
            and not is_main
        ) as other
        join product on product.store_id = %(store_id)s and product.id = other.product_id
        join product_category as belonging
          on belonging.store_id = product.store_id and belonging.product_id = product.id
        join seen on seen.id = belonging.category_id
        cross join lateral unnest(seen.path) as above (id)
        where product.status = 'ACTIVE'
        group by belonging.product_id, above.id
        having count(*) > 1
      ) as met
      group by met.id
    )
"""
_COUNTED: LiteralString = """
         , coalesce(direct.products, 0)::bigint,
           (coalesce(inside.products, 0) - coalesce(twice.products, 0))::bigint
    from category
    join seen on seen.id = category.id
    left join direct on direct.id = category.id
    left join inside on inside.id = category.id
    left join twice on twice.id = category.id
    where category.store_id = %(store_id)s
    order by cardinality(category.path), category.sort_order, 5, category.id
"""


async def at_paths(db: Reader, store_id: UUID, paths: Iterable[Path]) -> dict[Path, UUID]:
    """The categories at these paths, and those above them, as far as they are there."""
    rows = await db.rows(
        """
        select id, parent_id, name
        from category
        where store_id = %(store_id)s
          and name = any(%(names)s)
        order by cardinality(path), sort_order, id
        """,
        {"store_id": store_id, "names": texts(sorted({name for path in paths for name in path}))},
    )
    known: dict[UUID, Path] = {}
    found: dict[Path, UUID] = {}
    for id_, parent_id, name in rows:
        above = () if parent_id is None else known.get(parent_id)
        if above is not None:
            known[id_] = (*above, name)
            found.setdefault(known[id_], id_)
    return found


async def paths(db: Reader, store_id: UUID) -> dict[UUID, Path]:
    """The path of each category."""
    rows = await db.rows(
        "select id, parent_id, name from category where store_id = %(store_id)s order by cardinality(path)",
        {"store_id": store_id},
    )
    found: dict[UUID, Path] = {}
    for id_, parent_id, name in rows:
        found[id_] = (*found.get(parent_id, ()), name)
    return found


async def count(db: Reader, store_id: UUID) -> int:
    found: int = await db.value("select count(*) from category where store_id = %(store_id)s", {"store_id": store_id})
    return found


async def height(db: Reader, store_id: UUID, category: Category) -> int:
    """How many levels a category has, with what is inside it: 1 where that is nothing."""
    found: int = await db.value(
        """
        select max(cardinality(path)) - %(above)s::int4
        from category
        where store_id = %(store_id)s
          and path @> array[%(id)s::uuid]
        """,
        {"store_id": store_id, "id": category.id, "above": len(category.path) - 1},
    )
    return found


async def contents(db: Reader, store_id: UUID, category_id: UUID) -> tuple[int, int]:
    """How many products, whatever their status, and how many categories are directly in one."""
    row = await db.row(
        """
        select (select count(*) from product_category where store_id = %(store_id)s and category_id = %(id)s),
               (select count(*) from category where store_id = %(store_id)s and parent_id = %(id)s)
        """,
        {"store_id": store_id, "id": category_id},
    )
    products, categories = row or (0, 0)
    return products, categories


async def free_slug(db: Reader, store_id: UUID, slug: str) -> str:
    """The slug, with the smallest number with which it is free. The tree is locked, so that it stays free."""
    found: str | None = await db.value(
        """
        select named.slug
        from generate_series(1, 9999) as number
        cross join lateral (
          select case when number = 1 then %(slug)s::text else %(slug)s::text || '-' || number end as slug
        ) as named
        where not exists (
          select
          from category
          where category.store_id = %(store_id)s
            and category.slug = named.slug
        )
        order by number
        limit 1
        """,
        {"store_id": store_id, "slug": slug},
    )
    return found or slug


def _category(row: Row) -> Category:
    (
        id_, parent_id, path, slug, name, description, image_url, image_alt, sort_order, is_active, is_shown, version,
        created_at, updated_at,
    ) = row  # fmt: skip
    return Category(
        id=id_,
        parent_id=parent_id,
        path=tuple(path),
        slug=slug,
        name=name,
        description=description,
        image=None if image_url is None else ImageDraft(image_url, image_alt),
        sort_order=sort_order,
        is_active=is_active,
        is_shown=is_shown,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )
