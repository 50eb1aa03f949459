"""Money of an order: asked for in one transaction, carried out at a provider, and settled in another.

Between the two nothing is held. Whoever dies there leaves an operation that the sweep, or the same request again,
carries out with the same key.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from uuid import UUID

import msgspec

from tradepost import inventory, payments, promotions
from tradepost.core import money
from tradepost.core.actors import Actor, system
from tradepost.core.errors import Forbidden, RateLimited
from tradepost.db import Database, Tx
from tradepost.events import publish
from tradepost.inventory import InsufficientStock
from tradepost.orders.events import OrderRevived
from tradepost.orders.life import Opened, close, reopen
from tradepost.orders.model import CancelReason, Order, OrderStatus, PaymentStatus
from tradepost.orders.moves import payment_status_of
from tradepost.payments import Capture, Operation, PaymentProviderUnavailable, Providers, Result
from tradepost.payments.model import State


class RefundLimitExceeded(Forbidden):
    """More of one order than the caller's role may give back, with what he gave back of it before."""

    title = "This is more than you may give back of one order"


Ask = Callable[[Tx, Opened], Awaitable[Sequence[Operation]]]
_BECAUSE = "order_cancelled"
_MOST_DECLINED = 10
_LATER_SECONDS = 3600
_TOO_MUCH = "paid_too_much"


def to_pay(method: str, capture: Capture, providers: Providers) -> Ask:
    """What is due, by this method.

    Raises PaymentMethodNotAllowed, PaymentUnderWay, and RateLimited where too many tries have been declined: an order
    is no place to find out which stolen cards still work.
    """

    async def ask(tx: Tx, opened: Opened) -> list[Operation]:
        if sum(one.payment.status is payments.Status.DECLINED for one in opened.payments) >= _MOST_DECLINED:
            raise RateLimited(retry_after=_LATER_SECONDS)
        return [
            await payments.begin(
                tx,
                order_id=opened.order.id,
                amount=opened.facts.due - opened.facts.money.authorized,
                currency=opened.order.currency,
                method=method,
                capture=capture,
                actor=opened.actor,
                providers=providers,
            )
        ]

    return ask


def to_capture(amount: int | None) -> Ask:
    """What is due of what is set aside, or an amount of it; the rest is let go.

    Raises CaptureExceedsAuthorized, PaymentUnderWay, InvalidTransition.
    """

    async def ask(tx: Tx, opened: Opened) -> list[Operation]:
        due, aside = opened.facts.due, opened.facts.money.authorized
        wanted = due if amount is None and 0 < due < aside else amount
        return [await payments.request_capture(tx, opened.order.id, wanted, opened.actor)]

    return ask


def to_refund(amount: int | None, reason: str | None) -> Ask:
    """An amount, or all that is left. Raises RefundLimitExceeded, RefundExceedsCaptured."""

    async def ask(tx: Tx, opened: Opened) -> list[Operation]:
        wanted = opened.facts.money.refundable if amount is None else amount
        return await give_back(tx, opened, wanted, reason)

    return ask


async def give_back(tx: Tx, opened: Opened, amount: int, reason: str | None) -> list[Operation]:
    """What somebody gives back by his own decision, in minor units: no more of one order than he may, in all his parts.

    Raises RefundLimitExceeded, RefundExceedsCaptured, InvalidTransition, before any provider is asked.
    """
    await _check_limit(tx, opened, amount)
    actor = opened.actor
    return await payments.request_refund(tx, opened.order.id, amount, reason, actor, given_by=actor.person_id)


async def _check_limit(tx: Tx, opened: Opened, amount: int) -> None:
    """The order is locked, so that of many parts at once each counts the others."""
    actor, order, limit = opened.actor, opened.order, opened.actor.refund_limit
    if limit is None:
        return
    person = actor.person_id
    given = await payments.given_back_by(tx, actor.store_id, order.id, person) if person else 0
    if given + amount > limit:
        written = money.writer(order.currency)
        raise RefundLimitExceeded(extra={"limit": written(limit), "left": written(max(0, limit - given))})


async def to_void(tx: Tx, opened: Opened) -> list[Operation]:
    """Whatever may still take money."""
    return await payments.request_void(tx, opened.order.id, opened.actor)


async def give_all_back(tx: Tx, order_id: UUID, actor: Actor) -> list[Operation]:
    """Lets go of what may still take money, and refunds what was taken. Raises PaymentUnderWay during a capture."""
    asked = await payments.request_void(tx, order_id, actor)
    balance = (await payments.balance_of(tx, actor.store_id, [order_id]))[order_id]
    if balance.refundable > 0:
        asked += await payments.request_refund(tx, order_id, balance.refundable, _BECAUSE, actor)
    return asked


async def carry_out(db: Database, providers: Providers, asked: Sequence[Operation]) -> list[tuple[Operation, Result]]:
    """Asks the providers; what they do not answer is left out, and left to the sweep. Not in a transaction."""
    done: list[tuple[Operation, Result]] = []
    for operation in asked:
        if operation.state is State.STARTED:
            try:
                done.append((operation, await payments.carry_out(db, providers, operation)))
            except PaymentProviderUnavailable:
                continue
    return done


async def finish(db: Database, providers: Providers, store_id: UUID, order_id: UUID) -> None:
    """Carries out what was asked for an order's money, and settles it; for what nobody waits for."""
    async with db.read() as reader:
        asked = await payments.started_of_order(reader, store_id, order_id)
    for operation, result in await carry_out(db, providers, asked):
        await settle_order(db, store_id, order_id, partial(_settle, operation, result))


async def _settle(operation: Operation, result: Result, tx: Tx) -> None:
    await payments.settle(tx, operation, result)


async def settle_order(db: Database, store_id: UUID, order_id: UUID, change: Callable[[Tx], Awaitable[None]]) -> None:
    """Something became of money: the order is locked, changed, and brought in line. See `payments.Sweep`."""

    async def unit(tx: Tx) -> None:
        opened = await reopen(tx, order_id, actor=system(store_id))
        await change(tx)
        await settled(tx, opened)

    await db.write(unit)


async def settled(tx: Tx, opened: Opened) -> Opened:
    """The order, `opened` before its money moved, after that.

    Money that comes for a cancelled order is given back; if the order had only expired, and what it wants is still
    there, it lives again instead. What comes beyond the total, as two payments did, goes back too. Each is tried once:
    where the provider declines it, or it returns, staff decide, as the same way would fail again.
    """
    order_id = opened.order.id
    balance = (await payments.balance_of(tx, opened.actor.store_id, [order_id]))[order_id]
    after, has_come = opened.order, balance.captured > opened.facts.money.captured
    if after.status is OrderStatus.CANCELLED and (has_come or balance.authorized):
        paid = payment_status_of(after.total_amount, balance)
        revived = await _revived(tx, opened) if paid in (PaymentStatus.PAID, PaymentStatus.AUTHORIZED) else None
        if revived is None:
            await give_all_back(tx, order_id, opened.actor)
        after = revived or after
    elif has_come and (excess := balance.refundable - after.total_amount) > 0:
        await payments.request_refund(tx, order_id, excess, _TOO_MUCH, opened.actor)
    return await close(tx, opened, after)


async def _revived(tx: Tx, opened: Opened) -> Order | None:
    """An order that had expired with its stock promised again; None where it had not, or the stock is gone."""
    order = opened.order
    if order.cancelled_because is not CancelReason.EXPIRED or order.deleted_at is not None:
        return None
    units: dict[UUID, int] = {}
    for line in order.lines:
        units[line.variant_id] = units.get(line.variant_id, 0) + line.quantity
    try:
        async with tx.savepoint():
            await inventory.reserve(tx, order.id, units, actor=opened.actor)
    except InsufficientStock:
        return None
    await promotions.take_again(tx, opened.actor.store_id, order.id)
    await publish(tx, OrderRevived(), actor=opened.actor, subject_id=order.id)
    return msgspec.structs.replace(order, status=OrderStatus.CONFIRMED, cancelled_because=None, cancelled_at=None)
