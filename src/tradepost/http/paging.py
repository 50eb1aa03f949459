"""Lists on the wire: by page number, or by cursor."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from tradepost.core.errors import invalid
from tradepost.core.pages import Page
from tradepost.db import Sort
from tradepost.db.composing import Window
from tradepost.http.bodies import In, Limit, Out
from tradepost.http.call import Call

Item = TypeVar("Item")
Shown = TypeVar("Shown")

_UNBOUND = frozenset({"cursor", "page", "limit"})


class PageQuery(In):
    """What every list takes."""

    page: Annotated[int, Meta(ge=1, le=100_000)] = 1
    limit: Limit = 20
    cursor: Annotated[str, Meta(min_length=1, max_length=1000)] | None = None


class PageOut(Out, Generic[Shown]):
    """A page of a list. `total` is exact up to 10,000, an estimate (at least so many) above."""

    items: list[Shown]
    page: int
    limit: int
    total: int
    total_is_estimate: bool
    pages: int
    next_cursor: str | None


def window(call: Call, query: PageQuery) -> Window:
    """The window that a query asks for. ValidationFailed for a cursor of another list, filter or order."""
    if query.cursor is None:
        return Window(limit=query.limit, page=query.page)
    if query.page != 1:
        raise invalid("?page", "page_with_cursor", "cannot be combined with a cursor")
    return Window(limit=query.limit, after=call.cursors.open(query.cursor, _binding(call, query)))


def page_out(call: Call, query: PageQuery, page: Page[Item], show: Callable[[Item], Shown]) -> PageOut[Shown]:
    return PageOut(
        items=[show(item) for item in page.items],
        page=query.page,
        limit=query.limit,
        total=page.total,
        total_is_estimate=page.total_is_estimate,
        pages=-(-page.total // query.limit),
        next_cursor=call.cursors.sign(page.next_keys, _binding(call, query)) if page.next_keys else None,
    )


def choose(sorts: Mapping[str, Sort], wanted: str) -> Sort:
    """The order that a query names; ValidationFailed with the possible ones."""
    if wanted not in sorts:
        raise invalid("?sort", "invalid_sort", f"must be one of {', '.join(sorts)}")
    return sorts[wanted]


def _binding(call: Call, query: PageQuery) -> str:
    fields = {name: value for name, value in msgspec.structs.asdict(query).items() if name not in _UNBOUND}
    meaning = msgspec.json.encode([call.path, str(call.actor.store_id), fields], enc_hook=str)
    return hashlib.sha256(meaning).hexdigest()
