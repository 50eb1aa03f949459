"""Statements that change markets. Those that read them are in `stores/store.py`, for who only wants to know."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from psycopg import errors

from tradepost.core.errors import FieldError, NotFound
from tradepost.db import Reader, Tx
from tradepost.db.arrays import texts
from tradepost.stores.markets.model import MarketTaken, country_taken
from tradepost.stores.model import Market, Markets
from tradepost.stores.store import markets, markets_of


async def all_of(db: Reader, store_id: UUID) -> Markets:
    """Raises NotFound for a store without markets, which is none."""
    found = markets(await db.rows(*markets_of(store_id)))
    if not found.all:
        raise NotFound
    return found


async def get(db: Reader, store_id: UUID, slug: str) -> Market:
    """Also one that is not active. Raises NotFound."""
    for market in (await all_of(db, store_id)).all:
        if market.slug == slug:
            return market
    raise NotFound


async def lock(tx: Tx, store_id: UUID, slug: str) -> Market:
    """The market, which nobody else changes before this transaction ends. Raises NotFound."""
    await tx.run(
        """
        select
        from market
        where store_id = %(store_id)s
          and slug = %(slug)s
        for no key update
        """,
        {"store_id": store_id, "slug": slug},
    )
    return await get(tx, store_id, slug)


async def count(tx: Tx, store_id: UUID) -> int:
    """How many there are; no more are made before this transaction ends."""
    await tx.run("select from store where id = %(store_id)s for no key update", {"store_id": store_id})
    found: int = await tx.value("select count(*) from market where store_id = %(store_id)s", {"store_id": store_id})
    return found


async def insert(tx: Tx, store_id: UUID, market: Market) -> None:
    """Raises MarketTaken, CountryTaken."""
    try:
        async with tx.savepoint():
            await tx.run(
                """
                insert into market (store_id, id, slug, name, currency, locale, tax_included, margin_ppm, rounding,
                                    round_to, is_active)
                values (%(store_id)s, %(id)s, %(slug)s, %(name)s, %(currency)s, %(locale)s, %(tax_included)s,
                        %(margin_ppm)s, %(rounding)s, %(round_to)s, %(is_active)s)
                """,
                _params(store_id, market),
            )
    except errors.UniqueViolation:
        raise MarketTaken(errors=[FieldError("/slug", MarketTaken.code, "is in use")]) from None
    await _insert_countries(tx, store_id, market)


async def set_market(tx: Tx, store_id: UUID, market: Market) -> None:
    """Writes a locked market and counts its version up. Raises CountryTaken."""
    await tx.run(
        """
        update market
        set name = %(name)s,
            locale = case when id = store_id then null else %(locale)s end,
            tax_included = case when id = store_id then null else %(tax_included)s end,
            margin_ppm = %(margin_ppm)s,
            rounding = %(rounding)s,
            round_to = %(round_to)s,
            is_active = %(is_active)s,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        _params(store_id, market),
    )
    await tx.run(
        "delete from market_country where store_id = %(store_id)s and market_id = %(id)s",
        {"store_id": store_id, "id": market.id},
    )
    await _insert_countries(tx, store_id, market)


async def _insert_countries(tx: Tx, store_id: UUID, market: Market) -> None:
    """In one order, so that of two who want the same ones neither waits for the other in turn."""
    params = {"store_id": store_id, "id": market.id, "countries": texts(sorted(market.countries))}
    try:
        async with tx.savepoint():
            await tx.rows(_INSERT_COUNTRIES, params)
    except errors.UniqueViolation:
        raise country_taken(market.countries, await _taken(tx, store_id, market)) from None


_INSERT_COUNTRIES = """
    insert into market_country (store_id, country, market_id)
    select %(store_id)s, country, %(id)s
    from unnest(%(countries)s) as wanted (country)
    order by country
    returning country
"""


async def _taken(tx: Tx, store_id: UUID, market: Market) -> Sequence[str]:
    rows = await tx.rows(
        """
        select country
        from market_country
        where store_id = %(store_id)s
          and country = any(%(countries)s)
          and market_id <> %(id)s
        """,
        {"store_id": store_id, "id": market.id, "countries": texts(market.countries)},
    )
    return [country for (country,) in rows]


def _params(store_id: UUID, market: Market) -> dict[str, object]:
    return msgspec.structs.asdict(market) | {"store_id": store_id}
