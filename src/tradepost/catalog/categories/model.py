from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tradepost.catalog import naming
from tradepost.catalog.model import ImageDraft
from tradepost.core.changes import applied
from tradepost.core.errors import Conflict, FieldError

MOST_DEPTH = 8
MOST_CATEGORIES = 5000


Path = tuple[str, ...]
"""Names from a root down to a category."""


class CategoryCycle(Conflict):
    """A category cannot be inside itself, at any depth."""

    title = "A category cannot be inside itself"


class CategoryTooDeep(Conflict):
    title = f"Categories are at most {MOST_DEPTH} levels deep"


class CategoryNotEmpty(Conflict):
    """It has products or categories: name with `moveTo` where they shall go. The problem says how many there are."""

    title = "The category is not empty: name with moveTo where its products and categories shall go"


class TooManyCategories(Conflict):
    title = f"A store has at most {MOST_CATEGORIES} categories"


class CategoryFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Among its neighbours it stands by sort order, then by name."""

    parent_id: UUID | None = None
    name: str
    description: str = ""
    image: ImageDraft | None = None
    sort_order: int = 0
    is_active: bool = True


class CategoryDraft(CategoryFacts, frozen=True, kw_only=True):
    """A category to be; without a slug it gets one made of its name."""

    slug: str | None = None


class Category(CategoryFacts, frozen=True, kw_only=True):
    """`path` are ids from the root down to itself. It is shown where it and all above it are active."""

    id: UUID
    slug: str
    path: tuple[UUID, ...]
    is_shown: bool
    version: int = 1
    created_at: datetime
    updated_at: datetime


class CategoryText(msgspec.Struct, frozen=True):
    """A category's words in a language; None for what is said in the next one."""

    locale: str
    name: str | None = None
    description: str | None = None


class CategoryChanges(msgspec.Struct, frozen=True, kw_only=True):
    """UNSET is what stays as it is."""

    parent_id: UUID | UnsetType | None = UNSET
    slug: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    image: ImageDraft | UnsetType | None = UNSET
    sort_order: int | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class Node(msgspec.Struct, frozen=True):
    """A category with the number of products on sale: in it, and in it or anywhere inside it, each once."""

    category: Category
    products: int
    all_products: int


class Crumb(msgspec.Struct, frozen=True):
    """A step on the way from the root to a category."""

    id: UUID
    slug: str
    name: str


def changed(category: Category, changes: CategoryChanges) -> Category:
    """The category with the changes, still in its place: see `placed`. ValidationFailed for its slug."""
    after = applied(category, changes)
    if after.slug != category.slug:
        naming.check_slug(after.slug)
    return after


def placed(category: Category, parent: Category | None, *, height: int, pointer: str) -> Category:
    """The category under a parent, or as a root. `height` is how many levels it has, with what is inside it.

    Raises CategoryCycle, CategoryTooDeep.
    """
    above = () if parent is None else parent.path
    check_room(category, above, height=height, pointer=pointer)
    is_shown = category.is_active and (parent is None or parent.is_shown)
    parent_id = None if parent is None else parent.id
    return msgspec.structs.replace(category, parent_id=parent_id, path=(*above, category.id), is_shown=is_shown)


def check_room(category: Category, above: Sequence[UUID], *, height: int, pointer: str) -> None:
    """CategoryCycle, CategoryTooDeep where so many levels cannot be below these categories."""
    if category.id in above:
        raise CategoryCycle(errors=[FieldError(pointer, CategoryCycle.code, "is the category itself, or inside it")])
    if len(above) + height > MOST_DEPTH:
        detail = f"is too deep: there would be {len(above) + height} levels"
        raise CategoryTooDeep(errors=[FieldError(pointer, CategoryTooDeep.code, detail)])
