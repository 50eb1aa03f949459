"""Answers that are the same for everybody."""

from tradepost.catalog.model import sees_all
from tradepost.http import Answer, Call
from tradepost.http.call import content_etag
from tradepost.stores.markets.choosing import HEADERS

# Kept by whoever likes, and asked for again each time: stock is in it, and nobody is to see it older than a second.
# Other callers get other answers at the same address, which a shared cache has to know.
_VARY = ", ".join(("Authorization", "Cookie", "X-API-Key", *HEADERS))
_FOR_EVERYBODY = [("cache-control", "public, no-cache"), ("vary", _VARY)]


def answer(call: Call, value: object, *headers: tuple[str, str]) -> Answer:
    """For everybody, with an ETag of what is in it. Staff see more, with the headers of what they may change."""
    if sees_all(call.actor):
        return call.json(value, headers=list(headers))
    made = Answer.json(value, headers=list(_FOR_EVERYBODY))
    made.headers.append(content_etag(made.body))
    return made
