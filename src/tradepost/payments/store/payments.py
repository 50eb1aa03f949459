"""Payments and their ledger."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tradepost.core.actors import system
from tradepost.core.errors import NotFound
from tradepost.core.ids import uuid7
from tradepost.db import Reader, Tx
from tradepost.db.arrays import texts, uuids
from tradepost.db.connections import Row
from tradepost.payments.model import (
    Balance,
    Capture,
    Entry,
    Happened,
    Operation,
    Payment,
    Shown,
    Status,
    Summary,
    balance,
)

_SELECT = """
    select store_id, id, order_id, provider, method, amount, currency, capture, status, provider_ref, next_action,
           decline_code, decline_message, version, created_at, updated_at
    from payment
"""
COLUMNS = 16


def payment_of(row: Row) -> Payment:
    """From the COLUMNS of a payment, in the order of the struct."""
    store_id, id_, order_id, provider, method, amount, currency, capture, status, *rest = row
    return Payment(store_id, id_, order_id, provider, method, amount, currency, Capture(capture), Status(status), *rest)


async def insert(tx: Tx, payment: Payment) -> bool:
    """Whether it is there: not where the order has a live one, also one that somebody is just about to commit."""
    cursor = await tx.run(
        """
        insert into payment (store_id, id, order_id, provider, method, amount, currency, capture, status)
        values (%(store_id)s, %(id)s, %(order_id)s, %(provider)s, %(method)s, %(amount)s, %(currency)s, %(capture)s,
                %(status)s)
        on conflict (store_id, order_id) where status in ('STARTING', 'PENDING', 'NEEDS_ACTION', 'AUTHORIZED')
        do nothing
        """,
        {
            "store_id": payment.store_id,
            "id": payment.id,
            "order_id": payment.order_id,
            "provider": payment.provider,
            "method": payment.method,
            "amount": payment.amount,
            "currency": payment.currency,
            "capture": payment.capture,
            "status": payment.status,
        },
    )
    return cursor.rowcount == 1


async def lock(tx: Tx, store_id: UUID, payment_id: UUID) -> Payment:
    row = await tx.row(
        _SELECT + " where store_id = %(store_id)s and id = %(id)s for update", {"store_id": store_id, "id": payment_id}
    )
    if row is None:
        raise NotFound
    return payment_of(row)


async def lock_of_order(tx: Tx, store_id: UUID, order_id: UUID) -> list[Payment]:
    """All payments of an order, oldest first."""
    rows = await tx.rows(
        _SELECT + " where store_id = %(store_id)s and order_id = %(order_id)s order by id for update",
        {"store_id": store_id, "order_id": order_id},
    )
    return [payment_of(row) for row in rows]


async def find_by_ref(db: Reader, provider: str, ref: str) -> Payment | None:
    row = await db.row(
        _SELECT + " where provider = %(provider)s and provider_ref = %(ref)s", {"provider": provider, "ref": ref}
    )
    return payment_of(row) if row else None


async def claim_waiting(tx: Tx, *, minutes: float, providers: Sequence[str], most: int) -> list[Payment]:
    """Some that have waited so long since they were last looked at; nobody else gets them for as long again."""
    rows = await tx.rows(
        """
        with waiting as (
          select store_id, id
          from payment
          where status in ('PENDING', 'NEEDS_ACTION')
            and provider_ref is not null
            and provider = any(%(providers)s)
            and looked_at < now() - make_interval(secs => %(seconds)s)
          order by looked_at
          limit %(most)s
          for update skip locked
        )
        update payment
        set looked_at = now()
        from waiting
        where payment.store_id = waiting.store_id
          and payment.id = waiting.id
        returning payment.store_id, payment.id, order_id, provider, method, amount, currency, capture, status,
                  provider_ref, next_action, decline_code, decline_message, version, created_at, updated_at
        """,
        {"seconds": float(minutes * 60), "providers": texts(providers), "most": most},
    )
    return [payment_of(row) for row in rows]


async def set_standing(tx: Tx, payment: Payment) -> None:
    """Writes where a payment stands now; the caller has locked it."""
    action = None if payment.next_action is None else msgspec.json.encode(payment.next_action).decode()
    await tx.run(
        """
        update payment
        set status = %(status)s,
            provider_ref = %(provider_ref)s,
            next_action = %(next_action)s::text::jsonb,
            decline_code = %(decline_code)s,
            decline_message = %(decline_message)s,
            version = version + 1,
            looked_at = now(),
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {
            "store_id": payment.store_id,
            "id": payment.id,
            "status": payment.status,
            "provider_ref": payment.provider_ref,
            "next_action": action,
            "decline_code": payment.decline_code,
            "decline_message": payment.decline_message,
        },
    )


async def insert_entry(
    tx: Tx, payment: Payment, kind: Happened, *, amount: int, reference: str, cause: Operation | None
) -> bool:
    """Whether it is new: what the ledger has already, by the provider's own reference, is not entered again."""
    actor = cause.actor if cause else system(payment.store_id)
    cursor = await tx.run(
        """
        insert into payment_entry (store_id, payment_id, id, kind, amount, provider, reference, operation_id, reason,
                                   actor_kind, actor_id)
        values (%(store_id)s, %(payment_id)s, %(id)s, %(kind)s, %(amount)s, %(provider)s, %(reference)s,
                %(operation_id)s, %(reason)s, %(actor_kind)s, %(actor_id)s)
        on conflict (store_id, provider, kind, reference) do nothing
        """,
        {
            "store_id": payment.store_id,
            "payment_id": payment.id,
            "id": uuid7(),
            "kind": kind,
            "amount": amount,
            "provider": payment.provider,
            "reference": reference,
            "operation_id": cause.id if cause else None,
            "reason": cause.reason if cause else None,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
        },
    )
    return cursor.rowcount == 1


async def entries_of(db: Reader, store_id: UUID, payment_ids: Sequence[UUID]) -> dict[UUID, list[Entry]]:
    """The ledger of payments, oldest first."""
    rows = await db.rows(
        """
        select id, payment_id, kind, amount, reference, operation_id, reason, created_at
        from payment_entry
        where store_id = %(store_id)s
          and payment_id = any(%(payment_ids)s)
        order by payment_id, id
        """,
        {"store_id": store_id, "payment_ids": uuids(payment_ids)},
    )
    found: defaultdict[UUID, list[Entry]] = defaultdict(list)
    for id_, payment_id, kind, *rest in rows:
        found[payment_id].append(Entry(id_, payment_id, Happened(kind), *rest))
    return found


async def payments_of(db: Reader, store_id: UUID, order_id: UUID) -> list[Shown]:
    """The payments of an order with their ledgers, oldest first."""
    rows = await db.rows(
        _SELECT + " where store_id = %(store_id)s and order_id = %(order_id)s order by id",
        {"store_id": store_id, "order_id": order_id},
    )
    payments = [payment_of(row) for row in rows]
    entries = await entries_of(db, store_id, [payment.id for payment in payments]) if payments else {}
    return [Shown(payment, entries.get(payment.id, [])) for payment in payments]


async def find_shown(db: Reader, provider: str, ref: str) -> Shown | None:
    """The payment that a provider calls so, of whatever store, with its ledger."""
    payment = await find_by_ref(db, provider, ref)
    if payment is None:
        return None
    entries = await entries_of(db, payment.store_id, [payment.id])
    return Shown(payment, entries.get(payment.id, []))


async def captured_since(db: Reader, provider: str, since: datetime) -> list[Shown]:
    """What was begun at a provider since then, of all stores, and was taken as far as we know."""
    rows = await db.rows(
        _SELECT + " where provider = %(provider)s and created_at >= %(since)s and status = 'CAPTURED' order by id",
        {"provider": provider, "since": since},
    )
    found = [payment_of(row) for row in rows]
    return [
        Shown(payment, (await entries_of(db, payment.store_id, [payment.id])).get(payment.id, [])) for payment in found
    ]


async def of_orders(db: Reader, store_id: UUID, order_ids: Sequence[UUID]) -> dict[UUID, list[Summary]]:
    """The payments of orders with the sums of their ledgers, oldest first; one statement."""
    rows = await db.rows(
        """
        select payment.store_id, payment.id, payment.order_id, payment.provider, payment.method, payment.amount,
               payment.currency, payment.capture, payment.status, payment.provider_ref, payment.next_action,
               payment.decline_code, payment.decline_message, payment.version, payment.created_at, payment.updated_at,
               ledger.captured, ledger.refunded, under_way.refunding
        from payment
        cross join lateral (
          select coalesce(sum(amount) filter (where kind = 'capture'), 0)::int8 as captured,
                 (coalesce(sum(amount) filter (where kind = 'refund'), 0)
                  - coalesce(sum(amount) filter (where kind = 'refund_undone'), 0))::int8 as refunded
          from payment_entry as entry
          where entry.store_id = payment.store_id
            and entry.payment_id = payment.id
        ) as ledger
        cross join lateral (
          select coalesce(sum(amount), 0)::int8 as refunding
          from payment_operation as operation
          where operation.store_id = payment.store_id
            and operation.payment_id = payment.id
            and operation.kind = 'refund'
            and operation.state = 'started'
        ) as under_way
        where payment.store_id = %(store_id)s
          and payment.order_id = any(%(order_ids)s)
        order by payment.id
        """,
        {"store_id": store_id, "order_ids": uuids(order_ids)},
    )
    found: dict[UUID, list[Summary]] = {order_id: [] for order_id in order_ids}
    for row in rows:
        payment = payment_of(row[:COLUMNS])
        found[payment.order_id].append(Summary(payment, *row[COLUMNS:]))
    return found


async def balance_of(db: Reader, store_id: UUID, order_ids: Sequence[UUID]) -> dict[UUID, Balance]:
    """How orders stand with money; an empty balance for those without a payment."""
    found = await of_orders(db, store_id, order_ids)
    return {order_id: balance(some) for order_id, some in found.items()}
