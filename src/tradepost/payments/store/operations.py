"""What is asked of providers."""

from collections.abc import Sequence
from uuid import UUID

from tradepost.core.actors import Actor, ActorKind
from tradepost.core.errors import NotFound
from tradepost.db import Reader, Tx
from tradepost.db.arrays import uuids
from tradepost.db.connections import Row
from tradepost.payments.model import Kind, Operation, State
from tradepost.payments.store.payments import COLUMNS, payment_of

_SELECT = """
    select payment.store_id, payment.id, payment.order_id, payment.provider, payment.method, payment.amount,
           payment.currency, payment.capture, payment.status, payment.provider_ref, payment.next_action,
           payment.decline_code, payment.decline_message, payment.version, payment.created_at, payment.updated_at,
           operation.id, operation.kind, operation.amount, operation.state, operation.attempts, operation.reason,
           operation.actor_kind, operation.actor_id, operation.created_at
    from payment_operation as operation
    join payment on payment.store_id = operation.store_id and payment.id = operation.payment_id
"""


def _operation_of(row: Row) -> Operation:
    payment = payment_of(row[:COLUMNS])
    id_, kind, amount, state, attempts, reason, actor_kind, actor_id, created_at = row[COLUMNS:]
    actor = Actor(ActorKind(actor_kind), payment.store_id, actor_id)
    return Operation(id_, payment, Kind(kind), amount, State(state), attempts, reason, actor, created_at)


async def insert(tx: Tx, operation: Operation, *, lease_seconds: float, given_by: UUID | None) -> None:
    """Its maker has so long to carry it out before the sweep does. `given_by`: see `given_back_by`."""
    await tx.run(
        """
        insert into payment_operation (store_id, id, payment_id, kind, amount, reason, actor_kind, actor_id,
                                       given_by, next_try_at)
        values (%(store_id)s, %(id)s, %(payment_id)s, %(kind)s, %(amount)s, %(reason)s, %(actor_kind)s, %(actor_id)s,
                %(given_by)s, now() + make_interval(secs => %(seconds)s))
        """,
        {
            "store_id": operation.payment.store_id,
            "id": operation.id,
            "payment_id": operation.payment.id,
            "kind": operation.kind,
            "amount": operation.amount,
            "reason": operation.reason,
            "actor_kind": operation.actor.kind,
            "actor_id": operation.actor.id,
            "given_by": given_by,
            "seconds": float(lease_seconds),
        },
    )


async def lock(tx: Tx, store_id: UUID, operation_id: UUID) -> Operation:
    """The operation and its payment."""
    row = await tx.row(
        _SELECT + " where operation.store_id = %(store_id)s and operation.id = %(id)s for update of payment, operation",
        {"store_id": store_id, "id": operation_id},
    )
    if row is None:
        raise NotFound
    return _operation_of(row)


async def started_of(db: Reader, store_id: UUID, payment_ids: Sequence[UUID]) -> list[Operation]:
    """What is under way with payments, oldest first."""
    rows = await db.rows(
        _SELECT
        + """
        where operation.store_id = %(store_id)s
          and operation.payment_id = any(%(payment_ids)s)
          and operation.state = 'started'
        order by operation.id
        """,
        {"store_id": store_id, "payment_ids": uuids(payment_ids)},
    )
    return [_operation_of(row) for row in rows]


async def started_of_order(db: Reader, store_id: UUID, order_id: UUID) -> list[Operation]:
    """What is under way with an order's payments, oldest first."""
    rows = await db.rows(
        _SELECT
        + """
        where payment.store_id = %(store_id)s
          and payment.order_id = %(order_id)s
          and operation.state = 'started'
        order by operation.id
        """,
        {"store_id": store_id, "order_id": order_id},
    )
    return [_operation_of(row) for row in rows]


async def given_back_by(db: Reader, store_id: UUID, order_id: UUID, person_id: UUID) -> int:
    """Minor units of an order that a person has given back by decisions of his own, or that are on their way.

    What returned, as the refund failed in the end, does not count.
    """
    found = await db.value(
        """
        select coalesce(sum(operation.amount), 0)::int8
        from payment
        join payment_operation as operation
          on operation.store_id = payment.store_id and operation.payment_id = payment.id
        where payment.store_id = %(store_id)s
          and payment.order_id = %(order_id)s
          and operation.given_by = %(person_id)s
          and operation.state <> 'failed'
          and not exists (
            select
            from payment_entry as given
            join payment_entry as undone
              on undone.store_id = given.store_id
              and undone.provider = given.provider
              and undone.kind = 'refund_undone'
              and undone.reference = given.reference
            where given.store_id = operation.store_id
              and given.operation_id = operation.id
              and given.kind = 'refund'
          )
        """,
        {"store_id": store_id, "order_id": order_id, "person_id": person_id},
    )
    return int(found)


async def set_request(tx: Tx, asked: Sequence[Operation], key: bytes) -> None:
    """Notes which request asked for them, by its idempotency key."""
    await tx.run(
        """
        update payment_operation
        set request_key = %(key)s
        where store_id = %(store_id)s
          and id = any(%(ids)s)
        """,
        {"store_id": asked[0].payment.store_id, "ids": uuids([one.id for one in asked]), "key": key},
    )


async def of_request(db: Reader, store_id: UUID, key: bytes) -> list[Operation]:
    """What a request asked for, oldest first."""
    rows = await db.rows(
        _SELECT
        + """
        where operation.store_id = %(store_id)s
          and operation.request_key = %(key)s
        order by operation.id
        """,
        {"store_id": store_id, "key": key},
    )
    return [_operation_of(row) for row in rows]


async def claim_due(tx: Tx, *, lease_seconds: float, most: int) -> list[Operation]:
    """Some whose time has come; nobody else gets them before the lease is over. Oldest first."""
    rows = await tx.rows(
        """
        with due as (
          select store_id, id
          from payment_operation
          where state = 'started'
            and next_try_at <= now()
          order by next_try_at
          limit %(most)s
          for update skip locked
        )
        update payment_operation as operation
        set attempts = operation.attempts + 1,
            next_try_at = now() + make_interval(secs => %(seconds)s),
            updated_at = now()
        from due, payment
        where operation.store_id = due.store_id
          and operation.id = due.id
          and payment.store_id = operation.store_id
          and payment.id = operation.payment_id
        returning payment.store_id, payment.id, payment.order_id, payment.provider, payment.method, payment.amount,
                  payment.currency, payment.capture, payment.status, payment.provider_ref, payment.next_action,
                  payment.decline_code, payment.decline_message, payment.version, payment.created_at,
                  payment.updated_at, operation.id, operation.kind, operation.amount, operation.state,
                  operation.attempts, operation.reason, operation.actor_kind, operation.actor_id, operation.created_at
        """,
        {"seconds": float(lease_seconds), "most": most},
    )
    return sorted((_operation_of(row) for row in rows), key=lambda operation: operation.id)


async def set_tried(tx: Tx, operation: Operation, *, error: str, seconds: float) -> None:
    """Notes what came in the way; in so many seconds it is tried again."""
    await tx.run(
        """
        update payment_operation
        set last_error = %(error)s,
            next_try_at = now() + make_interval(secs => %(seconds)s),
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
          and state = 'started'
        """,
        {"store_id": operation.payment.store_id, "id": operation.id, "error": error, "seconds": float(seconds)},
    )


async def set_settled(tx: Tx, operation: Operation, state: State, *, error: str | None) -> None:
    """The caller has locked it."""
    await tx.run(
        """
        update payment_operation
        set state = %(state)s,
            last_error = %(error)s,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {"store_id": operation.payment.store_id, "id": operation.id, "state": state, "error": error},
    )
