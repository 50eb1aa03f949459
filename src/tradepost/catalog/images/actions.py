from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tradepost.catalog import store
from tradepost.catalog.events import ProductChanged
from tradepost.catalog.model import MOST_IMAGES, Image, ImageDraft, Product
from tradepost.core.actors import Actor
from tradepost.core.changes import applied
from tradepost.core.errors import Conflict, NotFound, check_version, invalid
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish


class TooManyImages(Conflict):
    title = f"A product has at most {MOST_IMAGES} images"


class ImageChanges(msgspec.Struct, frozen=True):
    """UNSET is what stays as it is."""

    url: str | UnsetType = UNSET
    alt: str | UnsetType = UNSET


async def add(
    tx: Tx, ref: str, draft: ImageDraft, *, actor: Actor, expected_version: int | None = None
) -> tuple[Product, Image]:
    """A further image, behind those that there are. Raises NotFound, Stale, TooManyImages."""
    product = await _lock(tx, ref, actor, expected_version)
    if len(product.images) >= MOST_IMAGES:
        raise TooManyImages
    image = Image(uuid7(), draft.url, draft.alt)
    await store.insert_images(tx, actor.store_id, {product.id: [image]}, first=len(product.images))
    return await _save(tx, product, (*product.images, image), actor), image


async def change(
    tx: Tx, ref: str, image_id: UUID, changes: ImageChanges, *, actor: Actor, expected_version: int | None = None
) -> tuple[Product, Image]:
    """Changes an image; what differs in nothing changes nothing. Raises NotFound, Stale."""
    product = await _lock(tx, ref, actor, expected_version)
    before = _of(product, image_id)
    after = applied(before, changes)
    if after == before:
        return product, before
    await store.set_image(tx, actor.store_id, product.id, after)
    images = tuple(after if image.id == image_id else image for image in product.images)
    return await _save(tx, product, images, actor), after


async def reorder(
    tx: Tx, ref: str, ids: Sequence[UUID], *, actor: Actor, expected_version: int | None = None
) -> Product:
    """Shows the images in this order. Raises NotFound, Stale, ValidationFailed unless each of them is named once."""
    product = await _lock(tx, ref, actor, expected_version)
    by_id = {image.id: image for image in product.images}
    if len(ids) != len(by_id) or set(ids) != by_id.keys():
        raise invalid("/imageIds", "incomplete", "must name each image of the product once")
    images = tuple(by_id[id_] for id_ in ids)
    if images == product.images:
        return product
    await store.set_order(tx, actor.store_id, product.id, ids)
    return await _save(tx, product, images, actor)


async def remove(tx: Tx, ref: str, image_id: UUID, *, actor: Actor, expected_version: int | None = None) -> None:
    """Deletes an image; variants that named it have none then. Raises NotFound, Stale."""
    product = await _lock(tx, ref, actor, expected_version)
    _of(product, image_id)
    without = [variant for variant in product.variants if variant.image_id == image_id]
    for variant in without:
        await store.set_variant(tx, actor.store_id, msgspec.structs.replace(variant, image_id=None))
    await store.delete_image(tx, actor.store_id, product.id, image_id)
    images = tuple(image for image in product.images if image.id != image_id)
    await store.set_order(tx, actor.store_id, product.id, [image.id for image in images])
    await _save(tx, product, images, actor, variant_ids=[variant.id for variant in without])


async def _lock(tx: Tx, ref: str, actor: Actor, expected_version: int | None) -> Product:
    product = await store.lock(tx, actor.store_id, ref)
    check_version(product.version, expected_version)
    return product


def _of(product: Product, image_id: UUID) -> Image:
    """NotFound for an image of another product, too."""
    found = next((image for image in product.images if image.id == image_id), None)
    if found is None:
        raise NotFound
    return found


async def _save(
    tx: Tx, product: Product, images: tuple[Image, ...], actor: Actor, *, variant_ids: Sequence[UUID] = ()
) -> Product:
    saved = await store.set_product(tx, actor.store_id, msgspec.structs.replace(product, images=images))
    fields = ["images", "imageId"] if variant_ids else ["images"]
    await publish(tx, ProductChanged(fields, list(variant_ids)), actor=actor, subject_id=product.id)
    return saved
