"""API keys."""

from uuid import UUID

import msgspec

from tradepost.accounts.model import ApiKey
from tradepost.core.actors import Actor
from tradepost.core.errors import NotFound
from tradepost.db import Reader, Tx


async def insert(tx: Tx, key: ApiKey, *, actor: Actor, key_hash: bytes) -> None:
    """It is the person's who makes it, or whose key makes it; nobody's where the system does."""
    await tx.run(
        """
        insert into api_key (store_id, id, name, hint, key_hash, scopes, created_at, market_id, created_by)
        values (%(store_id)s, %(id)s, %(name)s, %(hint)s, %(key_hash)s, %(scopes)s, %(created_at)s,
                %(market_id)s,
                coalesce(%(person)s, (select maker.created_by from api_key as maker
                                      where maker.store_id = %(store_id)s and maker.id = %(actor)s)))
        """,
        {
            "store_id": actor.store_id,
            "id": key.id,
            "name": key.name,
            "hint": key.hint,
            "key_hash": key_hash,
            "scopes": key.scopes,
            "created_at": key.created_at,
            "market_id": key.market_id,
            "person": actor.id if actor.session_id else None,
            "actor": actor.id,
        },
    )


class Live(msgspec.Struct, frozen=True):
    """A key that may be used. `person_id` has made it, and `refund_limit` is his."""

    store_id: UUID
    key_id: UUID
    scopes: list[str]
    person_id: UUID | None
    refund_limit: int | None
    market_id: UUID | None


async def find_live(db: Reader, key_hash: bytes) -> Live | None:
    """None for one that is revoked, or whose maker may no longer do all of that himself."""
    row = await db.row(
        """
        select api_key.store_id, api_key.id, api_key.scopes, api_key.created_by, held.refund_limit, api_key.market_id
        from api_key
        left join account as maker on maker.store_id = api_key.store_id and maker.id = api_key.created_by
        left join staff_role as held on held.store_id = maker.store_id and held.id = maker.staff_role_id
        where api_key.key_hash = %(key_hash)s
          and api_key.revoked_at is null
          and (api_key.created_by is null
            or maker.is_active and (maker.role = 'ADMIN' or api_key.scopes <@ coalesce(held.permissions, '{}')))
        """,
        {"key_hash": key_hash},
    )
    return Live(*row) if row else None


async def touch(db: Reader, store_id: UUID, key_id: UUID) -> None:
    """Notes the use of a key, to the minute."""
    await db.run(
        """
        update api_key
        set last_used_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
          and (last_used_at is null or last_used_at < now() - interval '1 minute')
        """,
        {"store_id": store_id, "id": key_id},
    )


async def all_of(db: Reader, store_id: UUID) -> list[ApiKey]:
    rows = await db.rows(
        """
        select id, name, hint, scopes, created_at, last_used_at, revoked_at, market_id
        from api_key
        where store_id = %(store_id)s
        order by id
        """,
        {"store_id": store_id},
    )
    return [ApiKey(*row) for row in rows]


async def lock(tx: Tx, store_id: UUID, key_id: UUID) -> ApiKey:
    """NotFound for one of another store."""
    row = await tx.row(
        """
        select id, name, hint, scopes, created_at, last_used_at, revoked_at
        from api_key
        where store_id = %(store_id)s
          and id = %(id)s
        for update
        """,
        {"store_id": store_id, "id": key_id},
    )
    if row is None:
        raise NotFound
    return ApiKey(*row)


async def set_revoked(tx: Tx, store_id: UUID, key_id: UUID) -> None:
    await tx.run(
        "update api_key set revoked_at = now() where store_id = %(store_id)s and id = %(id)s",
        {"store_id": store_id, "id": key_id},
    )
