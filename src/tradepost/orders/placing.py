"""Placing orders: the desk takes its turn, loads what a batch needs, decides, and writes it set-wise.

docs/placing-orders.md explains it with a drawing.
"""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tradepost import idempotency, promotions
from tradepost.accounts import FIND_ACCOUNTS, account_of
from tradepost.core.ids import Ids
from tradepost.db import Database, Desk, Tx
from tradepost.db.arrays import byteas, uuids
from tradepost.db.connections import Params, Statement
from tradepost.events import publish_first
from tradepost.idempotency.store import FIND_MANY
from tradepost.inventory import levels_by_variant, locking, write_movements
from tradepost.orders import store
from tradepost.orders.baskets import Basket, Baskets, with_basket
from tradepost.orders.deciding import Again, Decisions, Facts, Outcome, Placed, decide
from tradepost.orders.events import OrderPlaced, Taken
from tradepost.orders.model import Order, PlaceOrder
from tradepost.orders.quoting import Quotes
from tradepost.orders.reckoned import asked_of

__all__ = ["Again", "Desks", "Outcome", "Placed", "token_of"]


def token_of(secret: bytes, order_id: UUID) -> str:
    """The secret by which a guest sees his one order: 256 bits that only this installation can make again."""
    mac = hmac.digest(secret, b"order-access\0" + order_id.bytes, "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


class Desks:
    """The placement desks of this process, one for each store."""

    def __init__(
        self, db: Database, secret: bytes, baskets: Baskets, *, batch: int = 128, quotes: Quotes | None = None
    ) -> None:
        self._db = db
        self._quotes = quotes or Quotes(db)
        self._secret = secret
        self._baskets = baskets
        self._batch = batch
        self._desks: dict[UUID, Desk[PlaceOrder, Outcome]] = {}

    async def place(self, request: PlaceOrder) -> Outcome:
        """Places an order with the next batch; answered after the commit.

        Raises VariantNotAvailable, ReferenceNotFound, CurrencyNotSupported, AmountOutOfRange, InsufficientStock,
        PriceChanged, IdempotencyKeyReused, of a kept basket CartAlreadyOrdered, Stale and CartEmpty (nothing was
        written), and what `Desk.submit` raises.
        """
        store_id = request.actor.store_id
        desk = self._desks.get(store_id)
        if desk is None:
            desk = Desk(self._db, self._placement(store_id), limit=self._batch)
            self._desks[store_id] = desk
        return await desk.submit(await self._taxed(request))

    async def rehearse(self, request: PlaceOrder) -> Outcome:
        """What would become of a request at this moment; nothing is written or promised. Raises as `place`."""
        placement = self._placement(request.actor.store_id)
        request = await self._taxed(request)
        async with self._db.transaction() as tx:
            (outcome,) = await placement.decide(tx, [request])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def token_of(self, order_id: UUID) -> str:
        return token_of(self._secret, order_id)

    async def close(self) -> None:
        for desk in self._desks.values():
            await desk.close()

    def _placement(self, store_id: UUID) -> "_Placement":
        return _Placement(store_id, self._secret, self._baskets, self._quotes)

    async def _taxed(self, request: PlaceOrder) -> PlaceOrder:
        """With the word of the tax service, where there is one. It is asked before the turn, which waits for nobody."""
        if not self._quotes.asks_for_taxes:
            return request
        store_id = request.actor.store_id
        async with self._db.transaction() as tx:
            (filled,), _ = await self._placement(store_id).filled(tx, [request])
        asked = await self._quotes.taxed(store_id, asked_of(filled))
        return msgspec.structs.replace(request, taxes=asked.taxes)


class _Placement:
    """What the desk of one store does with a batch."""

    def __init__(self, store_id: UUID, secret: bytes, baskets: Baskets, quotes: Quotes) -> None:
        self._quotes = quotes
        self._store_id = store_id
        self._secret = secret
        self._baskets = baskets
        self._order_ids = Ids()

    async def turn(self, tx: Tx) -> None:
        await store.take_turn(tx, self._store_id)

    async def write(self, tx: Tx, batch: Sequence[PlaceOrder]) -> Sequence[Outcome | Exception]:
        facts = await self._load(tx, batch)
        decisions = self._decide(batch, facts)
        if decisions.orders:
            await _write(tx, self._store_id, facts.last_number, decisions)
        if decisions.ordered:
            await self._baskets.set_ordered(tx, self._store_id, decisions.ordered)
        return decisions.outcomes

    async def decide(self, tx: Tx, batch: Sequence[PlaceOrder]) -> Sequence[Outcome | Exception]:
        """What `write` would answer."""
        return self._decide(batch, await self._load(tx, batch)).outcomes

    def _decide(self, batch: Sequence[PlaceOrder], facts: Facts) -> Decisions:
        return decide(batch, facts, order_ids=self._order_ids, token_of=lambda id_: token_of(self._secret, id_))

    async def settle(self, tx: Tx, answers: Sequence[Outcome | Exception]) -> bool:
        """A batch is written whole or not at all, so one order of it tells."""
        placed = next((answer.order.id for answer in answers if isinstance(answer, Placed)), None)
        return placed is None or await store.exists(tx, self._store_id, placed)

    async def _load(self, tx: Tx, batch: Sequence[PlaceOrder]) -> Facts:
        """All facts in one round trip; one before it for baskets, one behind it for stock not asked for by its id."""
        filled, baskets = await self.filled(tx, batch)
        loading = self._quotes.loading(self._store_id, [asked_of(request) for request in filled], locking=True)
        named = sorted({item.ref for request in filled for item in request.items if isinstance(item.ref, UUID)})
        keys = [request.claim.key_hash for request in batch if request.claim]
        customer_ids = [request.customer_id for request in batch if request.customer_id]
        mine = {"store_id": self._store_id}
        statements: list[tuple[Statement, Params]] = [
            store.facts(self._store_id),
            (FIND_MANY, mine | {"key_hashes": byteas(keys)}),
            *([(FIND_ACCOUNTS, mine | {"ids": uuids(customer_ids)})] if customer_ids else []),
            *loading.first(),
            locking(self._store_id, named),
        ]
        ((last_number, now),), kept, *priced, stock = await tx.together(*statements)
        people = priced.pop(0) if customer_ids else []
        at = _to_millisecond(now)
        prices = await loading.facts(tx, priced, at)
        levels = levels_by_variant(stock)
        more = [variant_id for variant_id in prices.shelf.variant_ids() if variant_id not in levels]
        if more:
            (locked,) = await tx.together(locking(self._store_id, sorted(more)))
            levels |= levels_by_variant(locked)
        return Facts(
            prices=prices,
            now=at,
            last_number=last_number,
            kept=idempotency.answers(kept),
            levels=levels,
            customers={row[0]: account_of(row) for row in people},
            baskets=baskets,
        )

    async def filled(self, tx: Tx, batch: Sequence[PlaceOrder]) -> tuple[list[PlaceOrder], dict[UUID, Basket]]:
        """Requests with what is in their baskets, and these, locked."""
        ids = {request.basket.id for request in batch if request.basket}
        if not ids:
            return list(batch), {}
        baskets = self._baskets.read(await tx.together(*self._baskets.wanted(self._store_id, sorted(ids))))
        return [with_basket(request, baskets) for request in batch], baskets


def _to_millisecond(now: datetime) -> datetime:
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


async def _write(tx: Tx, store_id: UUID, last_number: int, decisions: Decisions) -> None:
    orders = [order for _, order in decisions.orders]
    await store.insert_many(tx, store_id, orders, last_number=last_number)
    await store.insert_lines(tx, store_id, orders)
    if decisions.movements:
        await write_movements(tx, store_id, decisions.movements)
    await publish_first(tx, [(order.id, _fact(order), request.actor) for request, order in decisions.orders])
    await promotions.redeem_many(tx, store_id, decisions.redemptions)
    if decisions.answers:
        await idempotency.insert_many(tx, store_id, decisions.answers)


def _fact(order: Order) -> OrderPlaced:
    taken = [Taken(line.variant_id, line.quantity) for line in order.lines]
    return OrderPlaced(order.order_number, order.customer_id, order.currency, order.total_amount, taken)
