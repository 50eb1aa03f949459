"""Stripe's objects as far as we read them, and its way to write amounts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import field

from tradepost.core import money
from tradepost.payments.model import (
    Declined,
    Effect,
    EffectState,
    Operation,
    Pending,
    Refunded,
    Result,
    Snapshot,
    Status,
)

_WHOLE = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
_THREE_DIGITS = frozenset("BHD JOD KWD OMR TND".split())
_USUAL = 2
_STATUSES = {
    "requires_payment_method": Status.DECLINED,
    "requires_confirmation": Status.PENDING,
    "requires_action": Status.NEEDS_ACTION,
    "processing": Status.PENDING,
    "requires_capture": Status.AUTHORIZED,
    "succeeded": Status.CAPTURED,
    "canceled": Status.VOIDED,
}
_REFUND_STATES = {"succeeded": EffectState.DONE, "failed": EffectState.FAILED, "canceled": EffectState.FAILED}


class Charge(msgspec.Struct, frozen=True):
    id: str
    amount_refunded: int = 0


class PaymentError(msgspec.Struct, frozen=True):
    """Why a card was declined, or what is wrong with a request."""

    type: str = ""
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None
    payment_intent: "Named | None" = None

    @property
    def declined(self) -> Declined:
        code = self.decline_code or self.code or "declined"
        message = self.message if self.type == "card_error" and self.message else "The payment was declined"
        return Declined(code, message, self.payment_intent.id if self.payment_intent else None)


class Named(msgspec.Struct, frozen=True):
    id: str


class Failure(msgspec.Struct, frozen=True):
    error: PaymentError


class Intent(msgspec.Struct, frozen=True):
    id: str
    amount: int
    currency: str
    status: str
    capture_method: str = "automatic"
    amount_received: int = 0
    latest_charge: Charge | str | None = None
    client_secret: str | None = None
    next_action: dict[str, Any] | None = None
    last_payment_error: PaymentError | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def charge_id(self) -> str:
        match self.latest_charge:
            case Charge(id=id_):
                return id_
            case str():
                return self.latest_charge
            case None:
                return self.id


class Refund(msgspec.Struct, frozen=True):
    id: str
    amount: int
    currency: str
    status: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


class Intents(msgspec.Struct, frozen=True):
    data: list[Intent]
    has_more: bool = False


class Refunds(msgspec.Struct, frozen=True):
    data: list[Refund]
    has_more: bool = False


def to_wire(minor: int, currency: str) -> int | None:
    """An amount as Stripe counts it; None where it has no way to write it.

    Most currencies have two digits there, some none, some three, of which the last must be 0. It counts a few other
    than ISO 4217 does: ISK and UGX in hundredths that must be 00, MGA in whole ariary.
    """
    digits, theirs = money.digits(currency), _digits(currency)
    if digits > _USUAL and currency not in _THREE_DIGITS:
        return None
    whole, rest = divmod(minor * 10**theirs, 10**digits)
    if rest or (currency in _THREE_DIGITS and whole % 10):
        return None
    return whole


def from_wire(amount: int, currency: str) -> int:
    """Minor units of what Stripe says; -1, which is never an amount, where our currency cannot hold it."""
    whole, rest = divmod(amount * 10 ** money.digits(currency), 10 ** _digits(currency))
    return -1 if rest else whole


def _digits(currency: str) -> int:
    if currency in _WHOLE:
        return 0
    return 3 if currency in _THREE_DIGITS else _USUAL


def snapshot_of(intent: Intent, refunds: Sequence[Refund] = ()) -> Snapshot:
    currency = intent.currency.upper()
    status = _STATUSES.get(intent.status, Status.PENDING)
    held = intent.capture_method == "manual" and status in (Status.AUTHORIZED, Status.CAPTURED)
    taken = from_wire(intent.amount_received, currency)
    return Snapshot(
        ref=intent.id,
        payment_id=_uuid(intent.metadata.get("payment_id")),
        order_id=_uuid(intent.metadata.get("order_id")),
        amount=from_wire(intent.amount, currency),
        currency=currency,
        status=status,
        authorization=Effect(intent.charge_id, from_wire(intent.amount, currency)) if held else None,
        captures=[Effect(intent.charge_id, taken)] if status is Status.CAPTURED else [],
        refunds=[_effect(refund) for refund in refunds],
        next_action=_action(intent) if status is Status.NEEDS_ACTION else None,
        declined=_declined(intent) if status is Status.DECLINED else None,
    )


def refund_result(refund: Refund) -> Result:
    effect = _effect(refund)
    match effect.state:
        case EffectState.DONE:
            return Refunded(effect.reference, effect.amount)
        case EffectState.PENDING:
            return Pending(effect.reference)
        case EffectState.FAILED:
            return Declined("refund_failed", "The refund did not go through")


def metadata_of(operation: Operation) -> dict[str, str]:
    """What we write beside an object there, to know it again."""
    return {
        "metadata[order_id]": str(operation.payment.order_id),
        "metadata[payment_id]": str(operation.payment.id),
        "metadata[operation_id]": str(operation.id),
    }


def _effect(refund: Refund) -> Effect:
    amount = from_wire(refund.amount, refund.currency.upper())
    state = _REFUND_STATES.get(refund.status or "succeeded", EffectState.PENDING)
    return Effect(refund.id, amount, _uuid(refund.metadata.get("operation_id")), state)


def _declined(intent: Intent) -> Declined:
    error = intent.last_payment_error or PaymentError()
    return msgspec.structs.replace(error.declined, ref=intent.id)


def _action(intent: Intent) -> dict[str, str]:
    """What the buyer's browser needs to go on: the secret of this one payment, and where to go, if anywhere."""
    next_action = intent.next_action or {}
    redirect = next_action.get("redirect_to_url")
    action = {"type": str(next_action.get("type", "")), "clientSecret": intent.client_secret or ""}
    return action | ({"url": str(redirect.get("url", ""))} if isinstance(redirect, dict) else {})


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
