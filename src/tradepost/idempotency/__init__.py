"""One answer for one key, for ever: the answer to a keyed write is stored in the transaction of its effect."""

from tradepost.idempotency.model import (
    Claim,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    StoredAnswer,
    claim,
)
from tradepost.idempotency.store import answers, begin, delete_older, find_many, insert, insert_many

__all__ = [
    "Claim",
    "IdempotencyInFlight",
    "IdempotencyKeyReused",
    "StoredAnswer",
    "answers",
    "begin",
    "claim",
    "delete_older",
    "find_many",
    "insert",
    "insert_many",
]
