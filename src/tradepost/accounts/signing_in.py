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
    """What a failed attempt counts against: the account from this address, the account, and the address."""

    here: bytes
    account: bytes
    address: bytes

    def limits(self) -> dict[bytes, int]:
        return {self.here: _MOST_FROM_HERE, self.account: _MOST_ANYWHERE, self.address: _MOST_ANYWHERE}


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
    await _check_attempts(db, shop.id, guess)
    async with db.read() as reader:
        signers = await people.find_signers(reader, shop.id, email)
    account_id = await _knows(passwords, signers, password)
    if account_id is None:
        await db.write(lambda tx: attempts.add(tx, shop.id, list(guess.limits())))
        raise InvalidCredentials
    done = await db.write(lambda tx: _open(tx, shop.id, account_id, guess, device))
    if done.is_new_device:
        mails.new_sign_in(done.account.email, device, shop=shop.name)
    return done


async def _check_attempts(db: Database, store_id: UUID, guess: _Guess) -> None:
    """An account is slowed down, never locked: from elsewhere its owner has tries of his own, and later all of them."""
    limits = guess.limits()
    async with db.read() as reader:
        counted = await attempts.counted(reader, store_id, list(limits))
    waits = [seconds for subject, (failed, seconds) in counted.items() if failed >= limits[subject]]
    if waits:
        raise RateLimited(retry_after=max(waits))


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
    await attempts.forget(tx, store_id, guess.here)
    actor = Actor(ActorKind.CUSTOMER, store_id, account_id)
    await publish(tx, SessionOpened(account_id), actor=actor, subject_id=opened.session_id)
    return SignedIn(account, opened, is_new)
