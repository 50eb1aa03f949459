"""Follows the event feed and tells the engine what is different: in the order of the feed, nothing left out."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import psycopg
import structlog

from tradepost.core.errors import Unavailable
from tradepost.db import Database, Reader
from tradepost.events import Event, feed, newest
from tradepost.search import store as catalogue
from tradepost.search.engine import Changes, Engine, Overtaken
from tradepost.search.touching import Touched, touched
from tradepost.stores import Store, all_stores

log = structlog.get_logger()

_EVENTS = 2000
_DOCUMENTS = 500
_PAGES = 100
_MOMENT = 0.05


class Follower:
    """Several processes may have one: whoever takes the turn of a store works, the others look in again later.

    An event is taken in once in effect: the engine moves its position together with what it writes.
    """

    def __init__(self, db: Database, engine: Engine) -> None:
        self._db = db
        self._engine = engine
        self._seen: dict[UUID, str | None] = {}

    async def run_once(self) -> None:
        """Takes in what there is for every store. What fails for one is logged and holds up no other."""
        async with self._db.read() as db:
            last = await newest(db)
            if last == self._seen:
                return
            stores = await all_stores(db)
        for store in stores:
            if last.get(store.id) == self._seen.get(store.id):
                continue
            try:
                await self.follow(store)
                self._seen[store.id] = await self._engine.position(store.id)
            except (Unavailable, Overtaken) as error:
                log.info("search_waits", store=store.slug, why=error.code)
            except Exception as error:
                log.exception("search_failed", store=store.slug, error=type(error).__name__)

    async def follow(self, store: Store) -> bool:
        """Takes in what there is for one store; whether it had the turn. Raises Overtaken."""
        async with self._turn(store) as db:
            if db is None:
                return False
            for _ in range(_PAGES):
                if not await self._take_in(db, store):
                    break
        return True

    async def rebuild(self, store: Store, *, tell: Callable[[int, int], None]) -> None:
        """Makes everything anew while searches go on; `tell` hears of products done and of how many there are.

        What was sold is counted from the feed's start. One that is interrupted is run again. Raises Overtaken.
        """
        while True:
            async with self._turn(store) as db:
                if db is not None:
                    await self._rebuild(db, store, tell)
                    return
            await asyncio.sleep(_MOMENT)

    @asynccontextmanager
    async def _turn(self, store: Store) -> AsyncIterator[Reader | None]:
        """A connection that has the turn of a store, or None. A process that dies loses it with its connection."""
        async with self._db.read() as db:
            if not await catalogue.take_turn(db, store.id):
                yield None
                return
            try:
                yield db
            finally:
                with suppress(psycopg.Error):
                    await catalogue.end_turn(db, store.id)

    async def _take_in(self, db: Reader, store: Store) -> bool:
        """One page of the feed; whether there may be more."""
        after = await self._engine.position(store.id)
        events = await feed(db, store.id, after=after, limit=_EVENTS)
        if not events:
            return False
        found = touched(events)
        if found.categories:
            found.products |= await catalogue.products_inside(db, store.id, found.categories)
        *early, last = _chunks(sorted(found.products)) or [[]]
        for ids in early:
            await self._engine.write(store, await _documents(db, store, ids), after=after, upto=after)
        changes = await _changes(db, store, found, last)
        await self._engine.write(store, changes, after=after, upto=events[-1].position)
        return len(events) == _EVENTS

    async def _rebuild(self, db: Reader, store: Store, tell: Callable[[int, int], None]) -> None:
        known = await self._engine.position(store.id)
        await self._engine.start_over(store)
        while known and await self._count_again(db, store, upto=known):
            pass
        await self._rewrite(store, Changes(shelves=await catalogue.shelves(db, store.id)))
        done, total = 0, await catalogue.count_products(db, store.id)
        tell(done, total)
        last: UUID | None = None
        while ids := await catalogue.product_ids(db, store.id, after=last, limit=_DOCUMENTS):
            await self._rewrite(store, await _documents(db, store, ids))
            last, done = ids[-1], done + len(ids)
            tell(done, max(done, total))
            while await self._take_in(db, store):
                pass

    async def _count_again(self, db: Reader, store: Store, *, upto: str) -> bool:
        """One page of what the engine knew before it started over: only what was sold; whether there is more of it."""
        after = await self._engine.position(store.id)
        events = _until(await feed(db, store.id, after=after, limit=_EVENTS), upto)
        if not events:
            return False
        sold = await _sold(db, store.id, touched(events))
        await self._engine.write(store, Changes(sold=sold), after=after, upto=events[-1].position)
        return events[-1].position != upto

    async def _rewrite(self, store: Store, changes: Changes) -> None:
        position = await self._engine.position(store.id)
        await self._engine.write(store, changes, after=position, upto=position)


async def _changes(db: Reader, store: Store, found: Touched, products: Sequence[UUID]) -> Changes:
    """What a page of the feed comes to, with the last of its products; the others were written before."""
    sold = await _sold(db, store.id, found)
    stock_of = found.stock_of | set(sold)
    if found.orders:
        stock_of |= await catalogue.products_in_orders(db, store.id, found.orders)
    stock_of -= found.products
    changes = await _documents(db, store, products)
    return Changes(
        documents=changes.documents,
        gone=changes.gone,
        in_stock=await catalogue.in_stock(db, store.id, stock_of) if stock_of else {},
        sold=sold,
        shelves=await catalogue.shelves(db, store.id) if found.categories else None,
    )


async def _documents(db: Reader, store: Store, ids: Collection[UUID]) -> Changes:
    """Products as they are now: those on sale, and those that are not."""
    if not ids:
        return Changes()
    found = await catalogue.documents(db, store.id, ids)
    return Changes(documents=found, gone=sorted(set(ids) - {document.id for document in found}))


async def _sold(db: Reader, store_id: UUID, found: Touched) -> Mapping[UUID, int]:
    """Units by product."""
    units = Counter(found.sold)
    times = {order_id: number for order_id, number in found.cancelled.items() if number}
    if times:
        units.update(await catalogue.placed_in_orders(db, store_id, times))
    if not units:
        return {}
    products = await catalogue.products_of_variants(db, store_id, units)
    sold = Counter[UUID]()
    for variant_id, number in units.items():
        if variant_id in products:
            sold[products[variant_id]] += number
    return sold


def _chunks(ids: Sequence[UUID]) -> list[Sequence[UUID]]:
    return [ids[at : at + _DOCUMENTS] for at in range(0, len(ids), _DOCUMENTS)]


def _until(events: Sequence[Event], position: str) -> Sequence[Event]:
    """The events as far as the one at a position; all of them where it is not among them."""
    for at, event in enumerate(events, 1):
        if event.position == position:
            return events[:at]
    return events
