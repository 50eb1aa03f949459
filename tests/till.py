"""A till: what orders does with payments, in as few lines as it takes, for tests of payments alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

from tests.shop import Shop
from tradepost import payments
from tradepost.core.actors import Actor, system
from tradepost.db import Database, Tx
from tradepost.payments import Balance, Capture, Operation, Provider, Providers, Result, Shown, Sweep
from tradepost.payments.providers.fake import Fake


class Order:
    """An order to be paid: its id, its total in minor units."""

    def __init__(self, store_id: UUID, body: dict[str, Any], total: int) -> None:
        self.store_id = store_id
        self.id = UUID(body["id"])
        self.total = total
        self.currency = body["currency"]


class Till:
    """Asks for money and gives it back, as `orders` will. `sweep` is made due at once."""

    def __init__(self, shop: Shop, db: Database, provider: Provider) -> None:
        self.shop = shop
        self.db = db
        self.providers = Providers([provider])
        self.sweep = Sweep(db, self.providers, self.settle_order, look_minutes=0, action_minutes=60)

    async def order(self, *, units: int = 2, price: str = "10.00") -> Order:
        product = await self.shop.product(price=price)
        answer = await self.shop.order((product, units))
        assert answer.status_code == 201, answer.text
        rows = await self.shop.rows(
            "select store_id, total_amount from sales_order where id = %(id)s", {"id": UUID(answer.json()["id"])}
        )
        return Order(rows[0][0], answer.json(), rows[0][1])

    async def settle_order(self, store_id: UUID, order_id: UUID, change: Callable[[Tx], Awaitable[None]]) -> None:
        """Locks the order's row and runs the change; orders would go on to its statuses."""

        async def unit(tx: Tx) -> None:
            await _lock(tx, store_id, order_id)
            await change(tx)

        await self.db.write(unit)

    async def begin(self, order: Order, method: str = "pm_card_visa", **fields: Any) -> Operation:
        wanted: dict[str, Any] = {
            "amount": order.total,
            "currency": order.currency,
            "capture": Capture.AUTOMATIC,
            "actor": system(order.store_id),
        } | fields

        async def unit(tx: Tx) -> Operation:
            await _lock(tx, order.store_id, order.id)
            return await payments.begin(tx, order_id=order.id, method=method, providers=self.providers, **wanted)

        return await self.db.write(unit)

    async def carry_out(self, operation: Operation) -> Result:
        return await payments.carry_out(self.db, self.providers, operation)

    async def settle(self, operation: Operation, result: Result) -> bool:
        """Whether it was recorded just now."""
        recorded: list[bool] = []

        async def change(tx: Tx) -> None:
            recorded.append(await payments.settle(tx, operation, result))

        await self.settle_order(operation.payment.store_id, operation.payment.order_id, change)
        return recorded[-1]

    async def finish(self, operation: Operation) -> Result:
        """The call, and its outcome."""
        result = await self.carry_out(operation)
        await self.settle(operation, result)
        return result

    async def pay(self, order: Order, method: str = "pm_card_visa", **fields: Any) -> Result:
        return await self.finish(await self.begin(order, method, **fields))

    async def capture(self, order: Order, amount: int | None = None) -> Operation:
        return await self._ask(order, partial(payments.request_capture, order_id=order.id, amount=amount))

    async def refund(self, order: Order, amount: int, reason: str | None = None) -> list[Operation]:
        return await self._ask(order, partial(payments.request_refund, order_id=order.id, amount=amount, reason=reason))

    async def void(self, order: Order) -> list[Operation]:
        return await self._ask(order, partial(payments.request_void, order_id=order.id))

    async def balance(self, order: Order) -> Balance:
        async with self.db.read() as reader:
            return (await payments.balance_of(reader, order.store_id, [order.id]))[order.id]

    async def shown(self, order: Order) -> list[Shown]:
        async with self.db.read() as reader:
            return await payments.payments_of(reader, order.store_id, order.id)

    async def status(self, order: Order) -> str:
        """Of the newest payment."""
        return (await self.shown(order))[-1].payment.status

    async def ledger(self, order: Order) -> list[tuple[str, int]]:
        return [(entry.kind.value, entry.amount) for one in await self.shown(order) for entry in one.entries]

    async def events(self, order: Order) -> list[str]:
        rows = await self.shop.rows(
            """
            select name
            from event
            where subject_id in (select id from payment where order_id = %(id)s)
            order by subject_id, sequence
            """,
            {"id": order.id},
        )
        return [name for (name,) in rows]

    async def sweep_all(self, rounds: int = 6) -> None:
        """Lets time pass, and sweeps until nothing is due."""
        for _ in range(rounds):
            await self.shop.change(
                "update payment_operation set next_try_at = now() - interval '1 second' where state = 'started'"
            )
            await self.shop.change(
                "update provider_event set next_try_at = now() - interval '1 second' where worked_at is null"
            )
            await self.sweep.run_once()
            left = await self.shop.rows(
                """
                select (select count(*) from payment_operation where state = 'started'),
                       (select count(*) from provider_event where worked_at is null)
                """
            )
            if left == [(0, 0)]:
                return

    async def _ask(self, order: Order, verb: Callable[..., Awaitable[Any]]) -> Any:
        actor: Actor = system(order.store_id)

        async def unit(tx: Tx) -> Any:
            await _lock(tx, order.store_id, order.id)
            return await verb(tx, actor=actor)

        return await self.db.write(unit)


async def _lock(tx: Tx, store_id: UUID, order_id: UUID) -> None:
    await tx.run(
        "select from sales_order where store_id = %(store_id)s and id = %(id)s for update",
        {"store_id": store_id, "id": order_id},
    )


@asynccontextmanager
async def open_till(shop: Shop, provider: Provider | None = None) -> AsyncIterator[Till]:
    """With the fake provider where no other is given."""
    db = Database(shop.url, size=24)
    await db.open()
    provider = provider or Fake(db)
    try:
        yield Till(shop, db, provider)
    finally:
        await provider.close()
        await db.close()


def at_once(*work: Awaitable[Any]) -> Any:
    """All of it together; what each gives or raises."""
    return asyncio.gather(*work, return_exceptions=True)
