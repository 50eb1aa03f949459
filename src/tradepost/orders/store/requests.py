"""Wishes to order that wait for the desk."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from tradepost.core.errors import NotFound
from tradepost.db import Reader, Tx
from tradepost.db.arrays import byteas, texts, uuids
from tradepost.orders.store.reading import Visibility

LEASE_SECONDS = 30
MOST_ATTEMPTS = 5
KEPT_DAYS = 30


class RequestState(StrEnum):
    WAITING = "WAITING"
    PLACED = "PLACED"
    REFUSED = "REFUSED"


class NewRequest(msgspec.Struct, frozen=True):
    """`asked` is the checked request as JSON; `token_hash` opens it to a guest."""

    id: UUID
    asked: str
    customer_id: UUID | None
    token_hash: bytes | None


class OrderRequest(msgspec.Struct, frozen=True):
    """A wish to order and what has become of it; `problem` is that of a refusal."""

    id: UUID
    state: RequestState
    order_id: UUID | None
    problem: dict[str, Any] | None
    created_at: datetime
    ended_at: datetime | None


class Taken(msgspec.Struct, frozen=True):
    """One that somebody works on now."""

    store_id: UUID
    id: UUID
    asked: str
    attempts: int


class Ended(msgspec.Struct, frozen=True):
    """What has become of one: an order, or a problem as JSON."""

    store_id: UUID
    id: UUID
    order_id: UUID | None = None
    problem: str | None = None


async def insert_requests(tx: Tx, store_id: UUID, new: Sequence[NewRequest]) -> None:
    await tx.write(
        """
        insert into order_request (store_id, id, asked, customer_id, token_hash)
        select %(store_id)s, id, asked::jsonb, customer_id, token_hash
        from unnest(%(ids)s, %(asked)s, %(customer_ids)s, %(token_hashes)s)
             as request (id, asked, customer_id, token_hash)
        """,
        {
            "store_id": store_id,
            "ids": uuids([request.id for request in new]),
            "asked": texts([request.asked for request in new]),
            "customer_ids": uuids([request.customer_id for request in new]),
            "token_hashes": byteas([request.token_hash for request in new]),
        },
    )


async def request_exists(tx: Tx, store_id: UUID, request_id: UUID) -> bool:
    ((found,),) = await tx.together(
        (
            "select exists (select from order_request where store_id = %(store_id)s and id = %(id)s)",
            {"store_id": store_id, "id": request_id},
        )
    )
    return bool(found[0])


async def find_request(db: Reader, visible: Visibility, request_id: UUID) -> OrderRequest:
    """NotFound also where it is somebody else's."""
    row = await db.row(
        """
        select id, state, order_id, problem, created_at, ended_at
        from order_request
        where store_id = %(store_id)s
          and id = %(id)s
          and (%(sees_all)s or customer_id = %(customer_id)s or token_hash = %(token_hash)s)
        """,
        {
            "store_id": visible.store_id,
            "id": request_id,
            "sees_all": visible.customer_id is None and visible.token_hash is None,
            "customer_id": visible.customer_id,
            "token_hash": visible.token_hash,
        },
    )
    if row is None:
        raise NotFound
    id_, state, order_id, problem, created_at, ended_at = row
    return OrderRequest(id_, RequestState(state), order_id, problem, created_at, ended_at)


async def take_requests(tx: Tx, *, limit: int) -> list[Taken]:
    """The next that wait and that nobody works on, in the order of arrival. They are the caller's for LEASE_SECONDS."""
    rows = await tx.rows(
        """
        update order_request as request
        set attempts = request.attempts + 1,
            lease_until = now() + make_interval(secs => %(seconds)s)
        from (
          select store_id, id
          from order_request
          where state = 'WAITING'
            and (lease_until is null or lease_until < now())
          order by store_id, id
          limit %(limit)s
          for update skip locked
        ) as next
        where request.store_id = next.store_id
          and request.id = next.id
        returning request.store_id, request.id, request.asked::text, request.attempts
        """,
        {"seconds": LEASE_SECONDS, "limit": limit},
    )
    return [Taken(*row) for row in sorted(rows, key=lambda row: row[1])]


async def end_requests(tx: Tx, ended: Sequence[Ended]) -> None:
    """Writes what has become of some; one that has ended already stays as it is."""
    await tx.run(
        """
        update order_request as request
        set state = case when ended.order_id is null then 'REFUSED' else 'PLACED' end,
            order_id = ended.order_id,
            problem = ended.problem::jsonb,
            asked = '{}',
            lease_until = null,
            ended_at = now()
        from unnest(%(stores)s, %(ids)s, %(orders)s, %(problems)s) as ended (store_id, id, order_id, problem)
        where request.store_id = ended.store_id
          and request.id = ended.id
          and request.state = 'WAITING'
        """,
        {
            "stores": uuids([one.store_id for one in ended]),
            "ids": uuids([one.id for one in ended]),
            "orders": uuids([one.order_id for one in ended]),
            "problems": texts([one.problem for one in ended]),
        },
    )


async def give_back_requests(tx: Tx, taken: Sequence[Taken]) -> None:
    """Lets go of some that could not be worked on at this moment."""
    await tx.run(
        """
        update order_request as request
        set lease_until = null,
            attempts = request.attempts - 1
        from unnest(%(stores)s, %(ids)s) as back (store_id, id)
        where request.store_id = back.store_id
          and request.id = back.id
          and request.state = 'WAITING'
        """,
        {"stores": uuids([one.store_id for one in taken]), "ids": uuids([one.id for one in taken])},
    )


async def forget_requests(tx: Tx) -> int:
    """Forgets those that ended KEPT_DAYS ago; how many."""
    cursor = await tx.run(
        "delete from order_request where ended_at < now() - make_interval(days => %(days)s)", {"days": KEPT_DAYS}
    )
    return cursor.rowcount
