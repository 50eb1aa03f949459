"""What need not be kept for ever: messages that were worked off, and old payments of the fake provider."""

from collections.abc import Awaitable
from functools import partial
from typing import Protocol

from tradepost.db import Database, Tx
from tradepost.payments.store import fake, inbox

KEPT_DAYS = 90
"""Longer than any provider sends a message again, so that none that is forgotten comes a second time."""
_AT_ONCE = 1000


class _Delete(Protocol):
    def __call__(self, tx: Tx, *, days: int, most: int) -> Awaitable[int]: ...


async def forget_old(db: Database) -> int:
    """Forgets what was settled KEPT_DAYS ago; how many rows. In small transactions, so that nobody waits for it."""
    return await _forget(db, inbox.delete_old) + await _forget(db, fake.delete_old)


async def _forget(db: Database, delete: _Delete) -> int:
    forgotten = 0
    while count := await db.write(partial(delete, days=KEPT_DAYS, most=_AT_ONCE)):
        forgotten += count
    return forgotten
