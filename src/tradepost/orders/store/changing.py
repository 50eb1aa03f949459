"""What has changed of an order is written here; its history is in its events."""

from uuid import UUID

import msgspec

from tradepost.db import Tx
from tradepost.orders.model import Order
from tradepost.orders.store.placing import json_of


async def save(tx: Tx, store_id: UUID, before: Order, after: Order) -> Order:
    """Writes the order as it is now; its new version. The caller has locked it. Nothing where nothing differs."""
    if after == before:
        return before
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
