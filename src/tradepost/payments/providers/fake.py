import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial

import msgspec

from tradepost.core.errors import NotFound
from tradepost.core.ids import uuid7
from tradepost.core.states import InvalidTransition
from tradepost.db import Database, Tx
from tradepost.payments.model import (
    Authorized,
    Capture,
    Captured,
    Declined,
    Effect,
    NeedsAction,
    Operation,
    Pending,
    Refunded,
    Snapshot,
    Status,
    Voided,
)
from tradepost.payments.provider import PaymentProviderUnavailable
from tradepost.payments.store import fake as store
from tradepost.payments.store import inbox
from tradepost.payments.store.fake import Kept

_LOST = "lost"
_DECLINES = {
    "pm_card_chargeDeclined": "card_declined",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_chargeDeclinedExpiredCard": "expired_card",
}
_TIMES_OUT_AFTER = "pm_card_timeout"
_TIMES_OUT_BEFORE = "pm_card_timeoutBefore"
_ASKS = "pm_card_threeDSecureRequired"
_METHODS = frozenset({"pm_card_visa", "pm_card_mastercard", _TIMES_OUT_AFTER, _TIMES_OUT_BEFORE, _ASKS, *_DECLINES})


class Fake:
    """A provider for demos and tests, with Stripe's names of test cards, that behaves as a real one does.

    It keeps its own books, in transactions of its own: what it has done stays done when ours fails. The same key gives
    the same answer. It can be made to lose answers, to decline, and to ask for 3-D Secure.
    """

    name = "fake"
    is_remote = True

    def __init__(self, db: Database) -> None:
        self._db = db

    def takes(self, method: str, *, amount: int, currency: str) -> bool:  # noqa: ARG002 - any amount of any currency
        return method in _METHODS

    async def authorize(self, operation: Operation) -> Authorized | Captured | NeedsAction | Pending | Declined:
        kept, is_new = await self._db.write(partial(_make_intent, operation=operation))
        if is_new and kept.method in (_TIMES_OUT_AFTER, _TIMES_OUT_BEFORE):
            raise PaymentProviderUnavailable("The fake provider was told not to answer")
        return _answer(kept)

    async def capture(self, operation: Operation) -> Captured | Declined:
        return await self._db.write(partial(_capture, operation=operation))

    async def refund(self, operation: Operation) -> Refunded | Declined:
        return await self._db.write(partial(_refund, operation=operation))

    async def void(self, operation: Operation) -> Voided | Declined:
        return await self._db.write(partial(_void, operation=operation))

    async def fetch(self, ref: str) -> Snapshot:
        async with self._db.read() as db:
            objects = await store.of_intent(db, ref)
        if not objects or objects[0].status == _LOST:
            raise NotFound
        return _snapshot(objects)

    async def find(self, operation: Operation) -> Snapshot | None:
        async with self._db.read() as db:
            kept = await store.find(db, operation.key)
        return None if kept is None or kept.status == _LOST else await self.fetch(kept.ref)

    async def recent(self, since: datetime) -> AsyncIterator[Snapshot]:
        async with self._db.read() as db:
            refs = await store.refs_since(db, since)
        for ref in refs:
            yield await self.fetch(ref)

    async def close(self) -> None:
        """There is nothing to close: the database is everybody's."""

    async def approve(self, ref: str) -> None:
        """What the buyer's bank does when he has shown that it is he. NotFound, InvalidTransition."""
        await self._db.write(partial(_decide, ref=ref, is_approved=True))

    async def decline(self, ref: str) -> None:
        """What the bank does when he has not. NotFound, InvalidTransition."""
        await self._db.write(partial(_decide, ref=ref, is_approved=False))


async def _make_intent(tx: Tx, operation: Operation) -> tuple[Kept, bool]:
    """The intent of this key, and whether it was made just now."""
    payment = operation.payment
    is_manual = payment.capture is Capture.MANUAL
    kept = _made(operation, "intent", status=_first_status(payment.method, is_manual=is_manual))
    if await store.insert(tx, kept):
        return kept, True
    there = await store.find(tx, operation.key)
    assert there is not None  # noqa: S101 - for the type checker: the key was taken
    if there.status == _LOST:
        there = msgspec.structs.replace(there, status=_taken(is_manual=is_manual))
        await store.set_status(tx, there.ref, there.status)
    return there, False


def _first_status(method: str, *, is_manual: bool) -> str:
    if method in _DECLINES:
        return Status.DECLINED
    if method == _ASKS:
        return Status.NEEDS_ACTION
    return _LOST if method == _TIMES_OUT_BEFORE else _taken(is_manual=is_manual)


def _taken(*, is_manual: bool) -> Status:
    return Status.AUTHORIZED if is_manual else Status.CAPTURED


def _made(operation: Operation, kind: str, *, status: str) -> Kept:
    payment = operation.payment
    return Kept(
        key=operation.key,
        ref=f"fake_{kind}_{secrets.token_hex(12)}",
        kind=kind,
        intent_ref=payment.provider_ref if kind != "intent" else None,
        amount=operation.amount,
        currency=payment.currency,
        method=payment.method,
        is_manual=payment.capture is Capture.MANUAL,
        status=status,
        payment_id=payment.id,
        order_id=payment.order_id,
        operation_id=operation.id,
    )


async def _capture(tx: Tx, operation: Operation) -> Captured | Declined:
    intent = await _intent_of(tx, operation)
    there = await store.find(tx, operation.key)
    if there is None:
        if intent.status != Status.AUTHORIZED or operation.amount > intent.amount:
            return Declined("intent_unexpected_state", f"It is {intent.status}")
        there = _made(operation, "capture", status="done")
        await store.insert(tx, there)
        await store.set_status(tx, intent.ref, Status.CAPTURED)
    return Captured(intent.ref, there.ref, there.amount)


async def _refund(tx: Tx, operation: Operation) -> Refunded | Declined:
    intent = await store.lock_intent(tx, operation.payment.provider_ref or "")
    if intent is None:
        return Declined("charge_too_old", "The fake provider has forgotten this payment")
    there = await store.find(tx, operation.key)
    if there is None:
        snapshot = _snapshot(await store.of_intent(tx, intent.ref))
        if snapshot.captured - snapshot.refunded < operation.amount:
            return Declined("amount_too_large", "There is not so much to give back")
        there = _made(operation, "refund", status="done")
        await store.insert(tx, there)
    return Refunded(there.ref, there.amount)


async def _void(tx: Tx, operation: Operation) -> Voided | Declined:
    intent = await _intent_of(tx, operation)
    if intent.status == Status.CAPTURED:
        return Declined("already_captured", "The money has been taken")
    await store.set_status(tx, intent.ref, Status.VOIDED)
    return Voided(intent.ref)


async def _intent_of(tx: Tx, operation: Operation) -> Kept:
    intent = await store.lock_intent(tx, operation.payment.provider_ref or "")
    if intent is None:
        raise NotFound
    return intent


async def _decide(tx: Tx, ref: str, *, is_approved: bool) -> None:
    """Decides, and tells the shop, as a webhook would."""
    intent = await store.lock_intent(tx, ref)
    if intent is None:
        raise NotFound
    if intent.status != Status.NEEDS_ACTION:
        raise InvalidTransition(f"It is {intent.status}", extra={"currentState": intent.status})
    await store.set_status(tx, ref, _taken(is_manual=intent.is_manual) if is_approved else Status.DECLINED)
    told = inbox.Told("fake", f"fake_event_{uuid7().hex}", "payment.changed", ref, False, None, b"{}")  # noqa: FBT003
    await inbox.insert(tx, told, outcome=None)


def _answer(kept: Kept) -> Authorized | Captured | NeedsAction | Declined:
    match kept.status:
        case Status.AUTHORIZED:
            return Authorized(kept.ref, kept.ref, kept.amount)
        case Status.CAPTURED:
            return Captured(kept.ref, kept.ref, kept.amount)
        case Status.NEEDS_ACTION:
            return NeedsAction(kept.ref, _action(kept))
        case _:
            return _declined(kept)


def _action(kept: Kept) -> dict[str, str]:
    return {"type": "fake_confirm", "url": f"/api/v1/payments/fake/{kept.ref}/confirm"}


def _declined(kept: Kept) -> Declined:
    code = _DECLINES.get(kept.method, "authentication_failed")
    return Declined(code, "The card was declined", kept.ref)


def _snapshot(objects: Sequence[Kept]) -> Snapshot:
    """An intent, and what was made of it."""
    intent, *rest = objects
    captures = [Effect(one.ref, one.amount, one.operation_id) for one in rest if one.kind == "capture"]
    if intent.status == Status.CAPTURED and not intent.is_manual:
        captures = [Effect(intent.ref, intent.amount)]
    is_held = intent.is_manual and intent.status in (Status.AUTHORIZED, Status.CAPTURED)
    return Snapshot(
        ref=intent.ref,
        payment_id=intent.payment_id,
        order_id=intent.order_id,
        amount=intent.amount,
        currency=intent.currency,
        status=Status(intent.status),
        authorization=Effect(intent.ref, intent.amount) if is_held else None,
        captures=captures,
        refunds=[Effect(one.ref, one.amount, one.operation_id) for one in rest if one.kind == "refund"],
        next_action=_action(intent) if intent.status == Status.NEEDS_ACTION else None,
        declined=_declined(intent) if intent.status == Status.DECLINED else None,
    )
