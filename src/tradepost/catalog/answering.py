"""Answers that are the same for everybody."""

from tradepost.catalog.model import sees_all
from tradepost.http import Answer, Call

# Other callers get other answers at the same address, which a shared cache has to know.
_FOR_EVERYBODY = [("cache-control", "public, max-age=5"), ("vary", "Authorization, Cookie, X-API-Key")]


def answer(call: Call, value: object, *headers: tuple[str, str]) -> Answer:
    """For everybody's caches for a moment, unless staff asks, who see more."""
    if sees_all(call.actor):
        return call.json(value, headers=list(headers))
    return Answer.json(value, headers=[*_FOR_EVERYBODY, *headers])
