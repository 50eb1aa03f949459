"""Carts as the placement desk wants them: see `orders.baskets`."""

from collections.abc import Sequence
from uuid import UUID

from tradepost.carts import store
from tradepost.carts.model import Cart, State
from tradepost.db import Tx
from tradepost.db.connections import Asked, Row
from tradepost.inventory import Holding
from tradepost.orders import Item
from tradepost.orders.baskets import Basket
from tradepost.orders.model import ItemKey


class KeptCarts:
    """Implements `Baskets`."""

    def wanted(self, store_id: UUID, basket_ids: Sequence[UUID]) -> Sequence[Asked]:
        return store.wanted(store_id, basket_ids)

    def read(self, found: Sequence[Sequence[Row]]) -> dict[UUID, Basket]:
        return {cart.id: _basket(cart, held) for cart, held in store.read(found)}

    async def set_ordered(self, tx: Tx, store_id: UUID, ordered: Sequence[tuple[UUID, UUID]]) -> None:
        await store.set_ordered(tx, store_id, ordered)


def _basket(cart: Cart, held: Sequence[Holding]) -> Basket:
    return Basket(
        id=cart.id,
        version=cart.version,
        items=[Item(ItemKey.VARIANT, item.variant_id, item.quantity) for item in cart.items],
        seen=[(item.price, item.currency) for item in cart.items],
        email=cart.email,
        shipping_address=cart.shipping_address,
        billing_address=cart.billing_address,
        notes=cart.notes,
        market_id=cart.market_id,
        coupon_codes=cart.coupon_codes,
        shipping_method=cart.shipping_method,
        hold_id=cart.hold_id,
        held=held,
        order_id=cart.order_id,
        is_open=cart.state is State.OPEN,
    )
