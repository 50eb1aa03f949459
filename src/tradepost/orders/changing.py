"""Small changes to an order: confirmed, worked on, held, released; its address, its tracking, notes about it."""

from uuid import UUID

import msgspec

from tradepost.core.actors import Actor
from tradepost.core.changes import differing
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.orders import store
from tradepost.orders.events import OrderAddressChanged, OrderHeld, OrderNoted, OrderReleased, OrderTrackingChanged
from tradepost.orders.life import Opened, close
from tradepost.orders.model import Address, Order, OrderStatus

_ADDRESSES = ("shipping_address", "billing_address")


async def confirm(tx: Tx, opened: Opened) -> Opened:
    """It will be paid in some way that staff know of."""
    return await close(tx, opened, msgspec.structs.replace(opened.order, status=OrderStatus.CONFIRMED))


async def process(tx: Tx, opened: Opened) -> Opened:
    """Somebody is at work on it."""
    return await close(tx, opened, msgspec.structs.replace(opened.order, status=OrderStatus.PROCESSING))


async def hold(tx: Tx, opened: Opened, *, reason: str) -> Opened:
    """Nothing is shipped and nothing expires until it is released."""
    await publish(tx, OrderHeld(), actor=opened.actor, subject_id=opened.order.id)
    return await close(tx, opened, msgspec.structs.replace(opened.order, held_because=reason))


async def release(tx: Tx, opened: Opened) -> Opened:
    await publish(tx, OrderReleased(), actor=opened.actor, subject_id=opened.order.id)
    return await close(tx, opened, msgspec.structs.replace(opened.order, held_because=None))


async def change_addresses(tx: Tx, opened: Opened, *, shipping: Address | None, billing: Address | None) -> Opened:
    """Where it goes, and its bill; None stays as it is."""
    before = opened.order
    after = msgspec.structs.replace(
        before,
        shipping_address=shipping or before.shipping_address,
        billing_address=billing or before.billing_address,
    )
    await tell_of_addresses(tx, before, after, opened.actor)
    return await close(tx, opened, after)


async def tell_of_addresses(tx: Tx, before: Order, after: Order, actor: Actor) -> None:
    """Which of an order's addresses differ, if any."""
    fields = [name for name in differing(before, after) if name in _ADDRESSES]
    if fields:
        await publish(tx, OrderAddressChanged(fields), actor=actor, subject_id=before.id)


async def set_tracking(tx: Tx, opened: Opened, *, company: str | None, number: str | None) -> Opened:
    """With whom it travels, before and after it has left."""
    after = msgspec.structs.replace(opened.order, tracking_company=company, tracking_number=number)
    if after != opened.order:
        fact = OrderTrackingChanged(company, number)
        await publish(tx, fact, actor=opened.actor, subject_id=after.id)
    return await close(tx, opened, after)


async def note(tx: Tx, order_id: UUID, *, text: str, actor: Actor) -> "store.Note":
    """What staff tell each other. The order is locked, and its version stays."""
    note_id = uuid7()
    await store.insert_note(tx, actor, order_id=order_id, note_id=note_id, text=text)
    await publish(tx, OrderNoted(note_id), actor=actor, subject_id=order_id)
    return await store.get_note(tx, actor.store_id, note_id)
