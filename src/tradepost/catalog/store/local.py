"""What variants cost and products are called in markets."""

from uuid import UUID

import msgspec

from tradepost.catalog.local import LocalPrice, ProductText
from tradepost.db import Reader, Tx


async def prices(db: Reader, store_id: UUID, product_id: UUID) -> list[LocalPrice]:
    """Of all its variants, in all markets."""
    rows = await db.rows(
        """
        select variant_id, market_id, price, compare_price, sale_price, sale_from, sale_to
        from variant_price
        where store_id = %(store_id)s
          and product_id = %(product_id)s
        """,
        {"store_id": store_id, "product_id": product_id},
    )
    return [LocalPrice(*row) for row in rows]


async def find_price(
    db: Reader, store_id: UUID, product_id: UUID, variant_id: UUID, market_id: UUID
) -> LocalPrice | None:
    row = await db.row(
        """
        select variant_id, market_id, price, compare_price, sale_price, sale_from, sale_to
        from variant_price
        where store_id = %(store_id)s
          and product_id = %(product_id)s
          and variant_id = %(variant_id)s
          and market_id = %(market_id)s
        """,
        {"store_id": store_id, "product_id": product_id, "variant_id": variant_id, "market_id": market_id},
    )
    return None if row is None else LocalPrice(*row)


async def put_price(tx: Tx, store_id: UUID, product_id: UUID, price: LocalPrice) -> None:
    """Of a locked product."""
    await tx.run(
        """
        insert into variant_price (store_id, product_id, variant_id, market_id, price, compare_price, sale_price,
                                   sale_from, sale_to)
        values (%(store_id)s, %(product_id)s, %(variant_id)s, %(market_id)s, %(price)s, %(compare_price)s,
                %(sale_price)s, %(sale_from)s, %(sale_to)s)
        on conflict (store_id, product_id, variant_id, market_id) do update
        set price = excluded.price,
            compare_price = excluded.compare_price,
            sale_price = excluded.sale_price,
            sale_from = excluded.sale_from,
            sale_to = excluded.sale_to
        """,
        msgspec.structs.asdict(price) | {"store_id": store_id, "product_id": product_id},
    )


async def delete_price(tx: Tx, store_id: UUID, product_id: UUID, variant_id: UUID, market_id: UUID) -> None:
    """Of a locked product."""
    await tx.run(
        """
        delete from variant_price
        where store_id = %(store_id)s
          and product_id = %(product_id)s
          and variant_id = %(variant_id)s
          and market_id = %(market_id)s
        """,
        {"store_id": store_id, "product_id": product_id, "variant_id": variant_id, "market_id": market_id},
    )


async def texts_of(db: Reader, store_id: UUID, product_id: UUID) -> list[ProductText]:
    """In all languages."""
    rows = await db.rows(
        """
        select locale, name, description, short_description, seo_title, seo_description
        from product_text
        where store_id = %(store_id)s
          and product_id = %(product_id)s
        order by locale
        """,
        {"store_id": store_id, "product_id": product_id},
    )
    return [ProductText(*row) for row in rows]


async def put_text(tx: Tx, store_id: UUID, product_id: UUID, text: ProductText) -> None:
    """Of a locked product."""
    await tx.run(
        """
        insert into product_text (store_id, product_id, locale, name, description, short_description, seo_title,
                                  seo_description)
        values (%(store_id)s, %(product_id)s, %(locale)s, %(name)s, %(description)s, %(short_description)s,
                %(seo_title)s, %(seo_description)s)
        on conflict (store_id, product_id, locale) do update
        set name = excluded.name,
            description = excluded.description,
            short_description = excluded.short_description,
            seo_title = excluded.seo_title,
            seo_description = excluded.seo_description
        """,
        msgspec.structs.asdict(text) | {"store_id": store_id, "product_id": product_id},
    )


async def delete_text(tx: Tx, store_id: UUID, product_id: UUID, locale: str) -> None:
    """Of a locked product."""
    await tx.run(
        """
        delete from product_text
        where store_id = %(store_id)s
          and product_id = %(product_id)s
          and locale = %(locale)s
        """,
        {"store_id": store_id, "product_id": product_id, "locale": locale},
    )
