"""Edits: the lines and amounts of an order written anew, and what was agreed before."""

from datetime import datetime
from uuid import UUID

import msgspec

from tradepost.core.actors import Actor
from tradepost.db import Reader, Tx
from tradepost.orders.edits import Agreed
from tradepost.orders.model import Line, Order
from tradepost.orders.store.placing import basis_of, insert_lines, json_of, words_literal


class Revision(msgspec.Struct, frozen=True):
    """An edit: its number, who made it and why, and what was agreed before it."""

    revision: int
    reason: str | None
    agreed: Agreed
    actor_kind: str
    actor_id: UUID | None
    created_at: datetime


async def insert_revision(tx: Tx, actor: Actor, before: Order, *, reason: str | None, agreed: Agreed) -> None:
    await tx.run(
        """
        insert into order_revision (store_id, order_id, revision, reason, agreed, actor_kind, actor_id)
        values (%(store_id)s, %(order_id)s, %(revision)s, %(reason)s, %(agreed)s::text::jsonb, %(actor_kind)s,
                %(actor_id)s)
        """,
        {
            "store_id": actor.store_id,
            "order_id": before.id,
            "revision": before.revision,
            "reason": reason,
            "agreed": json_of(agreed),
            "actor_kind": actor.kind,
            "actor_id": actor.id,
        },
    )


async def rewrite(tx: Tx, store_id: UUID, before: Order, after: Order) -> None:
    """Lines, taxes and amounts as they are now. `store.save` writes the rest."""
    now = {line.id: line for line in after.lines}
    known = {line.id for line in before.lines}
    changed = [now.get(line.id) or _taken_out(line) for line in before.lines]
    fresh = [line for line in after.lines if line.id not in known]
    await tx.run(
        """
        update order_line
        set quantity = line.quantity,
            subtotal = line.subtotal,
            discount_amount = line.discount,
            tax_amount = line.tax,
            total_amount = line.total
        from unnest(%(ids)b::uuid[], %(quantities)b::int4[], %(subtotals)b::int8[], %(discounts)b::int8[],
                    %(taxes)b::int8[], %(totals)b::int8[])
             as line (id, quantity, subtotal, discount, tax, total)
        where order_line.store_id = %(store_id)s
          and order_line.order_id = %(order_id)s
          and order_line.id = line.id
        """,
        {
            "store_id": store_id,
            "order_id": before.id,
            "ids": [line.id for line in changed],
            "quantities": [line.quantity for line in changed],
            "subtotals": [line.subtotal for line in changed],
            "discounts": [line.discount_amount for line in changed],
            "taxes": [line.tax_amount for line in changed],
            "totals": [line.total_amount for line in changed],
        },
    )
    await tx.run(
        "delete from order_tax where store_id = %(store_id)s and order_id = %(order_id)s",
        {"store_id": store_id, "order_id": before.id},
    )
    first = 1 + await _last_position(tx, store_id, before.id)
    await insert_lines(tx, store_id, [msgspec.structs.replace(after, lines=fresh)], first=first)
    await _set_amounts(tx, store_id, after)


def _taken_out(line: Line) -> Line:
    return msgspec.structs.replace(line, quantity=0, subtotal=0, discount_amount=0, tax_amount=0, total_amount=0)


async def _last_position(tx: Tx, store_id: UUID, order_id: UUID) -> int:
    found = await tx.value(
        "select max(position) from order_line where store_id = %(store_id)s and order_id = %(order_id)s",
        {"store_id": store_id, "order_id": order_id},
    )
    return -1 if found is None else int(found)


async def _set_amounts(tx: Tx, store_id: UUID, after: Order) -> None:
    await tx.run(
        """
        update sales_order
        set subtotal = %(subtotal)s,
            discount_amount = %(discount)s,
            tax_amount = %(tax)s,
            shipping_amount = %(shipping)s,
            total_amount = %(total)s,
            revision = %(revision)s,
            basis = %(basis)s::text::jsonb,
            words = words || %(words)s::tsvector
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {
            "store_id": store_id,
            "id": after.id,
            "subtotal": after.subtotal,
            "discount": after.discount_amount,
            "tax": after.tax_amount,
            "shipping": after.shipping_amount,
            "total": after.total_amount,
            "revision": after.revision,
            "basis": basis_of(after),
            "words": words_literal(after),
        },
    )


async def revisions_of(db: Reader, store_id: UUID, order_id: UUID) -> list[Revision]:
    """The edits of an order, oldest first."""
    rows = await db.rows(
        """
        select revision, reason, agreed, actor_kind, actor_id, created_at
        from order_revision
        where store_id = %(store_id)s
          and order_id = %(order_id)s
        order by revision
        """,
        {"store_id": store_id, "order_id": order_id},
    )
    return [Revision(row[0], row[1], msgspec.convert(row[2], Agreed), *row[3:]) for row in rows]
