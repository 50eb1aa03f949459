"""Paying for an order, and giving money back."""

from collections.abc import Callable, Sequence
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from tradepost import idempotency, payments
from tradepost.core import money
from tradepost.core.errors import Forbidden, NotFound, Stale, invalid
from tradepost.core.states import InvalidTransition
from tradepost.db import Tx
from tradepost.http import Amount, Answer, Call, In, Out, Routes
from tradepost.http.call import etag
from tradepost.http.routes import replayed
from tradepost.orders import paying
from tradepost.orders.life import Opened, open_order, reopen
from tradepost.orders.moves import Action
from tradepost.orders.paying import Ask, RefundLimitExceeded
from tradepost.orders.shown import OrderOut, PaymentOut, order_out, payment_out
from tradepost.payments import (
    Capture,
    CaptureExceedsAuthorized,
    Operation,
    PaymentMethodNotAllowed,
    PaymentUnderWay,
    Providers,
    RefundExceedsCaptured,
    Result,
)
from tradepost.payments.model import State

routes = Routes("Paying", "Payments of an order, captures and refunds.")

_ASKED = [NotFound, Stale, Forbidden, InvalidTransition, PaymentUnderWay]
_Method = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,200}$(?!\n)")]
_Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class PaymentIn(In):
    """`paymentMethodId` is a name at the provider, or `cash_on_delivery` and the like; never a card number."""

    payment_method_id: _Method
    capture: Capture = Capture.AUTOMATIC


class CaptureIn(In):
    """Without `amount`, all that is set aside; with less, the rest is let go."""

    amount: Amount | None = None


class RefundIn(In):
    """Without `amount`, all that is left."""

    amount: Amount | None = None
    reason: _Reason | None = None


class PaidOut(Out):
    """`payments` are those that the request was about, as they stand now."""

    payments: list[PaymentOut]
    order: OrderOut


@routes.act(
    "POST",
    "/orders/{order_id}/payment",
    body=PaymentIn,
    answer=PaidOut,
    also=202,
    secured=True,
    problems=[*_ASKED, PaymentMethodNotAllowed],
    example={"paymentMethodId": "pm_card_visa"},
)
async def pay_order(call: Call, body: PaymentIn) -> Answer:
    """Pay what is due, or set it aside.

    The payment's `status` says how it stands: CAPTURED or AUTHORIZED; NEEDS_ACTION with the buyer's `nextAction`;
    DECLINED with the reason, and another try is possible; or, with 202, still STARTING or PENDING: the provider has
    not answered, and will be asked again. Sent again with the same key, the request goes on where it was.
    """
    ask = paying.to_pay(body.payment_method_id, body.capture, call.service(Providers))
    return await asked_for(call, Action.PAY, ask)


@routes.act(
    "DELETE",
    "/orders/{order_id}/payment",
    answer=PaidOut,
    also=202,
    secured=True,
    problems=_ASKED,
)
async def void_payment(call: Call) -> Answer:
    """Let go of a payment that may still take money."""
    return await asked_for(call, Action.VOID, paying.to_void)


@routes.act(
    "POST",
    "/orders/{order_id}/captures",
    body=CaptureIn,
    answer=PaidOut,
    also=202,
    secured=True,
    problems=[*_ASKED, CaptureExceedsAuthorized],
    example={},
)
async def capture_payment(call: Call, body: CaptureIn) -> Answer:
    """Take what is set aside, or say that money has come by other ways."""
    return await asked_for(call, Action.CAPTURE, _with_amount(body.amount, paying.to_capture))


@routes.act(
    "POST",
    "/orders/{order_id}/refunds",
    body=RefundIn,
    answer=PaidOut,
    also=202,
    secured=True,
    problems=[*_ASKED, RefundExceedsCaptured, RefundLimitExceeded],
    example={"amount": "5.00", "reason": "A scratch"},
)
async def refund_order(call: Call, body: RefundIn) -> Answer:
    """Give money back. More than was taken and not given back yet is refused before any provider is asked.

    So is what goes, together with what one gave back of the order before, beyond the refund limit of one's role.
    """
    ask = _with_amount(body.amount, lambda amount: paying.to_refund(amount, body.reason))
    return await asked_for(call, Action.REFUND, ask)


def _with_amount(amount: Amount | None, make: Callable[[int | None], Ask]) -> Ask:
    """Reads an amount in the order's currency. ValidationFailed for none at all."""

    async def ask(tx: Tx, opened: Opened) -> Sequence[Operation]:
        units = None
        if amount is not None:
            units = money.parse_field(amount, opened.order.currency, pointer="/amount")
            if units <= 0:
                raise invalid("/amount", "out_of_range", "is zero or less")
        return await make(units)(tx, opened)

    return ask


async def asked_for(call: Call, action: Action, ask: Ask) -> Answer:
    """Asked in one transaction, carried out in none, settled in another one together with the kept answer."""
    order_id = call.id("order_id")
    begun = await call.db.write(lambda tx: _begin(call, tx, order_id, action, ask))
    if isinstance(begun, Answer):
        return begun
    results = await paying.carry_out(call.db, call.service(Providers), begun)
    return await call.db.write(lambda tx: _end(call, tx, order_id, begun, results))


async def _begin(call: Call, tx: Tx, order_id: UUID, action: Action, ask: Ask) -> Answer | Sequence[Operation]:
    """What was asked for by this request, now or when it was sent before; the kept answer where there is one."""
    if call.claim is not None:
        kept = await idempotency.begin(tx, call.claim)
        if kept is not None:
            return replayed(kept)
        if asked := await payments.of_request(tx, call.actor.store_id, call.claim.key_hash):
            return asked
    opened = await open_order(tx, order_id, action, actor=call.actor, expected_version=call.expected_version())
    asked = await ask(tx, opened)
    if call.claim is not None and asked:
        await payments.set_request(tx, asked, call.claim.key_hash)
    return asked


async def _end(
    call: Call, tx: Tx, order_id: UUID, asked: Sequence[Operation], results: Sequence[tuple[Operation, Result]]
) -> Answer:
    """Settles what was answered. The answer is kept once everything is known; until then the request may come again."""
    if call.claim is not None:
        kept = await idempotency.begin(tx, call.claim)
        if kept is not None:
            return replayed(kept)
    opened = await reopen(tx, order_id, actor=call.actor)
    for operation, result in results:
        await payments.settle(tx, operation, result)
    done = await paying.settled(tx, opened)
    known = {operation.id for operation, _ in results}
    is_open = any(operation.state is State.STARTED and operation.id not in known for operation in asked)
    concerned = {operation.payment.id for operation in asked}
    out = PaidOut([payment_out(one) for one in done.payments if one.payment.id in concerned], order_out(done))
    answer = call.json(out, status=202 if is_open else 200, headers=[etag(done.order.version)])
    if call.claim is not None and not is_open:
        await idempotency.insert(tx, call.claim, status=answer.status, headers=answer.headers, body=answer.body)
    return answer
