"""The tree of categories that a store's products are in: moved without cycles, deleted without loss."""

from tradepost.catalog.categories.actions import change, create, delete
from tradepost.catalog.categories.model import Category, CategoryChanges, CategoryDraft
from tradepost.catalog.categories.store import find, hold

__all__ = ["Category", "CategoryChanges", "CategoryDraft", "change", "create", "delete", "find", "hold"]
