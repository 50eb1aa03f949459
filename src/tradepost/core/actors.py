"""Who does something: a customer, a member of staff, a key, a guest, or the system itself."""

from enum import StrEnum
from uuid import UUID

import msgspec


class ActorKind(StrEnum):
    CUSTOMER = "customer"
    STAFF = "staff"
    KEY = "key"
    GUEST = "guest"
    SYSTEM = "system"


EVERYTHING = "*"


class Actor(msgspec.Struct, frozen=True):
    """Who calls, for which store, with which permissions."""

    kind: ActorKind
    store_id: UUID
    id: UUID | None = None
    permissions: frozenset[str] = frozenset()
    order_token: str | None = None
    """What a guest showed to see his one order."""
    session_id: UUID | None = None
    """The session of a person who signed in."""
    by_cookie: bool = False
    """Whether a browser sent the session by itself, so that another site may be behind the request."""
    person_id: UUID | None = None
    """Who answers for it: the person himself, or the one who made the key. None where that is nobody."""
    refund_limit: int | None = None
    """What this person may give back of one order, in minor units of the store's currency; None is without limit."""
    market_id: UUID | None = None
    """The market that a key is for; None where it is for none in particular."""

    def may(self, permission: str) -> bool:
        return permission in self.permissions or EVERYTHING in self.permissions

    @property
    def caller(self) -> str:
        """Names the caller in idempotency scopes."""
        return f"{self.kind}:{self.id or ''}"


def system(store_id: UUID) -> Actor:
    """Tradepost itself, which may do everything."""
    return Actor(ActorKind.SYSTEM, store_id, permissions=frozenset([EVERYTHING]))
