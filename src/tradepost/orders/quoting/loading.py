"""The facts of a batch of prices: in one round trip mostly, whatever is asked for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from uuid import UUID

import msgspec

from tradepost import accounts, promotions, tax
from tradepost.catalog import categories
from tradepost.catalog.offers import offers
from tradepost.db import Reader
from tradepost.db.connections import Asked as Statement
from tradepost.db.connections import Row
from tradepost.orders import store as orders
from tradepost.orders.quoting.asking import Asked
from tradepost.orders.quoting.reckoning import Facts
from tradepost.orders.quoting.shelf import Shelf, wanted
from tradepost.orders.quoting.terms import KnownTerms, Terms
from tradepost.stores import Market, Store
from tradepost.stores.store import GET as GET_STORE
from tradepost.tax import Exemptions

NOW: Statement = ("select clock_timestamp()", {})


class Loading:
    """What a batch needs to be priced. `first` are statements for a round trip that its owner makes with others.

    Whoever will redeem promotions reads them `locking`.
    """

    def __init__(self, known: KnownTerms, store_id: UUID, asked: Sequence[Asked], *, locking: bool = False) -> None:
        self._known = known
        self._store_id = store_id
        self._asked = asked
        self._locking = locking
        self._terms = known.known(store_id)

    def first(self) -> list[Statement]:
        """The store and offers; promotions and exemptions from tax where there may be any."""
        return [
            (GET_STORE, {"store_id": self._store_id}),
            self._offers(),
            *([self._promotions()] if self._asks_promotions else []),
            *([tax.exemptions_wanted(self._store_id, self._customers)] if self._asks_exemptions else []),
        ]

    async def facts(self, db: Reader, found: Sequence[list[Row]], at: datetime) -> Facts:
        """From the rows of `first`. Where the terms are others than those that were known, it is read again."""
        store = Store(*found[0][0])
        terms = await self._known.of(db, store)
        if terms is not self._terms:
            self._terms = terms
            found = await db.together(*self.first())
        _, offered, *rest = found
        promoted = rest.pop(0) if self._asks_promotions else []
        exempt = rest.pop(0) if self._asks_exemptions else []
        shelf = Shelf(offers(offered))
        running = promotions.running(promoted)
        more = await self._of_promotions(db, shelf) if running else _Promoted({}, {}, {})
        return Facts(
            store=store,
            terms=msgspec.structs.replace(terms, taxes=terms.taxes.fresh(), methods=terms.methods.fresh()),
            now=at,
            shelf=shelf,
            promotions=running,
            exemptions=Exemptions(exempt),
            categories=more.categories,
            earlier_orders=more.earlier_orders,
            accounts=more.accounts,
        )

    @property
    def _customers(self) -> set[UUID]:
        return {asked.customer_id for asked in self._asked if asked.customer_id}

    @property
    def _asks_promotions(self) -> bool:
        return self._terms is None or self._terms.has_promotions or any(asked.coupon_codes for asked in self._asked)

    @property
    def _asks_exemptions(self) -> bool:
        return self._terms is None or self._terms.has_exemptions

    def _promotions(self) -> Statement:
        codes = {code for asked in self._asked for code in asked.coupon_codes}
        customers = [asked.customer for asked in self._asked]
        return (promotions.locking if self._locking else promotions.wanted)(self._store_id, codes, customers)

    def _offers(self) -> Statement:
        items = list(chain.from_iterable(asked.items for asked in self._asked))
        markets = _markets(self._asked, self._terms)
        locales = {locale for market in markets for locale in market.locales}
        return wanted(self._store_id, items, market_ids={market.id for market in markets}, locales=locales)

    async def _of_promotions(self, db: Reader, shelf: Shelf) -> "_Promoted":
        """What only promotions look at."""
        emails = {asked.email for asked in self._asked if asked.email and not asked.customer_id}
        inside, earlier, known = await db.together(
            categories.around(self._store_id, shelf.product_ids()),
            orders.earlier_orders(self._store_id, self._customers),
            accounts.accounts_of(self._store_id, emails),
        )
        return _Promoted({product_id: frozenset(found) for product_id, found in inside}, dict(earlier), dict(known))


class _Promoted(msgspec.Struct, frozen=True):
    categories: Mapping[UUID, frozenset[UUID]]
    earlier_orders: Mapping[UUID, int]
    accounts: Mapping[str, UUID]


def _markets(asked: Sequence[Asked], terms: Terms | None) -> list[Market]:
    """Those that are asked for and are there; the others are refused when they are reckoned."""
    if terms is None:
        return []
    by_id = {market.id: market for market in terms.markets.all}
    found = {one.market_id or one.market(terms.markets).id for one in asked}
    return [by_id[id_] for id_ in found if id_ in by_id]
