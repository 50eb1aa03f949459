from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec

from tradepost.core.errors import NotFound
from tradepost.db import Reader, Tx
from tradepost.db.arrays import texts
from tradepost.stores.converting import cross
from tradepost.stores.model import MANUAL
from tradepost.stores.rates.model import Quoted
from tradepost.stores.rates.provider import Published


class Own(msgspec.Struct, frozen=True):
    """A rate that a store has set."""

    id: UUID
    rate: Decimal
    version: int
    as_of: date


async def newest(db: Reader) -> list[Quoted]:
    """The newest published rate of each currency, as it was published."""
    rows = await db.rows(
        """
        select distinct on (quote) base, quote, rate, as_of, source
        from exchange_rate
        order by quote, as_of desc, source
        """
    )
    return [Quoted(*row) for row in rows]


async def quoted(db: Reader, store_id: UUID, currency: str) -> list[Quoted]:
    """All rates from a store's currency: its own, and for the others the newest that one source says of both."""
    own, published = await db.together(
        (
            """
            select quote, rate, updated_at, version
            from store_exchange_rate
            where store_id = %(store_id)s
            """,
            {"store_id": store_id},
        ),
        (
            """
            select distinct on (quoted.quote) quoted.quote, quoted.rate, home.rate, quoted.as_of, quoted.source
            from exchange_rate as quoted
            join exchange_rate as home on home.as_of = quoted.as_of and home.source = quoted.source
            where home.quote = %(currency)s
              and quoted.quote <> %(currency)s
            order by quoted.quote, quoted.as_of desc, quoted.source
            """,
            {"currency": currency},
        ),
    )
    found = {
        quote: Quoted(currency, quote, cross(to_quote, to_home, as_of=as_of, source=source).value, as_of, source)
        for quote, to_quote, to_home, as_of, source in published
    }
    for quote, rate, updated_at, version in own:
        found[quote] = Quoted(currency, quote, rate, updated_at.date(), MANUAL, version)
    return [found[quote] for quote in sorted(found)]


async def today(db: Reader) -> date:
    found: date = await db.value("select current_date")
    return found


async def insert(tx: Tx, source: str, published: Published) -> int:
    """Writes what was not known yet of a day, with the base itself; how many that were."""
    rates = {**published.rates, published.base: Decimal(1)}
    rows = await tx.rows(
        """
        insert into exchange_rate (quote, as_of, source, base, rate)
        select quote, %(as_of)s, %(source)s, %(base)s, rate::numeric
        from unnest(%(quotes)s, %(rates)s) as published (quote, rate)
        order by quote
        on conflict (quote, as_of, source) do nothing
        returning quote
        """,
        {
            "as_of": published.as_of,
            "source": source,
            "base": published.base,
            "quotes": texts(list(rates)),
            "rates": texts([f"{rate:f}" for rate in rates.values()]),
        },
    )
    return len(rows)


async def find_own(tx: Tx, store_id: UUID, quote: str) -> Own | None:
    """Locked, where it is there."""
    row = await tx.row(
        """
        select id, rate, version, updated_at::date
        from store_exchange_rate
        where store_id = %(store_id)s
          and quote = %(quote)s
        for update
        """,
        {"store_id": store_id, "quote": quote},
    )
    return None if row is None else Own(*row)


async def put_own(tx: Tx, store_id: UUID, quote: str, *, id_: UUID, rate: Decimal) -> Own:
    """Writes a new one, or the next version of the one that is there."""
    row = await tx.row(
        """
        insert into store_exchange_rate (store_id, quote, id, rate)
        values (%(store_id)s, %(quote)s, %(id)s, %(rate)s)
        on conflict (store_id, quote) do update
        set rate = excluded.rate,
            version = store_exchange_rate.version + 1,
            updated_at = now()
        returning id, rate, version, updated_at::date
        """,
        {"store_id": store_id, "quote": quote, "id": id_, "rate": rate},
    )
    if row is None:
        raise NotFound
    return Own(*row)


async def delete_own(tx: Tx, store_id: UUID, quote: str) -> None:
    await tx.run(
        "delete from store_exchange_rate where store_id = %(store_id)s and quote = %(quote)s",
        {"store_id": store_id, "quote": quote},
    )
