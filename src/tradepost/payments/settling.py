"""What came of it, recorded once, whoever reports it first: the call, a webhook, the sweep."""

from datetime import timedelta

import msgspec
import structlog

from tradepost.core.actors import system
from tradepost.core.clock import now
from tradepost.core.crash_points import crash_point
from tradepost.db import Tx
from tradepost.events import Fact, publish
from tradepost.payments import events
from tradepost.payments.comparing import check_same, missing
from tradepost.payments.model import (
    STATES,
    Authorized,
    Captured,
    Declined,
    Happened,
    Kind,
    NeedsAction,
    Operation,
    Payment,
    PaymentMismatch,
    Pending,
    Refunded,
    RefundUndone,
    Result,
    Snapshot,
    State,
    Status,
    Voided,
)
from tradepost.payments.requesting import LEASE_SECONDS, let_go
from tradepost.payments.store import operations, payments

log = structlog.get_logger()


async def settle(tx: Tx, operation: Operation, result: Result) -> bool:
    """Records the outcome of an operation; false where that was done before, or where it has none yet.

    The order is locked. Raises PaymentMismatch, with nothing recorded, for an amount that nobody asked for.
    """
    crash_point("before_settle")
    present = await operations.lock(tx, operation.payment.store_id, operation.id)
    if present.state is not State.STARTED or _is_open(present, result):
        return False
    _check_amount(present, result)
    await _record(tx, present.payment, present, result)
    crash_point("after_settle")
    return True


async def apply_snapshot(tx: Tx, payment: Payment, snapshot: Snapshot) -> bool:
    """Records what the provider's payment shows and we did not know, and settles what that answers; false for nothing.

    It only adds: an old snapshot, or one that comes after a newer, takes nothing back. The order is locked. Raises
    PaymentMismatch, with nothing recorded, where amount or currency are not ours.
    """
    payment = await payments.lock(tx, payment.store_id, payment.id)
    check_same(payment, snapshot)
    entries = await payments.entries_of(tx, payment.store_id, [payment.id])
    under_way = await operations.started_of(tx, payment.store_id, [payment.id])
    changed = False
    for operation, result in missing(payment, entries.get(payment.id, []), under_way, snapshot):
        if operation is None or not _is_open(operation, result):
            payment = await _record(tx, payment, operation, result)
            changed = True
    if snapshot.status is Status.AUTHORIZED and not payment.is_live:
        await let_go(tx, payment, system(payment.store_id), lease_seconds=0)
    return changed


async def give_up(tx: Tx, payment: Payment, snapshot: Snapshot, *, minutes: float) -> Operation | None:
    """Lets go of a payment that has waited for its buyer for so long, and still does by the provider's word.

    The order is locked. None for any other payment, and where it is being let go already.
    """
    payment = await payments.lock(tx, payment.store_id, payment.id)
    waits = payment.status is snapshot.status is Status.NEEDS_ACTION
    if not waits or now() - payment.updated_at < timedelta(minutes=minutes):
        return None
    return await let_go(tx, payment, system(payment.store_id), lease_seconds=LEASE_SECONDS)


def _is_open(operation: Operation, result: Result) -> bool:
    """Whether the operation goes on: only an authorization ends by waiting."""
    return isinstance(result, Pending | NeedsAction) and operation.kind is not Kind.AUTHORIZE


def _check_amount(operation: Operation, result: Result) -> None:
    if isinstance(result, Authorized | Captured | Refunded):
        may_be_less = operation.kind is Kind.CAPTURE
        if result.amount > operation.amount or (result.amount < operation.amount and not may_be_less):
            msg = f"Operation {operation.id} was for {operation.amount}; the provider says {result.amount}"
            log.error("payment_mismatch", operation=str(operation.id), asked=operation.amount, said=result.amount)
            raise PaymentMismatch(msg)


async def _record(tx: Tx, payment: Payment, operation: Operation | None, result: Result) -> Payment:
    """Ledger, payment, operation, event: the payment as it is afterwards."""
    is_news = await _enter(tx, payment, operation, result)
    after = _after(payment, operation, result)
    if after != payment:
        await payments.set_standing(tx, after)
    if operation:
        failure = result.code if isinstance(result, Declined) else None
        await operations.set_settled(tx, operation, _state(operation, result), error=failure)
    fact = _fact(payment, after, operation, result)
    if fact and is_news:
        actor = operation.actor if operation else system(payment.store_id)
        await publish(tx, fact, actor=actor, subject_id=payment.id)
    return after


async def _enter(tx: Tx, payment: Payment, operation: Operation | None, result: Result) -> bool:
    """False where the ledger has it already."""
    match result:
        case Authorized():
            kind, amount, reference = Happened.AUTHORIZE, result.amount, result.reference
        case Captured():
            kind, amount, reference = Happened.CAPTURE, result.amount, result.reference
        case Refunded():
            kind, amount, reference = Happened.REFUND, result.amount, result.reference
        case RefundUndone():
            kind, amount, reference = Happened.REFUND_UNDONE, result.amount, result.reference
        case Voided():
            kind, amount, reference = Happened.VOID, payment.amount, result.reference
        case Pending() | NeedsAction() | Declined():
            return True
    return await payments.insert_entry(tx, payment, kind, amount=amount, reference=reference, cause=operation)


def _after(payment: Payment, operation: Operation | None, result: Result) -> Payment:
    """The payment as the result leaves it; one that has gone further stays where it is."""
    named = payment
    if isinstance(result, Authorized | Captured | NeedsAction | Pending | Declined) and payment.provider_ref is None:
        named = msgspec.structs.replace(payment, provider_ref=result.ref)
    status = _status(operation, result)
    if status is None or not STATES.allowed(payment.status, status):
        return named
    return msgspec.structs.replace(
        named,
        status=status,
        next_action=result.action if isinstance(result, NeedsAction) else None,
        decline_code=result.code if isinstance(result, Declined) else None,
        decline_message=result.message if isinstance(result, Declined) else None,
    )


_MOVES: dict[type[Result], Status] = {
    Authorized: Status.AUTHORIZED,
    Captured: Status.CAPTURED,
    NeedsAction: Status.NEEDS_ACTION,
    Pending: Status.PENDING,
    Declined: Status.DECLINED,
    Voided: Status.VOIDED,
}


def _status(operation: Operation | None, result: Result) -> Status | None:
    """Where a result moves a payment to; None where it moves it nowhere, such as a refund that was declined."""
    if isinstance(result, Declined) and operation and operation.kind is not Kind.AUTHORIZE:
        return None
    return _MOVES.get(type(result))


def _state(operation: Operation, result: Result) -> State:
    is_undone = isinstance(result, Voided) and operation.kind is not Kind.VOID
    return State.FAILED if is_undone or isinstance(result, Declined) else State.DONE


def _fact(before: Payment, after: Payment, operation: Operation | None, result: Result) -> Fact | None:
    """What is published; None where nothing has changed for anybody."""
    order_id, currency = before.order_id, before.currency
    match result:
        case Authorized():
            return events.PaymentAuthorized(order_id, currency, result.amount)
        case Captured():
            return events.PaymentCaptured(order_id, currency, result.amount)
        case Refunded():
            return events.PaymentRefunded(order_id, currency, result.amount, operation.reason if operation else None)
        case RefundUndone():
            return events.PaymentRefundUndone(order_id, currency, result.amount)
        case Declined() if operation and operation.kind is not Kind.AUTHORIZE:
            return _failure(operation, result)
        case Declined() | Voided() | Pending() | NeedsAction():
            return _move(after, result) if after.status is not before.status else None


def _failure(operation: Operation, result: Declined) -> Fact:
    payment = operation.payment
    if operation.kind is Kind.REFUND:
        return events.RefundFailed(payment.order_id, payment.currency, operation.amount, result.code)
    failed = events.CaptureFailed if operation.kind is Kind.CAPTURE else events.VoidFailed
    return failed(payment.order_id, result.code)


def _move(payment: Payment, result: Declined | Voided | Pending | NeedsAction) -> Fact:
    match result:
        case Declined():
            return events.PaymentDeclined(payment.order_id, result.code)
        case Voided():
            return events.PaymentVoided(payment.order_id)
        case Pending():
            return events.PaymentPending(payment.order_id)
        case NeedsAction():
            return events.PaymentNeedsAction(payment.order_id)
