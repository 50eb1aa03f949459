"""The tree of categories that a store's products are in: moved without cycles, deleted without loss."""

from tradepost.catalog.categories.actions import change, create, delete, ensure
from tradepost.catalog.categories.model import MOST_DEPTH, Category, CategoryChanges, CategoryDraft, Path
from tradepost.catalog.categories.store import around, find, hold, paths

__all__ = [
    "MOST_DEPTH",
    "Category",
    "CategoryChanges",
    "CategoryDraft",
    "Path",
    "around",
    "change",
    "create",
    "delete",
    "ensure",
    "find",
    "hold",
    "paths",
]
