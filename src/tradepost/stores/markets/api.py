from tradepost.core.errors import NotFound, Stale
from tradepost.db import Tx
from tradepost.http import Answer, Call, Routes
from tradepost.http.call import etag
from tradepost.stores.markets import actions, store
from tradepost.stores.markets.model import CountryTaken, MarketChanges, MarketTaken, TooManyMarkets
from tradepost.stores.markets.wire import (
    MarketIn,
    MarketOut,
    MarketPatch,
    MarketsOut,
    changes_of,
    draft_of,
    market_out,
)

routes = Routes("Markets", "Where the store sells, in which currency and language.")


@routes.get("/markets", answer=MarketsOut)
async def list_markets(call: Call) -> Answer:
    """List the store's markets, home first, with the rates that prices are converted at."""
    async with call.db.read() as db:
        found = await store.all_of(db, call.actor.store_id)
    return call.json(MarketsOut([market_out(market) for market in found.all]))


@routes.get("/markets/{market}", answer=MarketOut, problems=[NotFound])
async def read_market(call: Call) -> Answer:
    """Read one market by its slug."""
    async with call.db.read() as db:
        market = await store.get(db, call.actor.store_id, call.param("market"))
    return call.json(market_out(market), headers=[etag(market.version)])


@routes.write(
    "POST",
    "/markets",
    body=MarketIn,
    answer=MarketOut,
    status=201,
    problems=[MarketTaken, CountryTaken, TooManyMarkets],
    example={
        "slug": "euro",
        "name": "Euro area",
        "countries": ["AT", "DE"],
        "currency": "EUR",
        "locale": "de",
        "taxIncluded": True,
        "conversion": {"marginPpm": 20000, "rounding": "ENDING", "roundTo": "0.99"},
    },
)
async def create_market(call: Call, tx: Tx, body: MarketIn) -> Answer:
    """Create a market. Each country is in one market of the store; those that are in none are the home market's."""
    market = await actions.create(tx, draft_of(body), actor=call.actor)
    location = ("location", f"/api/v1/markets/{market.slug}")
    return call.json(market_out(market), status=201, headers=[location, etag(market.version)])


@routes.write(
    "PATCH",
    "/markets/{market}",
    body=MarketPatch,
    answer=MarketOut,
    problems=[NotFound, Stale, CountryTaken],
    example={"name": "Euro", "conversion": {"marginPpm": 30000, "rounding": "STEP", "roundTo": "0.05"}},
)
async def change_market(call: Call, tx: Tx, body: MarketPatch) -> Answer:
    """Change some fields of a market. Of the home market only the name is its own; the rest is the store's."""
    slug = call.param("market")
    currency = (await store.get(tx, call.actor.store_id, slug)).currency
    changes, expected = changes_of(body, currency), call.expected_version()
    market = await actions.change(tx, slug, changes, actor=call.actor, expected_version=expected)
    return call.json(market_out(market), headers=[etag(market.version)])


@routes.write("DELETE", "/markets/{market}", status=204, problems=[NotFound, Stale])
async def deactivate_market(call: Call, tx: Tx) -> Answer:
    """Stop selling in a market. Nothing is deleted: orders go on naming it, and `isActive` brings it back.

    Its countries are the home market's until then.
    """
    off, expected = MarketChanges(is_active=False), call.expected_version()
    await actions.change(tx, call.param("market"), off, actor=call.actor, expected_version=expected)
    return Answer(204)
