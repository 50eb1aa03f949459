from collections.abc import Iterable
from uuid import UUID

from tradepost.catalog import naming
from tradepost.catalog.categories import model, store
from tradepost.catalog.categories.events import CategoryChanged, CategoryCreated, CategoryDeleted, CategoryMoved
from tradepost.catalog.categories.model import (
    MOST_CATEGORIES,
    Category,
    CategoryChanges,
    CategoryDraft,
    CategoryNotEmpty,
    CategoryText,
    Path,
    TooManyCategories,
)
from tradepost.catalog.events import ProductChanged
from tradepost.core.actors import Actor
from tradepost.core.changes import differing
from tradepost.core.clock import now
from tradepost.core.errors import FieldError, NotFound, ReferenceNotFound, check_version
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish, publish_each

_DERIVED = {"path", "isShown"}


async def create(tx: Tx, draft: CategoryDraft, *, actor: Actor) -> Category:
    """A new category. Raises SlugTaken, ReferenceNotFound, CategoryTooDeep, TooManyCategories, ValidationFailed."""
    await store.lock_tree(tx, actor.store_id)
    if await store.count(tx, actor.store_id) >= MOST_CATEGORIES:
        raise TooManyCategories
    parent = await _named(tx, draft.parent_id, actor, "/parentId")
    category = model.placed(await _new(tx, draft, actor), parent, height=1, pointer="/parentId")
    await store.insert(tx, actor.store_id, category)
    await publish(tx, CategoryCreated(category.slug, category.parent_id), actor=actor, subject_id=category.id)
    return category


async def ensure(tx: Tx, paths: Iterable[Path], *, actor: Actor) -> dict[Path, UUID]:
    """The categories that names lead to from a root, each name inside the one before it; new ones where there are none.

    Of neighbours with one name it is the first. Raises CategoryTooDeep, TooManyCategories.
    """
    wanted = set(paths)
    found = await store.at_paths(tx, actor.store_id, wanted)
    if wanted <= found.keys():
        return found
    await store.lock_tree(tx, actor.store_id)
    found = await store.at_paths(tx, actor.store_id, wanted)
    for path in sorted(wanted - found.keys()):
        for depth in range(1, len(path) + 1):
            here = path[:depth]
            if here not in found:
                draft = CategoryDraft(name=here[-1], parent_id=found.get(here[:-1]))
                found[here] = (await create(tx, draft, actor=actor)).id
    return found


async def change(
    tx: Tx, ref: str, changes: CategoryChanges, *, actor: Actor, expected_version: int | None = None
) -> Category:
    """Changes a category, or moves it with all that is inside it; what differs in nothing changes nothing.

    Raises NotFound, Stale, SlugTaken, ReferenceNotFound, CategoryCycle, CategoryTooDeep, ValidationFailed.
    """
    before = await _lock(tx, ref, actor, expected_version)
    wanted = model.changed(before, changes)
    parent = await _named(tx, wanted.parent_id, actor, "/parentId")
    height = await store.height(tx, actor.store_id, before)
    after = model.placed(wanted, parent, height=height, pointer="/parentId")
    if after == before:
        return before
    saved = await store.set_category(tx, actor.store_id, after)
    if (after.path, after.is_shown) != (before.path, before.is_shown):
        await store.carry_along(tx, actor.store_id, before, after)
    fields = [name for name in differing(before, after) if name not in _DERIVED]
    await publish(tx, CategoryChanged(fields), actor=actor, subject_id=saved.id)
    if after.parent_id != before.parent_id:
        await publish(tx, CategoryMoved(before.parent_id, after.parent_id), actor=actor, subject_id=saved.id)
    return saved


async def delete(tx: Tx, ref: str, *, move_to: str | None, actor: Actor, expected_version: int | None = None) -> None:
    """Deletes a category. Its products and categories go into another one, named by id or slug; else it is empty.

    Raises NotFound, Stale, CategoryNotEmpty, ReferenceNotFound, CategoryCycle, CategoryTooDeep.
    """
    category = await _lock(tx, ref, actor, expected_version)
    target = None if move_to is None else await _named(tx, naming.reference(move_to), actor, "?moveTo")
    if target is None:
        await _check_empty(tx, category, actor)
    else:
        height = await store.height(tx, actor.store_id, category)
        model.check_room(category, target.path, height=height - 1, pointer="?moveTo")
        await _empty(tx, category, target, actor)
    await store.delete(tx, actor.store_id, category.id)
    fact = CategoryDeleted(category.slug, None if target is None else target.id)
    await publish(tx, fact, actor=actor, subject_id=category.id)


async def put_text(
    tx: Tx, ref: str, text: CategoryText, *, actor: Actor, expected_version: int | None = None
) -> Category:
    """A category's words in a language, whole. The same again changes nothing. Raises NotFound, Stale."""
    category = await _lock(tx, ref, actor, expected_version)
    if text in await store.texts_of(tx, actor.store_id, category.id):
        return category
    await store.put_text(tx, actor.store_id, category.id, text)
    return await _tell_of_texts(tx, category, actor)


async def remove_text(tx: Tx, ref: str, locale: str, *, actor: Actor, expected_version: int | None = None) -> None:
    """Raises NotFound where there are no words in this language, Stale."""
    category = await _lock(tx, ref, actor, expected_version)
    if locale not in [text.locale for text in await store.texts_of(tx, actor.store_id, category.id)]:
        raise NotFound
    await store.delete_text(tx, actor.store_id, category.id, locale)
    await _tell_of_texts(tx, category, actor)


async def _tell_of_texts(tx: Tx, category: Category, actor: Actor) -> Category:
    saved = await store.set_category(tx, actor.store_id, category)
    await publish(tx, CategoryChanged(["texts"]), actor=actor, subject_id=category.id)
    return saved


async def _lock(tx: Tx, ref: str, actor: Actor, expected_version: int | None) -> Category:
    await store.lock_tree(tx, actor.store_id)
    category = await store.get(tx, actor.store_id, ref)
    check_version(category.version, expected_version)
    return category


async def _named(tx: Tx, ref: UUID | str | None, actor: Actor, pointer: str) -> Category | None:
    """The category that a field names. ReferenceNotFound."""
    if ref is None:
        return None
    found = await store.find(tx, actor.store_id, ref)
    if found is None:
        raise ReferenceNotFound(errors=[FieldError(pointer, ReferenceNotFound.code, "is no category")])
    return found


async def _new(tx: Tx, draft: CategoryDraft, actor: Actor) -> Category:
    if draft.slug is not None:
        naming.check_slug(draft.slug)
    slug = draft.slug or await store.free_slug(tx, actor.store_id, naming.default_slug(draft.name, kind="category"))
    id_, at = uuid7(), now()
    return Category(
        id=id_,
        slug=slug,
        path=(id_,),
        is_shown=draft.is_active,
        name=draft.name,
        description=draft.description,
        image=draft.image,
        sort_order=draft.sort_order,
        is_active=draft.is_active,
        created_at=at,
        updated_at=at,
    )


async def _check_empty(tx: Tx, category: Category, actor: Actor) -> None:
    products, categories = await store.contents(tx, actor.store_id, category.id)
    if products or categories:
        raise CategoryNotEmpty(extra={"products": products, "categories": categories})


async def _empty(tx: Tx, category: Category, target: Category, actor: Actor) -> None:
    """Moves all that is in a category to another one: each product and each category is told of it."""
    children = await store.move_children(tx, actor.store_id, category, target)
    await publish_each(tx, CategoryMoved(category.id, target.id), actor=actor, subject_ids=children)
    for fields, product_ids in (await store.move_products(tx, actor.store_id, category.id, target.id)).items():
        await publish_each(tx, ProductChanged(list(fields), []), actor=actor, subject_ids=product_ids)
