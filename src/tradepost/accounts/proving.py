"""Secrets in mails: whoever has one reads the mail of an address."""

from uuid import UUID

from tradepost.accounts.model import EmailTaken, Purpose, TokenInvalid, hash_secret, new_secret
from tradepost.accounts.store import people, proofs
from tradepost.accounts.store.proofs import Proof
from tradepost.db import Database, Tx

_MOST = 5
_LATELY_SECONDS = 900


async def issue(
    db: Database, store_id: UUID, account_id: UUID, purpose: Purpose, *, email: str, hours: int | None = None
) -> str | None:
    """A secret for a link in a mail to this address; it is kept as a hash. `hours`: how long it is good.

    None where the address has got enough of them lately: nobody's mailbox is filled by somebody else's requests.
    """
    token = new_secret()
    key = hash_secret(token)

    async def unit(tx: Tx) -> str | None:
        if await proofs.recent(tx, store_id, email, seconds=_LATELY_SECONDS) >= _MOST:
            return None
        await proofs.insert(tx, store_id, key, account_id=account_id, purpose=purpose, email=email, hours=hours)
        return token

    return await db.write(unit)


async def read(tx: Tx, store_id: UUID, token: str, purpose: Purpose) -> Proof:
    """What a secret proves; its account is locked. TokenInvalid for one unknown, used, too old, or of another use."""
    proof = await proofs.lock(tx, store_id, hash_secret(token), purpose)
    if proof is None:
        raise TokenInvalid
    return proof


async def accept(tx: Tx, store_id: UUID, proof: Proof) -> None:
    """The address is the account's from now on, and all its links are used up. TokenInvalid where another has it."""
    try:
        await people.set_email(tx, store_id, proof.account_id, proof.email)
    except EmailTaken:
        raise TokenInvalid from None
    await proofs.use(tx, store_id, proof.account_id)
