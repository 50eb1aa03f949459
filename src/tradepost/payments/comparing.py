"""What a provider's word means for what we wrote down: pure, and never back."""

from collections.abc import Collection, Iterator, Sequence
from uuid import UUID

from tradepost.payments.model import (
    STATES,
    Authorized,
    Captured,
    Declined,
    Effect,
    EffectState,
    Entry,
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

Finding = tuple[Operation | None, Result]
"""What happened, and the operation of ours that it settles."""


def check_same(payment: Payment, snapshot: Snapshot) -> None:
    """PaymentMismatch unless the provider's payment is of our amount and currency, and no more was taken."""
    there, here = (snapshot.amount, snapshot.currency), (payment.amount, payment.currency)
    if there != here or snapshot.captured > payment.amount or snapshot.refunded > snapshot.captured:
        taken = f"{snapshot.captured} taken, {snapshot.refunded} given back"
        msg = f"The provider's {snapshot.ref} is {there}, {taken}; payment {payment.id} is {here}"
        raise PaymentMismatch(msg)


def outcome(operation: Operation, snapshot: Snapshot) -> Result | None:
    """How an operation ended, as far as the provider's payment shows it; None where it has not taken effect there."""
    match operation.kind:
        case Kind.AUTHORIZE:
            return standing(snapshot)
        case Kind.CAPTURE:
            return _capture(snapshot)
        case Kind.REFUND:
            return next((_refund(effect) for effect in snapshot.refunds if effect.operation_id == operation.id), None)
        case Kind.VOID:
            return _void(snapshot)


def standing(snapshot: Snapshot) -> Result:
    """How an authorization stands, as if it had just been asked for."""
    match snapshot.status:
        case Status.CAPTURED:
            return _captured(snapshot, snapshot.captures[0])
        case Status.AUTHORIZED:
            held = snapshot.authorization or Effect(snapshot.ref, snapshot.amount)
            return Authorized(snapshot.ref, held.reference, held.amount)
        case Status.NEEDS_ACTION:
            return NeedsAction(snapshot.ref, snapshot.next_action or {})
        case Status.DECLINED:
            return snapshot.declined or Declined("declined", "The payment was declined", snapshot.ref)
        case Status.VOIDED:
            return Voided(snapshot.ref)
        case Status.STARTING | Status.PENDING:
            return Pending(snapshot.ref)


def missing(
    payment: Payment, entries: Sequence[Entry], operations: Sequence[Operation], snapshot: Snapshot
) -> list[Finding]:
    """What the provider's payment shows and we have not recorded. `operations` are those of ours that are started."""
    started = {operation.id: operation for operation in operations if operation.state is State.STARTED}
    known = {(entry.kind, entry.reference) for entry in entries}
    found: list[Finding] = []
    for kind, reference, result in [*_effects(snapshot), *_undone(snapshot, known)]:
        if (kind, reference) not in known:
            operation = _cause(kind, reference, snapshot, started)
            found.append((operation and started.pop(operation.id), result))
    for operation in started.values():
        result = outcome(operation, snapshot)
        if result is not None:
            found.append((operation, result))
    waits = standing(snapshot)
    if not found and isinstance(waits, NeedsAction | Pending | Declined):
        found += [(None, waits)] if STATES.allowed(payment.status, snapshot.status) else []
    return found


_Effect = tuple[Happened, str, Result]


def _effects(snapshot: Snapshot) -> Iterator[_Effect]:
    """All that happened to money, in the order in which it can happen."""
    if snapshot.authorization:
        effect = snapshot.authorization
        yield Happened.AUTHORIZE, effect.reference, Authorized(snapshot.ref, effect.reference, effect.amount)
    for effect in snapshot.captures:
        yield Happened.CAPTURE, effect.reference, _captured(snapshot, effect)
    for effect in snapshot.refunds:
        if effect.state is EffectState.DONE:
            yield Happened.REFUND, effect.reference, Refunded(effect.reference, effect.amount)
    if snapshot.status is Status.VOIDED:
        yield Happened.VOID, snapshot.ref, Voided(snapshot.ref)


def _undone(snapshot: Snapshot, known: Collection[tuple[Happened, str]]) -> Iterator[_Effect]:
    """Refunds that we know as made, and that have failed since."""
    for effect in snapshot.refunds:
        if effect.state is EffectState.FAILED and (Happened.REFUND, effect.reference) in known:
            yield Happened.REFUND_UNDONE, effect.reference, RefundUndone(effect.reference, effect.amount)


def _cause(kind: Happened, reference: str, snapshot: Snapshot, started: dict[UUID, Operation]) -> Operation | None:
    """The started operation that an effect is the outcome of; what is undone is nobody's wish."""
    if kind is Happened.REFUND_UNDONE:
        return None
    if kind is Happened.REFUND:
        ids = {effect.reference: effect.operation_id for effect in snapshot.refunds}
        operation_id = ids[reference]
        return started.get(operation_id) if operation_id else None
    by_kind = {operation.kind: operation for operation in started.values()}
    taken_at_once = kind is Happened.CAPTURE and snapshot.authorization is None
    return by_kind.get(Kind(kind)) or (by_kind.get(Kind.AUTHORIZE) if taken_at_once else None)


def _capture(snapshot: Snapshot) -> Result | None:
    if snapshot.status is Status.CAPTURED:
        return _captured(snapshot, snapshot.captures[0])
    if snapshot.status in (Status.VOIDED, Status.DECLINED):
        return Declined("authorization_ended", "What was set aside is free again")
    return None


def _void(snapshot: Snapshot) -> Result | None:
    if snapshot.status is Status.VOIDED:
        return Voided(snapshot.ref)
    return Declined("already_captured", "The money has been taken") if snapshot.status is Status.CAPTURED else None


def _captured(snapshot: Snapshot, effect: Effect) -> Captured:
    return Captured(snapshot.ref, effect.reference, effect.amount)


def _refund(effect: Effect) -> Result:
    match effect.state:
        case EffectState.DONE:
            return Refunded(effect.reference, effect.amount)
        case EffectState.PENDING:
            return Pending(effect.reference)
        case EffectState.FAILED:
            return Declined("refund_failed", "The refund did not go through")
