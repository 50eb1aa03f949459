"""Messages of providers: checked, kept as they came, and worked off by the sweep."""

import hashlib
import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import msgspec
import structlog
from msgspec import Meta

from tradepost.core.texts import has_forbidden
from tradepost.db import Database
from tradepost.http.problems import MalformedJson
from tradepost.payments import signatures
from tradepost.payments.signatures import SignatureExpired, SignatureInvalid
from tradepost.payments.store import inbox as store
from tradepost.payments.store.inbox import Told

log = structlog.get_logger()

API_VERSION = "2026-02-25.clover"
"""What we speak with Stripe. A message in another version is kept and has no effect: it may mean other things."""
_ABOUT_PAYMENTS = ("payment_intent.", "charge.", "refund.")
_Word = Annotated[str, Meta(min_length=1, max_length=255)]


class _Data(msgspec.Struct):
    object: dict[str, Any]


class _Event(msgspec.Struct):
    id: _Word
    type: _Word
    livemode: bool
    data: _Data
    api_version: _Word | None = None


class StripeInbox:
    """Takes what Stripe says. Without a secret nothing is believed. `livemode` is that of the key we use."""

    def __init__(self, secrets: Sequence[str], *, livemode: bool) -> None:
        self._secrets = secrets
        self._livemode = livemode

    async def receive(self, db: Database, body: bytes, signature: str) -> bool:
        """Whether it is new. Raises SignatureInvalid, SignatureExpired, MalformedJson; then nothing is kept."""
        try:
            signatures.check(signature, body, self._secrets, now=int(time.time()))
        except (SignatureInvalid, SignatureExpired) as error:
            log.warning("webhook_refused", code=error.code, body=hashlib.sha256(body).hexdigest())
            raise
        event = _read(body)
        told = Told("stripe", event.id, event.type, _payment_ref(event), event.livemode, event.api_version, body)
        return await db.write(partial(store.insert, told=told, outcome=self._without_effect(event)))

    def _without_effect(self, event: _Event) -> str | None:
        """Why a message is kept and no more."""
        if event.livemode is not self._livemode:
            return "other_mode"
        if event.api_version != API_VERSION:
            return "other_version"
        return None if event.type.startswith(_ABOUT_PAYMENTS) and _payment_ref(event) else "unknown_type"


def _read(body: bytes) -> _Event:
    try:
        event = msgspec.json.decode(body, type=_Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson from error
    if any(has_forbidden(word) for word in (event.id, event.type, event.api_version or "", _payment_ref(event) or "")):
        raise MalformedJson
    return event


def _payment_ref(event: _Event) -> str | None:
    """The payment intent that a message is about."""
    about = event.data.object
    ref = about.get("id") if about.get("object") == "payment_intent" else about.get("payment_intent")
    return ref if isinstance(ref, str) else None
