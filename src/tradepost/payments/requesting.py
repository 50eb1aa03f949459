"""What may be asked of a provider, decided and written down before anybody is asked.

Orders calls these in transactions of its own, with the order's row locked. What they return is carried out after the
commit (`carry_out`); if nobody comes to that, the sweep does it.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

from tradepost.core.actors import Actor
from tradepost.core.clock import now
from tradepost.core.crash_points import crash_point
from tradepost.core.errors import FieldError, invalid
from tradepost.core.ids import uuid7
from tradepost.core.states import InvalidTransition
from tradepost.db import Tx
from tradepost.events import Fact, publish
from tradepost.payments.events import CaptureRequested, PaymentStarted, RefundRequested, VoidRequested
from tradepost.payments.model import (
    STATES,
    Capture,
    CaptureExceedsAuthorized,
    Kind,
    Operation,
    Payment,
    PaymentMethodNotAllowed,
    PaymentUnderWay,
    RefundExceedsCaptured,
    State,
    Status,
    refundable,
)
from tradepost.payments.provider import Provider, Providers
from tradepost.payments.store import operations, payments

LEASE_SECONDS = 60
"""So long whoever began an operation has to carry it out; longer than a provider may take to answer."""


async def begin(
    tx: Tx,
    *,
    order_id: UUID,
    amount: int,
    currency: str,
    method: str,
    capture: Capture,
    actor: Actor,
    providers: Providers,
) -> Operation:
    """A new payment, and the operation that asks for its money. `amount` in minor units.

    Raises PaymentMethodNotAllowed, PaymentUnderWay where the order has a live one.
    """
    provider = _provider(providers, method, amount=amount, currency=currency)
    payment = _new(order_id, provider, method, amount=amount, currency=currency, capture=capture, actor=actor)
    if not await payments.insert(tx, payment):
        raise PaymentUnderWay
    fact = PaymentStarted(order_id, payment.provider, method, currency, amount)
    return await _request(tx, payment, Kind.AUTHORIZE, amount=amount, actor=actor, fact=fact)


async def request_capture(tx: Tx, order_id: UUID, amount: int | None, actor: Actor) -> Operation:
    """Takes what is set aside, or a part of it, and lets the rest go; None is all of it.

    For a payment that comes by other ways (cash, bank transfer) it says that the money has come. One that is under way
    already is returned as it is. Raises InvalidTransition, CaptureExceedsAuthorized, PaymentUnderWay.
    """
    payment = _held(await payments.lock_of_order(tx, actor.store_id, order_id))
    wanted = payment.amount if amount is None else _positive(amount)
    if wanted > payment.amount:
        raise CaptureExceedsAuthorized
    for running in await operations.started_of(tx, actor.store_id, [payment.id]):
        if running.kind is Kind.CAPTURE and running.amount == wanted:
            return running
        raise PaymentUnderWay(f"A {running.kind} of this payment is under way")
    fact = CaptureRequested(order_id, payment.currency, wanted)
    return await _request(tx, payment, Kind.CAPTURE, amount=wanted, actor=actor, fact=fact)


async def request_refund(
    tx: Tx, order_id: UUID, amount: int, reason: str | None, actor: Actor, *, given_by: UUID | None = None
) -> list[Operation]:
    """Gives back what was taken, the newest payments first. `given_by`: the person whose own decision it is.

    What is being given back already counts as given. Raises InvalidTransition where nothing was taken, and
    RefundExceedsCaptured; no provider hears of what is refused.
    """
    _positive(amount)
    found = await payments.lock_of_order(tx, actor.store_id, order_id)
    left = await _refundable(tx, actor.store_id, found)
    if not any(payment.status is Status.CAPTURED for payment in found):
        raise InvalidTransition("Nothing has been taken that could be given back")
    if sum(left.values()) < amount:
        raise RefundExceedsCaptured(extra={"refundable": sum(left.values())})
    return [
        await _request(
            tx,
            payment,
            Kind.REFUND,
            amount=part,
            actor=actor,
            fact=RefundRequested(order_id, payment.currency, part, reason),
            reason=reason,
            given_by=given_by,
        )
        for payment, part in _spread(amount, found, left)
    ]


async def request_void(tx: Tx, order_id: UUID, actor: Actor) -> list[Operation]:
    """Lets go of whatever may still take money; nothing where there is no such payment.

    One that is under way already is returned as it is. Raises PaymentUnderWay while a capture is.
    """
    found = await payments.lock_of_order(tx, actor.store_id, order_id)
    return [await _void(tx, payment, actor) for payment in found if payment.is_live]


async def let_go(tx: Tx, payment: Payment, actor: Actor, *, lease_seconds: float) -> Operation | None:
    """What nobody waits for any more is let go: by the caller within the lease, else by the sweep.

    None where it is being let go already. The payment is locked.
    """
    running = await operations.started_of(tx, payment.store_id, [payment.id])
    if any(operation.kind is Kind.VOID for operation in running):
        return None
    fact, amount = VoidRequested(payment.order_id), payment.amount
    return await _request(tx, payment, Kind.VOID, amount=amount, actor=actor, fact=fact, lease_seconds=lease_seconds)


def _provider(providers: Providers, method: str, *, amount: int, currency: str) -> Provider:
    provider = providers.taking(method, amount=amount, currency=currency)
    if provider is None:
        detail = "cannot be used here for this amount"
        raise PaymentMethodNotAllowed(errors=[FieldError("/paymentMethodId", "payment_method_not_allowed", detail)])
    return provider


def _new(
    order_id: UUID, provider: Provider, method: str, *, amount: int, currency: str, capture: Capture, actor: Actor
) -> Payment:
    """Money that comes by other ways is there when somebody says so, whatever was asked for."""
    moment = now()
    return Payment(
        store_id=actor.store_id,
        id=uuid7(),
        order_id=order_id,
        provider=provider.name,
        method=method,
        amount=amount,
        currency=currency,
        capture=capture if provider.is_remote else Capture.MANUAL,
        status=Status.STARTING,
        provider_ref=None,
        next_action=None,
        decline_code=None,
        decline_message=None,
        version=1,
        created_at=moment,
        updated_at=moment,
    )


def _held(found: Sequence[Payment]) -> Payment:
    """The payment that can be captured. InvalidTransition where there is none."""
    for payment in found:
        waits_for_staff = payment.status is Status.PENDING and payment.capture is Capture.MANUAL
        if payment.status is Status.AUTHORIZED or waits_for_staff:
            return payment
    if found:
        STATES.check(found[-1].status, Status.CAPTURED)
    raise InvalidTransition("Nothing is set aside that could be taken")


def _positive(amount: int) -> int:
    if amount <= 0:
        raise invalid("/amount", "out_of_range", "must be more than zero")
    return amount


async def _refundable(tx: Tx, store_id: UUID, found: Sequence[Payment]) -> dict[UUID, int]:
    """What is left to give back of each payment."""
    ids = [payment.id for payment in found]
    entries = await payments.entries_of(tx, store_id, ids)
    left = {id_: refundable(entries.get(id_, [])) for id_ in ids}
    for running in await operations.started_of(tx, store_id, ids):
        if running.kind is Kind.REFUND:
            left[running.payment.id] -= running.amount
    return left


def _spread(amount: int, found: Sequence[Payment], left: dict[UUID, int]) -> Iterator[tuple[Payment, int]]:
    """Parts of an amount for payments, the newest first."""
    for payment in reversed(found):
        part = min(amount, left[payment.id])
        if part > 0:
            amount -= part
            yield payment, part


async def _void(tx: Tx, payment: Payment, actor: Actor) -> Operation:
    for running in await operations.started_of(tx, payment.store_id, [payment.id]):
        if running.kind is Kind.VOID:
            return running
        if running.kind is Kind.CAPTURE:
            raise PaymentUnderWay("A capture of this payment is under way")
    fact = VoidRequested(payment.order_id)
    return await _request(tx, payment, Kind.VOID, amount=payment.amount, actor=actor, fact=fact)


async def _request(
    tx: Tx,
    payment: Payment,
    kind: Kind,
    *,
    amount: int,
    actor: Actor,
    fact: Fact,
    reason: str | None = None,
    given_by: UUID | None = None,
    lease_seconds: float = LEASE_SECONDS,
) -> Operation:
    operation = Operation(uuid7(), payment, kind, amount, State.STARTED, 0, reason, actor, now())
    await operations.insert(tx, operation, lease_seconds=lease_seconds, given_by=given_by)
    await publish(tx, fact, actor=actor, subject_id=payment.id)
    crash_point("after_intent")
    return operation
