"""What carriers say of parcels."""

from collections.abc import Sequence
from uuid import UUID

from tradepost.db import Reader, Tx
from tradepost.db.arrays import texts
from tradepost.shipping.carriers import TrackingStatus, TrackingUpdate
from tradepost.shipping.model import Followed

_MOST_DAYS = 60


async def claim_due(tx: Tx, *, carriers: Sequence[str], minutes: float, most: int) -> list[Followed]:
    """Some parcels whose carrier is to be asked; they come due again in so many minutes.

    After sixty days without an end nobody is asked any more.
    """
    rows = await tx.rows(
        """
        with due as (
          select store_id, id
          from shipment
          where lower(carrier) = any(%(carriers)s)
            and track_due_at <= now()
          order by track_due_at
          limit %(most)s
          for update skip locked
        )
        update shipment
        set track_due_at = case
              when coalesce(shipment.shipped_at, shipment.created_at) > now() - make_interval(days => %(days)s)
              then now() + make_interval(secs => %(seconds)s)
            end
        from due
        where shipment.store_id = due.store_id
          and shipment.id = due.id
        returning shipment.store_id, shipment.order_id, shipment.id, lower(shipment.carrier), shipment.tracking_number
        """,
        {"carriers": texts(carriers), "most": most, "days": _MOST_DAYS, "seconds": minutes * 60.0},
    )
    return [Followed(*row) for row in rows]


async def insert_new(
    tx: Tx, store_id: UUID, shipment_id: UUID, updates: Sequence[TrackingUpdate]
) -> Sequence[TrackingUpdate]:
    """Writes down what was not known yet; that, in the order in which it was given."""
    rows = await tx.rows(
        """
        insert into shipment_tracking (store_id, shipment_id, reference, status, happened_at, place, text)
        select %(store_id)s, %(shipment_id)s, reference, status, happened_at::timestamptz, place, text
        from unnest(%(references)s, %(statuses)s, %(moments)s, %(places)s, %(texts)s)
             as told (reference, status, happened_at, place, text)
        on conflict do nothing
        returning reference
        """,
        {
            "store_id": store_id,
            "shipment_id": shipment_id,
            "references": texts([update.reference for update in updates]),
            "statuses": texts([update.status for update in updates]),
            "moments": texts([update.at.isoformat() for update in updates]),
            "places": texts([update.place for update in updates]),
            "texts": texts([update.text for update in updates]),
        },
    )
    new = {reference for (reference,) in rows}
    return [update for update in updates if update.reference in new]


async def updates_of(db: Reader, store_id: UUID, shipment_id: UUID) -> list[TrackingUpdate]:
    """Oldest first."""
    rows = await db.rows(
        """
        select status, happened_at, place, text, reference
        from shipment_tracking
        where store_id = %(store_id)s
          and shipment_id = %(shipment_id)s
        order by happened_at, created_at, reference
        """,
        {"store_id": store_id, "shipment_id": shipment_id},
    )
    return [TrackingUpdate(TrackingStatus(status), *rest) for status, *rest in rows]
