"""Becoming a customer, and proving that an e-mail address is one's own.

Whoever registers gets an account that only *claims* the address, whether or not somebody else has it: so registering
tells nobody who is a customer here, and nobody who registers with another's address gets at anything of his. A mail
makes the claim true; until then the account is found by its own password and nothing else.
"""

from datetime import date
from uuid import UUID

from tradepost.accounts import proving
from tradepost.accounts.events import AccountPasswordChanged, AccountRegistered, AccountVerified, CustomerCreated
from tradepost.accounts.mails import AccountMails
from tradepost.accounts.model import Account, CustomerDraft, Purpose
from tradepost.accounts.passwords import hash_now
from tradepost.accounts.store import people, sessions
from tradepost.core.actors import Actor, ActorKind
from tradepost.core.errors import invalid
from tradepost.db import Database, Tx
from tradepost.events import publish
from tradepost.stores import Store


async def register(
    tx: Tx, store_id: UUID, draft: CustomerDraft, *, date_of_birth: date | None, password_hash: str
) -> Account:
    """An account that claims its address."""
    account_id = await people.insert_pending(
        tx, store_id, draft, date_of_birth=date_of_birth, password_hash=password_hash
    )
    await publish(tx, AccountRegistered(), actor=_himself(store_id, account_id), subject_id=account_id)
    return await people.get(tx, store_id, account_id)


async def create_customer(tx: Tx, draft: CustomerDraft, *, actor: Actor) -> Account:
    """A customer whom staff enters; by asking for a link to his address he gets a password. Raises EmailTaken."""
    (customer_id,) = await people.insert_customers(tx, actor.store_id, [draft])
    await publish(tx, CustomerCreated(), actor=actor, subject_id=customer_id)
    return await people.get(tx, actor.store_id, customer_id)


async def ensure_customer(tx: Tx, draft: CustomerDraft, *, password: str, actor: Actor) -> UUID | None:
    """A customer with a proven address and a password at once. Made once; None where he is there already."""
    if any(await people.find_signers(tx, actor.store_id, draft.email)):
        return None
    account = await create_customer(tx, draft, actor=actor)
    await people.set_email(tx, actor.store_id, account.id, account.email)
    await people.set_password(tx, actor.store_id, account.id, hash_now(password))
    return account.id


async def send_verification(db: Database, mails: AccountMails, shop: Store, account: Account) -> None:
    """The mail after registering: to confirm, or, where the address has an account, to get back into that."""
    async with db.read() as reader:
        owner, _ = await people.find_signers(reader, shop.id, account.email)
    if owner is None:
        token = await proving.issue(db, shop.id, account.id, Purpose.VERIFY, email=account.email)
        mails.verify(account.email, token, shop=shop.name)
    elif owner.is_active:
        known = await _account(db, shop.id, owner.account_id)
        token = await proving.issue(db, shop.id, known.id, Purpose.RESET, email=known.email)
        mails.already_registered(known.email, token, shop=shop.name)


async def _account(db: Database, store_id: UUID, account_id: UUID) -> Account:
    async with db.read() as reader:
        return await people.get(reader, store_id, account_id)


async def verify_email(tx: Tx, token: str, *, actor: Actor, password_hash: str | None) -> Account:
    """Makes a claim true. Raises TokenInvalid, ValidationFailed where a new password is needed.

    The mail proves who reads it, not who chose the password: so that nobody can register another's address and wait,
    it takes the session of whoever registered, or a new password, which ends all sessions.
    """
    store_id = actor.store_id
    proof = await proving.read(tx, store_id, token, Purpose.VERIFY)
    if password_hash is None and actor.id != proof.account_id:
        raise invalid("/password", "required", "is needed where you are not signed in: choose a new one")
    await proving.accept(tx, store_id, proof)
    himself = _himself(store_id, proof.account_id)
    if password_hash is not None:
        await people.set_password(tx, store_id, proof.account_id, password_hash)
        await sessions.end_all(tx, store_id, proof.account_id, because="password")
        await publish(tx, AccountPasswordChanged("mail"), actor=himself, subject_id=proof.account_id)
    await publish(tx, AccountVerified(), actor=himself, subject_id=proof.account_id)
    return await people.get(tx, store_id, proof.account_id)


def _himself(store_id: UUID, account_id: UUID) -> Actor:
    return Actor(ActorKind.CUSTOMER, store_id, account_id)
