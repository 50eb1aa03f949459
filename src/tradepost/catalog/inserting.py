"""New products and variants, under names that nobody else has."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec

from tradepost.catalog import model, naming, store
from tradepost.catalog.model import BarcodeTaken, Draft, Image, Product, SkuTaken, SlugTaken, Variant, VariantDraft
from tradepost.catalog.store import Placed
from tradepost.core.errors import FieldError
from tradepost.core.ids import uuid7
from tradepost.db import Tx

_ATTEMPTS = 20


async def insert(tx: Tx, drafts: Sequence[Draft], store_id: UUID) -> list[Product]:
    """Products with all that belongs to them. Raises SlugTaken, SkuTaken, BarcodeTaken, ValidationFailed."""
    by_id = {uuid7(): draft for draft in drafts}
    slugs, born = await _insert_products(tx, by_id, store_id)
    images = {
        id_: tuple(Image(uuid7(), image.url, image.alt) for image in draft.images) for id_, draft in by_id.items()
    }
    await store.insert_images(tx, store_id, images)
    await store.insert_categories(tx, store_id, by_id)
    placed = {
        uuid7(): Placed(id_, position, model.effective(variant.own_price, draft.price), variant)
        for id_, draft in by_id.items()
        for position, variant in enumerate(draft.variants)
    }
    skus = await _insert_variants(tx, placed, slugs, store_id)
    variants: dict[UUID, list[Variant]] = {id_: [] for id_ in by_id}
    for id_, place in placed.items():
        variants[place.product_id].append(_variant(id_, skus[id_], place))
    products = [_product(id_, slugs[id_], draft, images[id_], born[id_]) for id_, draft in by_id.items()]
    return [msgspec.structs.replace(product, variants=tuple(variants[product.id])) for product in products]


async def add(tx: Tx, product: Product, drafts: Sequence[VariantDraft], store_id: UUID) -> list[Variant]:
    """Further variants of a locked product, behind those that it has. Raises SkuTaken, BarcodeTaken."""
    made = await add_many(tx, {product.id: (product, drafts)}, store_id)
    return made.get(product.id, [])


async def add_many(
    tx: Tx, wanted: Mapping[UUID, tuple[Product, Sequence[VariantDraft]]], store_id: UUID
) -> dict[UUID, list[Variant]]:
    """The same of many products, by id; those that get none are left out."""
    placed = {
        uuid7(): Placed(id_, product.variants[-1].position + at, model.effective(draft.own_price, product.price), draft)
        for id_, (product, drafts) in wanted.items()
        for at, draft in enumerate(drafts, 1)
    }
    if not placed:
        return {}
    slugs = {id_: product.slug for id_, (product, _) in wanted.items()}
    skus = await _insert_variants(tx, placed, slugs, store_id)
    made: defaultdict[UUID, list[Variant]] = defaultdict(list)
    for id_, place in placed.items():
        made[place.product_id].append(_variant(id_, skus[id_], place))
    return dict(made)


async def _insert_products(
    tx: Tx, drafts: Mapping[UUID, Draft], store_id: UUID
) -> tuple[dict[UUID, str], dict[UUID, datetime]]:
    """The slug of each product, and when it was made."""
    given = {id_: draft.slug for id_, draft in drafts.items() if draft.slug is not None}
    for slug in given.values():
        naming.check_slug(slug)
    born: dict[UUID, datetime] = {}

    async def insert(slugs: Mapping[UUID, str]) -> Collection[UUID]:
        made = await store.insert_products(tx, store_id, slugs, drafts)
        born.update(made)
        return made

    slugs = {id_: given.get(id_) or naming.default_slug(draft.name) for id_, draft in drafts.items()}
    names, refused = await _name(slugs, given, insert, partial(store.free_number_of_slug, tx, store_id))
    if refused:
        raise SlugTaken(errors=[FieldError("/slug", SlugTaken.code, "is in use")])
    return names, born


async def _insert_variants(
    tx: Tx, placed: Mapping[UUID, Placed], slugs: Mapping[UUID, str], store_id: UUID
) -> dict[UUID, str]:
    """The SKU of each variant."""
    await _check_barcodes(tx, [place.draft for place in placed.values()], store_id)
    given = {id_: place.draft.sku for id_, place in placed.items() if place.draft.sku is not None}

    async def insert(skus: Mapping[UUID, str]) -> Collection[UUID]:
        try:
            return await store.insert_variants(tx, store_id, skus, placed)
        except BarcodeTaken:  # this very moment, by somebody else: now it can be seen whose it is here
            await _check_barcodes(tx, [place.draft for place in placed.values()], store_id)
            raise

    skus = {id_: given.get(id_) or _default_sku(place, slugs[place.product_id]) for id_, place in placed.items()}
    names, refused = await _name(skus, given, insert, partial(store.free_number_of_sku, tx, store_id))
    if refused:
        pointers = [f"{placed[id_].draft.pointer}/sku" for id_ in refused]
        raise SkuTaken(errors=[FieldError(pointer, SkuTaken.code, "is in use") for pointer in pointers])
    return names


async def _check_barcodes(tx: Tx, drafts: Sequence[VariantDraft], store_id: UUID) -> None:
    """BarcodeTaken, pointing at each that is in use. One that is taken this very moment, the insert finds."""
    given = [(draft.pointer, draft.barcode) for draft in drafts if draft.barcode is not None]
    if not given:
        return
    met = await store.barcodes_in_use(tx, store_id, [barcode for _, barcode in given])
    taken: list[str] = []
    for pointer, barcode in given:
        if barcode in met:
            taken.append(pointer)
        met.add(barcode)
    if taken:
        raise BarcodeTaken(
            errors=[FieldError(f"{pointer}/barcode", BarcodeTaken.code, "is in use") for pointer in taken]
        )


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
    return naming.default_sku(slug, place.draft.options.values(), place=None if simple else place.position + 1)


def _variant(id_: UUID, sku: str, place: Placed) -> Variant:
    facts = {name: getattr(place.draft, name) for name in model.VariantFacts.__struct_fields__}
    return Variant(id=id_, position=place.position, sku=sku, price=place.price, **facts)


def _product(id_: UUID, slug: str, draft: Draft, images: tuple[Image, ...], born: datetime) -> Product:
    """Still without its variants."""
    facts = {name: getattr(draft, name) for name in model.ProductFacts.__struct_fields__}
    return Product(id=id_, slug=slug, created_at=born, updated_at=born, images=images, variants=(), **facts)
