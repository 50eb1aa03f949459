from uuid import UUID

from tradepost.http import Answer, Call, Out, Routes
from tradepost.stores import store
from tradepost.stores.model import Store

routes = Routes("Stores", "The store that the caller works for.")


class StoreOut(Out):
    """Prices of variants, and the home market, are in `currency`; `taxIncluded` says whether they contain the tax."""

    id: UUID
    slug: str
    name: str
    hosts: list[str]
    currency: str
    locale: str
    time_zone: str
    tax_included: bool
    order_prefix: str
    is_default: bool


class StoresOut(Out):
    items: list[StoreOut]


@routes.get("/stores", answer=StoresOut)
async def list_stores(call: Call) -> Answer:
    """Read one's own store. Others of the installation are nobody's business here."""
    async with call.db.read() as db:
        found = await store.get(db, call.actor.store_id)
    return call.json(StoresOut([_store_out(found)]))


def _store_out(found: Store) -> StoreOut:
    return StoreOut(
        id=found.id,
        slug=found.slug,
        name=found.name,
        hosts=found.hosts,
        currency=found.currency,
        locale=found.locale,
        time_zone=found.time_zone,
        tax_included=found.tax_included,
        order_prefix=found.order_prefix,
        is_default=found.is_default,
    )
