"""Passwords and addresses that change: by who knows the old one, or reads the mail."""

from uuid import UUID

from tradepost.accounts import guessing, proving
from tradepost.accounts.events import AccountEmailChanged, AccountPasswordChanged
from tradepost.accounts.mails import AccountMails
from tradepost.accounts.model import Account, InvalidCredentials, Purpose, SessionRevoked, TokenInvalid
from tradepost.accounts.passwords import Passwords
from tradepost.accounts.registering import account_of_reader
from tradepost.accounts.store import people, proofs, sessions
from tradepost.core.actors import Actor
from tradepost.db import Database, Tx
from tradepost.events import publish
from tradepost.stores import Store


async def send_reset(db: Database, mails: AccountMails, shop: Store, email: str) -> None:
    """A mail to whoever has the address, or claims it; none where nobody does. Not waited for by who asks."""
    async with db.read() as reader:
        signers = await people.find_signers(reader, shop.id, email)
    signer = next((signer for signer in signers if signer and signer.is_active), None)
    if signer is None:
        return
    async with db.read() as reader:
        account = await people.get(reader, shop.id, signer.account_id)
    if token := await proving.issue(db, shop.id, account.id, Purpose.RESET, email=account.email):
        mails.reset(account.email, token, shop=shop.name)


async def reset_password(tx: Tx, token: str, *, actor: Actor, password_hash: str) -> None:
    """A new password for who reads the mail; it also proves the address. All sessions end.

    TokenInvalid also for somebody who is signed in to another account.
    """
    proof = await proving.read(tx, actor.store_id, token, Purpose.RESET)
    if actor.id not in (None, proof.account_id):
        raise TokenInvalid
    await account_of_reader(tx, actor.store_id, proof, password_hash)


async def verified_password(db: Database, passwords: Passwords, actor: Actor, password: str, *, address: str) -> str:
    """The hash of the actor's password, which this is. Raises InvalidCredentials, RateLimited: it can be guessed."""
    assert actor.id is not None  # noqa: S101 - for the type checker: who has a session has an id
    guess = guessing.guess_of(str(actor.id), address)
    await guessing.count(db, actor.store_id, guess, accounts=[], address=address)
    async with db.read() as reader:
        kept = await people.password_hash(reader, actor.store_id, actor.id)
    if not await passwords.verify(kept, password) or kept is None:
        raise InvalidCredentials
    await db.write(lambda tx: guessing.take_back(tx, actor.store_id, guess))
    return kept


async def change_password(tx: Tx, account_id: UUID, password_hash: str, *, verified: str, actor: Actor) -> None:
    """The session that does it stays; the others end, and links in mails are void.

    Raises InvalidCredentials where the password is not the `verified` one any more, SessionRevoked.
    """
    await people.lock(tx, actor.store_id, account_id)
    await people.check_unchanged(tx, actor.store_id, account_id, verified)
    if actor.session_id is None or await sessions.find_live(tx, actor.store_id, actor.session_id) is None:
        raise SessionRevoked
    await people.set_password(tx, actor.store_id, account_id, password_hash)
    await sessions.end_all(tx, actor.store_id, account_id, because="password", but=actor.session_id)
    await proofs.use(tx, actor.store_id, account_id)
    await publish(tx, AccountPasswordChanged("owner"), actor=actor, subject_id=account_id)


async def send_change(db: Database, mails: AccountMails, shop: Store, account_id: UUID, email: str) -> None:
    """A mail to the new address. Whether that belongs to somebody, only the mail's reader finds out."""
    if token := await proving.issue(db, shop.id, account_id, Purpose.CHANGE, email=email):
        mails.change(email, token, shop=shop.name)


async def confirm_email(tx: Tx, token: str, *, actor: Actor) -> tuple[Account, str]:
    """The account with its new address, and the old one. TokenInvalid for one of another account, too."""
    proof = await proving.read(tx, actor.store_id, token, Purpose.CHANGE)
    if proof.account_id != actor.id:
        raise TokenInvalid
    before = await people.get(tx, actor.store_id, proof.account_id)
    await proving.accept(tx, actor.store_id, proof)
    await publish(tx, AccountEmailChanged(), actor=actor, subject_id=proof.account_id)
    return await people.get(tx, actor.store_id, proof.account_id), before.email
