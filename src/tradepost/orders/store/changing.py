"""What has changed of an order is written here; its history is in its events."""

from datetime import datetime
from uuid import UUID

import msgspec

from tradepost.core.actors import Actor
from tradepost.core.errors import NotFound
from tradepost.db import Reader, Tx
from tradepost.orders.model import Order
from tradepost.orders.store.placing import json_of


async def save(tx: Tx, store_id: UUID, after: Order) -> Order:
    """Writes the order as it is now; its new version. The caller has locked it."""
    row = await tx.row(
        """
        update sales_order
        set status = %(status)s,
            payment_status = %(payment)s,
            fulfillment_status = %(fulfillment)s,
            shipping_address = %(shipping_address)s::text::jsonb,
            billing_address = %(billing_address)s::text::jsonb,
            held_because = %(held)s,
            cancelled_because = %(cancelled)s,
            cancelled_at = %(cancelled_at)s,
            deleted_at = %(deleted_at)s,
            tracking_company = %(tracking_company)s,
            tracking_number = %(tracking_number)s,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        returning version, updated_at
        """,
        {
            "store_id": store_id,
            "id": after.id,
            "status": after.status,
            "payment": after.payment_status,
            "fulfillment": after.fulfillment_status,
            "shipping_address": json_of(after.shipping_address),
            "billing_address": json_of(after.billing_address),
            "held": after.held_because,
            "cancelled": after.cancelled_because,
            "cancelled_at": after.cancelled_at,
            "deleted_at": after.deleted_at,
            "tracking_company": after.tracking_company,
            "tracking_number": after.tracking_number,
        },
    )
    assert row is not None  # noqa: S101 - for the type checker: it is locked
    version, updated_at = row
    return msgspec.structs.replace(after, version=version, updated_at=updated_at)


class Note(msgspec.Struct, frozen=True):
    """What somebody of the staff wrote down about an order."""

    id: UUID
    text: str
    actor_kind: str
    actor_id: UUID | None
    created_at: datetime


async def insert_note(tx: Tx, actor: Actor, *, order_id: UUID, note_id: UUID, text: str) -> None:
    await tx.run(
        """
        insert into order_note (store_id, id, order_id, text, actor_kind, actor_id)
        values (%(store_id)s, %(id)s, %(order_id)s, %(text)s, %(actor_kind)s, %(actor_id)s)
        """,
        {
            "store_id": actor.store_id,
            "id": note_id,
            "order_id": order_id,
            "text": text,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
        },
    )


async def get_note(db: Reader, store_id: UUID, note_id: UUID) -> Note:
    row = await db.row(
        """
        select id, text, actor_kind, actor_id, created_at
        from order_note
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {"store_id": store_id, "id": note_id},
    )
    if row is None:
        raise NotFound
    return Note(*row)


async def notes_of(db: Reader, store_id: UUID, order_id: UUID) -> list[Note]:
    """Oldest first."""
    rows = await db.rows(
        """
        select id, text, actor_kind, actor_id, created_at
        from order_note
        where store_id = %(store_id)s
          and order_id = %(order_id)s
        order by id
        """,
        {"store_id": store_id, "order_id": order_id},
    )
    return [Note(*row) for row in rows]
