"""Time as text and number. Rules take the time as an argument; only the edges ask for it."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def now() -> datetime:
    return datetime.now(UTC)


def to_ms(moment: datetime) -> int:
    """Unix time in whole milliseconds."""
    return (moment - _EPOCH) // _MILLISECOND


@lru_cache(256)
def from_ms(ms: int) -> datetime:
    return _EPOCH + ms * _MILLISECOND


@lru_cache(256)
def rfc3339(moment: datetime) -> str:
    """`2026-11-21T08:30:00.123Z`: UTC, milliseconds, Z (RFC 3339)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(written: str) -> datetime:
    """An RFC 3339 time with its zone, in UTC. ValueError for anything else, such as 30 February or a 61st second."""
    moment = datetime.fromisoformat(written)
    if moment.tzinfo is None:
        msg = "a time needs its zone"
        raise ValueError(msg)
    return moment.astimezone(UTC)
