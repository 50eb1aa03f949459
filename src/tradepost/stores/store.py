from uuid import UUID

import msgspec

from tradepost.core.errors import NotFound
from tradepost.db import Reader, Tx
from tradepost.stores.model import Store

GET = """
    select id, slug, name, hosts, currency, locale, time_zone, tax_name, tax_rate_ppm, tax_included, order_prefix,
           is_default
    from store
    where id = %(store_id)s
"""


async def all_stores(db: Reader) -> list[Store]:
    rows = await db.rows(
        """
        select id, slug, name, hosts, currency, locale, time_zone, tax_name, tax_rate_ppm, tax_included, order_prefix,
               is_default
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


async def insert(tx: Tx, store: Store) -> None:
    await tx.run(
        """
        insert into store (id, slug, name, hosts, currency, locale, time_zone, tax_name, tax_rate_ppm, tax_included,
                           order_prefix, is_default)
        values (%(id)s, %(slug)s, %(name)s, %(hosts)s, %(currency)s, %(locale)s, %(time_zone)s, %(tax_name)s,
                %(tax_rate_ppm)s, %(tax_included)s, %(order_prefix)s, %(is_default)s)
        """,
        msgspec.structs.asdict(store),
    )
