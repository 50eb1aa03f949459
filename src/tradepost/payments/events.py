"""What is published of payments. Amounts in minor units of `currency`."""

from uuid import UUID

from tradepost.events import Fact


class PaymentStarted(Fact, frozen=True):
    """An order's money is asked for."""

    subject_type = "payment"
    order_id: UUID
    provider: str
    method: str
    currency: str
    amount: int


class PaymentNeedsAction(Fact, frozen=True):
    """The buyer has to do something before it can go on."""

    subject_type = "payment"
    order_id: UUID


class PaymentPending(Fact, frozen=True):
    """The provider has it, and it takes its time."""

    subject_type = "payment"
    order_id: UUID


class PaymentAuthorized(Fact, frozen=True):
    """The amount is set aside."""

    subject_type = "payment"
    order_id: UUID
    currency: str
    amount: int


class PaymentCaptured(Fact, frozen=True):
    """The amount is taken."""

    subject_type = "payment"
    order_id: UUID
    currency: str
    amount: int


class PaymentDeclined(Fact, frozen=True):
    """Nothing was taken and nothing will be."""

    subject_type = "payment"
    order_id: UUID
    code: str


class PaymentVoided(Fact, frozen=True):
    """Nothing can be taken any more."""

    subject_type = "payment"
    order_id: UUID


class PaymentRefunded(Fact, frozen=True):
    """The amount is on its way back."""

    subject_type = "payment"
    order_id: UUID
    currency: str
    amount: int
    reason: str | None


class PaymentRefundUndone(Fact, frozen=True):
    """A refund that had been made did not arrive in the end: the amount is here again, and somebody has to act."""

    subject_type = "payment"
    order_id: UUID
    currency: str
    amount: int


class CaptureRequested(Fact, frozen=True):
    """Somebody asked for the money that is set aside."""

    subject_type = "payment"
    order_id: UUID
    currency: str
    amount: int


class RefundRequested(Fact, frozen=True):
    """Somebody wants an amount given back."""

    subject_type = "payment"
    order_id: UUID
    currency: str
    amount: int
    reason: str | None


class VoidRequested(Fact, frozen=True):
    """Somebody wants what is set aside to be let go."""

    subject_type = "payment"
    order_id: UUID


class CaptureFailed(Fact, frozen=True):
    """What was set aside could not be taken."""

    subject_type = "payment"
    order_id: UUID
    code: str


class RefundFailed(Fact, frozen=True):
    """An amount was not given back: the money is still here."""

    subject_type = "payment"
    order_id: UUID
    currency: str
    amount: int
    code: str


class VoidFailed(Fact, frozen=True):
    """It could not be let go, most often because it had been taken."""

    subject_type = "payment"
    order_id: UUID
    code: str
