import re
from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost.core.actors import Actor
from tradepost.core.errors import invalid
from tradepost.core.ids import uuid7
from tradepost.db import Reader, Tx
from tradepost.db.arrays import texts, uuids
from tradepost.db.connections import Row
from tradepost.events.model import Event, Fact

_POSITION = re.compile(r"(\d{1,19})-([0-9a-f]{32})")


async def publish(tx: Tx, fact: Fact, *, actor: Actor, subject_id: UUID) -> None:
    """Publishes with the change it reports: both are there after the commit, or neither.

    The caller holds the subject's row, so that the events of one subject are numbered without gaps.
    """
    await tx.run(
        """
        insert into event (store_id, id, name, subject_type, subject_id, sequence, actor_kind, actor_id, payload)
        select %(store_id)s, %(id)s, %(name)s, %(subject_type)s, %(subject_id)s, coalesce(max(sequence), 0) + 1,
               %(actor_kind)s, %(actor_id)s, %(payload)s::text::jsonb
        from event
        where store_id = %(store_id)s
          and subject_id = %(subject_id)s
        """,
        {
            "store_id": actor.store_id,
            "id": uuid7(),
            "name": fact.event_name(),
            "subject_type": fact.subject_type,
            "subject_id": subject_id,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "payload": msgspec.json.encode(fact).decode(),
        },
    )


async def publish_first(tx: Tx, facts: Sequence[tuple[UUID, Fact, Actor]]) -> None:
    """The first event of each of many new subjects of one store and kind, in one statement."""
    _, some, actor = facts[0]
    await tx.write(
        """
        insert into event (store_id, id, name, subject_type, subject_id, sequence, actor_kind, actor_id, payload)
        select %(store_id)s, id, %(name)s, %(subject_type)s, subject_id, 1, actor_kind, actor_id, payload::jsonb
        from unnest(%(ids)s, %(subject_ids)s, %(actor_kinds)s, %(actor_ids)s, %(payloads)s)
             as fact (id, subject_id, actor_kind, actor_id, payload)
        """,
        {
            "store_id": actor.store_id,
            "name": some.event_name(),
            "subject_type": some.subject_type,
            "ids": uuids([uuid7() for _ in facts]),
            "subject_ids": uuids([subject_id for subject_id, _, _ in facts]),
            "actor_kinds": texts([actor.kind for _, _, actor in facts]),
            "actor_ids": uuids([actor.id for _, _, actor in facts]),
            "payloads": texts([msgspec.json.encode(fact).decode() for _, fact, _ in facts]),
        },
    )


async def publish_each(tx: Tx, fact: Fact, *, actor: Actor, subject_ids: Sequence[UUID]) -> None:
    """The same fact of each of many subjects, in one statement. The caller holds their rows."""
    await tx.run(
        """
        insert into event (store_id, id, name, subject_type, subject_id, sequence, actor_kind, actor_id, payload)
        select %(store_id)s, wanted.id, %(name)s, %(subject_type)s, wanted.subject_id, history.last + 1, %(actor_kind)s,
               %(actor_id)s, %(payload)s::text::jsonb
        from unnest(%(ids)b::uuid[], %(subject_ids)b::uuid[]) as wanted (id, subject_id)
        cross join lateral (
          select coalesce(max(sequence), 0) as last
          from event
          where store_id = %(store_id)s
            and subject_id = wanted.subject_id
        ) as history
        """,
        {
            "store_id": actor.store_id,
            "name": fact.event_name(),
            "subject_type": fact.subject_type,
            "ids": [uuid7() for _ in subject_ids],
            "subject_ids": list(subject_ids),
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "payload": msgspec.json.encode(fact).decode(),
        },
    )


async def publish_many(tx: Tx, facts: Sequence[tuple[UUID, Fact]], *, actor: Actor) -> None:
    """Facts of one kind, each with its subject, in one statement. The caller holds the subjects' rows."""
    if not facts:
        return
    _, some = facts[0]
    await tx.run(
        """
        insert into event (store_id, id, name, subject_type, subject_id, sequence, actor_kind, actor_id, payload)
        select %(store_id)s, fact.id, %(name)s, %(subject_type)s, fact.subject_id,
               history.last + row_number() over (partition by fact.subject_id order by fact.id), %(actor_kind)s,
               %(actor_id)s, fact.payload::jsonb
        from unnest(%(ids)s, %(subject_ids)s, %(payloads)s) as fact (id, subject_id, payload)
        cross join lateral (
          select coalesce(max(sequence), 0) as last
          from event
          where store_id = %(store_id)s
            and subject_id = fact.subject_id
        ) as history
        """,
        {
            "store_id": actor.store_id,
            "name": some.event_name(),
            "subject_type": some.subject_type,
            "ids": uuids([uuid7() for _ in facts]),
            "subject_ids": uuids([subject_id for subject_id, _ in facts]),
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "payloads": texts([msgspec.json.encode(fact).decode() for _, fact in facts]),
        },
    )


async def feed(db: Reader, store_id: UUID, *, after: str | None, limit: int) -> list[Event]:
    """The next events of a store, oldest first, after a position.

    Ordered by writing transaction, and only those below the oldest transaction still running: whoever reads on from
    the last position he got misses nothing, however late a transaction commits.
    """
    # By the table's xid: the answer has a text of that name, which would put the tenth before the ninth.
    xid, id_ = _parse(after)
    rows = await db.rows(
        """
        select xid::text, id, name, subject_type, subject_id, sequence, actor_kind, actor_id, payload, created_at
        from event
        where store_id = %(store_id)s
          and (xid, id) > (%(xid)s::xid8, %(id)s)
          and xid < pg_snapshot_xmin(pg_current_snapshot())
        order by event.xid, event.id
        limit %(limit)s
        """,
        {"store_id": store_id, "xid": xid, "id": id_, "limit": limit},
    )
    return [_event(row) for row in rows]


async def newest(db: Reader) -> dict[UUID, str]:
    """The position of the last event of each store that has any; it may not be in the feed yet."""
    rows = await db.rows(
        """
        select store.id, last.xid::text, last.id
        from store
        cross join lateral (
          select xid, id
          from event
          where event.store_id = store.id
          order by xid desc, id desc
          limit 1
        ) as last
        """
    )
    return {store_id: f"{xid}-{id_.hex}" for store_id, xid, id_ in rows}


async def of_subjects(db: Reader, store_id: UUID, subject_ids: Sequence[UUID]) -> list[Event]:
    """The history of some subjects that belong together, in the order in which it happened."""
    rows = await db.rows(
        """
        select xid::text, id, name, subject_type, subject_id, sequence, actor_kind, actor_id, payload, created_at
        from event
        where store_id = %(store_id)s
          and subject_id = any(%(subject_ids)s)
        order by created_at, id
        """,
        {"store_id": store_id, "subject_ids": uuids(subject_ids)},
    )
    return [_event(row) for row in rows]


def _event(row: Row) -> Event:
    xid, id_, *rest = row
    return Event(f"{xid}-{id_.hex}", id_, *rest)


def _parse(after: str | None) -> tuple[str, UUID]:
    if after is None:
        return "0", UUID(int=0)
    match = _POSITION.fullmatch(after)
    if not match:
        raise invalid("?after", "invalid_position", "is not a position of the feed")
    return match[1], UUID(match[2])
