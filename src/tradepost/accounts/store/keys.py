"""API keys."""

from uuid import UUID

from tradepost.accounts.model import ApiKey
from tradepost.core.actors import Actor
from tradepost.core.errors import NotFound
from tradepost.db import Reader, Tx


async def insert(tx: Tx, key: ApiKey, *, store_id: UUID, key_hash: bytes) -> None:
    await tx.run(
        """
        insert into api_key (store_id, id, name, hint, key_hash, scopes, created_at)
        values (%(store_id)s, %(id)s, %(name)s, %(hint)s, %(key_hash)s, %(scopes)s, %(created_at)s)
        """,
        {
            "store_id": store_id,
            "id": key.id,
            "name": key.name,
            "hint": key.hint,
            "key_hash": key_hash,
            "scopes": key.scopes,
            "created_at": key.created_at,
        },
    )


async def find_live(db: Reader, key_hash: bytes) -> tuple[UUID, UUID, list[str]] | None:
    """Store, id and scopes of a key that is not revoked."""
    row = await db.row(
        "select store_id, id, scopes from api_key where key_hash = %(key_hash)s and revoked_at is null",
        {"key_hash": key_hash},
    )
    return (row[0], row[1], row[2]) if row else None


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
        select id, name, hint, scopes, created_at, last_used_at, revoked_at
        from api_key
        where store_id = %(store_id)s
        order by id
        """,
        {"store_id": store_id},
    )
    return [ApiKey(*row) for row in rows]


async def set_revoked(tx: Tx, actor: Actor, key_id: UUID) -> bool:
    """Whether it was live until now; NotFound for one of another store."""
    row = await tx.row(
        """
        with before as (
          select id, revoked_at from api_key where store_id = %(store_id)s and id = %(id)s for update
        )
        update api_key
        set revoked_at = coalesce(api_key.revoked_at, now())
        from before
        where api_key.store_id = %(store_id)s
          and api_key.id = before.id
        returning before.revoked_at is null
        """,
        {"store_id": actor.store_id, "id": key_id},
    )
    if row is None:
        raise NotFound
    return bool(row[0])
