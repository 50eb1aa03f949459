"""The one module that establishes who calls. Another way to authenticate is one more function here."""

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec

from tradepost.accounts.model import InvalidCredentials, Role, SessionRevoked, hash_secret
from tradepost.accounts.store import keys, sessions
from tradepost.accounts.tokens import AccessTokens
from tradepost.core.actors import Actor, ActorKind
from tradepost.core.flights import Flights
from tradepost.db import Database
from tradepost.http import cookies
from tradepost.http.cookies import CookieJar
from tradepost.stores import Stores

ACCESS_COOKIE = "tradepost_access"
_SECONDS = 1.0
_MOST_REMEMBERED = 10_000
_MOST_KEY = 200
_MOST_TOKEN = 2000


class Identity:
    """Headers to actor. Credentials that were good are believed for a second: a busy caller costs no statement."""

    def __init__(self, db: Database, stores: Stores, tokens: AccessTokens, jar: CookieJar) -> None:
        self._db = db
        self._stores = stores
        self._tokens = tokens
        self._cookie = jar.name(ACCESS_COOKIE)
        self._known: dict[str, tuple[float, Actor]] = {}
        self._flights: Flights[str, Actor] = Flights()

    async def __call__(self, headers: Mapping[bytes, bytes], *, cookies_too: bool = True) -> Actor:
        """The caller: by key, bearer token or cookie; a guest without any of them.

        Raises InvalidCredentials, InvalidToken, SessionRevoked. `cookies_too`: not where one signs in anew.
        """
        host = headers.get(b"host", b"").decode("latin-1").rsplit(":", 1)[0].lower()
        shop = await self._stores.for_host(host)
        order_token = headers.get(b"x-order-token", b"")[:_MOST_KEY].decode("latin-1") or None
        secret = _sent(headers)
        if secret is not None:
            actor = await self._known_or(secret, self._of_key if _is_key(secret) else self._of_token)
        elif cookies_too and (token := cookies.read(headers, self._cookie)) is not None:
            actor = msgspec.structs.replace(await self._known_or(token, self._of_token), by_cookie=True)
        else:
            return Actor(ActorKind.GUEST, shop.id, order_token=order_token)
        owner = self._stores.owner_of(host)
        if owner and owner.id != actor.store_id:
            raise InvalidCredentials
        return msgspec.structs.replace(actor, order_token=order_token) if order_token else actor

    def forget(self) -> None:
        """Believes nothing that it remembers: a session of this process has just ended."""
        self._known.clear()

    async def _known_or(self, secret: str, find: Callable[[str], Awaitable[Actor]]) -> Actor:
        found = self._known.get(secret)
        if found and time.monotonic() - found[0] < _SECONDS:
            return found[1]
        return await self._flights.share(secret, partial(self._look_up, secret, find))

    async def _look_up(self, secret: str, find: Callable[[str], Awaitable[Actor]]) -> Actor:
        self._known.pop(secret, None)
        actor = await find(secret)
        await self._stores.meet(actor.store_id)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[secret] = (time.monotonic(), actor)
        return actor

    async def _of_key(self, key: str) -> Actor:
        async with self._db.read() as db:
            live = await keys.find_live(db, hash_secret(key))
            if live is None:
                raise InvalidCredentials
            await keys.touch(db, live.store_id, live.key_id)
        return Actor(
            ActorKind.KEY,
            live.store_id,
            live.key_id,
            frozenset(live.scopes),
            person_id=live.person_id,
            refund_limit=live.refund_limit,
            market_id=live.market_id,
        )

    async def _of_token(self, token: str) -> Actor:
        claims = await self._tokens.read(token)
        async with self._db.read() as db:
            live = await sessions.find_live(db, claims.store_id, claims.session_id)
        if live is None:
            raise SessionRevoked
        kind = ActorKind.CUSTOMER if live.role is Role.CLIENT else ActorKind.STAFF
        return Actor(
            kind,
            claims.store_id,
            live.account_id,
            live.powers.permissions,
            session_id=claims.session_id,
            person_id=live.account_id,
            refund_limit=live.powers.refund_limit,
        )


def _sent(headers: Mapping[bytes, bytes]) -> str | None:
    """What X-API-Key or Authorization says; a query string is never looked at."""
    secret = headers.get(b"x-api-key")
    if secret is None:
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if not scheme:
            return None
        if scheme.lower() != b"bearer" or not token:
            raise InvalidCredentials
        secret = token.strip()
    if not secret or len(secret) > _MOST_TOKEN:
        raise InvalidCredentials
    return secret.decode("latin-1")


def _is_key(secret: str) -> bool:
    """A token has two dots (RFC 7515, 3.1), a key has none."""
    return secret.count(".") != 2  # noqa: PLR2004 - header, payload, signature
