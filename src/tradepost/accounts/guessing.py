"""What it costs to guess a password: attempts count before they are looked at; those that were right are taken back.

An account is slowed down, never locked: from where it has signed in before, its owner has tries of his own.
"""

import hashlib
from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost.accounts.store import attempts, sessions
from tradepost.core.errors import RateLimited
from tradepost.db import Database, Tx
from tradepost.http.clients import counted_as

_MOST_FROM_HERE = 10
_MOST_ANYWHERE = 100


class Guess(msgspec.Struct, frozen=True):
    """What an attempt counts against: the account from this address, the account, and the address."""

    here: bytes
    account: bytes
    address: bytes


def guess_of(name: str, address: str) -> Guess:
    """`name` is the account's, in one spelling; of an IPv6 address the network counts."""
    origin = counted_as(address)
    subjects = (("here", name, origin), ("account", name), ("address", origin))
    return Guess(*(hashlib.sha256(repr(subject).encode()).digest() for subject in subjects))


async def count(db: Database, store_id: UUID, guess: Guess, *, accounts: Sequence[UUID], address: str) -> None:
    """Counts an attempt at one of the accounts (none where the name is unknown). RateLimited, with the time to wait."""
    wait = await db.write(lambda tx: _count(tx, store_id, guess, accounts, address))
    if wait:
        raise RateLimited(retry_after=wait)


async def take_back(tx: Tx, store_id: UUID, guess: Guess) -> None:
    """The attempt was none of those that are counted."""
    await attempts.take_back(tx, store_id, [guess.here, guess.account, guess.address])


async def _count(tx: Tx, store_id: UUID, guess: Guess, accounts: Sequence[UUID], address: str) -> int:
    """The seconds to wait. Those who are refused here do not use up what others may try elsewhere."""
    tried, seconds = (await attempts.add(tx, store_id, [guess.here]))[guess.here]
    if tried > _MOST_FROM_HERE:
        return seconds
    counted = await attempts.add(tx, store_id, [guess.account, guess.address])
    if await sessions.knows_place(tx, store_id, accounts, address):
        del counted[guess.account]
    return max((seconds for tried, seconds in counted.values() if tried > _MOST_ANYWHERE), default=0)
