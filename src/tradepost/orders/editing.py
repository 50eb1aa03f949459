"""Editing an order: priced again, its stock taken or given back, its money made even. The order is locked."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost import inventory, stores
from tradepost.catalog.offers import offers
from tradepost.core.errors import FieldError
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.inventory import InsufficientStock
from tradepost.orders import edits, store
from tradepost.orders.changing import tell_of_addresses
from tradepost.orders.edits import Added, Difference, Edit
from tradepost.orders.events import OrderEdited
from tradepost.orders.life import Opened, close
from tradepost.orders.model import Item
from tradepost.orders.moves import Action
from tradepost.orders.paying import give_back
from tradepost.orders.quoting import Asked, KnownTerms, Shelf, wanted
from tradepost.orders.quoting.loading import NOW
from tradepost.orders.quoting.reckoning import UNTAXED, Taxing, prices_in, without_tax
from tradepost.shipping import ShipmentStatus

_BECAUSE = "order_edited"
_FIXED = (ShipmentStatus.PACKED, ShipmentStatus.SHIPPED, ShipmentStatus.DELIVERED, ShipmentStatus.LOST)


class Edited(msgspec.Struct, frozen=True):
    """An edited order, and what differs. `excess`: minor units that go back to the buyer."""

    opened: Opened
    differences: list[Difference]
    excess: int


async def added(tx: Tx, opened: Opened, items: Sequence[Item]) -> list[Added]:
    """New items at today's prices in the order's market. VariantNotAvailable, with pointers into `/add`."""
    if not items:
        return []
    order, store_id = opened.order, opened.actor.store_id
    shop = await stores.get(tx, store_id)
    terms = await KnownTerms().of(tx, shop)
    market = next((one for one in terms.markets.all if one.slug == order.basis.market), terms.markets.home)
    offered = wanted(store_id, items, market_ids={market.id}, locales=market.locales)
    found, ((at,),) = await tx.together(offered, NOW)
    picked = Shelf(offers(found)).pick(items, pointer="/add")
    prices = prices_in(market, items, picked, at, pointer="/add")
    asked = Asked(items=items, market_id=market.id, address=order.shipping_address or order.billing_address)
    taxing = Taxing(shop, terms, asked.place(market), order.basis.taxes, at)
    taxes = [taxing.on(offer.tax_class) for offer in picked]
    if order.basis.exempt:
        prices = [without_tax(one, rates, market) for one, rates in zip(prices, taxes, strict=True)]
        taxes = [UNTAXED] * len(taxes)
    return [
        Added(offer, offer.name_in(market), item.quantity, one.amount, rates)
        for offer, item, one, rates in zip(picked, items, prices, taxes, strict=True)
    ]


async def edit(tx: Tx, opened: Opened, change: Edit, *, reason: str | None) -> Edited:
    """Changes what was agreed, all or nothing; what was agreed before is kept. What was paid too much is refunded.

    Addresses can be changed until something is packed.

    Raises InvalidTransition, ValidationFailed, NothingLeft, AmountOutOfRange, InsufficientStock, RefundLimitExceeded.
    """
    before, store_id, actor = opened.order, opened.actor.store_id, opened.actor
    if change.shipping_address or change.billing_address:
        opened.check(Action.CHANGE_ADDRESS)
    after = edits.edited(before, change, fixed=_fixed(opened))
    was, is_ = edits.agreed(before), edits.agreed(after)
    if not (differences := edits.differences(was, is_)):
        return Edited(opened, [], 0)
    await _move_stock(tx, opened, edits.units_more(before, after))
    await store.insert_revision(tx, actor, before, reason=reason, agreed=was)
    await store.rewrite(tx, store_id, before, after)
    fact = OrderEdited(after.revision, before.total_amount, after.total_amount)
    await publish(tx, fact, actor=actor, subject_id=before.id)
    await tell_of_addresses(tx, before, after, actor)
    excess = max(0, opened.facts.money.refundable - after.total_amount)
    if excess:
        await give_back(tx, opened, excess, _BECAUSE)
    return Edited(await close(tx, opened, after), differences, excess)


async def _move_stock(tx: Tx, opened: Opened, more: dict[UUID, int]) -> None:
    """Gives back first, and then takes."""
    fewer = {variant_id: -count for variant_id, count in more.items() if count < 0}
    wanted_more = {variant_id: count for variant_id, count in more.items() if count > 0}
    if fewer:
        await inventory.release(tx, opened.order.id, fewer, actor=opened.actor)
    if wanted_more:
        try:
            await inventory.reserve(tx, opened.order.id, wanted_more, actor=opened.actor)
        except InsufficientStock as error:
            left = error.extra["available"]
            problems = [FieldError("/items", error.code, f"{count} of a variant are left") for count in left.values()]
            raise InsufficientStock(errors=problems, extra=error.extra) from None


def _fixed(opened: Opened) -> dict[UUID, int]:
    """Line to the units of it that are packed, or have left."""
    units: dict[UUID, int] = {}
    for shipment in opened.shipments:
        for line in shipment.lines if shipment.status in _FIXED else ():
            units[line.line_id] = units.get(line.line_id, 0) + line.quantity
    return units
