"""Signing in with a password, and what it costs to guess."""

import hashlib
from uuid import UUID

import msgspec

from tradepost.accounts import sessions
from tradepost.accounts.events import SessionOpened
from tradepost.accounts.mails import AccountMails
from tradepost.accounts.model import Account, Device, InvalidCredentials
from tradepost.accounts.passwords import Passwords
from tradepost.accounts.sessions import Opened
from tradepost.accounts.store import attempts, people
from tradepost.accounts.store import sessions as session_store
from tradepost.accounts.store.people import Signer
from tradepost.core.actors import Actor, ActorKind
from tradepost.core.errors import RateLimited
from tradepost.core.texts import normal_email
from tradepost.db import Database, Tx
from tradepost.events import publish
from tradepost.stores import Store

_MOST_FROM_HERE = 10
_MOST_ANYWHERE = 100


class SignedIn(msgspec.Struct, frozen=True):
    account: Account
    opened: Opened
    is_new_device: bool


class _Guess(msgspec.Struct, frozen=True):
    """What an attempt counts against: the account from this address, the account, and the address."""

    here: bytes
    account: bytes
    address: bytes


def _guess(email: str, address: str) -> _Guess:
    name = normal_email(email)
    here, account, origin = (
        hashlib.sha256(repr(subject).encode()).digest()
        for subject in (("here", name, address), ("account", name), ("address", address))
    )
    return _Guess(here, account, origin)


async def sign_in(
    db: Database, passwords: Passwords, mails: AccountMails, shop: Store, *, email: str, password: str, device: Device
) -> SignedIn:
    """A session for whoever knows the password. Raises InvalidCredentials, RateLimited.

    Known and unknown addresses cost the same: the same statements, and always two hashes. An address may have an
    account that it belongs to, and one that only claims it, with a password of its own (see `registering`).
    """
    guess = _guess(email, device.address)
    wait = await db.write(lambda tx: _count(tx, shop.id, guess))
    if wait:
        raise RateLimited(retry_after=wait)
    async with db.read() as reader:
        signers = await people.find_signers(reader, shop.id, email)
    account_id = await _knows(passwords, signers, password)
    if account_id is None:
        raise InvalidCredentials
    done = await db.write(lambda tx: _open(tx, shop.id, account_id, guess, device))
    if done.is_new_device:
        mails.new_sign_in(done.account.email, device, shop=shop.name)
    return done


async def _count(tx: Tx, store_id: UUID, guess: _Guess) -> int:
    """Counts an attempt before it is known how it ends, so that of many at once no more pass; the seconds to wait.

    An account is slowed down, never locked: from elsewhere its owner has tries of his own, as those that are refused
    here are not counted there, and later he has all of them.
    """
    tried, seconds = (await attempts.add(tx, store_id, [guess.here]))[guess.here]
    if tried > _MOST_FROM_HERE:
        return seconds
    counted = await attempts.add(tx, store_id, [guess.account, guess.address])
    return max((seconds for tried, seconds in counted.values() if tried > _MOST_ANYWHERE), default=0)


async def _knows(passwords: Passwords, signers: tuple[Signer | None, Signer | None], password: str) -> UUID | None:
    """Whose password it is. Both are looked at in any case, so that the time tells nothing."""
    known = [
        (signer.account_id, signer.is_active) if matches and signer else None
        for signer in signers
        for matches in [await passwords.verify(signer.password_hash if signer else None, password)]
    ]
    return next((account_id for account_id, is_active in filter(None, known) if is_active), None)


async def _open(tx: Tx, store_id: UUID, account_id: UUID, guess: _Guess, device: Device) -> SignedIn:
    account = await people.lock(tx, store_id, account_id)
    if not account.is_active:
        raise InvalidCredentials
    is_new = not await session_store.knows_device(tx, store_id, account_id, device)
    opened = await sessions.open_session(tx, store_id, account_id, device=device)
    actor = Actor(ActorKind.CUSTOMER, store_id, account_id)
    await publish(tx, SessionOpened(account_id), actor=actor, subject_id=opened.session_id)
    await attempts.forget(tx, store_id, guess.here)
    await attempts.take_back(tx, store_id, [guess.account, guess.address])
    return SignedIn(account, opened, is_new)
