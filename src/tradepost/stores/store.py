from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from tradepost.core.errors import NotFound
from tradepost.db import Reader, Tx
from tradepost.db.connections import Row, Statement
from tradepost.stores.converting import cross
from tradepost.stores.model import MANUAL, SAME, Market, Markets, Rate, Rounding, Store, in_order, locales_of

GET = """
    select id, slug, name, hosts, currency, locale, time_zone, tax_name, tax_rate_ppm, tax_included, order_prefix,
           is_default, terms
    from store
    where id = %(store_id)s
"""
# One row for each market. The newest day on which one source has said both currencies gives the rate, unless the store
# has set one itself.
_MARKETS = """
    select market.store_id, market.id, market.slug, market.name,
           array(select country.country
                 from market_country as country
                 where country.store_id = market.store_id
                   and country.market_id = market.id
                 order by country.country),
           coalesce(market.currency, store.currency), coalesce(market.locale, store.locale),
           coalesce(market.tax_included, store.tax_included), market.margin_ppm, market.rounding, market.round_to,
           market.is_active, market.version, market.created_at, market.updated_at, store.currency, store.locale,
           manual.rate, manual.updated_at, published.to_quote, published.to_home, published.as_of, published.source
    from market
    join store on store.id = market.store_id
    left join store_exchange_rate as manual on manual.store_id = market.store_id and manual.quote = market.currency
    left join lateral (
      select quoted.rate as to_quote, home.rate as to_home, quoted.as_of, quoted.source
      from exchange_rate as quoted
      join exchange_rate as home on home.quote = store.currency
                                and home.as_of = quoted.as_of
                                and home.source = quoted.source
      where quoted.quote = market.currency
      order by quoted.as_of desc, quoted.source
      limit 1
    ) as published on market.currency <> store.currency
"""


def markets_of(store_id: UUID) -> tuple[Statement, dict[str, Any]]:
    """The statement for all markets of a store, with their rates; `markets` reads its rows."""
    return _MARKETS + "where market.store_id = %(store_id)s", {"store_id": store_id}


def markets(rows: Iterable[Row]) -> Markets:
    """The markets of one store."""
    return Markets(in_order([_market(row) for row in rows]))


async def all_markets(db: Reader) -> dict[UUID, Markets]:
    """The markets of every store."""
    found: defaultdict[UUID, list[Market]] = defaultdict(list)
    for row in await db.rows(_MARKETS):
        found[row[0]].append(_market(row))
    return {store_id: Markets(in_order(those)) for store_id, those in found.items()}


def _market(row: Row) -> Market:
    (
        store_id, id_, slug, name, countries, currency, locale, tax_included, margin_ppm, rounding, round_to, is_active,
        version, created_at, updated_at, home_currency, home_locale, *rate,
    ) = row  # fmt: skip
    return Market(
        id=id_,
        slug=slug,
        name=name,
        countries=tuple(countries),
        currency=currency,
        locale=locale,
        tax_included=tax_included,
        margin_ppm=margin_ppm,
        rounding=Rounding(rounding),
        round_to=round_to,
        is_home=id_ == store_id,
        is_active=is_active,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
        home_currency=home_currency,
        locales=locales_of(locale, own=home_locale),
        rate=_rate(rate) if id_ == store_id or currency != home_currency else Rate(Decimal(1), created_at.date(), SAME),
    )


def _rate(row: list[Any]) -> Rate | None:
    manual, set_at, to_quote, to_home, as_of, source = row
    if manual is not None:
        return Rate(manual, set_at.date(), MANUAL)
    return None if to_quote is None else cross(to_quote, to_home, as_of=as_of, source=source)


async def all_stores(db: Reader) -> list[Store]:
    rows = await db.rows(
        """
        select id, slug, name, hosts, currency, locale, time_zone, tax_name, tax_rate_ppm, tax_included, order_prefix,
               is_default, terms
        from store
        order by id
        """
    )
    return [Store(*row) for row in rows]


async def get(db: Reader, store_id: UUID) -> Store:
    row = await db.row(GET, {"store_id": store_id})
    if row is None:
        raise NotFound
    return Store(*row)


async def lock_all(tx: Tx) -> None:
    """Nobody else makes or changes a store before this transaction ends; they are read as before."""
    await tx.run("lock table store in share row exclusive mode")


async def insert(tx: Tx, store: Store) -> None:
    """With its home market."""
    await tx.run(
        """
        insert into store (id, slug, name, hosts, currency, locale, time_zone, tax_name, tax_rate_ppm, tax_included,
                           order_prefix, is_default)
        values (%(id)s, %(slug)s, %(name)s, %(hosts)s, %(currency)s, %(locale)s, %(time_zone)s, %(tax_name)s,
                %(tax_rate_ppm)s, %(tax_included)s, %(order_prefix)s, %(is_default)s)
        """,
        msgspec.structs.asdict(store),
    )
    await tx.run(
        "insert into market (store_id, id, slug, name) values (%(id)s, %(id)s, 'home', %(name)s)",
        {"id": store.id, "name": store.name},
    )
