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
from tradepost.accounts.model import Account, CustomerDraft, EmailTaken, Purpose, TokenInvalid
from tradepost.accounts.passwords import hash_now
from tradepost.accounts.store import people, proofs, sessions
from tradepost.accounts.store.proofs import Proof
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
        if token := await proving.issue(db, shop.id, account.id, Purpose.VERIFY, email=account.email):
            mails.verify(account.email, token, shop=shop.name)
    elif owner.is_active:
        known = await _account(db, shop.id, owner.account_id)
        if token := await proving.issue(db, shop.id, known.id, Purpose.RESET, email=known.email):
            mails.already_registered(known.email, token, shop=shop.name)


async def _account(db: Database, store_id: UUID, account_id: UUID) -> Account:
    async with db.read() as reader:
        return await people.get(reader, store_id, account_id)


async def verify_email(tx: Tx, token: str, *, actor: Actor, password_hash: str | None) -> Account:
    """Makes a claim true. Raises TokenInvalid, ValidationFailed where a new password is needed.

    The mail proves who reads it, not who registered: it takes the session of whoever did, or a new password.
    """
    store_id = actor.store_id
    proof = await proving.read(tx, store_id, token, Purpose.VERIFY)
    if actor.id not in (None, proof.account_id):
        raise TokenInvalid
    if actor.id == proof.account_id:
        if password_hash is not None:
            raise invalid("/password", "not_allowed", "is for who is not signed in: POST /auth/password")
        await proving.accept(tx, store_id, proof)
        account_id = proof.account_id
    elif password_hash is None:
        raise invalid("/password", "required", "is needed where you are not signed in: choose a new one")
    else:
        account_id = await account_of_reader(tx, store_id, proof, password_hash)
    await publish(tx, AccountVerified(), actor=_himself(store_id, account_id), subject_id=account_id)
    return await people.get(tx, store_id, account_id)


async def account_of_reader(tx: Tx, store_id: UUID, proof: Proof, password_hash: str) -> UUID:
    """The account of whoever reads the mail of an address, with the password that he chose; all its sessions end.

    Where it was only claimed, that is a new one: somebody else may have registered, and waits (C07). What he has left
    there, addresses, a telephone number, orders, is not the reader's, and nobody signs in to it any more. TokenInvalid.
    """
    claimed = await people.get(tx, store_id, proof.account_id)
    account_id = claimed.id
    if claimed.is_pending:
        draft = CustomerDraft(proof.email, claimed.first_name, claimed.last_name)
        account_id = await _insert_proven(tx, store_id, draft)
        await people.shut_out(tx, store_id, claimed.id)
        await proofs.use(tx, store_id, claimed.id)
    else:
        await proving.accept(tx, store_id, proof)
    await people.set_password(tx, store_id, account_id, password_hash)
    await sessions.end_all(tx, store_id, claimed.id, because="password")
    fact = AccountPasswordChanged("mail")
    await publish(tx, fact, actor=_himself(store_id, account_id), subject_id=account_id)
    return account_id


async def _insert_proven(tx: Tx, store_id: UUID, draft: CustomerDraft) -> UUID:
    try:
        (account_id,) = await people.insert_customers(tx, store_id, [draft])
    except EmailTaken:
        raise TokenInvalid from None
    await people.set_email(tx, store_id, account_id, draft.email)
    await publish(tx, AccountRegistered(), actor=_himself(store_id, account_id), subject_id=account_id)
    return account_id


def _himself(store_id: UUID, account_id: UUID) -> Actor:
    return Actor(ActorKind.CUSTOMER, store_id, account_id)
