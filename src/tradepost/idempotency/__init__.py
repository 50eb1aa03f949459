"""One answer for one key, for ever: the answer to a keyed write is stored in the transaction of its effect."""

from tradepost.idempotency.model import (
    Claim,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    StoredAnswer,
    claim,
)
from tradepost.idempotency.store import begin, delete_older, find_many, insert, insert_many

__all__ = [
    "Claim",
    "IdempotencyInFlight",
    "IdempotencyKeyReused",
    "StoredAnswer",
    "begin",
    "claim",
    "delete_older",
    "find_many",
    "insert",
    "insert_many",
]
