"""API keys: 256 random bits, kept as a hash, shown once. A key may never more than the person who made it may now."""

import base64
import re
import secrets
from collections.abc import Sequence
from uuid import UUID

from tradepost.accounts.events import ApiKeyCreated, ApiKeyRevoked
from tradepost.accounts.model import ApiKey, Powers, check_grant, hash_secret
from tradepost.accounts.store import keys as store
from tradepost.core.actors import Actor
from tradepost.core.clock import now
from tradepost.core.errors import FieldError, invalid
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.stores import MarketNotFound, markets

PREFIX = "tp_"
_HINT = len(PREFIX) + 6
_SCOPE = re.compile(r"\*|[a-z]+:[a-z]+")


async def create_key(
    tx: Tx, *, name: str, scopes: Sequence[str], actor: Actor, market: str | None = None
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is not kept. `market` is the slug of the one that its calls are made in.

    Raises PrivilegeEscalation, ValidationFailed, MarketNotFound.
    """
    secret = key_of(secrets.token_bytes(32))
    market_id = None if market is None else await _market(tx, actor.store_id, market)
    return await _insert(tx, secret, name=name, scopes=scopes, actor=actor, market_id=market_id), secret


async def ensure_key(tx: Tx, secret: str, *, name: str, scopes: Sequence[str], actor: Actor) -> None:
    """Makes a key with a known secret, unless it is there already."""
    if await store.find_live(tx, hash_secret(secret)) is None:
        await _insert(tx, secret, name=name, scopes=scopes, actor=actor)


def key_of(random_bytes: bytes) -> str:
    """A key as it is written."""
    return PREFIX + base64.urlsafe_b64encode(random_bytes).rstrip(b"=").decode()


async def _market(tx: Tx, store_id: UUID, slug: str) -> UUID:
    """MarketNotFound where the store has none of this slug, or it is not active."""
    try:
        return (await markets.all_of(tx, store_id)).by_slug(slug).id
    except MarketNotFound:
        raise MarketNotFound(errors=[FieldError("/market", MarketNotFound.code, "is no active market")]) from None


async def _insert(
    tx: Tx, secret: str, *, name: str, scopes: Sequence[str], actor: Actor, market_id: UUID | None = None
) -> ApiKey:
    if wrong := [scope for scope in scopes if not _SCOPE.fullmatch(scope)]:
        raise invalid("/scopes", "invalid_format", f"has {wrong[0]!r}; a scope is like orders:read, or * for all")
    check_grant(actor, Powers(frozenset(scopes), actor.refund_limit))
    key = ApiKey(uuid7(), name, secret[:_HINT], sorted(set(scopes)), now(), None, None, market_id)
    await store.insert(tx, key, actor=actor, key_hash=hash_secret(secret))
    await publish(tx, ApiKeyCreated(name=name, scopes=key.scopes), actor=actor, subject_id=key.id)
    return key


async def revoke_key(tx: Tx, key_id: UUID, *, actor: Actor) -> None:
    """Ends a key for good; revoking it again changes nothing. NotFound, PrivilegeEscalation for one that may more."""
    key = await store.lock(tx, actor.store_id, key_id)
    check_grant(actor, Powers(frozenset(key.scopes), actor.refund_limit))
    if key.revoked_at is None:
        await store.set_revoked(tx, actor.store_id, key_id)
        await publish(tx, ApiKeyRevoked(), actor=actor, subject_id=key_id)
