"""Payments as values. Amounts are integers in minor units of the payment's currency.

A payment is one attempt to take money for an order. An operation is one thing asked of a provider: it is written down
before the call and settled after it. An entry is what happened to money, for ever.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from tradepost.core.actors import Actor
from tradepost.core.errors import Conflict, Invalid
from tradepost.core.states import States


class Status(StrEnum):
    STARTING = "STARTING"
    PENDING = "PENDING"
    NEEDS_ACTION = "NEEDS_ACTION"
    AUTHORIZED = "AUTHORIZED"
    CAPTURED = "CAPTURED"
    DECLINED = "DECLINED"
    VOIDED = "VOIDED"


LIVE = frozenset({Status.STARTING, Status.PENDING, Status.NEEDS_ACTION, Status.AUTHORIZED})
"""A payment that may still take money; an order has at most one."""

_ENDS = frozenset({Status.AUTHORIZED, Status.CAPTURED, Status.DECLINED, Status.VOIDED})

STATES = States(
    {
        Status.STARTING: _ENDS | {Status.PENDING, Status.NEEDS_ACTION},
        Status.PENDING: _ENDS | {Status.NEEDS_ACTION},
        Status.NEEDS_ACTION: _ENDS | {Status.PENDING},
        Status.AUTHORIZED: frozenset({Status.CAPTURED, Status.VOIDED}),
        # Money that a provider took after all is taken: nobody is told that it is not.
        Status.DECLINED: frozenset({Status.CAPTURED}),
        Status.VOIDED: frozenset({Status.CAPTURED}),
        Status.CAPTURED: frozenset(),
    }
)


class Capture(StrEnum):
    """Whether the money is taken at once, or set aside and taken when the goods leave."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Kind(StrEnum):
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    REFUND = "refund"
    VOID = "void"


class Happened(StrEnum):
    """What happened to money, for the ledger."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    REFUND = "refund"
    REFUND_UNDONE = "refund_undone"
    """A refund that had been made did not arrive: the money is here again."""
    VOID = "void"


class State(StrEnum):
    """Of an operation. One that nobody knows the outcome of is STARTED, however long ago that was."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


class PaymentMethodNotAllowed(Invalid):
    """No provider of this installation takes the method, or not this amount with it."""

    title = "This payment method cannot be used here"


class PaymentUnderWay(Conflict):
    """The order has a payment that may still take money."""

    title = "A payment of this order is under way"


class RefundExceedsCaptured(Conflict):
    """More than was taken, less what was given back or is being given back. No provider was asked."""

    title = "There is not so much to give back"


class CaptureExceedsAuthorized(Conflict):
    """More than was set aside. No provider was asked."""

    title = "There is not so much set aside"


class PaymentMismatch(Conflict):
    """The provider's object is of another amount or currency than our payment: somebody has to look at it."""

    title = "The provider's payment is not the one that was asked for"


class Payment(msgspec.Struct, frozen=True):
    """One attempt to take money for an order. `provider_ref` is what the provider calls it."""

    store_id: UUID
    id: UUID
    order_id: UUID
    provider: str
    method: str
    amount: int
    currency: str
    capture: Capture
    status: Status
    provider_ref: str | None
    next_action: dict[str, str] | None
    decline_code: str | None
    decline_message: str | None
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def is_live(self) -> bool:
        return self.status in LIVE


class Operation(msgspec.Struct, frozen=True):
    """One thing asked of a provider. `attempts` is how often it was carried out before."""

    id: UUID
    payment: Payment
    kind: Kind
    amount: int
    state: State
    attempts: int
    reason: str | None
    actor: Actor
    created_at: datetime

    @property
    def key(self) -> str:
        """The provider's idempotency key: the same for ever."""
        return f"tradepost-{self.id.hex}"


class Entry(msgspec.Struct, frozen=True):
    """One row of the ledger. Without an operation it happened at the provider's side."""

    id: UUID
    payment_id: UUID
    kind: Happened
    amount: int
    reference: str
    operation_id: UUID | None
    reason: str | None
    created_at: datetime


class Shown(msgspec.Struct, frozen=True):
    """A payment with its ledger."""

    payment: Payment
    entries: list[Entry]

    @property
    def captured(self) -> int:
        return _sum(self.entries, Happened.CAPTURE)

    @property
    def refunded(self) -> int:
        return refunded(self.entries)


def refundable(entries: Sequence[Entry]) -> int:
    """What a payment's ledger leaves to be given back."""
    return _sum(entries, Happened.CAPTURE) - refunded(entries)


def refunded(entries: Sequence[Entry]) -> int:
    """What was given back and did not return."""
    return _sum(entries, Happened.REFUND) - _sum(entries, Happened.REFUND_UNDONE)


def _sum(entries: Sequence[Entry], kind: Happened) -> int:
    return sum(entry.amount for entry in entries if entry.kind is kind)


class Summary(msgspec.Struct, frozen=True):
    """A payment with the sums of its ledger; `refunding` is under way."""

    payment: Payment
    captured: int
    refunded: int
    refunding: int


class Balance(msgspec.Struct, frozen=True):
    """How an order stands with money. `refunding` is under way; `captured` is before refunds."""

    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    refunding: int = 0
    is_declined: bool = False
    """The last attempt was declined."""
    is_live: bool = False
    """A payment may still take money: it starts, waits for somebody, or is set aside."""

    @property
    def refundable(self) -> int:
        return self.captured - self.refunded - self.refunding


def balance(payments: Sequence[Summary]) -> Balance:
    """The balance of an order from its payments, oldest first."""
    return Balance(
        authorized=sum(one.payment.amount for one in payments if one.payment.status is Status.AUTHORIZED),
        captured=sum(one.captured for one in payments),
        refunded=sum(one.refunded for one in payments),
        refunding=sum(one.refunding for one in payments),
        is_declined=bool(payments) and payments[-1].payment.status is Status.DECLINED,
        is_live=any(one.payment.is_live for one in payments),
    )


class Authorized(msgspec.Struct, frozen=True):
    """The amount is set aside."""

    ref: str
    reference: str
    amount: int


class Captured(msgspec.Struct, frozen=True):
    """The amount is taken."""

    ref: str
    reference: str
    amount: int


class NeedsAction(msgspec.Struct, frozen=True):
    """The buyer has to do something, such as 3-D Secure; `action` tells his browser what."""

    ref: str
    action: dict[str, str]


class Pending(msgspec.Struct, frozen=True):
    """Nobody has to do anything but wait."""

    ref: str


class Declined(msgspec.Struct, frozen=True):
    """It was not done and will not be, for a reason."""

    code: str
    message: str
    ref: str | None = None


class Refunded(msgspec.Struct, frozen=True):
    """The amount is on its way back."""

    reference: str
    amount: int


class RefundUndone(msgspec.Struct, frozen=True):
    """A refund that had been made did not arrive in the end: the amount is here again."""

    reference: str
    amount: int


class Voided(msgspec.Struct, frozen=True):
    """What was set aside is free again, and nothing can be taken any more."""

    reference: str


Result = Authorized | Captured | NeedsAction | Declined | Pending | Refunded | RefundUndone | Voided


class EffectState(StrEnum):
    DONE = "done"
    PENDING = "pending"
    FAILED = "failed"


class Effect(msgspec.Struct, frozen=True):
    """A capture or a refund at the provider. `operation_id` is ours, where the provider keeps it with the object."""

    reference: str
    amount: int
    operation_id: UUID | None = None
    state: EffectState = EffectState.DONE


class Snapshot(msgspec.Struct, frozen=True):
    """A payment as its provider has it now. `payment_id` and `order_id` are what we wrote beside it there."""

    ref: str
    payment_id: UUID | None
    order_id: UUID | None
    amount: int
    currency: str
    status: Status
    authorization: Effect | None = None
    """Set aside before it was taken; None where it is taken at once."""
    captures: Sequence[Effect] = ()
    refunds: Sequence[Effect] = ()
    next_action: dict[str, str] | None = None
    declined: Declined | None = None

    @property
    def captured(self) -> int:
        return sum(effect.amount for effect in self.captures)

    @property
    def refunded(self) -> int:
        return sum(effect.amount for effect in self.refunds if effect.state is not EffectState.FAILED)
