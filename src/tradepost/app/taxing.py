"""What is taxed how, loaded from the command line."""

from functools import partial

from tradepost import tax
from tradepost.app.transferring import opened
from tradepost.core.actors import system
from tradepost.tax import Loaded


async def load_europe(url: str, *, slug: str | None) -> Loaded:
    """The rates of the European Union's countries, for a store by its slug. NotFound where there is none."""
    async with opened(url, slug) as (db, shop):
        return await db.write(partial(tax.load_europe, actor=system(shop.id)))
