"""The books of the fake provider: those of another house."""

from datetime import datetime
from uuid import UUID

import msgspec

from tradepost.db import Reader, Tx


class Kept(msgspec.Struct, frozen=True):
    """What was made with a key: an intent, a capture or a refund."""

    key: str
    ref: str
    kind: str
    intent_ref: str | None
    amount: int
    currency: str
    method: str
    is_manual: bool
    status: str
    payment_id: UUID
    order_id: UUID
    operation_id: UUID


_SELECT = """
    select key, ref, kind, intent_ref, amount, currency, method, is_manual, status, payment_id, order_id, operation_id
    from fake_payment_object
"""


async def insert(tx: Tx, kept: Kept) -> bool:
    """Whether the key is new; waits for whoever is just using it."""
    cursor = await tx.run(
        """
        insert into fake_payment_object (key, ref, kind, intent_ref, amount, currency, method, is_manual, status,
                                         payment_id, order_id, operation_id)
        values (%(key)s, %(ref)s, %(kind)s, %(intent_ref)s, %(amount)s, %(currency)s, %(method)s, %(is_manual)s,
                %(status)s, %(payment_id)s, %(order_id)s, %(operation_id)s)
        on conflict (key) do nothing
        """,
        msgspec.structs.asdict(kept),
    )
    return cursor.rowcount == 1


async def find(db: Reader, key: str) -> Kept | None:
    row = await db.row(_SELECT + " where key = %(key)s", {"key": key})
    return Kept(*row) if row else None


async def lock_intent(tx: Tx, ref: str) -> Kept | None:
    row = await tx.row(_SELECT + " where ref = %(ref)s and kind = 'intent' for update", {"ref": ref})
    return Kept(*row) if row else None


async def of_intent(db: Reader, ref: str) -> list[Kept]:
    """An intent and what was made of it, in order; nothing for one that there is not."""
    rows = await db.rows(
        _SELECT + " where ref = %(ref)s or intent_ref = %(ref)s order by intent_ref is not null, created_at, ref",
        {"ref": ref},
    )
    return [Kept(*row) for row in rows]


async def set_status(tx: Tx, ref: str, status: str) -> None:
    await tx.run(
        "update fake_payment_object set status = %(status)s where ref = %(ref)s", {"ref": ref, "status": status}
    )


async def refs_since(db: Reader, since: datetime) -> list[str]:
    """Intents, the newest first."""
    rows = await db.rows(
        """
        select ref
        from fake_payment_object
        where kind = 'intent'
          and status <> 'lost'
          and created_at >= %(since)s
        order by created_at desc, ref
        """,
        {"since": since},
    )
    return [ref for (ref,) in rows]


async def delete_old(tx: Tx, *, days: int, most: int) -> int:
    """Forgets some payments that ended so long ago, with what was made of them; how many rows."""
    cursor = await tx.run(
        """
        delete from fake_payment_object
        where coalesce(intent_ref, ref) in (
          select intent.ref
          from fake_payment_object as intent
          where intent.kind = 'intent'
            and intent.status in ('CAPTURED', 'DECLINED', 'VOIDED')
            and intent.created_at < now() - make_interval(days => %(days)s)
            and not exists (
              select
              from fake_payment_object as made
              where made.intent_ref = intent.ref
                and made.created_at >= now() - make_interval(days => %(days)s)
            )
          order by intent.created_at
          limit %(most)s
        )
        """,
        {"days": days, "most": most},
    )
    return cursor.rowcount
