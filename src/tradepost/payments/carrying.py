"""The call: between the transaction that wrote down what is wanted and the one that records what came of it."""

from datetime import timedelta
from functools import partial

import structlog

from tradepost.core.clock import now
from tradepost.core.crash_points import crash_point
from tradepost.core.waiting import backoff
from tradepost.db import Database, Tx
from tradepost.payments.comparing import check_same, outcome
from tradepost.payments.model import Declined, Kind, Operation, PaymentMismatch, Result, Status, Voided
from tradepost.payments.provider import PaymentProviderRefuses, PaymentProviderUnavailable, Provider, Providers
from tradepost.payments.store import operations

log = structlog.get_logger()

KEY_LASTS = timedelta(hours=20)
"""Providers forget keys after a day. From then on the same key again would be another charge."""
_STUBBORN = 3


async def carry_out(db: Database, providers: Providers, operation: Operation) -> Result:
    """Asks the provider; nothing is locked meanwhile. What comes back is for `settle`.

    Raises PaymentProviderUnavailable where it is not known what happened: the operation stays started, and the sweep
    carries it out again, with the same key, later and later.
    """
    provider = providers.get(operation.payment.provider)
    crash_point("before_call")
    try:
        result = await _result(provider, operation)
    except (PaymentProviderUnavailable, PaymentMismatch) as error:
        if isinstance(error, PaymentProviderRefuses):
            log.critical(
                "payment_provider_refuses", provider=provider.name, operation=str(operation.id), why=error.detail
            )
        crash_point("after_silence")
        await db.write(partial(_note, operation=operation, error=error.detail))
        raise
    crash_point("after_call")
    return result


async def _note(tx: Tx, *, operation: Operation, error: str) -> None:
    await operations.set_tried(tx, operation, error=error, seconds=backoff(operation.attempts))


async def _result(provider: Provider, operation: Operation) -> Result:
    """One that was tried before may have taken effect: the provider is asked what it has before it is told again.

    So may an old one that no sweep has tried: its own request did, and now comes again.
    """
    if provider.is_remote and (operation.attempts or _is_old(operation)):
        found = await _look(provider, operation)
        if found is not None:
            return found
    match operation.kind:
        case Kind.AUTHORIZE:
            return await provider.authorize(operation)
        case Kind.CAPTURE:
            return await provider.capture(operation)
        case Kind.REFUND:
            return await provider.refund(operation)
        case Kind.VOID:
            return await _void(provider, operation)


async def _look(provider: Provider, operation: Operation) -> Result | None:
    """What has come of earlier attempts, where the provider can tell."""
    payment = operation.payment
    if payment.provider_ref is not None:
        snapshot = await provider.fetch(payment.provider_ref)
        check_same(payment, snapshot)
        return outcome(operation, snapshot)
    if operation.kind is not Kind.AUTHORIZE:
        return None
    is_old = _is_old(operation)
    if not is_old and operation.attempts < _STUBBORN:
        return None
    found = await provider.find(operation)
    if found is not None:
        check_same(payment, found)
        return outcome(operation, found)
    return Declined("not_taken", "The provider could not be reached in time; nothing was taken") if is_old else None


def _is_old(operation: Operation) -> bool:
    return now() - operation.created_at > KEY_LASTS


async def _void(provider: Provider, operation: Operation) -> Result:
    """A payment whose making is not known to have succeeded cannot be voided yet: that is found out first."""
    payment = operation.payment
    if payment.provider_ref is not None:
        return await provider.void(operation)
    if payment.status is Status.STARTING:
        raise PaymentProviderUnavailable("The payment is still being made")
    return Voided(f"never-made-{payment.id.hex}")
