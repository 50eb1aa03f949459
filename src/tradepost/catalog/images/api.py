from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from tradepost.catalog import store
from tradepost.catalog.answering import answer
from tradepost.catalog.images import actions
from tradepost.catalog.images.actions import ImageChanges, TooManyImages
from tradepost.catalog.model import MOST_IMAGES, WRITE, Status, sees_all
from tradepost.catalog.shown import ImageOut, ImagesOut, images_out
from tradepost.catalog.written import Alt, ImageIn, Url, image_of
from tradepost.core import urls
from tradepost.core.errors import NotFound, Stale
from tradepost.db import Tx
from tradepost.http import Answer, Call, In, Routes
from tradepost.http.call import etag

routes = Routes("Product images", "The pictures of products, in their order. The ETag is the product's.")


class ImagePatch(In, kw_only=True):
    """What is absent stays as it is."""

    url: Url | UnsetType = UNSET
    alt: Alt | UnsetType = UNSET


class ImageOrderIn(In):
    """All images of the product, in the order to be shown in."""

    image_ids: Annotated[list[UUID], Meta(min_length=1, max_length=MOST_IMAGES)]


@routes.get("/products/{ref}/images", answer=ImagesOut, problems=[NotFound], kept_unless=WRITE)
async def list_images(call: Call) -> Answer:
    """List the images of a product, in their order."""
    statuses = tuple(Status) if sees_all(call.actor) else (Status.ACTIVE,)
    async with call.db.read() as db:
        product = await store.get(db, call.actor.store_id, call.param("ref"), statuses=statuses)
    return answer(call, ImagesOut(images_out(product.images)), etag(product.version))


@routes.write(
    "POST",
    "/products/{ref}/images",
    body=ImageIn,
    answer=ImageOut,
    status=201,
    problems=[NotFound, Stale, TooManyImages],
    example={"url": "https://images.example.com/shirt-back.jpg", "alt": "The shirt from behind"},
)
async def add_image(call: Call, tx: Tx, body: ImageIn) -> Answer:
    """Add an image to a product, behind the others. It is not fetched: browsers will."""
    draft, expected = image_of(body, ""), call.expected_version()
    product, image = await actions.add(tx, call.param("ref"), draft, actor=call.actor, expected_version=expected)
    return call.json(ImageOut(image.id, image.url, image.alt), status=201, headers=[etag(product.version)])


@routes.write(
    "PUT",
    "/products/{ref}/images/order",
    body=ImageOrderIn,
    answer=ImagesOut,
    problems=[NotFound, Stale],
    example={"imageIds": ["019b0000-0000-7000-8000-000000000002", "019b0000-0000-7000-8000-000000000001"]},
)
async def reorder_images(call: Call, tx: Tx, body: ImageOrderIn) -> Answer:
    """Put the images of a product into another order."""
    product = await actions.reorder(
        tx, call.param("ref"), body.image_ids, actor=call.actor, expected_version=call.expected_version()
    )
    return call.json(ImagesOut(images_out(product.images)), headers=[etag(product.version)])


@routes.write(
    "PATCH",
    "/products/{ref}/images/{image_id}",
    body=ImagePatch,
    answer=ImageOut,
    problems=[NotFound, Stale],
    example={"alt": "The shirt, folded"},
)
async def change_image(call: Call, tx: Tx, body: ImagePatch) -> Answer:
    """Change the address or the text of an image."""
    if body.url is not UNSET:
        urls.check_public_https(body.url, pointer="/url")
    image_id, changes = call.id("image_id"), ImageChanges(body.url, body.alt)
    product, image = await actions.change(
        tx, call.param("ref"), image_id, changes, actor=call.actor, expected_version=call.expected_version()
    )
    return call.json(ImageOut(image.id, image.url, image.alt), headers=[etag(product.version)])


@routes.write("DELETE", "/products/{ref}/images/{image_id}", status=204, problems=[NotFound, Stale])
async def remove_image(call: Call, tx: Tx) -> Answer:
    """Delete an image of a product. Variants that showed it show none then."""
    image_id, expected = call.id("image_id"), call.expected_version()
    await actions.remove(tx, call.param("ref"), image_id, actor=call.actor, expected_version=expected)
    return Answer(204)
