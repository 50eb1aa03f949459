from datetime import timedelta
from decimal import Decimal

import msgspec
import structlog

from tradepost.core.actors import Actor
from tradepost.core.errors import NotFound, check_version, invalid
from tradepost.core.ids import uuid7
from tradepost.db import Database, Tx
from tradepost.events import publish
from tradepost.stores.model import MANUAL
from tradepost.stores.rates import model, store
from tradepost.stores.rates.events import ExchangeRateRemoved, ExchangeRateSet
from tradepost.stores.rates.model import Quoted
from tradepost.stores.rates.provider import Published, RateProvider, RatesUnusable
from tradepost.stores.store import get as get_store

log = structlog.get_logger()
_EARLY = timedelta(days=1)
"""A provider may be ahead of the database by a time zone."""


class Refused(msgspec.Struct, frozen=True):
    """A rate that was not believed, and why; the one before it goes on."""

    quote: str
    rate: Decimal
    why: str


class Refreshed(msgspec.Struct, frozen=True):
    """`stored` rates were new. What had been stored of the day before is not touched."""

    published: Published
    stored: int
    refused: list[Refused]


async def refresh(db: Database, provider: RateProvider, *, trusted: frozenset[str] = frozenset()) -> Refreshed:
    """Asks a provider and stores what can be believed; of the `trusted` currencies also what is far from the last rate.

    Raises RatesUnavailable, RatesUnusable: nothing was stored then.
    """
    said = await provider.fetch()
    async with db.read() as reader:
        today = await store.today(reader)
        known = {one.quote: one.rate for one in await store.newest(reader) if one.base == said.base}
    if not said.rates:
        raise RatesUnusable(f"{provider.name}: has no rates")
    if said.as_of > today + _EARLY:
        raise RatesUnusable(f"{provider.name}: is of {said.as_of}, which is still to come")
    doubts = model.doubts(said.rates, {quote: rate for quote, rate in known.items() if quote not in trusted})
    refused = [Refused(quote, said.rates[quote], why) for quote, why in doubts.items()]
    for one in refused:
        log.error("exchange_rate_refused", source=provider.name, quote=one.quote, rate=str(one.rate), why=one.why)
    good = {quote: rate for quote, rate in said.rates.items() if quote not in doubts}
    believed = msgspec.structs.replace(said, rates=good)

    async def unit(tx: Tx) -> int:
        return await store.insert(tx, provider.name, believed)

    return Refreshed(believed, await db.write(unit), refused)


async def set_rate(tx: Tx, quote: str, rate: Decimal, *, actor: Actor, expected_version: int | None = None) -> Quoted:
    """A store's own rate from its currency, which goes before all published ones; the same again changes nothing.

    Raises ValidationFailed for that currency itself, Stale.
    """
    base = (await get_store(tx, actor.store_id)).currency
    if quote == base:
        raise invalid("", "not_allowed", f"{quote} is the store's own currency")
    own = await store.find_own(tx, actor.store_id, quote)
    if expected_version is not None:
        check_version(own.version if own else 0, expected_version)
    if own is None or own.rate != rate:
        own = await store.put_own(tx, actor.store_id, quote, id_=uuid7(), rate=rate)
        await publish(tx, ExchangeRateSet(quote, f"{rate:f}"), actor=actor, subject_id=own.id)
    return Quoted(base, quote, own.rate, own.as_of, MANUAL, own.version)


async def remove(tx: Tx, quote: str, *, actor: Actor, expected_version: int | None = None) -> None:
    """Takes a store's own rate away. Raises NotFound where there is none, Stale."""
    own = await store.find_own(tx, actor.store_id, quote)
    if own is None:
        raise NotFound
    check_version(own.version, expected_version)
    await store.delete_own(tx, actor.store_id, quote)
    await publish(tx, ExchangeRateRemoved(quote), actor=actor, subject_id=own.id)
