"""Many products changed at once, each in everything that is to change of it: in a few statements, all or none."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tradepost.catalog import categories, inserting, model, store
from tradepost.catalog.events import ProductArchived, ProductChanged
from tradepost.catalog.model import (
    MOST_VARIANTS,
    Image,
    ImageDraft,
    Product,
    ProductChanges,
    Status,
    TooManyVariants,
    Variant,
    VariantChanges,
    VariantDraft,
)
from tradepost.core.actors import Actor
from tradepost.core.changes import applied, differing
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish_many


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of one product, but for its slug and its SKUs. `images` takes the place of all images.

    An image with an address that the product has stays the one that it is. `pointers` are where a variant's changes
    stand in the caller's document.
    """

    changes: ProductChanges = ProductChanges()
    variants: Mapping[UUID, VariantChanges] = {}
    new: tuple[VariantDraft, ...] = ()
    images: tuple[ImageDraft, ...] | UnsetType = UNSET
    pointers: Mapping[UUID, str] = {}


class Edited(msgspec.Struct, frozen=True):
    """`made` are the new variants, in the order of their drafts. Where nothing differed, `after` is `before`."""

    before: Product
    after: Product
    made: tuple[Variant, ...] = ()


async def edit_many(
    tx: Tx, products: Mapping[UUID, Product], edits: Mapping[UUID, Edit], *, actor: Actor
) -> list[Edited]:
    """Edits products that `lock_many` has locked. What differs in nothing changes nothing.

    Raises InvalidTransition, TooManyVariants, CombinationTaken, ProductIncomplete, ActiveVariantRequired, SkuTaken,
    BarcodeTaken, ReferenceNotFound for a category, ValidationFailed.
    """
    await categories.hold(tx, actor.store_id, [edit.changes.categories for edit in edits.values()])
    wanted = {id_: _applied(products[id_], edit) for id_, edit in edits.items()}
    made = await inserting.add_many(tx, {id_: (wanted[id_], edit.new) for id_, edit in edits.items()}, actor.store_id)
    done = [
        Edited(products[id_], _settled(wanted[id_], made.get(id_, ()), edit), tuple(made.get(id_, ())))
        for id_, edit in edits.items()
    ]
    changed = [one for one in done if one.after != one.before]
    saved = await _save(tx, changed, actor) if changed else {}
    return [msgspec.structs.replace(one, after=saved[one.before.id]) if one.before.id in saved else one for one in done]


def _applied(product: Product, edit: Edit) -> Product:
    """The product with the edit, still without its new variants."""
    after = applied(product, edit.changes)
    if after.status != product.status:
        model.STATES.check(product.status, after.status)
    for variant in product.variants:
        if variant.id in edit.variants:
            after = model.with_variant(after, applied(variant, edit.variants[variant.id]))
    if len(after.variants) + len(edit.new) > MOST_VARIANTS:
        raise TooManyVariants
    for at, variant in enumerate(after.variants):
        if variant.id in edit.variants:
            others = [other.options for place, other in enumerate(after.variants) if place != at]
            model.check_combination(variant.options, others, pointer=f"{edit.pointers.get(variant.id, '')}/options")
    others = [variant.options for variant in after.variants]
    for draft in edit.new:
        model.check_combination(draft.options, others, pointer=f"{draft.pointer}/options")
        others.append(draft.options)
    return after if edit.images is UNSET else _with_images(after, edit.images)


def _with_images(product: Product, drafts: Sequence[ImageDraft]) -> Product:
    """Variants lose the image that the product loses."""
    known = {image.url: image.id for image in reversed(product.images)}
    images = tuple(Image(known.pop(draft.url, None) or uuid7(), draft.url, draft.alt) for draft in drafts)
    ids = {image.id for image in images}
    variants = tuple(
        variant if variant.image_id in ids else msgspec.structs.replace(variant, image_id=None)
        for variant in product.variants
    )
    return msgspec.structs.replace(product, images=images, variants=variants)


def _settled(product: Product, made: Sequence[Variant], edit: Edit) -> Product:
    """Only what is edited is settled: a product that was left as it is stays so, whatever rule is newer than it."""
    if made:
        product = msgspec.structs.replace(product, variants=(*product.variants, *made))
    return model.settled(product) if made or edit != Edit() else product


async def _save(tx: Tx, changed: Sequence[Edited], actor: Actor) -> dict[UUID, Product]:
    """Writes what differs; the products with their new versions. New variants have been written before."""
    variants = [pair for one in changed for pair in _changed_variants(one)]
    if variants:
        await store.set_variants(tx, actor.store_id, [after for _, after in variants])
    if moved := [one.after for one in changed if _homes(one.before) != _homes(one.after)]:
        await store.replace_categories(tx, actor.store_id, moved)
    if pictured := [one.after for one in changed if one.before.images != one.after.images]:
        await store.replace_images(tx, actor.store_id, pictured)
    saved = await store.set_products(tx, actor.store_id, [one.after for one in changed])
    await publish_many(tx, [(one.after.id, _fact(one)) for one in changed], actor=actor)
    archived = [one for one in changed if one.after.status is Status.ARCHIVED and one.before.status != one.after.status]
    await publish_many(tx, [(one.after.id, ProductArchived()) for one in archived], actor=actor)
    return {product.id: product for product in saved}


def _homes(product: Product) -> tuple[UUID | None, tuple[UUID, ...]]:
    return product.category_id, product.category_ids


def _changed_variants(one: Edited) -> list[tuple[Variant, Variant]]:
    """Those that were there and differ now, before and after."""
    known = {variant.id: variant for variant in one.before.variants}
    return [
        (known[variant.id], variant)
        for variant in one.after.variants
        if variant.id in known and variant != known[variant.id]
    ]


def _fact(one: Edited) -> ProductChanged:
    fields = differing(one.before, one.after, but="variants")
    changed = _changed_variants(one)
    for before, after in changed:
        fields += differing(before, after)
    fields += ["variants"] if one.made else []
    ids = [after.id for _, after in changed] + [variant.id for variant in one.made]
    return ProductChanged(list(dict.fromkeys(fields)), ids)
