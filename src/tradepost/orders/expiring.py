"""Orders that nobody pays for in time give their stock back."""

from uuid import UUID

from tradepost.core import clock, ids
from tradepost.core.actors import system
from tradepost.core.errors import ShopError
from tradepost.db import Database, Tx
from tradepost.orders import cancelling, store
from tradepost.orders.life import reopen
from tradepost.orders.model import CancelReason, OrderStatus

_AT_ONCE = 100


async def expire(db: Database, *, minutes: int) -> int:
    """Cancels orders that were placed so long ago and are not paid; how many.

    Those on hold wait, and so do those with a payment that may still take money.
    """
    before = ids.first_of(clock.to_ms(clock.now()) - minutes * 60_000)
    async with db.read() as reader:
        due = await store.unpaid(reader, before=before, most=_AT_ONCE)
    return sum([await _expire(db, store_id, order_id) for store_id, order_id in due])


async def _expire(db: Database, store_id: UUID, order_id: UUID) -> bool:
    async def unit(tx: Tx) -> bool:
        opened = await reopen(tx, order_id, actor=system(store_id))
        facts = opened.facts
        if facts.status is not OrderStatus.PENDING or facts.is_on_hold or facts.money.is_live or facts.money.captured:
            return False
        await cancelling.cancel(tx, opened, reason=CancelReason.EXPIRED)
        return True

    try:
        return await db.write(unit)
    except ShopError:  # it has just been paid, or deleted
        return False
