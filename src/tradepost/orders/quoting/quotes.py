from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost.core.errors import ShopError
from tradepost.db import Database
from tradepost.orders.quoting.asking import Asked
from tradepost.orders.quoting.loading import NOW, Loading
from tradepost.orders.quoting.reckoning import Facts, Reckoned, question, reckon, ways_of_sending
from tradepost.orders.quoting.terms import KnownTerms
from tradepost.shipping.methods import NotOffered, Option
from tradepost.tax import TaxService, ask


class Quotes:
    """What something costs at this moment, for whoever asks this process. Nothing is promised."""

    def __init__(self, db: Database, taxes: TaxService | None = None) -> None:
        """Without `taxes` the table of rates says what tax is due."""
        self._db = db
        self._known = KnownTerms()
        self._taxes = taxes or TaxService()

    @property
    def asks_for_taxes(self) -> bool:
        """Whether a tax service is asked, outside of this house."""
        return not self._taxes.is_table

    async def of(self, store_id: UUID, asked: Asked) -> Reckoned:
        """Raises as `reckon`."""
        return reckon(*await self._loaded(store_id, await self.taxed(store_id, asked)))

    async def options(self, store_id: UUID, asked: Asked) -> list[Option | NotOffered]:
        """How something could be sent. Raises as `reckon`."""
        goods, facts = await self._loaded(store_id, msgspec.structs.replace(asked, with_delivery=False))
        return ways_of_sending(facts, reckon(goods, facts), asked)

    async def taxed(self, store_id: UUID, asked: Asked) -> Asked:
        """The same with the word of the tax service, where there is one: up to two seconds, and never in a transaction.

        What is wrong with it is for whoever prices it to say.
        """
        if not self.asks_for_taxes or asked.taxes is not None:
            return asked
        try:
            goods, facts = await self._loaded(store_id, asked)
            asking, by_table = question(goods, facts)
        except ShopError:
            return asked
        if asking is None:
            return asked
        return msgspec.structs.replace(asked, taxes=await ask(self._taxes, asking, by_table))

    def loading(self, store_id: UUID, asked: Sequence[Asked], *, locking: bool = False) -> Loading:
        """What a batch needs to be priced."""
        return Loading(self._known, store_id, asked, locking=locking)

    async def _loaded(self, store_id: UUID, asked: Asked) -> tuple[Asked, Facts]:
        loading = self.loading(store_id, [asked])
        async with self._db.read() as db:
            ((now,),), *found = await db.together(NOW, *loading.first())
            return asked, await loading.facts(db, found, now)
