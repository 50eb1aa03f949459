from datetime import datetime
from uuid import UUID

import msgspec

from tradepost.catalog import store
from tradepost.catalog.events import ProductChanged
from tradepost.catalog.local import LocalPrice
from tradepost.catalog.model import Product, Variant
from tradepost.catalog.store import local
from tradepost.core.actors import Actor
from tradepost.core.errors import NotFound, check_version, invalid
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.stores import Market


class PriceDraft(msgspec.Struct, frozen=True, kw_only=True):
    """In minor units of the market's currency. Nothing at all takes what there is away."""

    price: int | None = None
    compare_price: int | None = None
    sale_price: int | None = None
    sale_from: datetime | None = None
    sale_to: datetime | None = None

    @property
    def is_empty(self) -> bool:
        return self == PriceDraft()


async def put(
    tx: Tx,
    ref: str,
    variant_id: UUID,
    market: Market,
    draft: PriceDraft,
    *,
    actor: Actor,
    expected_version: int | None = None,
) -> Product:
    """What a variant costs in a market, whole: what is None is not there any more. The same again changes nothing.

    Raises NotFound, Stale, ValidationFailed.
    """
    product, variant = await _lock(tx, ref, variant_id, actor, expected_version)
    _check(draft, market, variant)
    row = LocalPrice(variant.id, market.id, **msgspec.structs.asdict(draft))
    before = await local.find_price(tx, actor.store_id, product.id, variant.id, market.id)
    if before == (None if draft.is_empty else row):
        return product
    if draft.is_empty:
        await local.delete_price(tx, actor.store_id, product.id, variant.id, market.id)
    else:
        await local.put_price(tx, actor.store_id, product.id, row)
    return await _tell(tx, product, variant, actor)


async def remove(
    tx: Tx, ref: str, variant_id: UUID, market: Market, *, actor: Actor, expected_version: int | None = None
) -> None:
    """Takes price and sale of a market away: the variant's own is converted again. Raises NotFound, Stale."""
    product, variant = await _lock(tx, ref, variant_id, actor, expected_version)
    if await local.find_price(tx, actor.store_id, product.id, variant.id, market.id) is None:
        raise NotFound
    await local.delete_price(tx, actor.store_id, product.id, variant.id, market.id)
    await _tell(tx, product, variant, actor)


async def _lock(
    tx: Tx, ref: str, variant_id: UUID, actor: Actor, expected_version: int | None
) -> tuple[Product, Variant]:
    product = await store.lock(tx, actor.store_id, ref)
    variant = next((variant for variant in product.variants if variant.id == variant_id), None)
    if variant is None:
        raise NotFound
    check_version(product.version, expected_version)
    return product, variant


async def _tell(tx: Tx, product: Product, variant: Variant, actor: Actor) -> Product:
    saved = await store.set_product(tx, actor.store_id, product)
    await publish(tx, ProductChanged(["prices"], [variant.id]), actor=actor, subject_id=product.id)
    return saved


def _check(draft: PriceDraft, market: Market, variant: Variant) -> None:
    """ValidationFailed with the first thing that makes no sense."""
    if market.is_home:
        for name, value in (("price", draft.price), ("comparePrice", draft.compare_price)):
            if value is not None:
                raise invalid(f"/{name}", "not_allowed", "is the variant's own in the home market: change it there")
    if draft.compare_price is not None and draft.price is None:
        raise invalid("/price", "required", "is needed with a comparePrice")
    regular = variant.price if market.is_home else draft.price
    if draft.sale_price is not None and regular is not None and draft.sale_price >= regular:
        raise invalid("/salePrice", "out_of_range", "must be lower than the price")
    for name, moment in (("saleFrom", draft.sale_from), ("saleTo", draft.sale_to)):
        if moment is not None and draft.sale_price is None:
            raise invalid(f"/{name}", "not_allowed", "makes no sense without a salePrice")
    if draft.sale_from is not None and draft.sale_to is not None and draft.sale_from >= draft.sale_to:
        raise invalid("/saleTo", "out_of_range", "must be later than saleFrom")
