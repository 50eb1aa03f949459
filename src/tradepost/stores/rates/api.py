import re
from datetime import date
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from tradepost.core.errors import NotFound, Stale, invalid
from tradepost.db import Tx
from tradepost.http import Answer, Call, In, Out, Routes
from tradepost.http.call import etag
from tradepost.stores.rates import actions, store
from tradepost.stores.rates.model import Quoted
from tradepost.stores.store import get as get_store

routes = Routes("Exchange rates", "What the store's currency is worth in others.")

_CURRENCY = re.compile(r"[A-Z]{3}")
Rate = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,12})?$(?!\n)", examples=["0.9123"])]


class RateIn(In):
    """How much of the currency one unit of the store's currency is: decimal text, which is kept exactly."""

    rate: Rate


class QuotedOut(Out):
    """One unit of `base`, the store's currency, is `rate` of `quote`.

    `source` is MANUAL for a rate that the store has set, which has a `version`.
    """

    base: str
    quote: str
    rate: str
    as_of: date
    source: str
    version: int | None


class RatesOut(Out):
    items: list[QuotedOut]


@routes.get("/exchange-rates", answer=RatesOut)
async def list_exchange_rates(call: Call) -> Answer:
    """List the rates that prices are converted at: those that the store has set, and for others the newest published.

    Published rates are crossed through their base, to twelve digits.
    """
    async with call.db.read() as db:
        currency = (await get_store(db, call.actor.store_id)).currency
        found = await store.quoted(db, call.actor.store_id, currency)
    return call.json(RatesOut([_quoted_out(one) for one in found]))


@routes.write(
    "PUT",
    "/exchange-rates/{quote}",
    body=RateIn,
    answer=QuotedOut,
    problems=[Stale],
    example={"rate": "0.9123"},
)
async def set_exchange_rate(call: Call, tx: Tx, body: RateIn) -> Answer:
    """Set a rate for this store. It goes before what is published, until it is removed."""
    quote, rate = call.param("quote"), Decimal(body.rate)
    if not _CURRENCY.fullmatch(quote):
        raise invalid("", "invalid_format", f"{quote[:20]!r} is not like EUR")
    if not rate:
        raise invalid("/rate", "out_of_range", "must be more than 0")
    found = await actions.set_rate(tx, quote, rate, actor=call.actor, expected_version=call.expected_version())
    return call.json(_quoted_out(found), headers=[etag(found.version or 1)])


@routes.write("DELETE", "/exchange-rates/{quote}", status=204, problems=[NotFound, Stale])
async def remove_exchange_rate(call: Call, tx: Tx) -> Answer:
    """Remove a rate that the store has set: what is published counts again."""
    await actions.remove(tx, call.param("quote"), actor=call.actor, expected_version=call.expected_version())
    return Answer(204)


def _quoted_out(one: Quoted) -> QuotedOut:
    return QuotedOut(one.base, one.quote, f"{one.rate:f}", one.as_of, one.source, one.version)
