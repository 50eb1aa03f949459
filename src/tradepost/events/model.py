import re
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec


class Fact(msgspec.Struct, frozen=True, rename="camel"):
    """Something that happened. A subclass names it in the past tense; its fields are what a listener needs.

    `OrderPlaced` of subject `order` is the event `order.placed`.
    """

    subject_type: ClassVar[str]

    @classmethod
    def event_name(cls) -> str:
        verb = cls.__name__.removeprefix(cls.subject_type.title().replace("_", ""))
        return f"{cls.subject_type}.{re.sub(r'(?<!^)(?=[A-Z])', '_', verb).lower()}"


class Event(msgspec.Struct, frozen=True):
    """A published fact. `position` is its place in the feed of its store, `sequence` its place within its subject."""

    position: str
    id: UUID
    name: str
    subject_type: str
    subject_id: UUID
    sequence: int
    actor_kind: str
    actor_id: UUID | None
    payload: dict[str, Any]
    created_at: datetime
