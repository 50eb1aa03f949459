"""Stock that is promised to a cart for a while, so that nobody takes it away from who is just paying."""

from datetime import datetime
from functools import partial
from uuid import UUID

import msgspec

from tradepost import inventory
from tradepost.carts import store
from tradepost.carts.actions import Opened
from tradepost.carts.events import CartExpired, CartReleased, CartReserved
from tradepost.carts.model import Cart, ReservationLimit, ReservationsOff, State, not_enough
from tradepost.core.actors import Actor, system
from tradepost.core.ids import uuid7
from tradepost.db import Database, Tx
from tradepost.events import publish
from tradepost.inventory import InsufficientStock
from tradepost.orders.baskets import CartEmpty

_AT_ONCE = 500


class Holds(msgspec.Struct, frozen=True):
    """For how many minutes stock is held, how many units for one customer or address, and how long carts are kept."""

    minutes: int
    units: int
    idle_days: int


async def reserve(tx: Tx, opened: Opened, holds: Holds, *, held_by: str) -> tuple[Opened, datetime]:
    """Promises all that is in the cart, or nothing; again, the time begins anew. Until when.

    Raises ReservationsOff, CartEmpty, InsufficientStock, ReservationLimit.
    """
    cart, store_id = opened.cart, opened.actor.store_id
    if not holds.minutes:
        raise ReservationsOff
    if not cart.items:
        raise CartEmpty
    await store.take_turn(tx, store_id, held_by)
    tracked = {item.variant_id: item.quantity for item in cart.items if item.variant_id in opened.stand.left}
    elsewhere = await store.held_units(tx, store_id, held_by, but=cart.id)
    if elsewhere + sum(tracked.values()) > holds.units:
        raise ReservationLimit(retry_after=holds.minutes * 60)
    hold_id = cart.hold_id or uuid7()
    more = {item.variant_id: tracked[item.variant_id] - item.held for item in cart.items if item.variant_id in tracked}
    await _promise(tx, cart, hold_id, {id_: count for id_, count in more.items() if count > 0}, opened.actor)
    items = tuple(msgspec.structs.replace(item, held=tracked.get(item.variant_id, 0)) for item in cart.items)
    until = await store.set_hold(tx, store_id, cart.id, hold_id, held_by=held_by, minutes=holds.minutes)
    after = msgspec.structs.replace(cart, items=items, hold_id=hold_id, held_until=until)
    saved = await store.save(tx, store_id, cart, after)
    await publish(tx, CartReserved(until), actor=opened.actor, subject_id=cart.id)
    return msgspec.structs.replace(opened, cart=saved), until


async def release(tx: Tx, opened: Opened) -> Opened:
    """Gives back all that is held for the cart."""
    if opened.cart.hold_id is None:
        return opened
    return msgspec.structs.replace(opened, cart=await _released(tx, opened.cart, opened.actor))


async def expire(db: Database, *, idle_days: int) -> int:
    """Ends reservations that are over, and carts that nobody has touched for long; how many."""
    done = 0
    while done < _AT_ONCE and await db.write(partial(_expire_next, idle_days=idle_days)):
        done += 1
    return done


async def _expire_next(tx: Tx, *, idle_days: int) -> bool:
    found = await store.lock_next(tx, idle_days=idle_days)
    if found is None:
        return False
    store_id, cart, is_idle = found
    await (_forget if is_idle else _released)(tx, cart, system(store_id))
    return True


async def _forget(tx: Tx, cart: Cart, actor: Actor) -> object:
    if cart.hold_id is not None:
        await inventory.release(tx, cart.hold_id, actor=actor)
    forgotten = msgspec.structs.replace(
        cart,
        state=State.EXPIRED,
        items=(),
        email=None,
        shipping_address=None,
        billing_address=None,
        notes=None,
        hold_id=None,
        held_until=None,
    )
    await publish(tx, CartExpired(), actor=actor, subject_id=cart.id)
    return await store.save(tx, actor.store_id, cart, forgotten)


async def _released(tx: Tx, cart: Cart, actor: Actor) -> Cart:
    assert cart.hold_id is not None  # noqa: S101 - the caller has looked
    await inventory.release(tx, cart.hold_id, actor=actor)
    items = tuple(msgspec.structs.replace(item, held=0) for item in cart.items)
    after = msgspec.structs.replace(cart, items=items, hold_id=None, held_until=None)
    saved = await store.save(tx, actor.store_id, cart, after)
    await publish(tx, CartReleased(), actor=actor, subject_id=cart.id)
    return saved


async def _promise(tx: Tx, cart: Cart, hold_id: UUID, units: dict[UUID, int], actor: Actor) -> None:
    try:
        await inventory.reserve(tx, hold_id, units, actor=actor)
    except InsufficientStock as error:
        left = error.extra["available"]
        problems = [
            not_enough(f"/items/{at}/quantity", left[str(item.variant_id)] + item.held)
            for at, item in enumerate(cart.items)
            if str(item.variant_id) in left
        ]
        raise InsufficientStock(errors=problems) from None
