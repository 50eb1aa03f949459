"""API keys."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from tradepost.accounts.api.wire import Permission
from tradepost.accounts.keys import create_key, revoke_key
from tradepost.accounts.model import ApiKey, PrivilegeEscalation
from tradepost.accounts.store import keys as store
from tradepost.core.errors import NotFound
from tradepost.db import Tx
from tradepost.http import Answer, Call, In, Out, Routes, Text
from tradepost.stores import MarketNotFound, markets

routes = Routes("API keys", "The keys of programs.")


class KeyIn(In):
    """`market` is the slug of the market that its calls are made in, where they name no other with X-Market."""

    name: Text
    scopes: Annotated[list[Permission], Meta(min_length=1, max_length=50)]
    market: Text | None = None


class KeyOut(Out):
    id: UUID
    name: str
    hint: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    market: str | None


class NewKeyOut(Out):
    """`secret` is shown this once."""

    key: KeyOut
    secret: str


class KeysOut(Out):
    items: list[KeyOut]


@routes.act(
    "POST",
    "/api-keys",
    body=KeyIn,
    answer=NewKeyOut,
    status=201,
    problems=[PrivilegeEscalation, MarketNotFound],
    keyed=False,
    example={"name": "warehouse", "scopes": ["orders:read", "stock:adjust"]},
)
async def create_api_key(call: Call, body: KeyIn) -> Answer:
    """Create an API key.

    It works for as long as the person who made it may do what it may. The secret is in this answer and nowhere else.
    For that reason no idempotency key is honoured here: a lost answer means a new key.
    """
    async with call.db.transaction() as tx:
        key, secret = await create_key(tx, name=body.name, scopes=body.scopes, actor=call.actor, market=body.market)
    return call.json(NewKeyOut(_key_out(key, body.market), secret), status=201)


@routes.get("/api-keys", answer=KeysOut)
async def list_api_keys(call: Call) -> Answer:
    """List the store's API keys, without their secrets."""
    async with call.db.read() as db:
        found = await store.all_of(db, call.actor.store_id)
        known = {market.id: market.slug for market in (await markets.all_of(db, call.actor.store_id)).all}
    return call.json(KeysOut([_key_out(key, known.get(key.market_id) if key.market_id else None) for key in found]))


@routes.write("DELETE", "/api-keys/{key_id}", status=204, problems=[NotFound, PrivilegeEscalation])
async def revoke_api_key(call: Call, tx: Tx) -> Answer:
    """Revoke an API key; it stops working within two seconds."""
    await revoke_key(tx, call.id("key_id"), actor=call.actor)
    return Answer(204)


def _key_out(key: ApiKey, market: str | None) -> KeyOut:
    return KeyOut(
        id=key.id,
        name=key.name,
        hint=key.hint,
        scopes=key.scopes,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
        market=market,
    )
