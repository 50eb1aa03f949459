"""Money: asked for, taken, given back; each of it once, whatever is lost on the way, and all of it in a ledger."""

from tradepost.payments.carrying import carry_out
from tradepost.payments.inbox import StripeInbox
from tradepost.payments.model import (
    Authorized,
    Balance,
    Capture,
    Captured,
    CaptureExceedsAuthorized,
    Declined,
    Entry,
    Kind,
    NeedsAction,
    Operation,
    Payment,
    PaymentMethodNotAllowed,
    PaymentMismatch,
    PaymentUnderWay,
    Pending,
    Refunded,
    RefundExceedsCaptured,
    Result,
    Shown,
    Snapshot,
    Status,
    Voided,
)
from tradepost.payments.provider import PaymentProviderRefuses, PaymentProviderUnavailable, Provider, Providers
from tradepost.payments.reconciling import Difference, differences
from tradepost.payments.requesting import begin, request_capture, request_refund, request_void
from tradepost.payments.settling import apply_snapshot, settle
from tradepost.payments.store.payments import balance_of, payments_of
from tradepost.payments.sweeping import SettleOrder, Sweep

__all__ = [
    "Authorized",
    "Balance",
    "Capture",
    "CaptureExceedsAuthorized",
    "Captured",
    "Declined",
    "Difference",
    "Entry",
    "Kind",
    "NeedsAction",
    "Operation",
    "Payment",
    "PaymentMethodNotAllowed",
    "PaymentMismatch",
    "PaymentProviderRefuses",
    "PaymentProviderUnavailable",
    "PaymentUnderWay",
    "Pending",
    "Provider",
    "Providers",
    "RefundExceedsCaptured",
    "Refunded",
    "Result",
    "SettleOrder",
    "Shown",
    "Snapshot",
    "Status",
    "StripeInbox",
    "Sweep",
    "Voided",
    "apply_snapshot",
    "balance_of",
    "begin",
    "carry_out",
    "differences",
    "payments_of",
    "request_capture",
    "request_refund",
    "request_void",
    "settle",
]
