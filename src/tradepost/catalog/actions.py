from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec
from msgspec import UnsetType

from tradepost.catalog import categories, inserting, model, store
from tradepost.catalog.events import ProductArchived, ProductChanged, ProductCreated
from tradepost.catalog.matrix import Options
from tradepost.catalog.model import (
    MOST_VARIANTS,
    Draft,
    Product,
    ProductChanges,
    Status,
    TooManyVariants,
    Variant,
    VariantChanges,
    VariantDraft,
)
from tradepost.core.actors import Actor
from tradepost.core.changes import differing
from tradepost.core.errors import NotFound, check_version
from tradepost.db import Tx
from tradepost.events import publish, publish_first


class OpeningStock(msgspec.Struct, frozen=True):
    """What catalog needs of inventory, which stands above it: levels for variants, where they have none yet."""

    open: Callable[[Tx, Sequence[tuple[UUID, int]], Actor], Awaitable[None]]


async def create(tx: Tx, draft: Draft, *, actor: Actor) -> Product:
    """A new product with its variants. Its tracked variants need their OpeningStock before anybody reads them.

    Raises SlugTaken, SkuTaken, BarcodeTaken, CombinationTaken, ProductIncomplete, ReferenceNotFound for a category,
    ValidationFailed for a slug that means something else, or options that repeat themselves.
    """
    (product,) = await create_many(tx, [draft], actor=actor)
    return product


async def create_many(tx: Tx, drafts: Sequence[Draft], *, actor: Actor) -> list[Product]:
    """Many products in a few statements: all of them, or none. See `create`."""
    settled = [model.settled_draft(draft) for draft in drafts]
    if not settled:
        return []
    named = [model.named_categories(draft.category_id, draft.category_ids) for draft in drafts]
    await categories.hold(tx, actor.store_id, named)
    products = await inserting.insert(tx, settled, actor.store_id)
    facts = [ProductCreated(product.slug, [variant.id for variant in product.variants]) for product in products]
    await publish_first(tx, [(product.id, fact, actor) for product, fact in zip(products, facts, strict=True)])
    return products


async def add_variant(
    tx: Tx, ref: str, draft: VariantDraft, *, actor: Actor, expected_version: int | None = None
) -> tuple[Product, Variant]:
    """A further variant.

    Raises NotFound, Stale, TooManyVariants, SkuTaken, BarcodeTaken, CombinationTaken, ProductIncomplete.
    """
    product = await _lock(tx, ref, actor, expected_version)
    if len(product.variants) >= MOST_VARIANTS:
        raise TooManyVariants
    others = [variant.options for variant in product.variants]
    model.check_combination(draft.options, others, pointer=f"{draft.pointer}/options")
    (variant,) = await inserting.add(tx, product, [draft], actor.store_id)
    after = model.settled(_with(product, [variant]), said=variant.id)
    return await _save(tx, product, after, actor), variant


async def generate(
    tx: Tx,
    ref: str,
    options: Options | UnsetType,
    like: VariantDraft,
    *,
    actor: Actor,
    expected_version: int | None = None,
) -> tuple[Product, list[Variant]]:
    """Makes the variants that the product lacks for all combinations of options, each as `like`; those it made.

    Raises NotFound, Stale, TooManyVariants, ProductIncomplete, ValidationFailed.
    """
    product = await _lock(tx, ref, actor, expected_version)
    after, drafts = model.generated(product, options, like)
    made = await inserting.add(tx, after, drafts, actor.store_id)
    return await _save(tx, product, model.settled(_with(after, made)), actor), made


async def change(
    tx: Tx, ref: str, changes: ProductChanges, *, actor: Actor, expected_version: int | None = None
) -> Product:
    """Changes a product by id or slug; what differs in nothing changes nothing.

    Raises NotFound, Stale, InvalidTransition, VariantRequired, ProductIncomplete, SlugTaken, SkuTaken, BarcodeTaken,
    ReferenceNotFound for a category, ValidationFailed.
    """
    if changes.categories:
        await categories.hold(tx, actor.store_id, [changes.categories])
    product = await _lock(tx, ref, actor, expected_version)
    return await _save(tx, product, model.changed(product, changes), actor)


async def change_variant(
    tx: Tx, ref: str, variant_id: UUID, changes: VariantChanges, *, actor: Actor, expected_version: int | None = None
) -> Product:
    """Changes one variant.

    Raises NotFound, Stale, ActiveVariantRequired, ProductIncomplete, CombinationTaken, SkuTaken, BarcodeTaken,
    ValidationFailed for an image of another product.
    """
    product = await _lock(tx, ref, actor, expected_version)
    variant = next((variant for variant in product.variants if variant.id == variant_id), None)
    if variant is None:
        raise NotFound
    return await _save(tx, product, model.changed_variant(product, variant, changes), actor)


async def archive(tx: Tx, ref: str, *, actor: Actor, expected_version: int | None = None) -> Product:
    """Takes a product off sale; again changes nothing. Raises NotFound, Stale."""
    return await change(tx, ref, ProductChanges(status=Status.ARCHIVED), actor=actor, expected_version=expected_version)


async def _lock(tx: Tx, ref: str, actor: Actor, expected_version: int | None) -> Product:
    product = await store.lock(tx, actor.store_id, ref)
    check_version(product.version, expected_version)
    return product


def _with(product: Product, variants: Sequence[Variant]) -> Product:
    return msgspec.structs.replace(product, variants=(*product.variants, *variants))


async def _save(tx: Tx, before: Product, after: Product, actor: Actor) -> Product:
    """Writes what differs. New variants have been written before."""
    known = {variant.id: variant for variant in before.variants}
    fields = differing(before, after, but="variants")
    new = [variant.id for variant in after.variants if variant.id not in known]
    changed = [(known[variant.id], variant) for variant in after.variants if variant != known.get(variant.id, variant)]
    if not fields and not new and not changed:
        return before
    saved = await store.set_product(tx, actor.store_id, after)
    if (before.category_id, before.category_ids) != (after.category_id, after.category_ids):
        await store.set_categories(tx, actor.store_id, after)
    for old, variant in changed:
        await store.set_variant(tx, actor.store_id, variant)
        fields += differing(old, variant)
    fields += ["variants"] if new else []
    fact = ProductChanged(list(dict.fromkeys(fields)), [variant.id for _, variant in changed] + new)
    await publish(tx, fact, actor=actor, subject_id=saved.id)
    if saved.status is Status.ARCHIVED and before.status is not Status.ARCHIVED:
        await publish(tx, ProductArchived(), actor=actor, subject_id=saved.id)
    return saved
