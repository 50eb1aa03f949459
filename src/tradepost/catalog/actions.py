from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec

from tradepost.catalog import model, store
from tradepost.catalog.events import ProductArchived, ProductChanged, ProductCreated
from tradepost.catalog.model import (
    MOST_VARIANTS,
    Draft,
    Product,
    ProductChanges,
    SkuTaken,
    SlugTaken,
    Status,
    TooManyVariants,
    Variant,
    VariantChanges,
    VariantDraft,
)
from tradepost.catalog.store.writing import Placed
from tradepost.core.actors import Actor
from tradepost.core.changes import differing
from tradepost.core.errors import FieldError, NotFound, check_version
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish, publish_first

_ATTEMPTS = 20


class OpeningStock(msgspec.Struct, frozen=True):
    """What catalog needs of inventory, which stands above it: levels for variants, where they have none yet."""

    open: Callable[[Tx, Sequence[tuple[UUID, int]], Actor], Awaitable[None]]


async def create(tx: Tx, draft: Draft, *, actor: Actor) -> Product:
    """A new product with its variants. Its tracked variants need their OpeningStock before anybody reads them.

    Raises SlugTaken, SkuTaken, ValidationFailed for a slug that means something else.
    """
    (product,) = await create_many(tx, [draft], actor=actor)
    return product


async def create_many(tx: Tx, drafts: Sequence[Draft], *, actor: Actor) -> list[Product]:
    """Many products in a few statements: all of them, or none. See `create`."""
    by_id = {uuid7(): draft for draft in drafts}
    if not by_id:
        return []
    slugs, born = await _insert_products(tx, by_id, actor.store_id)
    placed = {
        uuid7(): Placed(id_, position, variant)
        for id_, draft in by_id.items()
        for position, variant in enumerate(draft.variants)
    }
    skus = await _insert_variants(tx, placed, slugs, actor.store_id)
    variants: dict[UUID, list[Variant]] = {id_: [] for id_ in by_id}
    for id_, place in placed.items():
        variants[place.product_id].append(_variant(id_, skus[id_], place))
    products = [_product(id_, slugs[id_], draft, variants[id_], born[id_]) for id_, draft in by_id.items()]
    await publish_first(tx, [(product.id, _created(product), actor) for product in products])
    return products


async def add_variant(
    tx: Tx, ref: str, draft: VariantDraft, *, actor: Actor, expected_version: int | None = None
) -> tuple[Product, Variant]:
    """A further variant. Raises NotFound, Stale, TooManyVariants, SkuTaken."""
    product = await _lock(tx, ref, actor, expected_version)
    if len(product.variants) >= MOST_VARIANTS:
        raise TooManyVariants
    id_, place = uuid7(), Placed(product.id, product.variants[-1].position + 1, draft)
    skus = await _insert_variants(tx, {id_: place}, {product.id: product.slug}, actor.store_id)
    variant = _variant(id_, skus[id_], place)
    after = msgspec.structs.replace(product, variants=(*product.variants, variant))
    saved = await store.set_product(tx, actor.store_id, after)
    await publish(tx, ProductChanged(["variants"], [id_]), actor=actor, subject_id=product.id)
    return saved, variant


async def change(
    tx: Tx, ref: str, changes: ProductChanges, *, actor: Actor, expected_version: int | None = None
) -> Product:
    """Changes a product by id or slug; what differs in nothing changes nothing.

    Raises NotFound, Stale, InvalidTransition, VariantRequired, SlugTaken, SkuTaken, ValidationFailed.
    """
    product = await _lock(tx, ref, actor, expected_version)
    return await _save(tx, product, model.changed(product, changes), actor)


async def change_variant(
    tx: Tx, ref: str, variant_id: UUID, changes: VariantChanges, *, actor: Actor, expected_version: int | None = None
) -> Product:
    """Changes one variant. Raises NotFound, Stale, ActiveVariantRequired, SkuTaken."""
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


async def _save(tx: Tx, before: Product, after: Product, actor: Actor) -> Product:
    fields = differing(before, after, but="variants")
    variants = [(old, new) for old, new in zip(before.variants, after.variants, strict=True) if old != new]
    if not fields and not variants:
        return before
    saved = await store.set_product(tx, actor.store_id, after)
    for old, new in variants:
        await store.set_variant(tx, actor.store_id, new)
        fields += differing(old, new)
    fact = ProductChanged(fields, [new.id for _, new in variants])
    await publish(tx, fact, actor=actor, subject_id=saved.id)
    if saved.status is Status.ARCHIVED and before.status is not Status.ARCHIVED:
        await publish(tx, ProductArchived(), actor=actor, subject_id=saved.id)
    return saved


async def _insert_products(
    tx: Tx, drafts: Mapping[UUID, Draft], store_id: UUID
) -> tuple[dict[UUID, str], dict[UUID, datetime]]:
    """The slug of each product, and when it was made."""
    given = {id_: draft.slug for id_, draft in drafts.items() if draft.slug is not None}
    for slug in given.values():
        model.check_slug(slug)
    born: dict[UUID, datetime] = {}

    async def insert(slugs: Mapping[UUID, str]) -> Collection[UUID]:
        made = await store.insert_products(tx, store_id, slugs, drafts)
        born.update(made)
        return made

    slugs = {id_: given.get(id_) or model.default_slug(draft.name) for id_, draft in drafts.items()}
    names, refused = await _name(slugs, given, insert, partial(store.free_number_of_slug, tx, store_id))
    if refused:
        raise SlugTaken(errors=[FieldError("/slug", SlugTaken.code, "is in use")])
    return names, born


async def _insert_variants(
    tx: Tx, placed: Mapping[UUID, Placed], slugs: Mapping[UUID, str], store_id: UUID
) -> dict[UUID, str]:
    """The SKU of each variant."""
    given = {id_: place.draft.sku for id_, place in placed.items() if place.draft.sku is not None}

    async def insert(skus: Mapping[UUID, str]) -> Collection[UUID]:
        return await store.insert_variants(tx, store_id, skus, placed)

    skus = {id_: given.get(id_) or _default_sku(place, slugs[place.product_id]) for id_, place in placed.items()}
    names, refused = await _name(skus, given, insert, partial(store.free_number_of_sku, tx, store_id))
    if refused:
        pointers = [f"{placed[id_].draft.pointer}/sku" for id_ in refused]
        raise SkuTaken(errors=[FieldError(pointer, SkuTaken.code, "is in use") for pointer in pointers])
    return names


async def _name(
    wanted: Mapping[UUID, str],
    given: Collection[UUID],
    insert: Callable[[Mapping[UUID, str]], Awaitable[Collection[UUID]]],
    free_number: Callable[[Sequence[str]], Awaitable[dict[str, int]]],
) -> tuple[dict[UUID, str], list[UUID]]:
    """Inserts under unique names: those `given` as they are, the others with a number where the name is in use.

    Whether a name is free is decided by the insert alone, so that two at once do not get the same one. Answers the
    names, and those that could not have theirs.
    """
    names: dict[UUID, str] = {}
    asking = dict(wanted)
    for _ in range(_ATTEMPTS):
        made = await insert(asking)
        names |= {id_: asking[id_] for id_ in made}
        left = [id_ for id_ in asking if id_ not in names]
        refused = [id_ for id_ in left if id_ in given]
        if refused or not left:
            return names, refused
        numbers = await free_number(sorted({wanted[id_] for id_ in left}))
        asking = {}
        for id_ in left:
            name = wanted[id_]
            asking[id_] = f"{name}-{numbers.get(name, 2)}"
            numbers[name] = numbers.get(name, 2) + 1
    return names, list(asking)


def _default_sku(place: Placed, slug: str) -> str:
    simple = place.position == 0 and not place.draft.name
    return model.default_sku(slug, place=None if simple else place.position + 1)


def _variant(id_: UUID, sku: str, place: Placed) -> Variant:
    facts = {name: getattr(place.draft, name) for name in model.VariantFacts.__struct_fields__}
    return Variant(id=id_, position=place.position, sku=sku, **facts)


def _product(id_: UUID, slug: str, draft: Draft, variants: Sequence[Variant], born: datetime) -> Product:
    facts = {name: getattr(draft, name) for name in model.ProductFacts.__struct_fields__}
    return Product(id=id_, slug=slug, created_at=born, updated_at=born, variants=tuple(variants), **facts)


def _created(product: Product) -> ProductCreated:
    return ProductCreated(product.slug, [variant.id for variant in product.variants])
