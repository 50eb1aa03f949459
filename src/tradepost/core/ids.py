"""UUIDv7 ids (RFC 9562, 5.7): ordered by time, made here and not by the database."""

import os
import random
import time
from uuid import UUID

_VERSION = 7 << 76
_VARIANT = 2 << 62

_random = random.Random(os.urandom(32))  # noqa: S311 - ids must differ, not be secret
os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))


class Ids:
    """Makes ids that only ever grow, even within a millisecond (RFC 9562, 6.2, method 1: a 12-bit counter)."""

    def __init__(self) -> None:
        self._last = 0

    def new(self, ms: int) -> UUID:
        """An id of this Unix time in milliseconds, or of the moment after the last one made here."""
        self._last = tick = max(ms << 12, self._last + 1)
        return UUID(int=((tick >> 12) << 80) | _VERSION | ((tick & 0xFFF) << 64) | _VARIANT | _random.getrandbits(62))


_ids = Ids()


def uuid7() -> UUID:
    """A new id of this moment."""
    return _ids.new(time.time_ns() // 1_000_000)


def first_of(ms: int) -> UUID:
    """The smallest id of a Unix time in milliseconds, for ranges of time over ids."""
    return UUID(int=(ms << 80) | _VERSION | _VARIANT)


def milliseconds(id_: UUID) -> int:
    """The Unix time in milliseconds that an id carries."""
    return id_.int >> 80
