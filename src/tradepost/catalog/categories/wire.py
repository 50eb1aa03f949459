"""Categories as clients send and see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tradepost.catalog.categories.model import Category, CategoryChanges, CategoryDraft, CategoryText, Crumb, Node
from tradepost.catalog.written import ImageIn, Name, Slug, image_of
from tradepost.http import In, Out

Description = Annotated[str, Meta(max_length=5_000)]
SortOrder = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]


class CategoryIn(In, kw_only=True):
    """Without a parent it is a root. Without a slug it gets one made of its name."""

    parent_id: UUID | None = None
    name: Name
    slug: Slug | None = None
    description: Description = ""
    image: ImageIn | None = None
    sort_order: SortOrder = 0
    is_active: bool = True


class CategoryPatch(In, kw_only=True):
    """What is absent stays as it is. A `parentId` of null makes it a root."""

    parent_id: UUID | UnsetType | None = UNSET
    name: Name | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    image: ImageIn | UnsetType | None = UNSET
    sort_order: SortOrder | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET


class CategoryTextIn(In, kw_only=True):
    """All of it: what is absent or null is said as in the next language: `de-AT`, then `de`, then its own."""

    name: Name | None = None
    description: Description | None = None


class DeletionQuery(In):
    """`moveTo` is the category, by id or slug, that takes what is in the deleted one."""

    move_to: Annotated[str, Meta(min_length=1, max_length=100)] | None = None


class CategoryImageOut(Out):
    url: str
    alt: str


class CrumbOut(Out):
    id: UUID
    slug: str
    name: str


class CategoryNodeOut(Out, kw_only=True):
    """A category in the tree. `productCount` are the products on sale in it, `totalProductCount` those inside it, too.

    Each product counts once. `children` stand by sort order, then by name.
    """

    id: UUID
    parent_id: UUID | None
    slug: str
    name: str
    image: CategoryImageOut | None
    sort_order: int
    is_active: bool
    product_count: int
    total_product_count: int
    version: int
    children: "list[CategoryNodeOut]" = msgspec.field(default_factory=list)


class CategoryOut(CategoryNodeOut, kw_only=True):
    """`isShown`: it and all above it are active, so that everybody sees it. The breadcrumb ends with the category."""

    description: str
    is_shown: bool
    breadcrumb: list[CrumbOut]
    created_at: datetime
    updated_at: datetime


class CategoriesOut(Out):
    items: list[CategoryNodeOut]


class CategoryTextOut(Out):
    locale: str
    name: str | None
    description: str | None


class CategoryTextsOut(Out):
    """`version` is the category's."""

    items: list[CategoryTextOut]
    version: int


def draft_of(body: CategoryIn) -> CategoryDraft:
    """Raises ValidationFailed."""
    return CategoryDraft(
        parent_id=body.parent_id,
        name=body.name,
        slug=body.slug,
        description=body.description,
        image=None if body.image is None else image_of(body.image, "/image"),
        sort_order=body.sort_order,
        is_active=body.is_active,
    )


def changes_of(body: CategoryPatch) -> CategoryChanges:
    """Raises ValidationFailed."""
    return CategoryChanges(
        parent_id=body.parent_id,
        name=body.name,
        slug=body.slug,
        description=body.description,
        image=image_of(body.image, "/image") if isinstance(body.image, ImageIn) else body.image,
        sort_order=body.sort_order,
        is_active=body.is_active,
    )


def text_out(text: CategoryText) -> CategoryTextOut:
    return CategoryTextOut(text.locale, text.name, text.description)


def categories_out(nodes: Sequence[Node]) -> CategoriesOut:
    """The whole tree. Of each category, the nodes have its parent before it."""
    return CategoriesOut(_hang({node.category.id: _node_out(node) for node in nodes}))


def category_out(category: Category, crumbs: Sequence[Crumb], nodes: Sequence[Node]) -> CategoryOut:
    """A category with what is inside it; the first of the nodes is its own."""
    shown = {node.category.id: _node_out(node) for node in nodes}
    _hang(shown)
    own = shown[category.id]
    return CategoryOut(
        **msgspec.structs.asdict(own),
        description=category.description,
        is_shown=category.is_shown,
        breadcrumb=[CrumbOut(crumb.id, crumb.slug, crumb.name) for crumb in crumbs],
        created_at=category.created_at,
        updated_at=category.updated_at,
    )


def _hang(shown: dict[UUID, CategoryNodeOut]) -> list[CategoryNodeOut]:
    """Puts each under its parent; those whose parent is not among them."""
    roots: list[CategoryNodeOut] = []
    for node in shown.values():
        parent = shown.get(node.parent_id) if node.parent_id else None
        (roots if parent is None else parent.children).append(node)
    return roots


def _node_out(node: Node) -> CategoryNodeOut:
    category = node.category
    return CategoryNodeOut(
        id=category.id,
        parent_id=category.parent_id,
        slug=category.slug,
        name=category.name,
        image=None if category.image is None else CategoryImageOut(category.image.url, category.image.alt),
        sort_order=category.sort_order,
        is_active=category.is_active,
        product_count=node.products,
        total_product_count=node.all_products,
        version=category.version,
    )
