"""Secrets sent by mail."""

from uuid import UUID

import msgspec

from tradepost.accounts.model import Purpose
from tradepost.db import Tx

_COUNTED = 0x7072_6F66
_HOURS = {Purpose.VERIFY: 72, Purpose.RESET: 1, Purpose.CHANGE: 24}


class Proof(msgspec.Struct, frozen=True):
    """Whose it is, and the address that its reader has proved."""

    account_id: UUID
    email: str


async def insert(
    tx: Tx,
    store_id: UUID,
    token_hash: bytes,
    *,
    account_id: UUID,
    purpose: Purpose,
    email: str,
    hours: int | None = None,
) -> None:
    await tx.run(
        """
        insert into proof (store_id, token_hash, account_id, purpose, email, expires_at)
        values (%(store_id)s, %(token_hash)s, %(account_id)s, %(purpose)s, %(email)s,
                now() + make_interval(hours => %(hours)s))
        """,
        {
            "store_id": store_id,
            "token_hash": token_hash,
            "account_id": account_id,
            "purpose": purpose,
            "email": email,
            "hours": hours or _HOURS[purpose],
        },
    )


async def recent(tx: Tx, store_id: UUID, email: str, *, seconds: int) -> int:
    """How many were sent to an address lately. Nobody else counts those of this address until the transaction ends."""
    await tx.run(
        "select pg_advisory_xact_lock(%(kind)s::int4, hashtext(%(subject)s))",
        {"kind": _COUNTED, "subject": f"{store_id} {email}"},
    )
    found = await tx.value(
        """
        select count(*)
        from proof
        where store_id = %(store_id)s
          and email = %(email)s
          and created_at > now() - make_interval(secs => %(seconds)s)
        """,
        {"store_id": store_id, "email": email, "seconds": seconds},
    )
    return int(found)


async def lock(tx: Tx, store_id: UUID, token_hash: bytes, purpose: Purpose) -> Proof | None:
    """One that is good now: not used, not too old. Its account is locked, so that of several at once one goes on."""
    row = await tx.row(
        """
        select proof.account_id, proof.email
        from proof
        join account on account.store_id = proof.store_id and account.id = proof.account_id
        where proof.store_id = %(store_id)s
          and proof.token_hash = %(token_hash)s
          and proof.purpose = %(purpose)s
          and proof.used_at is null
          and proof.expires_at > now()
          and account.is_active
          and (proof.purpose = 'change' or account.email = proof.email)
        for update of account, proof
        """,
        {"store_id": store_id, "token_hash": token_hash, "purpose": purpose},
    )
    return Proof(*row) if row else None


async def use(tx: Tx, store_id: UUID, account_id: UUID) -> None:
    """Uses up all that were sent to an account: what they were for has happened, or its address or password changed."""
    await tx.run(
        """
        update proof
        set used_at = now()
        where store_id = %(store_id)s
          and account_id = %(account_id)s
          and used_at is null
        """,
        {"store_id": store_id, "account_id": account_id},
    )
