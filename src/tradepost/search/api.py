import msgspec

from tradepost import catalog
from tradepost.catalog.answering import answer
from tradepost.catalog.model import Product, sees_all
from tradepost.catalog.shown import public_product, staff_product
from tradepost.core.pages import Page
from tradepost.http import Answer, Call, Routes, page_out, window
from tradepost.search.engine import Engine, Hit
from tradepost.search.wire import (
    HitOut,
    SearchOut,
    SearchQuery,
    SuggestionsOut,
    SuggestQuery,
    hit_out,
    query_of,
    search_out,
    suggestion_out,
)
from tradepost.stores import MarketNotFound, markets, store_of
from tradepost.stores.markets.choosing import HEADERS

routes = Routes("Search", "Products on sale, found and counted.")


class Searching(msgspec.Struct, frozen=True):
    """The engine that this process asks."""

    engine: Engine


@routes.get("/products/search", query=SearchQuery, answer=SearchOut, problems=[MarketNotFound], headers=HEADERS)
async def search_products(call: Call, query: SearchQuery) -> Answer:
    """Search products on sale, also for staff; the best fit first unless `sort` says otherwise.

    Words are compared without case and accents, by their stems in the store's language, and the last one may go on.
    Where nothing has all words, misspelt ones are corrected, and `correctedQuery` says to what. Price and stock of each
    item are those of this moment; what changed within the last second or so may be found as it was before. Items have
    the prices and words of the market; what finds, counts and sorts them are home prices and the store's language.
    """
    store = store_of(call)
    market = markets.of_call(call, country=query.country)
    found = await call.service(Searching).engine.find(store, query_of(query, window(call, query), store.currency))
    async with call.db.read() as db:
        ids = [hit.id for hit in found.hits]
        products = await catalog.on_sale(db, store.id, ids, market=market) if ids else {}
    hits = [(hit, products[hit.id]) for hit in found.hits if hit.id in products]
    page = Page(items=hits, total=found.total, total_is_estimate=False, next_keys=found.next_keys)
    show = staff_product if sees_all(call.actor) else public_product

    def shown(item: tuple[Hit, Product]) -> HitOut:
        return hit_out(show(item[1], market), item[0].name)

    return answer(call, search_out(page_out(call, query, page, shown), found, store.currency))


@routes.get("/products/suggest", query=SuggestQuery, answer=SuggestionsOut)
async def suggest_products(call: Call, query: SuggestQuery) -> Answer:
    """Suggest products and categories while somebody types: by the words of their names, the last one unfinished."""
    found = await call.service(Searching).engine.suggest(store_of(call), query.q, limit=query.limit)
    return answer(
        call,
        SuggestionsOut(
            [suggestion_out(one) for one in found.products], [suggestion_out(one) for one in found.categories]
        ),
    )
