"""Finding, counting and suggesting, one statement each.

What fits the text is looked at once. Each row says which filters it misses, as bits, so that a facet can count what
misses no filter but its own. Products are counted by sets of categories and of combinations, and the few sets are then
spread over categories and values.
"""

from functools import cache
from typing import Any, LiteralString
from uuid import UUID

import msgspec
from psycopg import sql

from tradepost.core import money
from tradepost.db import Reader, Sort
from tradepost.db.arrays import bigints
from tradepost.search.engine import CategoryCount, Order, Query
from tradepost.stores import Store

SORTS: dict[Order, Sort] = {
    "relevance": Sort("product_id", by="rank", descending=True),
    "price": Sort("product_id", by="price"),
    "-price": Sort("product_id", by="price", descending=True),
    "newest": Sort("product_id", descending=True),
    "name": Sort("product_id", by="name"),
    "bestSelling": Sort("product_id", by="sold", descending=True),
}
_NO_RANK: LiteralString = "0::float8"
_RANK: LiteralString = "document.rank"
_TS_RANK: LiteralString = "ts_rank(words, %(text)s::tsquery)::float8"
_FOUND_AS_IT_IS: LiteralString = "found"
# Ranking is what costs most: with filters, only what is left is ranked.
_RANKED: LiteralString = """
  (select found.product_id, found.missed,
          (select ts_rank(document.words, %(text)s::tsquery)::float8
           from search_document as document
           where document.store_id = %(store_id)s and document.product_id = found.product_id) as rank
   from found
   where found.missed = 0
   offset 0) as found
"""
_NO_NAME: LiteralString = "''"
_NAME: LiteralString = "standing.name"
_NOT_SOLD: LiteralString = "0::bigint"
_SOLD: LiteralString = """
  coalesce((select sold.units
            from search_sold as sold
            where sold.store_id = standing.store_id and sold.product_id = standing.product_id), 0)
"""
_ALL: LiteralString = "search_standing as standing"
_WITH_TEXT: LiteralString = """
  (select store_id, product_id, {rank} as rank
   from search_document
   where store_id = %(store_id)s
     and words @@ %(text)s::tsquery
   offset 0) as document
  join search_standing as standing
    on standing.store_id = document.store_id and standing.product_id = document.product_id
"""
_SHELVES: LiteralString = """
  wanted as materialized (
    select category_id as id
    from search_category
    where store_id = %(store_id)s
      and (category_id::text = %(category)s or slug = %(category)s)
  ), shelf as materialized (
    select id, %(category)s::text is null or category_ids && array(select id from wanted) as fits
    from search_shelf
    where store_id = %(store_id)s
  )
"""
# Which of the asked options a combination has not: none, or one of them, or more. `pair` is what a set of combinations
# offers for each option, when that option's own filter is left out.
_OPTIONS: LiteralString = """
  met as materialized (
    select choice.id, combination.value as combination, missed.number, missed.name
    from search_choice as choice
    cross join lateral jsonb_array_elements(choice.combinations) as combination
    cross join lateral (
      select count(*) as number, min(asked.key) as name
      from jsonb_each(%(options)s::text::jsonb) as asked
      where not coalesce(asked.value ? (combination.value ->> asked.key), false)
    ) as missed
    where choice.store_id = %(store_id)s
      and missed.number < 2
  ), choice as materialized (
    select id, bool_or(number = 0) as fits
    from met
    group by id
  ), pair as materialized (
    select distinct met.id, option.key as name, option.value
    from met
    cross join lateral jsonb_each_text(met.combination) as option
    where met.number = 0
       or met.name = option.key
  )
"""
_NO_OPTIONS: LiteralString = """
  pair as (
    select choice.id, option.name, option.value
    from search_choice as choice
    cross join lateral unnest(choice.names, choice.values) as option (name, value)
    where choice.store_id = %(store_id)s
  )
"""
_FOUND: LiteralString = """
  found as materialized (
    select standing.product_id, standing.price, standing.in_stock, standing.shelf_id, standing.choice_id,
           {rank} as rank, {name} as name, {sold} as sold,
           width_bucket(standing.price, %(bounds)s) as price_range,
           case when shelf.fits then 0 else 1 end
           + case when standing.price >= %(min_price)s and standing.price <= %(max_price)s then 0 else 2 end
           + case when %(in_stock)s::boolean is null or standing.in_stock = %(in_stock)s then 0 else 4 end
           + {options} as missed
    from {rows}
    join shelf on shelf.id = standing.shelf_id
    {joined}
    where standing.store_id = %(store_id)s
      and (%(featured)s::boolean is null or standing.is_featured = %(featured)s)
  ), counted as materialized (
    select grouping(shelf_id, choice_id, price_range, in_stock) as by, shelf_id, choice_id, price_range, in_stock,
           count(*) filter (where missed = 0) as number,
           count(*) filter (where missed in (0, 1)) as of_shelf,
           count(*) filter (where missed in (0, 2)) as of_price,
           count(*) filter (where missed in (0, 4)) as of_stock,
           count(*) filter (where missed in (0, 8)) as of_choice
    from found
    where missed in (0, 1, 2, 4, 8)
    group by grouping sets ((shelf_id), (choice_id), (price_range), (in_stock), ())
  )
"""
_JOINED: LiteralString = "left join choice on choice.id = standing.choice_id"
_NOT_JOINED: LiteralString = ""
_MISSED: LiteralString = "case when choice.fits then 0 when choice.fits is null then 16 else 8 end"
_NOTHING: LiteralString = "0"
_ANSWER: LiteralString = """
  select (
    select coalesce(json_agg(json_build_object(
             'id', hit.product_id, 'by', hit.by, 'name', text.name, 'stems', text.stems
           ) order by {outer}), '[]')::text
    from (
      select product_id, {by} as by
      from {source}
      where missed = 0
        and {after}
      order by {columns}
      limit %(limit)s
      offset %(offset)s
    ) as hit
    cross join lateral (
      select document.name, document.stems
      from search_document as document
      where document.store_id = %(store_id)s
        and document.product_id = hit.product_id
    ) as text
  ), (
    select number from counted where by = 15
  ), (
    select coalesce(json_agg(json_build_object(
             'id', category.category_id, 'parentId', category.parent_id, 'slug', category.slug, 'name', category.name,
             'count', counts.number
           ) order by category.sort_order, category.name, category.category_id), '[]')::text
    from (
      select step.id, sum(counted.of_shelf)::bigint as number
      from counted
      join search_shelf as shelf on shelf.store_id = %(store_id)s and shelf.id = counted.shelf_id
      cross join lateral unnest(shelf.category_ids) as step (id)
      where counted.by = 7
      group by step.id
      having sum(counted.of_shelf) > 0
    ) as counts
    join search_category as category on category.store_id = %(store_id)s and category.category_id = counts.id
  ), (
    select coalesce(json_agg(array[price_range, of_price] order by price_range), '[]')::text
    from counted
    where by = 13
      and of_price > 0
  ), (
    select coalesce(json_agg(json_build_array(counts.name, counts.value, counts.number)
                             order by counts.name, counts.number desc, counts.value), '[]')::text
    from (
      select pair.name, pair.value, sum(counted.of_choice)::bigint as number
      from counted
      join pair on pair.id = counted.choice_id
      where counted.by = 11
      group by pair.name, pair.value
      having sum(counted.of_choice) > 0
    ) as counts
  ), (
    select coalesce(sum(of_stock) filter (where in_stock), 0)::bigint from counted where by = 14
  ), (
    select coalesce(sum(of_stock) filter (where not in_stock), 0)::bigint from counted where by = 14
  )
"""
_STEPS = (1, 2, 5)


class Row(msgspec.Struct, frozen=True):
    """A hit with what it was sorted by, and the words of its name that have a stem."""

    id: UUID
    by: int | float | str | None
    name: str
    stems: dict[str, str]


class Rows(msgspec.Struct, frozen=True):
    """`prices` are numbers of price ranges with counts; `options` are name, value and count."""

    hits: list[Row]
    total: int
    categories: list[CategoryCount]
    prices: list[tuple[int, int]]
    options: list[tuple[str, str, int]]
    in_stock: int
    out_of_stock: int


_HITS = msgspec.json.Decoder(list[Row])
_CATEGORIES = msgspec.json.Decoder(list[CategoryCount])
_PRICES = msgspec.json.Decoder(list[tuple[int, int]])
_OPTION_COUNTS = msgspec.json.Decoder(list[tuple[str, str, int]])


async def find(db: Reader, store: Store, asked: Query, text: str | None) -> Rows:
    """One page, one hit more than asked for where there is one, and all counts. `text` is a `tsquery`, or None."""
    sort = SORTS[asked.sort]
    row = await db.row(_statement(asked, sort, text), _params(store, asked, text))
    hits, total, categories, prices, options, in_stock, out_of_stock = row or ("[]", 0, "[]", "[]", "[]", 0, 0)
    return Rows(
        _HITS.decode(hits),
        total,
        _CATEGORIES.decode(categories),
        _PRICES.decode(prices),
        _OPTION_COUNTS.decode(options),
        in_stock,
        out_of_stock,
    )


@cache
def price_bounds(currency: str) -> tuple[int, ...]:
    """Where price ranges begin, in minor units: 1, 2, 5, 10, 20, 50, … of the currency."""
    unit = 10 ** money.digits(currency)
    return tuple(bound for power in range(12) for step in _STEPS if (bound := step * 10**power * unit) < money.LIMIT)


def _statement(asked: Query, sort: Sort, text: str | None) -> sql.Composed:
    options = bool(asked.options)
    ranked = text is not None and sort.by == "rank"
    late = ranked and _is_filtered(asked)
    found = sql.SQL(_FOUND).format(
        rank=sql.SQL(_RANK if ranked and not late else _NO_RANK),
        name=sql.SQL(_NAME if sort.by == "name" else _NO_NAME),
        sold=sql.SQL(_SOLD if sort.by == "sold" else _NOT_SOLD),
        rows=sql.SQL(_ALL if text is None else _WITH_TEXT).format(
            rank=sql.SQL(_TS_RANK if ranked and not late else _NO_RANK)
        ),
        options=sql.SQL(_MISSED if options else _NOTHING),
        joined=sql.SQL(_JOINED if options else _NOT_JOINED),
    )
    answer = sql.SQL(_ANSWER).format(
        by=sql.SQL(sort.by or "null"),
        source=sql.SQL(_RANKED if late else _FOUND_AS_IT_IS),
        columns=sort.columns(),
        outer=_of_hit(sort),
        after=sort.after() if asked.window.after is not None else sql.SQL("true"),
    )
    parts = (
        [sql.SQL(_SHELVES), sql.SQL(_OPTIONS), found] if options else [sql.SQL(_SHELVES), found, sql.SQL(_NO_OPTIONS)]
    )
    return sql.SQL("with ") + sql.SQL(", ").join(parts) + answer


def _is_filtered(asked: Query) -> bool:
    filters = (asked.category, asked.min_price, asked.max_price, asked.in_stock)
    return bool(asked.options) or any(wanted is not None for wanted in filters)


def _of_hit(sort: Sort) -> sql.Composed:
    """The same order, of the page alone."""
    way: LiteralString = " desc" if sort.descending else ""
    by: LiteralString = "hit.by" + way + ", " if sort.by else ""
    return sql.SQL("{}hit.product_id{}").format(sql.SQL(by), sql.SQL(way))


def _params(store: Store, asked: Query, text: str | None) -> dict[str, Any]:
    window = asked.window
    params: dict[str, Any] = {
        "store_id": store.id,
        "text": text,
        "category": None if asked.category is None else str(asked.category),
        "min_price": asked.min_price or 0,
        "max_price": money.LIMIT if asked.max_price is None else asked.max_price,
        "in_stock": asked.in_stock,
        "featured": asked.featured,
        "options": msgspec.json.encode(asked.options).decode(),
        "bounds": bigints(price_bounds(store.currency)),
        "limit": window.limit + 1,
        "offset": 0 if window.after is not None else (window.page - 1) * window.limit,
    }
    if window.after is not None:
        params |= dict(zip(["after_by", "after_key"][-len(window.after) :], window.after, strict=True))
    return params
