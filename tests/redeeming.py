"""Those who use promotions: as orders do, in transactions of their own, on connections of their own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.shop import Shop
from tradepost import promotions
from tradepost.core.ids import uuid7
from tradepost.db import Database, Tx
from tradepost.promotions import Basket, BasketLine, Customer, Evaluation, Running

TEN = [{"type": "amount_off", "amounts": {"USD": "10.00"}}]


async def made(shop: Shop, **fields: Any) -> dict[str, Any]:
    """A promotion that takes 10.00 off, unless it says otherwise."""
    body = {"name": "Ten off", "trigger": "AUTOMATIC", "actions": TEN} | fields
    answer = await shop.staff("POST", "/promotions", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def with_code(shop: Shop, code: str, *, max_uses: int | None = None, **fields: Any) -> dict[str, Any]:
    """A promotion with one coupon."""
    promotion = await made(shop, trigger="COUPON", **fields)
    body = {"code": code, "maxUses": max_uses}
    answer = await shop.staff("POST", f"/promotions/{promotion['id']}/coupons", json=body)
    assert answer.status_code == 201, answer.text
    return promotion


async def orders(shop: Shop, count: int) -> list[UUID]:
    """Orders that have used nothing yet."""
    mug = await shop.product(inventoryQuantity=count, price="100.00")
    placed = await asyncio.gather(*(shop.order((mug, 1)) for _ in range(count)))
    return [UUID(one.json()["id"]) for one in placed]


class Till:
    """Uses promotions for orders of 100.00, each in a transaction of its own."""

    def __init__(self, db: Database, store_id: UUID) -> None:
        self.db = db
        self.store_id = store_id

    async def use(self, order_id: UUID, *codes: str, customer: Customer | None = None) -> Evaluation:
        buyer = customer or Customer(email=f"{order_id}@example.com")

        async def unit(tx: Tx) -> Evaluation:
            running = await promotions.lock(tx, self.store_id, codes, [buyer])
            evaluation = self.evaluate(running, codes, buyer)
            await self.redeem(tx, evaluation, order_id, buyer)
            return evaluation

        return await self.db.write(unit)

    def evaluate(self, running: Running, codes: Sequence[str], customer: Customer) -> Evaluation:
        line = BasketLine(uuid7(), 10_000, 1)
        basket = Basket(currency="USD", time_zone="UTC", lines=[line], customer=customer, codes=codes)
        return promotions.evaluate(basket, running, datetime.now(UTC))

    async def redeem(self, tx: Tx, evaluation: Evaluation, order_id: UUID, customer: Customer) -> None:
        used = promotions.redemptions(
            evaluation, order_id=order_id, customer=customer, currency="USD", at=datetime.now(UTC)
        )
        await promotions.redeem_many(tx, self.store_id, used)

    async def give_back(self, order_id: UUID) -> None:
        async with self.db.transaction() as tx:
            await promotions.give_back(tx, self.store_id, order_id)

    async def take_again(self, order_id: UUID) -> None:
        async with self.db.transaction() as tx:
            await promotions.take_again(tx, self.store_id, order_id)


@asynccontextmanager
async def open_till(shop: Shop, *, size: int = 50) -> AsyncIterator[Till]:
    ((store_id,),) = await shop.rows("select id from store")
    db = Database(shop.url, size=size)
    await db.open()
    try:
        yield Till(db, store_id)
    finally:
        await db.close()
