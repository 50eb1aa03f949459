from collections.abc import Sequence
from uuid import UUID

from psycopg import errors

from tradepost.accounts.model import ApiKey, Customer, CustomerDraft, EmailTaken
from tradepost.core.actors import Actor
from tradepost.core.errors import NotFound
from tradepost.core.ids import uuid7
from tradepost.core.pages import Page
from tradepost.core.texts import normal_email
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.arrays import uuids
from tradepost.db.composing import Window

FIND_CUSTOMERS = """
    select id, email, first_name, last_name, phone, version, created_at, updated_at
    from account
    where store_id = %(store_id)s
      and id = any(%(ids)s)
"""


async def find_customers(db: Reader, store_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Customer]:
    rows = await db.rows(FIND_CUSTOMERS, {"store_id": store_id, "ids": uuids(ids)})
    return {row[0]: Customer(*row) for row in rows}


async def get_customer(db: Reader, store_id: UUID, customer_id: UUID) -> Customer:
    found = await find_customers(db, store_id, [customer_id])
    if not found:
        raise NotFound
    return found[customer_id]


async def page_of_customers(db: Reader, store_id: UUID, *, email: str | None, window: Window) -> Page[Customer]:
    filters = Filters("store_id = %(store_id)s", store_id=store_id)
    filters.add_if("email_normal = %(email)s", email=normal_email(email) if email else None)
    return await fetch_page(
        db,
        select="""
        select id, email, first_name, last_name, phone, version, created_at, updated_at
        from account
        """,
        counted="from account",
        filters=filters,
        sort=Sort("id", descending=True),
        window=window,
        build=lambda row: Customer(*row),
        keys=lambda customer: [customer.id],
    )


async def insert_customers(tx: Tx, store_id: UUID, drafts: Sequence[CustomerDraft]) -> list[UUID]:
    """Many customers in one statement; EmailTaken, and none of them, where an address is in use."""
    ids = [uuid7() for _ in drafts]
    try:
        async with tx.savepoint():
            await tx.run(
                """
                insert into account (store_id, id, email, email_normal, first_name, last_name, phone)
                select %(store_id)s, id, email, email_normal, first_name, last_name, phone
                from unnest(%(ids)b::uuid[], %(emails)b::text[], %(normal)b::text[], %(first)b::text[],
                            %(last)b::text[], %(phones)b::text[])
                     as draft (id, email, email_normal, first_name, last_name, phone)
                """,
                {
                    "store_id": store_id,
                    "ids": ids,
                    "emails": [draft.email for draft in drafts],
                    "normal": [normal_email(draft.email) for draft in drafts],
                    "first": [draft.first_name for draft in drafts],
                    "last": [draft.last_name for draft in drafts],
                    "phones": [draft.phone for draft in drafts],
                },
            )
    except errors.UniqueViolation:
        raise EmailTaken from None
    return ids


async def insert_key(tx: Tx, key: ApiKey, *, store_id: UUID, key_hash: bytes) -> None:
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


async def find_live_key(db: Reader, key_hash: bytes) -> tuple[UUID, UUID, list[str]] | None:
    """Store, id and scopes of a key that is not revoked."""
    row = await db.row(
        "select store_id, id, scopes from api_key where key_hash = %(key_hash)s and revoked_at is null",
        {"key_hash": key_hash},
    )
    return (row[0], row[1], row[2]) if row else None


async def touch_key(db: Reader, store_id: UUID, key_id: UUID) -> None:
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


async def keys(db: Reader, store_id: UUID) -> list[ApiKey]:
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
