"""What can be bought right now, as an order needs it: read in the order's own transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tradepost.catalog.local import Base, LocalPrice, Priced, priced
from tradepost.catalog.model import STANDARD_TAX
from tradepost.db.arrays import texts, uuids
from tradepost.db.connections import Row, Statement
from tradepost.stores import Market, Rate

_PRICES = msgspec.json.Decoder(tuple[LocalPrice, ...])
_NAMES = msgspec.json.Decoder(dict[str, str])


class Offer(msgspec.Struct, frozen=True, gc=False):
    """A variant on sale: an active one of a product that is ACTIVE. `price` is its own, of the store's currency.

    What it costs in a market, at home too, is `price_in` that market.
    """

    variant_id: UUID
    product_id: UUID
    sku: str
    product_name: str
    variant_name: str
    options: dict[str, str]
    price: int
    compare_price: int | None
    track_inventory: bool
    image_url: str | None = None
    """The variant's image, or else the product's first."""
    tax_class: str = STANDARD_TAX
    weight: int | None = None
    """Grams."""
    local_prices: tuple[LocalPrice, ...] = ()
    """What was written of the home market, and of those that were asked for."""
    local_names: dict[str, str] = {}
    """The product's name by locale."""

    @property
    def name(self) -> str:
        return self._with_variant(self.product_name)

    def name_in(self, market: Market) -> str:
        """In the market's language, where that was asked for and is there."""
        for locale in market.locales if self.local_names else ():
            if locale in self.local_names:
                return self._with_variant(self.local_names[locale])
        return self.name

    def price_in(self, market: Market, rate: Rate | None, at: datetime) -> Priced | None:
        """What it costs there at a time; None where it is not for sale there. `rate` is the market's."""
        row = None
        if self.local_prices:
            row = next((one for one in self.local_prices if one.market_id == market.id), None)
        return priced(Base(self.price, self.compare_price), market, row, rate, at)

    def _with_variant(self, product: str) -> str:
        return f"{product} / {self.variant_name}" if self.variant_name else product


def offers_of(
    store_id: UUID,
    *,
    variant_ids: Sequence[UUID],
    product_ids: Sequence[UUID],
    skus: Sequence[str],
    market_ids: Sequence[UUID] = (),
    locales: Sequence[str] = (),
) -> tuple[Statement, dict[str, Any]]:
    """The statement that finds offers by any of three names; `offers` reads its rows.

    With their prices in these markets and at home, and their names in these languages.
    """
    return (
        """
        select variant.id, variant.product_id, variant.sku, product.name, variant.name, variant.options, variant.price,
               variant.compare_price, variant.track_inventory,
               (select image.url
                from product_image as image
                where image.store_id = variant.store_id
                  and image.product_id = variant.product_id
                order by image.id is distinct from variant.image_id, image.position
                limit 1),
               product.tax_class, variant.weight,
               (select json_agg(json_build_array(local.variant_id, local.market_id, local.price, local.compare_price,
                                                 local.sale_price, local.sale_from, local.sale_to))::text
                from variant_price as local
                where local.store_id = variant.store_id
                  and local.product_id = variant.product_id
                  and local.variant_id = variant.id
                  and local.market_id = any(%(market_ids)s)),
               (select json_object_agg(said.locale, said.name)::text
                from product_text as said
                where said.store_id = variant.store_id
                  and said.product_id = variant.product_id
                  and said.locale = any(%(locales)s)
                  and said.name is not null)
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
            "market_ids": uuids([store_id, *market_ids]),
            "locales": texts(locales),
        },
    )


def offers(rows: Iterable[Row]) -> list[Offer]:
    return [_offer(*row) if row[-1] or row[-2] else Offer(*row[:-2]) for row in rows]


def _offer(*row: Any) -> Offer:  # noqa: ANN401 - the columns, in their order
    *columns, prices, names = row
    return Offer(
        *columns,
        local_prices=_PRICES.decode(prices) if prices else (),
        local_names=_NAMES.decode(names) if names else {},
    )
