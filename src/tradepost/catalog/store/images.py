from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from tradepost.catalog.model import Image
from tradepost.db import Tx


async def insert_images(tx: Tx, store_id: UUID, images: Mapping[UUID, Sequence[Image]], *, first: int = 0) -> None:
    """Images of locked or new products, in their order from a place on."""
    rows = [(product_id, at, image) for product_id, listed in images.items() for at, image in enumerate(listed, first)]
    if not rows:
        return
    await tx.run(
        """
        insert into product_image (store_id, product_id, id, position, url, alt)
        select %(store_id)s, product_id, id, position, url, alt
        from unnest(%(product_ids)b::uuid[], %(ids)b::uuid[], %(positions)b::int4[], %(urls)b::text[],
                    %(alts)b::text[])
             as image (product_id, id, position, url, alt)
        """,
        {
            "store_id": store_id,
            "product_ids": [product_id for product_id, _, _ in rows],
            "ids": [image.id for _, _, image in rows],
            "positions": [position for _, position, _ in rows],
            "urls": [image.url for _, _, image in rows],
            "alts": [image.alt for _, _, image in rows],
        },
    )


async def set_image(tx: Tx, store_id: UUID, product_id: UUID, image: Image) -> None:
    """Writes an image of a locked product."""
    await tx.run(
        """
        update product_image
        set url = %(url)s,
            alt = %(alt)s
        where store_id = %(store_id)s
          and product_id = %(product_id)s
          and id = %(id)s
        """,
        {"store_id": store_id, "product_id": product_id, **msgspec.structs.asdict(image)},
    )


async def set_order(tx: Tx, store_id: UUID, product_id: UUID, ids: Sequence[UUID]) -> None:
    """Gives each image of a locked product its place."""
    await tx.run(
        """
        update product_image as image
        set position = wanted.place - 1
        from unnest(%(ids)b::uuid[]) with ordinality as wanted (id, place)
        where image.store_id = %(store_id)s
          and image.product_id = %(product_id)s
          and image.id = wanted.id
        """,
        {"store_id": store_id, "product_id": product_id, "ids": list(ids)},
    )


async def delete_image(tx: Tx, store_id: UUID, product_id: UUID, image_id: UUID) -> None:
    """Deletes an image of a locked product. Variants that named it have been given up before."""
    await tx.run(
        """
        delete from product_image
        where store_id = %(store_id)s
          and product_id = %(product_id)s
          and id = %(id)s
        """,
        {"store_id": store_id, "product_id": product_id, "id": image_id},
    )
