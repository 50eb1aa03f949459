"""Returns and their lines."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from tradepost.core.errors import NotFound
from tradepost.db import Reader, Tx
from tradepost.db.connections import Row
from tradepost.orders.returns import Return, ReturnLine, ReturnReason, ReturnStatus


async def insert_return(
    tx: Tx,
    store_id: UUID,
    return_id: UUID,
    *,
    order_id: UUID,
    status: ReturnStatus,
    note: str | None,
    lines: Sequence[ReturnLine],
) -> None:
    await tx.run(
        """
        insert into order_return (store_id, id, order_id, status, note)
        values (%(store_id)s, %(id)s, %(order_id)s, %(status)s, %(note)s)
        """,
        {"store_id": store_id, "id": return_id, "order_id": order_id, "status": status, "note": note},
    )
    await tx.run(
        """
        insert into order_return_line (store_id, return_id, order_id, line_id, variant_id, quantity, reason)
        select %(store_id)s, %(id)s, %(order_id)s, line_id, variant_id, quantity, reason
        from unnest(%(line_ids)b::uuid[], %(variant_ids)b::uuid[], %(quantities)b::int4[], %(reasons)b::text[])
             as line (line_id, variant_id, quantity, reason)
        """,
        {
            "store_id": store_id,
            "id": return_id,
            "order_id": order_id,
            "line_ids": [line.line_id for line in lines],
            "variant_ids": [line.variant_id for line in lines],
            "quantities": [line.quantity for line in lines],
            "reasons": [line.reason.value for line in lines],
        },
    )


async def returns_of(db: Reader, store_id: UUID, order_id: UUID) -> list[Return]:
    """The returns of an order, oldest first."""
    rows = await db.rows(
        """
        select back.id, back.order_id, back.status, back.note, back.refund_amount, back.version, back.created_at,
               back.updated_at,
               (select jsonb_agg(jsonb_build_array(line.line_id, line.variant_id, line.quantity, line.reason,
                        line.restocked) order by line.line_id)
                from order_return_line as line
                where line.store_id = back.store_id and line.return_id = back.id)
        from order_return as back
        where back.store_id = %(store_id)s
          and back.order_id = %(order_id)s
        order by back.id
        """,
        {"store_id": store_id, "order_id": order_id},
    )
    return [_return(row) for row in rows]


async def save_return(tx: Tx, store_id: UUID, one: Return) -> Return:
    """Writes a return of a locked order; its new version."""
    row = await tx.row(
        """
        update order_return
        set status = %(status)s,
            refund_amount = %(refund_amount)s,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        returning version, updated_at
        """,
        {"store_id": store_id, "id": one.id, "status": one.status, "refund_amount": one.refund_amount},
    )
    if row is None:
        raise NotFound
    version, updated_at = row
    return msgspec.structs.replace(one, version=version, updated_at=updated_at)


async def set_restocked(tx: Tx, store_id: UUID, return_id: UUID, restocked: Mapping[UUID, int]) -> None:
    await tx.run(
        """
        update order_return_line
        set restocked = came.units
        from unnest(%(line_ids)b::uuid[], %(units)b::int4[]) as came (line_id, units)
        where order_return_line.store_id = %(store_id)s
          and order_return_line.return_id = %(id)s
          and order_return_line.line_id = came.line_id
        """,
        {
            "store_id": store_id,
            "id": return_id,
            "line_ids": list(restocked),
            "units": list(restocked.values()),
        },
    )


def _return(row: Row) -> Return:
    id_, order_id, status, note, refund_amount, version, created_at, updated_at, lines = row
    found = tuple(
        ReturnLine(UUID(line_id), UUID(variant_id), quantity, ReturnReason(reason), restocked)
        for line_id, variant_id, quantity, reason, restocked in lines
    )
    return Return(id_, order_id, ReturnStatus(status), note, refund_amount, found, version, created_at, updated_at)
