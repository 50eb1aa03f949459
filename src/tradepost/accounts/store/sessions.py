"""Sessions and their refresh tokens."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost.accounts.model import Device, Powers, Role, Session, powers_of
from tradepost.db import Reader, Tx
from tradepost.db.arrays import uuids

IDLE_DAYS = 30


async def insert(tx: Tx, store_id: UUID, session_id: UUID, *, account_id: UUID, device: Device) -> None:
    await tx.run(
        """
        insert into session (store_id, id, account_id, user_agent, address, expires_at)
        values (%(store_id)s, %(id)s, %(account_id)s, %(user_agent)s, %(address)s,
                now() + make_interval(days => %(days)s))
        """,
        {
            "store_id": store_id,
            "id": session_id,
            "account_id": account_id,
            "user_agent": device.user_agent,
            "address": device.address,
            "days": IDLE_DAYS,
        },
    )


async def insert_refresh(tx: Tx, store_id: UUID, session_id: UUID, token_hash: bytes) -> None:
    await tx.run(
        """
        insert into refresh_token (store_id, token_hash, session_id)
        values (%(store_id)s, %(token_hash)s, %(session_id)s)
        """,
        {"store_id": store_id, "token_hash": token_hash, "session_id": session_id},
    )


class Live(msgspec.Struct, frozen=True):
    """Whose session it is, and what he may do."""

    account_id: UUID
    role: Role
    powers: Powers


async def find_live(db: Reader, store_id: UUID, session_id: UUID) -> Live | None:
    """None for one that has ended, run out, or belongs to an account that may not sign in."""
    row = await db.row(
        """
        select account.id, account.role, staff_role.permissions, staff_role.refund_limit
        from session
        join account on account.store_id = session.store_id and account.id = session.account_id
        left join staff_role on staff_role.store_id = account.store_id and staff_role.id = account.staff_role_id
        where session.store_id = %(store_id)s
          and session.id = %(id)s
          and session.ended_at is null
          and session.expires_at > now()
          and account.is_active
        """,
        {"store_id": store_id, "id": session_id},
    )
    if row is None:
        return None
    account_id, role, permissions, refund_limit = row
    return Live(account_id, Role(role), powers_of(Role(role), Powers(frozenset(permissions or ()), refund_limit)))


class Used(msgspec.Struct, frozen=True):
    """A refresh token that is known. `seconds_ago`: since it was used, None where it was not yet."""

    session_id: UUID
    account_id: UUID
    is_live: bool
    seconds_ago: float | None


async def use_refresh(tx: Tx, store_id: UUID, token_hash: bytes) -> Used | None:
    """Uses a token up, where that has not been done: of several at once, one finds it unused."""
    row = await tx.row(
        """
        with found as (
          select refresh_token.session_id, refresh_token.used_at
          from refresh_token
          where store_id = %(store_id)s
            and token_hash = %(token_hash)s
          for update
        ), used as (
          update refresh_token
          set used_at = coalesce(refresh_token.used_at, clock_timestamp())
          from found
          where refresh_token.store_id = %(store_id)s
            and refresh_token.token_hash = %(token_hash)s
        )
        select session.id, session.account_id,
               session.ended_at is null and session.expires_at > now() and account.is_active,
               extract(epoch from clock_timestamp() - found.used_at)::float8
        from found
        join session on session.store_id = %(store_id)s and session.id = found.session_id
        join account on account.store_id = session.store_id and account.id = session.account_id
        """,
        {"store_id": store_id, "token_hash": token_hash},
    )
    return Used(*row) if row else None


class Owned(msgspec.Struct, frozen=True):
    session_id: UUID
    account_id: UUID


async def of_refresh(db: Reader, store_id: UUID, token_hash: bytes) -> Owned | None:
    """The session that a refresh token belongs to."""
    row = await db.row(
        """
        select session.id, session.account_id
        from refresh_token
        join session on session.store_id = refresh_token.store_id and session.id = refresh_token.session_id
        where refresh_token.store_id = %(store_id)s
          and refresh_token.token_hash = %(token_hash)s
        """,
        {"store_id": store_id, "token_hash": token_hash},
    )
    return Owned(*row) if row else None


async def prolong(tx: Tx, store_id: UUID, session_id: UUID) -> None:
    await tx.run(
        """
        update session
        set last_used_at = now(),
            expires_at = now() + make_interval(days => %(days)s)
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {"store_id": store_id, "id": session_id, "days": IDLE_DAYS},
    )


async def end(tx: Tx, store_id: UUID, session_id: UUID, *, because: str, account_id: UUID | None = None) -> bool:
    """Whether it was live until now; with `account_id`, only one of this account."""
    row = await tx.row(
        """
        update session
        set ended_at = now(),
            ended_because = %(because)s
        where store_id = %(store_id)s
          and id = %(id)s
          and ended_at is null
          and account_id = coalesce(%(account_id)s, account_id)
        returning id
        """,
        {"store_id": store_id, "id": session_id, "because": because, "account_id": account_id},
    )
    return row is not None


async def end_all(tx: Tx, store_id: UUID, account_id: UUID, *, because: str, but: UUID | None = None) -> None:
    """All live sessions of an account; `but` one."""
    await tx.run(
        """
        update session
        set ended_at = now(),
            ended_because = %(because)s
        where store_id = %(store_id)s
          and account_id = %(account_id)s
          and ended_at is null
          and (%(but)s::uuid is null or id <> %(but)s)
        """,
        {"store_id": store_id, "account_id": account_id, "because": because, "but": but},
    )


async def end_all_of_role(tx: Tx, store_id: UUID, staff_role_id: UUID) -> None:
    """Those of everybody who has a staff role, as it gives less now."""
    await tx.run(
        """
        update session
        set ended_at = now(),
            ended_because = 'role'
        from account
        where session.store_id = %(store_id)s
          and session.ended_at is null
          and account.store_id = session.store_id
          and account.id = session.account_id
          and account.staff_role_id = %(staff_role_id)s
        """,
        {"store_id": store_id, "staff_role_id": staff_role_id},
    )


async def live_of(db: Reader, store_id: UUID, account_id: UUID) -> list[Session]:
    """Newest first."""
    rows = await db.rows(
        """
        select id, user_agent, address, created_at, last_used_at, expires_at
        from session
        where store_id = %(store_id)s
          and account_id = %(account_id)s
          and ended_at is null
          and expires_at > now()
        order by id desc
        """,
        {"store_id": store_id, "account_id": account_id},
    )
    return [Session(*row) for row in rows]


async def knows_device(db: Reader, store_id: UUID, account_id: UUID, device: Device) -> bool:
    """Whether the account has signed in with this browser before; true for its first sign-in at all."""
    return bool(
        await db.value(
            """
            select not exists (select from session where store_id = %(store_id)s and account_id = %(account_id)s)
                or exists (select from session where store_id = %(store_id)s and account_id = %(account_id)s
                                                 and user_agent = %(user_agent)s)
            """,
            {"store_id": store_id, "account_id": account_id, "user_agent": device.user_agent},
        )
    )


async def knows_place(db: Reader, store_id: UUID, account_ids: Sequence[UUID], address: str) -> bool:
    """Whether one of the accounts has had a session from this address."""
    found = await db.value(
        """
        select exists (
          select
          from session
          where store_id = %(store_id)s
            and account_id = any(%(account_ids)s)
            and address = %(address)s
        )
        """,
        {"store_id": store_id, "account_ids": uuids(account_ids), "address": address},
    )
    return bool(found)


async def forget_refresh_tokens(tx: Tx) -> None:
    """Forgets the refresh tokens of sessions that ended or ran out a month ago; the sessions stay, as history."""
    await tx.run(
        """
        delete from refresh_token
        using session
        where session.store_id = refresh_token.store_id
          and session.id = refresh_token.session_id
          and coalesce(session.ended_at, session.expires_at) < now() - interval '30 days'
        """
    )
