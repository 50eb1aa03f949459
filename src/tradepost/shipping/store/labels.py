"""Labels asked of carriers."""

from typing import LiteralString
from uuid import UUID

import msgspec
from psycopg import errors

from tradepost.core.actors import Actor, ActorKind
from tradepost.core.errors import NotFound
from tradepost.db import Reader, Tx
from tradepost.db.connections import Row
from tradepost.shipping.carriers import Consignment, Document, Label
from tradepost.shipping.model import LabelExists, LabelState, ShipmentLabel

_SELECT = """
    select label.store_id, label.id, label.order_id, label.shipment_id, label.carrier, label.service, label.state,
           label.consignment, label.reference, label.attempts, label.actor_kind, label.actor_id
    from shipment_label as label
"""


async def insert(tx: Tx, label: ShipmentLabel, *, lease_seconds: float, request_key: bytes | None) -> None:
    """Its maker has so long to ask the carrier before the sweep does. LabelExists beside another live one."""
    try:
        async with tx.savepoint():
            await tx.run(
                """
                insert into shipment_label (store_id, id, order_id, shipment_id, carrier, service, state, consignment,
                                            next_try_at, request_key, actor_kind, actor_id)
                values (%(store_id)s, %(id)s, %(order_id)s, %(shipment_id)s, %(carrier)s, %(service)s, %(state)s,
                        %(consignment)s::text::jsonb, now() + make_interval(secs => %(seconds)s), %(request_key)s,
                        %(actor_kind)s, %(actor_id)s)
                """,
                {
                    "store_id": label.store_id,
                    "id": label.id,
                    "order_id": label.order_id,
                    "shipment_id": label.shipment_id,
                    "carrier": label.carrier,
                    "service": label.service,
                    "state": label.state,
                    "consignment": msgspec.json.encode(label.consignment).decode(),
                    "seconds": float(lease_seconds),
                    "request_key": request_key,
                    "actor_kind": label.actor.kind,
                    "actor_id": label.actor.id,
                },
            )
    except errors.UniqueViolation:
        raise LabelExists from None


async def newest(db: Reader, store_id: UUID, shipment_id: UUID) -> ShipmentLabel:
    """A parcel's newest label. NotFound."""
    return await _one(
        db,
        """
        where label.store_id = %(store_id)s
          and label.shipment_id = %(id)s
        order by label.id desc
        limit 1
        """,
        store_id,
        shipment_id,
    )


async def lock(tx: Tx, store_id: UUID, label_id: UUID) -> ShipmentLabel:
    return await _one(tx, " where label.store_id = %(store_id)s and label.id = %(id)s for update", store_id, label_id)


async def _one(db: Reader, where: LiteralString, store_id: UUID, id_: UUID) -> ShipmentLabel:
    row = await db.row(_SELECT + where, {"store_id": store_id, "id": id_})
    if row is None:
        raise NotFound
    return _label(row)


async def find_of_request(db: Reader, store_id: UUID, request_key: bytes) -> ShipmentLabel | None:
    """What a request asked for, by its idempotency key."""
    row = await db.row(
        _SELECT + " where label.store_id = %(store_id)s and label.request_key = %(key)s",
        {"store_id": store_id, "key": request_key},
    )
    return None if row is None else _label(row)


async def get_document(db: Reader, store_id: UUID, shipment_id: UUID) -> Document:
    """What is stuck on a parcel. NotFound where no label was bought."""
    row = await db.row(
        """
        select tracking_number, document, media_type
        from shipment_label
        where store_id = %(store_id)s
          and shipment_id = %(shipment_id)s
          and state = 'BOUGHT'
        """,
        {"store_id": store_id, "shipment_id": shipment_id},
    )
    if row is None:
        raise NotFound
    return Document(*row)


async def claim_due(tx: Tx, *, lease_seconds: float, most: int) -> list[ShipmentLabel]:
    """Some whose time has come; nobody else gets them before the lease is over. Oldest first."""
    rows = await tx.rows(
        """
        with due as (
          select store_id, id
          from shipment_label
          where state in ('BUYING', 'VOIDING')
            and next_try_at <= now()
          order by next_try_at
          limit %(most)s
          for update skip locked
        )
        update shipment_label as label
        set attempts = label.attempts + 1,
            next_try_at = now() + make_interval(secs => %(seconds)s),
            updated_at = now()
        from due
        where label.store_id = due.store_id
          and label.id = due.id
        returning label.store_id, label.id, label.order_id, label.shipment_id, label.carrier, label.service,
                  label.state, label.consignment, label.reference, label.attempts, label.actor_kind, label.actor_id
        """,
        {"seconds": float(lease_seconds), "most": most},
    )
    return sorted((_label(row) for row in rows), key=lambda label: label.id)


async def set_tried(tx: Tx, label: ShipmentLabel, *, error: str, seconds: float) -> None:
    """Notes what came in the way; in so many seconds the sweep takes it again."""
    await tx.run(
        """
        update shipment_label
        set last_error = %(error)s,
            next_try_at = now() + make_interval(secs => %(seconds)s),
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
          and state in ('BUYING', 'VOIDING')
        """,
        {"store_id": label.store_id, "id": label.id, "error": error, "seconds": float(seconds)},
    )


async def set_bought(tx: Tx, label: ShipmentLabel, made: Label, state: LabelState) -> None:
    """With what the carrier gave. The caller has locked it."""
    (document,) = made.documents
    await tx.run(
        """
        update shipment_label
        set state = %(state)s,
            reference = %(reference)s,
            tracking_number = %(tracking_number)s,
            tracking_url = %(tracking_url)s,
            amount = %(amount)s,
            currency = %(currency)s,
            document = %(document)s,
            media_type = %(media_type)s,
            last_error = null,
            next_try_at = now(),
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {
            "store_id": label.store_id,
            "id": label.id,
            "state": state,
            "reference": made.reference,
            "tracking_number": document.tracking_number,
            "tracking_url": made.tracking_url,
            "amount": made.amount,
            "currency": made.currency,
            "document": document.content,
            "media_type": document.media_type,
        },
    )


async def set_state(
    tx: Tx, label: ShipmentLabel, state: LabelState, *, error: str | None = None, seconds: float = 0.0
) -> None:
    """The sweep may carry it out in so many seconds, where there is something to. A refused request may ask anew."""
    await tx.run(
        """
        update shipment_label
        set state = %(state)s,
            last_error = %(error)s,
            next_try_at = now() + make_interval(secs => %(seconds)s),
            request_key = case when %(state)s = 'REFUSED' then null else request_key end,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {"store_id": label.store_id, "id": label.id, "state": state, "error": error, "seconds": seconds},
    )


async def void_soon(tx: Tx, store_id: UUID, shipment_id: UUID) -> None:
    """A bought label of a parcel that is unpacked is the sweep's to give back."""
    await tx.run(
        """
        update shipment_label
        set state = 'VOIDING',
            next_try_at = now(),
            updated_at = now()
        where store_id = %(store_id)s
          and shipment_id = %(shipment_id)s
          and state = 'BOUGHT'
        """,
        {"store_id": store_id, "shipment_id": shipment_id},
    )


def _label(row: Row) -> ShipmentLabel:
    store_id, id_, order_id, shipment_id, carrier, service, state, *rest = row
    consignment, reference, attempts, actor_kind, actor_id = rest
    return ShipmentLabel(
        store_id=store_id,
        id=id_,
        order_id=order_id,
        shipment_id=shipment_id,
        carrier=carrier,
        service=service,
        state=LabelState(state),
        consignment=msgspec.convert(consignment, Consignment),
        reference=reference,
        attempts=attempts,
        actor=Actor(ActorKind(actor_kind), store_id, actor_id),
    )
