from datetime import datetime
from uuid import UUID

from tradepost.events import Fact


class CartCreated(Fact, frozen=True):
    subject_type = "cart"
    customer_id: UUID | None


class CartChanged(Fact, frozen=True):
    """`fields` are those of the cart, in wire names; `items` where something was put in, changed or taken out."""

    subject_type = "cart"
    fields: list[str]


class CartMerged(Fact, frozen=True):
    """Its items are in another cart now."""

    subject_type = "cart"
    into: UUID


class CartReserved(Fact, frozen=True):
    """Stock is promised to it for a while."""

    subject_type = "cart"
    until: datetime


class CartReleased(Fact, frozen=True):
    """What was promised to it is free again."""

    subject_type = "cart"


class CartExpired(Fact, frozen=True):
    """Nobody has touched it for long: what was in it is forgotten, and whose it was."""

    subject_type = "cart"
