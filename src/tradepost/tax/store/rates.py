from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tradepost.core.errors import NotFound
from tradepost.core.pages import Page
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.arrays import texts
from tradepost.db.composing import Window
from tradepost.db.connections import Row
from tradepost.tax.model import Origin, Rate, RateFacts

_LOCK = 0x7461_7872


class RateFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None does not filter."""

    country: str | None = None
    tax_class: str | None = None
    valid_at: datetime | None = None


async def lock_all(tx: Tx, store_id: UUID) -> None:
    """Nobody else changes a rate of the store before this transaction ends."""
    await tx.run(
        "select pg_advisory_xact_lock(%(kind)s::int4, hashtext(%(store_id)s::text))",
        {"kind": _LOCK, "store_id": store_id},
    )


async def page(db: Reader, store_id: UUID, wanted: RateFilter, *, window: Window) -> Page[Rate]:
    """Newest first."""
    filters = Filters("store_id = %(store_id)s", store_id=store_id)
    filters.add_if("country = %(country)s", country=wanted.country)
    filters.add_if("tax_class = %(tax_class)s", tax_class=wanted.tax_class)
    filters.add_if(
        "(valid_from is null or valid_from <= %(at)s) and (valid_to is null or %(at)s < valid_to)", at=wanted.valid_at
    )
    return await fetch_page(
        db,
        select="""
        select id, name, country, state, postal_prefix, tax_class, rate_ppm, layer, valid_from, valid_to, source,
               version, created_at, updated_at
        from tax_rate
        """,
        counted="from tax_rate",
        filters=filters,
        sort=Sort("id", descending=True),
        window=window,
        build=_rate,
        keys=lambda rate: [rate.id],
    )


async def get(db: Reader, store_id: UUID, rate_id: UUID) -> Rate:
    """NotFound."""
    row = await db.row(
        """
        select id, name, country, state, postal_prefix, tax_class, rate_ppm, layer, valid_from, valid_to, source,
               version, created_at, updated_at
        from tax_rate
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {"store_id": store_id, "id": rate_id},
    )
    if row is None:
        raise NotFound
    return _rate(row)


async def of_countries(db: Reader, store_id: UUID, countries: Sequence[str]) -> list[Rate]:
    """All rates of some countries, those that have ended too, in the order in which they were made."""
    rows = await db.rows(
        """
        select id, name, country, state, postal_prefix, tax_class, rate_ppm, layer, valid_from, valid_to, source,
               version, created_at, updated_at
        from tax_rate
        where store_id = %(store_id)s
          and country = any(%(countries)s)
        order by id
        """,
        {"store_id": store_id, "countries": texts(countries)},
    )
    return [_rate(row) for row in rows]


async def count(db: Reader, store_id: UUID) -> int:
    """Those that have not ended."""
    found: int = await db.value(
        "select count(*) from tax_rate where store_id = %(store_id)s and (valid_to is null or valid_to > now())",
        {"store_id": store_id},
    )
    return found


async def find_overlapping(db: Reader, store_id: UUID, facts: RateFacts, *, but: UUID) -> UUID | None:
    """Another rate with the same key whose time has a moment in common."""
    found: UUID | None = await db.value(
        """
        select id
        from tax_rate
        where store_id = %(store_id)s
          and country = %(country)s
          and state is not distinct from %(state)s
          and postal_prefix is not distinct from %(postal_prefix)s
          and tax_class = %(tax_class)s
          and layer = %(layer)s
          and tstzrange(valid_from, valid_to) && tstzrange(%(valid_from)s, %(valid_to)s)
          and id <> %(but)s
        order by id
        limit 1
        """,
        msgspec.structs.asdict(facts) | {"store_id": store_id, "but": but},
    )
    return found


async def insert(tx: Tx, store_id: UUID, rate: Rate) -> None:
    await tx.run(
        """
        insert into tax_rate (store_id, id, name, country, state, postal_prefix, tax_class, rate_ppm, layer, valid_from,
                              valid_to, source, created_at, updated_at)
        values (%(store_id)s, %(id)s, %(name)s, %(country)s, %(state)s, %(postal_prefix)s, %(tax_class)s, %(rate_ppm)s,
                %(layer)s, %(valid_from)s, %(valid_to)s, %(source)s, %(created_at)s, %(updated_at)s)
        """,
        msgspec.structs.asdict(rate) | {"store_id": store_id},
    )


async def set_rate(tx: Tx, store_id: UUID, rate: Rate) -> Rate:
    """Writes a rate with the store's rates locked; answers it with its new version."""
    row = await tx.row(
        """
        update tax_rate
        set name = %(name)s,
            country = %(country)s,
            state = %(state)s,
            postal_prefix = %(postal_prefix)s,
            tax_class = %(tax_class)s,
            rate_ppm = %(rate_ppm)s,
            layer = %(layer)s,
            valid_from = %(valid_from)s,
            valid_to = %(valid_to)s,
            source = %(source)s,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        returning version, updated_at
        """,
        msgspec.structs.asdict(rate) | {"store_id": store_id},
    )
    if row is None:
        raise NotFound
    version, updated_at = row
    return msgspec.structs.replace(rate, version=version, updated_at=updated_at)


async def now(db: Reader) -> datetime:
    """The database's time, by which it is decided what is valid."""
    found: datetime = await db.value("select clock_timestamp()")
    return found


def _rate(row: Row) -> Rate:
    (
        id_, name, country, state, postal_prefix, tax_class, rate_ppm, layer, valid_from, valid_to, source, version,
        created_at, updated_at,
    ) = row  # fmt: skip
    return Rate(
        id=id_,
        name=name,
        country=country,
        state=state,
        postal_prefix=postal_prefix,
        tax_class=tax_class,
        rate_ppm=rate_ppm,
        layer=layer,
        valid_from=valid_from,
        valid_to=valid_to,
        source=Origin(source),
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )
