"""What nobody came to the end of: calls that were not answered, messages of providers, payments that wait."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog

from tradepost.core.errors import ShopError
from tradepost.core.waiting import backoff
from tradepost.db import Database, Reader, Tx
from tradepost.payments.carrying import carry_out
from tradepost.payments.model import Operation, Payment, PaymentMismatch, Result, Snapshot
from tradepost.payments.provider import PaymentProviderUnavailable, Providers
from tradepost.payments.settling import apply_snapshot, give_up, settle
from tradepost.payments.store import inbox, operations, payments
from tradepost.payments.store.inbox import Unworked

log = structlog.get_logger()

Change = Callable[[Tx], Awaitable[None]]
_LEASE_SECONDS = 60.0
_AT_ONCE = 20
_AT_A_TIME = 4
_MOST_LOOKS = 8
_MOST_TRIES = 50


class SettleOrder(Protocol):
    async def __call__(self, store_id: UUID, order_id: UUID, change: Change) -> None:
        """Locks the order, runs the change in the same transaction, and brings the order's statuses in line."""
        ...


class Sweep:
    """Brings payments to an end. Several may run at once, in any number of processes: each takes what no other has.

    `look_minutes` is how long a payment waits for its buyer or its provider before the provider is asked;
    `action_minutes` how long a buyer has to do what the provider asks of him, with 0 for as long as he likes.
    """

    def __init__(
        self,
        db: Database,
        providers: Providers,
        settle_order: SettleOrder,
        *,
        look_minutes: float = 5.0,
        action_minutes: float = 60.0,
    ) -> None:
        self._db = db
        self._providers = providers
        self._settle_order = settle_order
        self._look_minutes = min(look_minutes, action_minutes) if action_minutes else look_minutes
        self._action_minutes = action_minutes
        self._few = asyncio.Semaphore(_AT_A_TIME)

    async def run_once(self) -> int:
        """Takes what is due; how many it brought forward. What fails is logged, left for later, and stops no other."""
        asked = await self._db.write(partial(operations.claim_due, lease_seconds=_LEASE_SECONDS, most=_AT_ONCE))
        told = await self._db.write(partial(inbox.claim, lease_seconds=_LEASE_SECONDS, most=_AT_ONCE))
        remote = [name for name, provider in self._providers.by_name.items() if provider.is_remote]
        waiting = await self._db.write(
            partial(payments.claim_waiting, minutes=self._look_minutes, providers=remote, most=_AT_ONCE)
        )
        brought = await asyncio.gather(
            *[self._safely(self._carry_out(operation), operation.id) for operation in asked],
            *[self._safely(self._work(message), message.event_id) for message in told],
            *[self._safely(self._look(payment), payment.id) for payment in waiting],
        )
        return sum(brought)

    async def _safely(self, work: Awaitable[bool], what: object) -> bool:
        try:
            async with self._few:
                return await work
        except PaymentProviderUnavailable as error:
            log.info("payment_waits", what=str(what), why=error.detail)
        except PaymentMismatch as error:
            log.critical("payment_mismatch", what=str(what), why=error.detail)
        except ShopError as error:
            log.warning("payment_not_swept", what=str(what), why=error.detail)
        except Exception as error:
            log.exception("payment_not_swept", what=str(what), error=type(error).__name__)
        return False

    async def _carry_out(self, operation: Operation) -> bool:
        result = await carry_out(self._db, self._providers, operation)
        payment = operation.payment
        await self._settle_order(payment.store_id, payment.order_id, partial(_settle, operation, result))
        return True

    async def _look(self, payment: Payment) -> bool:
        """Asks the provider how a payment stands; one that its buyer has left unfinished for too long is voided."""
        if payment.provider_ref is None:
            return False
        snapshot = await self._providers.get(payment.provider).fetch(payment.provider_ref)
        unfinished: Operation | None = None

        async def change(tx: Tx) -> None:
            nonlocal unfinished
            await apply_snapshot(tx, payment, snapshot)
            unfinished = await self._given_up(tx, payment, snapshot)

        await self._settle_order(payment.store_id, payment.order_id, change)
        if unfinished is not None:
            await self._carry_out(unfinished)
        return True

    async def _given_up(self, tx: Tx, payment: Payment, snapshot: Snapshot) -> Operation | None:
        if not self._action_minutes:
            return None
        return await give_up(tx, payment, snapshot, minutes=self._action_minutes)

    async def _work(self, told: Unworked) -> bool:
        """What a message says is not believed: its payment is fetched.

        A message may come before we know the provider's name for our payment, so an unknown one is kept for a while.
        """
        async with self._db.read() as reader:
            payment = await _payment_of(reader, told)
        if payment is None:
            return await self._later(told, _MOST_LOOKS, "no_payment")
        try:
            await self._look(payment)
        except PaymentMismatch:
            await self._worked(told, "mismatch")
            raise
        except ShopError:
            await self._later(told, _MOST_TRIES, "given_up")
            raise
        return await self._worked(told, "applied")

    async def _later(self, told: Unworked, most: int, outcome: str) -> bool:
        """It is tried again, later and later, up to so many times; whether this was the last."""
        if told.attempts >= most or told.payment_ref is None:
            return await self._worked(told, outcome)
        await self._db.write(partial(inbox.set_later, told=told, seconds=backoff(told.attempts)))
        return False

    async def _worked(self, told: Unworked, outcome: str) -> bool:
        await self._db.write(partial(inbox.set_worked, told=told, outcome=outcome))
        return True


async def _payment_of(reader: Reader, told: Unworked) -> Payment | None:
    return await payments.find_by_ref(reader, told.provider, told.payment_ref) if told.payment_ref else None


async def _settle(operation: Operation, result: Result, tx: Tx) -> None:
    await settle(tx, operation, result)
