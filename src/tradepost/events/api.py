from datetime import datetime
from typing import Any
from uuid import UUID

from tradepost.events.model import Event
from tradepost.events.store import feed
from tradepost.http import Answer, Call, In, Limit, Out, Routes

routes = Routes("Events", "The numbered feed of everything that happened.")


class FeedQuery(In):
    after: str | None = None
    limit: Limit = 20


class ActorOut(Out):
    kind: str
    id: UUID | None


class EventOut(Out):
    position: str
    id: UUID
    name: str
    subject_type: str
    subject_id: UUID
    sequence: int
    actor: ActorOut
    payload: dict[str, Any]
    created_at: datetime


class FeedOut(Out):
    items: list[EventOut]
    next_after: str | None
    """Where to read on: the same value again where there is nothing new."""


def event_out(event: Event) -> EventOut:
    return EventOut(
        position=event.position,
        id=event.id,
        name=event.name,
        subject_type=event.subject_type,
        subject_id=event.subject_id,
        sequence=event.sequence,
        actor=ActorOut(kind=event.actor_kind, id=event.actor_id),
        payload=event.payload,
        created_at=event.created_at,
    )


@routes.get("/events", query=FeedQuery, answer=FeedOut)
async def list_events(call: Call, query: FeedQuery) -> Answer:
    """Events in the order in which their transactions took place, from a position on; nothing is ever skipped."""
    async with call.db.read() as db:
        events = await feed(db, call.actor.store_id, after=query.after, limit=query.limit)
    return call.json(FeedOut([event_out(event) for event in events], events[-1].position if events else query.after))
