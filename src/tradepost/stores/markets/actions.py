import msgspec

from tradepost.core.actors import Actor
from tradepost.core.changes import differing
from tradepost.core.errors import check_version
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.stores.markets import model, store
from tradepost.stores.markets.events import MarketChanged, MarketCreated
from tradepost.stores.markets.model import MOST_MARKETS, MarketChanges, MarketDraft, TooManyMarkets
from tradepost.stores.model import Market
from tradepost.stores.store import get as get_store


async def create(tx: Tx, draft: MarketDraft, *, actor: Actor) -> Market:
    """A new market. Raises ValidationFailed, MarketTaken, CountryTaken, TooManyMarkets."""
    model.check_countries(draft.countries)
    model.check_rounding(draft.rounding, draft.round_to)
    if await store.count(tx, actor.store_id) >= MOST_MARKETS:
        raise TooManyMarkets
    home = await get_store(tx, actor.store_id)
    market = Market(id=uuid7(), home_currency=home.currency, **msgspec.structs.asdict(draft))
    await store.insert(tx, actor.store_id, market)
    await publish(tx, MarketCreated(market.slug, market.currency), actor=actor, subject_id=market.id)
    return await store.get(tx, actor.store_id, market.slug)


async def change(
    tx: Tx, slug: str, changes: MarketChanges, *, actor: Actor, expected_version: int | None = None
) -> Market:
    """Changes a market; what differs in nothing changes nothing.

    Raises NotFound, Stale, ValidationFailed, CountryTaken.
    """
    before = await store.lock(tx, actor.store_id, slug)
    check_version(before.version, expected_version)
    if changes.countries is not msgspec.UNSET:
        model.check_countries(changes.countries)
    after = model.changed(before, changes)
    fields = differing(before, after)
    if not fields:
        return before
    await store.set_market(tx, actor.store_id, after)
    await publish(tx, MarketChanged(fields), actor=actor, subject_id=before.id)
    return await store.get(tx, actor.store_id, slug)
