"""The one module that establishes who calls. Another way to authenticate is one more function here."""

import time
from collections.abc import Mapping
from functools import partial
from uuid import UUID

from tradepost.accounts import store
from tradepost.accounts.model import InvalidCredentials, hash_secret
from tradepost.core.actors import Actor, ActorKind
from tradepost.core.flights import Flights
from tradepost.db import Database
from tradepost.stores import Stores

_SECONDS = 1.0
_MOST_REMEMBERED = 10_000
_MOST_TOKEN = 200


class Identity:
    """Headers to actor. A key that was good is believed for a second, so that a busy key costs no statement."""

    def __init__(self, db: Database, stores: Stores) -> None:
        self._db = db
        self._stores = stores
        self._known: dict[bytes, tuple[float, Actor]] = {}
        self._flights: Flights[bytes, Actor] = Flights()

    async def __call__(self, headers: Mapping[bytes, bytes]) -> Actor:
        """The caller. Raises InvalidCredentials for a bad key; no key at all is a guest."""
        host = headers.get(b"host", b"").decode("latin-1").rsplit(":", 1)[0].lower()
        shop = await self._stores.for_host(host)
        secret = _key(headers)
        if secret is None:
            token = headers.get(b"x-order-token", b"")[:_MOST_TOKEN].decode("latin-1")
            return Actor(ActorKind.GUEST, shop.id, order_token=token or None)
        actor = self._remembered(secret) or await self._flights.share(secret, partial(self._look_up, secret))
        owner = self._stores.owner_of(host)
        if owner and owner.id != actor.store_id:
            raise InvalidCredentials
        return actor

    def _remembered(self, secret: bytes) -> Actor | None:
        found = self._known.get(secret)
        return found[1] if found and time.monotonic() - found[0] < _SECONDS else None

    async def _look_up(self, secret: bytes) -> Actor:
        self._known.pop(secret, None)
        async with self._db.read() as db:
            row = await store.find_live_key(db, hash_secret(secret.decode("latin-1")))
            if row is None:
                raise InvalidCredentials
            store_id, key_id, scopes = row
            await store.touch_key(db, store_id, key_id)
        actor = _actor(store_id, key_id, scopes)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[secret] = (time.monotonic(), actor)
        return actor


def _actor(store_id: UUID, key_id: UUID, scopes: list[str]) -> Actor:
    return Actor(ActorKind.KEY, store_id, key_id, frozenset(scopes))


def _key(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The secret from X-API-Key or a bearer token; a query string is never looked at."""
    key = headers.get(b"x-api-key")
    if key is None:
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if not scheme:
            return None
        if scheme.lower() != b"bearer" or not token:
            raise InvalidCredentials
        key = token.strip()
    if not key or len(key) > _MOST_TOKEN:
        raise InvalidCredentials
    return key
