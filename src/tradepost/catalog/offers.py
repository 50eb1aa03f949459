"""What can be bought right now, as an order needs it: read in the order's own transaction."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from tradepost.catalog.model import STANDARD_TAX
from tradepost.db.arrays import texts, uuids
from tradepost.db.connections import Row, Statement


class Offer(msgspec.Struct, frozen=True, gc=False):
    """A variant on sale: an active one of a product that is ACTIVE. `price` in minor units."""

    variant_id: UUID
    product_id: UUID
    sku: str
    product_name: str
    variant_name: str
    options: dict[str, str]
    price: int
    track_inventory: bool
    image_url: str | None = None
    """The variant's image, or else the product's first."""
    tax_class: str = STANDARD_TAX

    @property
    def name(self) -> str:
        return f"{self.product_name} / {self.variant_name}" if self.variant_name else self.product_name


def offers_of(
    store_id: UUID, *, variant_ids: Sequence[UUID], product_ids: Sequence[UUID], skus: Sequence[str]
) -> tuple[Statement, dict[str, Any]]:
    """The statement that finds offers by any of three names; `offers` reads its rows."""
    return (
        """
        select variant.id, variant.product_id, variant.sku, product.name, variant.name, variant.options, variant.price,
               variant.track_inventory,
               (select image.url
                from product_image as image
                where image.store_id = variant.store_id
                  and image.product_id = variant.product_id
                order by image.id is distinct from variant.image_id, image.position
                limit 1),
               product.tax_class
        from product_variant as variant
        join product on product.store_id = variant.store_id and product.id = variant.product_id
        where variant.store_id = %(store_id)s
          and (variant.id = any(%(variant_ids)s)
            or variant.product_id = any(%(product_ids)s)
            or variant.sku = any(%(skus)s))
          and variant.is_active
          and variant.price is not null
          and product.status = 'ACTIVE'
        """,
        {
            "store_id": store_id,
            "variant_ids": uuids(variant_ids),
            "product_ids": uuids(product_ids),
            "skus": texts(skus),
        },
    )


def offers(rows: Iterable[Row]) -> list[Offer]:
    return [Offer(*row) for row in rows]
