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
        facts = await self._facts(store_id, asked)
        return reckon(await self._with_taxes(asked, facts), facts)

    async def options(self, store_id: UUID, asked: Asked) -> list[Option | NotOffered]:
        """How something could be sent. Raises as `reckon`."""
        goods = msgspec.structs.replace(asked, with_delivery=False)
        facts = await self._facts(store_id, goods)
        return ways_of_sending(facts, reckon(goods, facts), asked)

    async def taxed(self, store_id: UUID, asked: Asked) -> Asked:
        """The same with the word of the tax service, where there is one: up to two seconds, and never in a transaction.

        What is wrong with it is for whoever prices it to say.
        """
        return await self._with_taxes(asked, await self._facts(store_id, asked)) if self.asks_for_taxes else asked

    def loading(self, store_id: UUID, asked: Sequence[Asked], *, locking: bool = False) -> Loading:
        """What a batch needs to be priced."""
        return Loading(self._known, store_id, asked, locking=locking)

    async def _facts(self, store_id: UUID, asked: Asked) -> Facts:
        loading = self.loading(store_id, [asked])
        async with self._db.read() as db:
            ((now,),), *found = await db.together(NOW, *loading.first())
            return await loading.facts(db, found, now)

    async def _with_taxes(self, asked: Asked, facts: Facts) -> Asked:
        if not self.asks_for_taxes:
            return asked
        try:
            asking, by_table = question(asked, facts)
        except ShopError:
            return asked
        if asking is None:
            return asked
        return msgspec.structs.replace(asked, taxes=await ask(self._taxes, asking, by_table))
