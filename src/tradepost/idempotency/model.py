"""What a caller claims with a key, and the answer that is kept for it."""

import hashlib
from uuid import UUID

import msgspec

from tradepost.core.errors import Conflict, Invalid


class IdempotencyKeyReused(Invalid):
    """The key was used for another request."""

    title = "This Idempotency-Key was used with another request"


class IdempotencyInFlight(Conflict):
    """The first request with this key is still at work."""

    title = "The first request with this Idempotency-Key is still running"


class StoredAnswer(msgspec.Struct, frozen=True):
    """An answer as it went over the wire; `fingerprint` is that of the request it answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    fingerprint: bytes


class Claim(msgspec.Struct, frozen=True):
    """A caller's key for one request: where its answer is kept, and what the request said."""

    store_id: UUID
    key_hash: bytes
    fingerprint: bytes

    def saying(self, more: bytes) -> "Claim":
        """The same key for a request that said more: a body that was not read yet when the key was claimed."""
        fingerprint = hashlib.sha256(self.fingerprint + b"\0" + more).digest()[:16]
        return msgspec.structs.replace(self, fingerprint=fingerprint)

    def check(self, found: StoredAnswer) -> StoredAnswer:
        """IdempotencyKeyReused unless the kept answer is one to this very request."""
        if found.fingerprint != self.fingerprint:
            raise IdempotencyKeyReused
        return found


def claim(*, store_id: UUID, caller: str, route: str, key: str, said: bytes) -> Claim:
    """`route` is the operation with its path, `said` the request's meaning in canonical form."""
    scope = f"{caller}\0{route}\0{key}".encode()
    return Claim(store_id, hashlib.sha256(scope).digest(), hashlib.sha256(route.encode() + b"\0" + said).digest()[:16])
