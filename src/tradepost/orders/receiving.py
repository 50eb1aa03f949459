"""Wishes to order, taken in at once and worked off by the desk: at least once inside, once in effect."""

import asyncio
import hashlib
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from uuid import UUID

import msgspec
import structlog

from tradepost import idempotency
from tradepost.core.actors import Actor, ActorKind
from tradepost.core.crash_points import crash_point
from tradepost.core.errors import ShopError, Unavailable
from tradepost.core.ids import uuid7
from tradepost.db import Database, Desk, Tx
from tradepost.db.arrays import byteas
from tradepost.events import publish_first
from tradepost.http.problems import InternalError, answer_of
from tradepost.idempotency import Claim, StoredAnswer
from tradepost.idempotency.store import FIND_MANY
from tradepost.orders import store
from tradepost.orders.deciding import Again, Placed
from tradepost.orders.events import OrderRequestReceived
from tradepost.orders.model import Address, BasketRef, Item, ItemKey, Keep, PlaceOrder, buyer_words
from tradepost.orders.placing import Desks, token_of
from tradepost.orders.store.requests import MOST_ATTEMPTS, Ended, NewRequest, Taken

log = structlog.get_logger()
_AT_ONCE = 128


class Received(msgspec.Struct, frozen=True):
    """A wish that is on disk; `kept` is the answer that its key keeps, where it has one."""

    id: UUID
    kept: StoredAnswer | None = None


class _Named(msgspec.Struct, frozen=True):
    key: ItemKey
    ref: str
    quantity: int


class _Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A checked request as it is kept."""

    actor: Actor
    items: list[_Named]
    email: str | None = None
    customer_id: UUID | None = None
    market_id: UUID | None = None
    currency: str | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    shipping_method: str | None = None
    coupon_codes: tuple[str, ...] = ()
    notes: str | None = None
    expected_total: Decimal | None = None
    basket: BasketRef | None = None


_ASKED = msgspec.json.Decoder(_Asked)


class Requests:
    """The intake of this process, and what works it off. `keep` renders the answers that orders keep."""

    def __init__(self, db: Database, desks: Desks, secret: bytes, keep: Keep) -> None:
        self._db = db
        self._desks = desks
        self._secret = secret
        self._keep = keep
        self._intakes: dict[UUID, Desk[_Wish, Received | Again]] = {}
        self.came = asyncio.Event()
        """Set when there is something to work off."""

    async def receive(self, request: PlaceOrder, claim: Claim | None) -> Received | Again:
        """Answered after the commit. Raises what was found wrong with the request, IdempotencyKeyReused."""
        store_id = request.actor.store_id
        desk = self._intakes.get(store_id)
        if desk is None:
            desk = self._intakes[store_id] = Desk(self._db, _Intake(store_id, self._secret))
        received = await desk.submit(_Wish(uuid7(), request, claim))
        self.came.set()
        return received

    def token_of(self, request_id: UUID) -> str:
        """The secret by which a guest sees his request."""
        return token_of(self._secret, request_id)

    async def run_once(self) -> int:
        """Works off some that wait; how many. Several processes may: each takes what no other has."""
        taken = await self._db.write(partial(store.take_requests, limit=_AT_ONCE))
        if not taken:
            return 0
        crash_point("request_taken")
        found = await asyncio.gather(*(self._one(one) for one in taken))
        crash_point("request_placed")
        ended = [one for one in found if isinstance(one, Ended)]
        if ended:
            await self._db.write(partial(store.end_requests, ended=ended))
        if back := [one for one in found if isinstance(one, Taken)]:
            await self._db.write(partial(store.give_back_requests, taken=back))
        return len(ended)

    async def close(self) -> None:
        for desk in self._intakes.values():
            await desk.close()

    async def _one(self, taken: Taken) -> Ended | Taken | None:
        """What became of one; itself where nothing could at this moment, and None where it is tried again later."""
        try:
            outcome = await self._desks.place(_request(taken, self._keep))
        except Unavailable:
            return taken
        except ShopError as refusal:
            return _refused(taken, refusal)
        except Exception as error:
            log.exception("order_request_failed", request=str(taken.id), error=type(error).__name__)
            return _refused(taken, InternalError()) if taken.attempts >= MOST_ATTEMPTS else None
        match outcome:
            case Placed(order):
                return Ended(taken.store_id, taken.id, order.id)
            case Again(kept):
                return Ended(taken.store_id, taken.id, id_in(kept.body))


class _Wish(msgspec.Struct, frozen=True):
    id: UUID
    request: PlaceOrder
    claim: Claim | None


class _Intake:
    """What the intake's desk does with a batch: many wishes are on disk with one commit."""

    def __init__(self, store_id: UUID, secret: bytes) -> None:
        self._store_id = store_id
        self._secret = secret

    async def turn(self, tx: Tx) -> None:
        """Nobody waits for anybody: the order of wishes is that of their ids."""
        await tx.together(("select 1", {}))

    async def write(self, tx: Tx, batch: Sequence[_Wish]) -> Sequence[Received | Again | Exception]:
        keys = [wish.claim.key_hash for wish in batch if wish.claim]
        (rows,) = await tx.together((FIND_MANY, {"store_id": self._store_id, "key_hashes": byteas(keys)}))
        known = idempotency.answers(rows)
        fresh: list[_Wish] = []
        answers: list[tuple[bytes, StoredAnswer]] = []
        outcomes: list[Received | Again | Exception] = []
        for wish in batch:
            try:
                outcomes.append(self._one(wish, known, answers))
            except ShopError as refusal:
                outcomes.append(refusal)
            if isinstance(outcomes[-1], Received):
                fresh.append(wish)
        if fresh:
            await self._insert(tx, fresh)
        if answers:
            await idempotency.insert_many(tx, self._store_id, answers)
        return outcomes

    async def settle(self, tx: Tx, answers: Sequence[Received | Again | Exception]) -> bool:
        received = next((answer.id for answer in answers if isinstance(answer, Received)), None)
        return received is None or await store.request_exists(tx, self._store_id, received)

    def _one(
        self, wish: _Wish, known: dict[bytes, StoredAnswer], answers: list[tuple[bytes, StoredAnswer]]
    ) -> Received | Again:
        claim = wish.claim
        if claim and (kept := known.get(claim.key_hash)):
            return Again(claim.check(kept))
        if wish.request.refusal:
            raise wish.request.refusal
        if claim is None:
            return Received(wish.id)
        status, headers, body = accepted(wish.id)
        known[claim.key_hash] = answer = StoredAnswer(status, headers, body, claim.fingerprint)
        answers.append((claim.key_hash, answer))
        return Received(wish.id, answer)

    async def _insert(self, tx: Tx, wishes: Sequence[_Wish]) -> None:
        new = [NewRequest(wish.id, _written(wish), wish.request.customer_id, self._token_hash(wish)) for wish in wishes]
        await store.insert_requests(tx, self._store_id, new)
        await publish_first(tx, [(wish.id, OrderRequestReceived(), wish.request.actor) for wish in wishes])

    def _token_hash(self, wish: _Wish) -> bytes | None:
        if wish.request.actor.kind is not ActorKind.GUEST:
            return None
        return hashlib.sha256(token_of(self._secret, wish.id).encode()).digest()


def accepted(request_id: UUID) -> tuple[int, list[tuple[str, str]], bytes]:
    """The answer to a wish that was taken in, as its key keeps it."""
    headers = [("location", f"/api/v1/orders/requests/{request_id}"), ("preference-applied", "respond-async")]
    return 202, headers, msgspec.json.encode({"id": str(request_id), "status": "WAITING"})


_ID_AT = len('{"id":"')


def id_in(body: bytes) -> UUID:
    """The id with which a kept answer begins."""
    return UUID(body[_ID_AT : _ID_AT + 36].decode())


def _written(wish: _Wish) -> str:
    request = wish.request
    asked = _Asked(
        actor=msgspec.structs.replace(request.actor, order_token=None),
        items=[_Named(item.key, str(item.ref), item.quantity) for item in request.items],
        email=request.email,
        customer_id=request.customer_id,
        market_id=request.market_id,
        currency=request.currency,
        shipping_address=request.shipping_address,
        billing_address=request.billing_address,
        shipping_method=request.shipping_method,
        coupon_codes=request.coupon_codes,
        notes=request.notes,
        expected_total=None if request.expected_total is None else Decimal(request.expected_total),
        basket=request.basket,
    )
    return msgspec.json.encode(asked).decode()


def _request(taken: Taken, keep: Keep) -> PlaceOrder:
    """The request as it was; its answer is kept under its own id, so that it is placed once."""
    asked = _ASKED.decode(taken.asked)
    key = hashlib.sha256(b"order request\0" + taken.id.bytes).digest()
    return PlaceOrder(
        actor=asked.actor,
        items=[
            Item(item.key, item.ref if item.key is ItemKey.SKU else UUID(item.ref), item.quantity)
            for item in asked.items
        ],
        email=asked.email,
        customer_id=asked.customer_id,
        market_id=asked.market_id,
        currency=asked.currency,
        shipping_address=asked.shipping_address,
        billing_address=asked.billing_address,
        shipping_method=asked.shipping_method,
        coupon_codes=asked.coupon_codes,
        notes=asked.notes,
        expected_total=asked.expected_total,
        basket=asked.basket,
        words=buyer_words(asked.email, asked.shipping_address or asked.billing_address),
        claim=Claim(taken.store_id, key, key[:16]),
        keep=keep,
    )


def _refused(taken: Taken, refusal: ShopError) -> Ended:
    where = f"/api/v1/orders/requests/{taken.id}"
    problem = answer_of(refusal, instance=where, request_id=str(taken.id))
    return Ended(taken.store_id, taken.id, problem=problem.body.decode())
