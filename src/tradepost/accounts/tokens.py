"""Access tokens: JWTs of ten minutes (RFC 7519, RFC 9068), signed with one algorithm that the token has no say in."""

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import jwt
import msgspec

from tradepost.accounts.model import InvalidToken
from tradepost.accounts.store import signing
from tradepost.accounts.store.signing import SigningKey
from tradepost.core import clock
from tradepost.core.flights import Flights
from tradepost.db import Database

SECONDS = 600
_ALGORITHM = "HS256"
_TYPE = "at+jwt"
_ISSUER = "tradepost"
_MOST = 2000
_FRESH_SECONDS = 30.0


class Claims(msgspec.Struct, frozen=True):
    """What a good token says. `kid` is not believed for anything but finding the key."""

    store_id: UUID
    session_id: UUID


class AccessTokens:
    """Signs and reads tokens, with the keys of the database as this process last saw them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._keys: dict[str, SigningKey] = {}
        self._newest: SigningKey | None = None
        self._read_at = float("-inf")
        self._flights: Flights[str, None] = Flights()

    async def sign(self, *, store_id: UUID, account_id: UUID, session_id: UUID) -> str:
        key = await self._signing_key()
        now = int(clock.now().timestamp())
        claims = {
            "iss": _ISSUER,
            "aud": str(store_id),
            "sub": str(account_id),
            "sid": str(session_id),
            "iat": now,
            "exp": now + SECONDS,
        }
        return jwt.encode(claims, key.secret, _ALGORITHM, headers={"kid": key.id, "typ": _TYPE})

    async def read(self, token: str) -> Claims:
        """Raises InvalidToken, with no word about why."""
        if len(token) > _MOST:
            raise InvalidToken
        try:
            key = await self._key_of(jwt.get_unverified_header(token))
            said = jwt.decode(
                token,
                key.secret,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                options={"require": ["exp", "iat", "sub", "sid", "aud", "iss"], "verify_aud": False},
            )
            return Claims(UUID(said["aud"]), UUID(said["sid"]))
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, RecursionError):
            raise InvalidToken from None

    async def _key_of(self, header: Mapping[str, Any]) -> SigningKey:
        """The key that a header names, and no other way to one: `jku`, `jwk`, `x5u` are never looked at."""
        id_ = header.get("kid")
        if (
            header.get("alg") != _ALGORITHM
            or header.get("typ") != _TYPE
            or "crit" in header
            or not isinstance(id_, str)
        ):
            raise InvalidToken
        if id_ not in self._keys:  # another process may have a newer one; whoever asks meanwhile shares the look-up
            await self._flights.share("keys", self._load)
        if id_ not in self._keys:
            raise InvalidToken
        return self._keys[id_]

    async def _signing_key(self) -> SigningKey:
        if self._newest is None or time.monotonic() - self._read_at > _FRESH_SECONDS:
            await self._flights.share("keys", self._load)
        assert self._newest is not None  # noqa: S101 - for the type checker: _load makes the first key
        return self._newest

    async def _load(self) -> None:
        async with self._db.read() as db:
            found = await signing.believed(db)
        if not found:
            await self._db.write(signing.ensure)
            async with self._db.read() as db:
                found = await signing.believed(db)
        self._keys = {key.id: key for key in found}
        self._newest = found[0]
        self._read_at = time.monotonic()
