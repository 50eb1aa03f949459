"""Signing in with a password."""

from uuid import UUID

import msgspec

from tradepost.accounts import guessing, sessions
from tradepost.accounts.events import SessionOpened
from tradepost.accounts.guessing import Guess
from tradepost.accounts.mails import AccountMails
from tradepost.accounts.model import Account, Device, InvalidCredentials
from tradepost.accounts.passwords import Passwords
from tradepost.accounts.sessions import Opened
from tradepost.accounts.store import people
from tradepost.accounts.store import sessions as session_store
from tradepost.accounts.store.people import Signer
from tradepost.core.actors import Actor, ActorKind
from tradepost.core.texts import normal_email
from tradepost.db import Database, Tx
from tradepost.events import publish
from tradepost.stores import Store


class SignedIn(msgspec.Struct, frozen=True):
    account: Account
    opened: Opened
    is_new_device: bool


async def sign_in(
    db: Database, passwords: Passwords, mails: AccountMails, shop: Store, *, email: str, password: str, device: Device
) -> SignedIn:
    """A session for whoever knows the password. Raises InvalidCredentials, RateLimited.

    Known and unknown addresses cost the same: the same statements, and always two hashes. An address may have an
    account that it belongs to, and one that only claims it, with a password of its own (see `registering`).
    """
    async with db.read() as reader:
        signers = await people.find_signers(reader, shop.id, email)
    guess = guessing.guess_of(normal_email(email), device.address)
    named = [signer.account_id for signer in signers if signer]
    await guessing.count(db, shop.id, guess, accounts=named, address=device.address)
    signer = await _who_knows(passwords, signers, password)
    if signer is None:
        raise InvalidCredentials
    done = await db.write(lambda tx: _open(tx, shop.id, signer, guess, device))
    if done.is_new_device:
        mails.new_sign_in(done.account.email, device, shop=shop.name)
    return done


async def _who_knows(
    passwords: Passwords, signers: tuple[Signer | None, Signer | None], password: str
) -> Signer | None:
    """Whose password it is. Both are looked at in any case, so that the time tells nothing."""
    matches = [await passwords.verify(signer.password_hash if signer else None, password) for signer in signers]
    known = [signer for signer, matched in zip(signers, matches, strict=True) if signer and matched]
    return next((signer for signer in known if signer.is_active), None)


async def _open(tx: Tx, store_id: UUID, signer: Signer, guess: Guess, device: Device) -> SignedIn:
    account = await people.lock(tx, store_id, signer.account_id)
    await people.check_unchanged(tx, store_id, account.id, signer.password_hash)
    is_new = not await session_store.knows_device(tx, store_id, account.id, device)
    opened = await sessions.open_session(tx, store_id, account.id, device=device)
    actor = Actor(ActorKind.CUSTOMER, store_id, account.id)
    await publish(tx, SessionOpened(account.id), actor=actor, subject_id=opened.session_id)
    await guessing.take_back(tx, store_id, guess)
    return SignedIn(account, opened, is_new)
