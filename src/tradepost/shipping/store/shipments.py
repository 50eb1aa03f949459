from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg import errors

from tradepost.core.errors import FieldError, NotFound, ReferenceNotFound
from tradepost.db import Reader, Tx
from tradepost.db.arrays import uuids
from tradepost.db.connections import Row
from tradepost.shipping.model import (
    TRAVELLING,
    LabelState,
    Shipment,
    ShipmentLine,
    ShipmentStatus,
    ShownLabel,
    Tracking,
)

_SELECT = """
    select shipment.id, shipment.order_id, shipment.location_id, shipment.status, shipment.carrier, shipment.service,
           shipment.tracking_number, shipment.tracking_url, shipment.version, shipment.created_at, shipment.updated_at,
           shipment.shipped_at, shipment.delivered_at,
           (select jsonb_build_array(label.id, label.state, label.carrier, label.service, label.tracking_number,
                   label.amount, label.currency, label.last_error)
            from shipment_label as label
            where label.store_id = shipment.store_id and label.shipment_id = shipment.id
            order by label.id desc
            limit 1),
           (select jsonb_agg(jsonb_build_array(line.line_id, line.variant_id, line.quantity) order by line.line_id)
            from shipment_line as line
            where line.store_id = shipment.store_id and line.shipment_id = shipment.id)
    from shipment
"""


async def insert(
    tx: Tx,
    store_id: UUID,
    shipment_id: UUID,
    *,
    order_id: UUID,
    location_id: UUID,
    tracking: Tracking,
    lines: Sequence[ShipmentLine],
) -> None:
    """ReferenceNotFound for a location that there is not."""
    try:
        async with tx.savepoint():
            await tx.run(
                """
                insert into shipment (store_id, id, order_id, location_id, status, carrier, service, tracking_number,
                                      tracking_url)
                values (%(store_id)s, %(id)s, %(order_id)s, %(location_id)s, 'PACKED', %(carrier)s, %(service)s,
                        %(number)s, %(url)s)
                """,
                {"store_id": store_id, "id": shipment_id, "order_id": order_id, "location_id": location_id}
                | msgspec.structs.asdict(tracking),
            )
    except errors.ForeignKeyViolation:
        raise ReferenceNotFound(
            errors=[FieldError("/locationId", "reference_not_found", "is no location of this store")]
        ) from None
    await tx.run(
        """
        insert into shipment_line (store_id, shipment_id, order_id, line_id, variant_id, quantity)
        select %(store_id)s, %(id)s, %(order_id)s, line_id, variant_id, quantity
        from unnest(%(line_ids)b::uuid[], %(variant_ids)b::uuid[], %(quantities)b::int4[])
             as line (line_id, variant_id, quantity)
        """,
        {
            "store_id": store_id,
            "id": shipment_id,
            "order_id": order_id,
            "line_ids": [line.line_id for line in lines],
            "variant_ids": [line.variant_id for line in lines],
            "quantities": [line.quantity for line in lines],
        },
    )


async def get(db: Reader, store_id: UUID, shipment_id: UUID) -> Shipment:
    """NotFound for one of another store."""
    row = await db.row(
        _SELECT + " where shipment.store_id = %(store_id)s and shipment.id = %(id)s",
        {"store_id": store_id, "id": shipment_id},
    )
    if row is None:
        raise NotFound
    return _shipment(row)


async def of_orders(db: Reader, store_id: UUID, order_ids: Sequence[UUID]) -> dict[UUID, list[Shipment]]:
    """The parcels of orders, oldest first."""
    rows = await db.rows(
        _SELECT
        + """
        where shipment.store_id = %(store_id)s
          and shipment.order_id = any(%(order_ids)s)
        order by shipment.id
        """,
        {"store_id": store_id, "order_ids": uuids(order_ids)},
    )
    found: defaultdict[UUID, list[Shipment]] = defaultdict(list)
    for row in rows:
        shipment = _shipment(row)
        found[shipment.order_id].append(shipment)
    return found


async def save(tx: Tx, store_id: UUID, shipment: Shipment) -> Shipment:
    """Writes a locked parcel; its new version."""
    row = await tx.row(
        """
        update shipment
        set status = %(status)s,
            carrier = %(carrier)s,
            service = %(service)s,
            tracking_number = %(number)s,
            tracking_url = %(url)s,
            shipped_at = %(shipped_at)s,
            delivered_at = %(delivered_at)s,
            track_due_at = case
              when %(is_travelling)s and %(carrier)s::text is not null and %(number)s::text is not null
              then coalesce(track_due_at, now())
            end,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        returning version, updated_at
        """,
        {
            "store_id": store_id,
            "id": shipment.id,
            "status": shipment.status,
            "shipped_at": shipment.shipped_at,
            "delivered_at": shipment.delivered_at,
            "is_travelling": shipment.status in TRAVELLING,
        }
        | msgspec.structs.asdict(shipment.tracking),
    )
    if row is None:
        raise NotFound
    version, updated_at = row
    return msgspec.structs.replace(shipment, version=version, updated_at=updated_at)


def _shipment(row: Row) -> Shipment:
    id_, order_id, location_id, status, carrier, service, number, url, *rest = row
    version, created_at, updated_at, shipped_at, delivered_at, label, lines = rest
    return Shipment(
        id=id_,
        order_id=order_id,
        location_id=location_id,
        status=ShipmentStatus(status),
        tracking=Tracking(carrier, service, number, url),
        lines=tuple(ShipmentLine(UUID(line_id), UUID(variant_id), quantity) for line_id, variant_id, quantity in lines),
        version=version,
        created_at=created_at,
        updated_at=updated_at,
        shipped_at=shipped_at,
        delivered_at=delivered_at,
        label=_label(label),
    )


def _label(fields: list[Any] | None) -> ShownLabel | None:
    if fields is None:
        return None
    id_, state, *rest = fields
    return ShownLabel(UUID(id_), LabelState(state), *rest)
