"""What exports read of other packages' tables, and nobody writes here: short pages, each found by its index."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from tradepost.db import Reader
from tradepost.db.arrays import uuids
from tradepost.db.connections import Row


class After(Protocol):
    """Reads some rows of a store behind an id, in the order of ids."""

    async def __call__(self, db: Reader, store_id: UUID, last: UUID, *, limit: int) -> list[Row]: ...


async def on_hand(db: Reader, store_id: UUID, variant_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Units of variants over all locations, promised ones included."""
    rows = await db.rows(
        """
        select variant_id, sum(on_hand)::bigint
        from stock_level
        where store_id = %(store_id)s
          and variant_id = any(%(variant_ids)s)
        group by variant_id
        """,
        {"store_id": store_id, "variant_ids": uuids(variant_ids)},
    )
    return dict(rows)


async def customers_after(db: Reader, store_id: UUID, last: UUID, *, limit: int) -> list[Row]:
    """Those whose accounts are theirs: one that somebody registered for an address not shown to be his is not."""
    return await db.rows(
        """
        select id, email, first_name, last_name, phone, is_active, email_verified_at is not null, created_at,
               updated_at
        from account
        where store_id = %(store_id)s
          and id > %(last)s
          and role = 'CLIENT'
          and not is_pending
        order by id
        limit %(limit)s
        """,
        {"store_id": store_id, "last": last, "limit": limit},
    )


async def orders_after(db: Reader, store_id: UUID, last: UUID, *, limit: int) -> list[Row]:
    return await db.rows(
        """
        select placed.id, placed.order_number, placed.status, placed.payment_status, placed.fulfillment_status,
               placed.customer_id, placed.email, placed.currency, placed.subtotal, placed.discount_amount,
               placed.tax_amount, placed.shipping_amount, placed.total_amount, placed.notes, placed.shipping_address,
               (select coalesce(jsonb_agg(jsonb_build_array(line.sku, line.quantity) order by line.position), '[]')
                from order_line as line
                where line.store_id = placed.store_id
                  and line.order_id = placed.id
                  and line.quantity > 0)
        from sales_order as placed
        where placed.store_id = %(store_id)s
          and placed.id > %(last)s
          and placed.deleted_at is null
        order by placed.id
        limit %(limit)s
        """,
        {"store_id": store_id, "last": last, "limit": limit},
    )
