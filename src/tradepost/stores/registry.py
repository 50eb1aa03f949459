"""The stores as this process knows them, at most a second old. What decides a price reads the row itself."""

import time
from uuid import UUID

from tradepost.core.errors import NotFound
from tradepost.core.flights import Flights
from tradepost.db import Database
from tradepost.http import Call
from tradepost.stores.model import Markets, Store, home_of
from tradepost.stores.store import all_markets, all_stores

_SECONDS = 1.0


class NoStore(NotFound):
    """This installation has no store yet, or none for this host."""

    title = "There is no store here yet: 'tradepost seed' makes one"


class Stores:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._read_at = float("-inf")
        self._by_id: dict[UUID, Store] = {}
        self._by_host: dict[str, Store] = {}
        self._markets: dict[UUID, Markets] = {}
        self._default: Store | None = None
        self._flights: Flights[str, None] = Flights()

    async def for_host(self, host: str) -> Store:
        """The store with this host name, else the default one. Raises NoStore."""
        if time.monotonic() - self._read_at > _SECONDS:
            await self._flights.share("stores", self._read)
        store = self._by_host.get(host) or self._default
        if store is None:
            raise NoStore
        return store

    async def meet(self, store_id: UUID) -> None:
        """Makes sure that a store is known that a caller's key or token names, however new it is."""
        if store_id not in self._by_id:
            await self._flights.share("stores", self._read)

    def by_id(self, store_id: UUID) -> Store:
        """A store that a caller was established for. Raises NoStore."""
        store = self._by_id.get(store_id)
        if store is None:
            raise NoStore
        return store

    def markets_of(self, store_id: UUID) -> Markets:
        """The markets of a store, with the rates of its prices. Raises NoStore as `by_id` does."""
        return self._markets.get(store_id) or Markets((home_of(self.by_id(store_id)),))

    def owner_of(self, host: str) -> Store | None:
        """The store whose own host name this is."""
        return self._by_host.get(host)

    async def _read(self) -> None:
        began = time.monotonic()
        async with self._db.read() as db:
            stores = await all_stores(db)
            markets = await all_markets(db)
        self._by_id = {store.id: store for store in stores}
        self._by_host = {host: store for store in stores for host in store.hosts}
        self._default = next((store for store in stores if store.is_default), None)
        self._markets = markets
        self._read_at = began


def store_of(call: Call) -> Store:
    """The store that a call was established for."""
    return call.service(Stores).by_id(call.actor.store_id)


def markets_of(call: Call) -> Markets:
    """The markets of that store, at most a second old."""
    return call.service(Stores).markets_of(call.actor.store_id)
