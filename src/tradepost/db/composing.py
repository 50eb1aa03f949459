"""Optional filters and keyset pages, composed from literals; what a user typed only ever travels as a parameter."""

from collections.abc import Callable
from typing import Any, LiteralString, TypeVar

import msgspec
from psycopg import sql

from tradepost.core.pages import EXACT_TOTAL_UP_TO, Page
from tradepost.db.connections import Reader, Row

Item = TypeVar("Item")


class Filters:
    """Conditions joined by `and`, each a literal with named parameters."""

    def __init__(self, always: LiteralString, **params: object) -> None:
        self._conditions: list[LiteralString] = [always]
        self.params: dict[str, Any] = dict(params)

    def add(self, condition: LiteralString, **params: object) -> None:
        self._conditions.append(condition)
        self.params.update(params)

    def add_if(self, condition: LiteralString, **param: object) -> None:
        """Adds the condition where its one parameter is not None."""
        ((name, value),) = param.items()
        if value is not None:
            self.add(condition, **{name: value})

    def sql(self) -> sql.Composed:
        return sql.SQL("\n  and ").join(sql.SQL(condition) for condition in self._conditions)


class Sort(msgspec.Struct, frozen=True):
    """One order of a list: a unique column `key`, preceded where given by a not-null column `by`; both one way."""

    key: LiteralString
    by: LiteralString | None = None
    descending: bool = False

    def columns(self) -> sql.Composed:
        way: LiteralString = " desc" if self.descending else ""
        names: list[LiteralString] = [self.by, self.key] if self.by else [self.key]
        return sql.SQL(", ").join(sql.SQL(name) + sql.SQL(way) for name in names)

    def after(self) -> sql.Composed:
        compare: LiteralString = "<" if self.descending else ">"
        if self.by is None:
            return sql.SQL("{} {} %(after_key)s").format(sql.SQL(self.key), sql.SQL(compare))
        return sql.SQL("({}, {}) {} (%(after_by)s, %(after_key)s)").format(
            sql.SQL(self.by), sql.SQL(self.key), sql.SQL(compare)
        )


class Window(msgspec.Struct, frozen=True):
    """Which page: by number, or after the keys of a cursor."""

    limit: int = 20
    page: int = 1
    after: list[Any] | None = None


async def fetch_page(
    db: Reader,
    *,
    select: LiteralString,
    counted: LiteralString,
    filters: Filters,
    sort: Sort,
    window: Window,
    build: Callable[[Row], Item],
    keys: Callable[[Item], list[object]],
) -> Page[Item]:
    """One page in two statements, sent together: the rows, and a count that stops above EXACT_TOTAL_UP_TO.

    `select` ends before `where`; `counted` is the `from` part of the count. `keys` gives an item's sort key and id.
    """
    where = sql.SQL("where ") + filters.sql()
    params: dict[str, Any] = {**filters.params, "limit": window.limit + 1, "cap": EXACT_TOTAL_UP_TO + 1}
    page_where = where
    if window.after is not None:
        page_where += sql.SQL("\n  and ") + sort.after()
        params |= dict(zip(["after_by", "after_key"][-len(window.after) :], window.after, strict=True))
    params["offset"] = 0 if window.after is not None else (window.page - 1) * window.limit
    rows_statement = sql.SQL("{} {} order by {} limit %(limit)s offset %(offset)s").format(
        sql.SQL(select), page_where, sort.columns()
    )
    count_statement = sql.SQL("select count(*) from (select 1 {} {} limit %(cap)s) as counted").format(
        sql.SQL(counted), where
    )
    rows, counted_rows = await db.together((rows_statement, params), (count_statement, params))
    items = [build(row) for row in rows[: window.limit]]
    total: int = counted_rows[0][0]
    more = len(rows) > window.limit
    return Page(
        items=items,
        total=min(total, EXACT_TOTAL_UP_TO),
        total_is_estimate=total > EXACT_TOTAL_UP_TO,
        next_keys=keys(items[-1]) if more and items else None,
    )
