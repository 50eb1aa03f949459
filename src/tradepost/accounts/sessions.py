"""Sessions: opened by signing in, renewed by their refresh token, ended for good."""

from uuid import UUID

import msgspec

from tradepost.accounts.events import SessionEnded, SessionReused
from tradepost.accounts.model import Device, InvalidCredentials, SessionRevoked, hash_secret, new_secret
from tradepost.accounts.store import attempts
from tradepost.accounts.store import sessions as store
from tradepost.core.actors import Actor, ActorKind, system
from tradepost.core.errors import Conflict, NotFound, Unauthenticated
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish

_TABS_SECONDS = 5.0
"""Tabs of one browser refresh at the same moment; who comes second has the first one's cookie already."""


class RefreshSuperseded(Conflict):
    """The token was used a moment ago, by another tab perhaps: the new one is in the cookie. None is given here."""

    title = "This refresh token was just used; use the new one"


class RefreshReused(Unauthenticated):
    """The token was used before: it has been copied, so the session has ended."""

    title = "This refresh token was used before; the session has ended"


class Opened(msgspec.Struct, frozen=True):
    """A session, and the secret that renews it, which is not kept."""

    session_id: UUID
    account_id: UUID
    refresh_token: str


class Reused(msgspec.Struct, frozen=True):
    """A used token came again, and its session was ended with it."""

    account_id: UUID


async def open_session(tx: Tx, store_id: UUID, account_id: UUID, *, device: Device) -> Opened:
    """A new id for each sign-in: nobody can have planted it."""
    session_id = uuid7()
    await store.insert(tx, store_id, session_id, account_id=account_id, device=device)
    return Opened(session_id, account_id, await _next_token(tx, store_id, session_id))


async def renew(tx: Tx, store_id: UUID, refresh_token: str) -> Opened | Reused:
    """Trades a refresh token for the next one, once. Raises InvalidCredentials, SessionRevoked, RefreshSuperseded.

    A token that comes again is a copy, and somebody else may have the next one: the session ends. That is a value, not
    an error, as it has to be committed.
    """
    used = await store.use_refresh(tx, store_id, hash_secret(refresh_token))
    if used is None:
        raise InvalidCredentials
    if not used.is_live:
        raise SessionRevoked
    if used.seconds_ago is None:
        await store.prolong(tx, store_id, used.session_id)
        return Opened(used.session_id, used.account_id, await _next_token(tx, store_id, used.session_id))
    if used.seconds_ago <= _TABS_SECONDS:
        raise RefreshSuperseded
    await store.end(tx, store_id, used.session_id, because="reuse")
    await publish(tx, SessionReused(used.account_id), actor=system(store_id), subject_id=used.session_id)
    return Reused(used.account_id)


async def _next_token(tx: Tx, store_id: UUID, session_id: UUID) -> str:
    token = new_secret()
    await store.insert_refresh(tx, store_id, session_id, hash_secret(token))
    return token


async def end(tx: Tx, session_id: UUID, *, actor: Actor, because: str) -> None:
    """Ends one of the actor's own sessions. NotFound for somebody else's, or one that has ended."""
    if not await store.end(tx, actor.store_id, session_id, because=because, account_id=actor.id):
        raise NotFound
    await publish(tx, SessionEnded(because), actor=actor, subject_id=session_id)


async def end_by_token(tx: Tx, store_id: UUID, refresh_token: str) -> None:
    """Ends the session of a refresh token, used or not; nothing where there is none."""
    found = await store.of_refresh(tx, store_id, hash_secret(refresh_token))
    if found and await store.end(tx, store_id, found.session_id, because="logout"):
        actor = Actor(ActorKind.CUSTOMER, store_id, found.account_id)
        await publish(tx, SessionEnded("logout"), actor=actor, subject_id=found.session_id)


async def forget_old(tx: Tx) -> None:
    """What nobody will ask for again: refresh tokens of sessions long over, and failed attempts that count no more."""
    await store.forget_refresh_tokens(tx)
    await attempts.delete_old(tx)
