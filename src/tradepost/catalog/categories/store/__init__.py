"""Every statement on categories."""

from tradepost.catalog.categories.store.holding import hold, lock_tree
from tradepost.catalog.categories.store.moving import carry_along, move_children, move_products
from tradepost.catalog.categories.store.reading import (
    around,
    at_paths,
    breadcrumb,
    contents,
    count,
    find,
    free_slug,
    get,
    height,
    paths,
    tree,
)
from tradepost.catalog.categories.store.texts import delete_text, put_text, texts_of
from tradepost.catalog.categories.store.writing import delete, insert, set_category

__all__ = [
    "around",
    "at_paths",
    "breadcrumb",
    "carry_along",
    "contents",
    "count",
    "delete",
    "delete_text",
    "find",
    "free_slug",
    "get",
    "height",
    "hold",
    "insert",
    "lock_tree",
    "move_children",
    "move_products",
    "paths",
    "put_text",
    "set_category",
    "texts_of",
    "tree",
]
