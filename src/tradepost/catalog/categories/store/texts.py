"""What categories are called in other languages than the store's."""

from uuid import UUID

import msgspec

from tradepost.catalog.categories.model import CategoryText
from tradepost.db import Reader, Tx


async def texts_of(db: Reader, store_id: UUID, category_id: UUID) -> list[CategoryText]:
    """In all languages."""
    rows = await db.rows(
        """
        select locale, name, description
        from category_text
        where store_id = %(store_id)s
          and category_id = %(category_id)s
        order by locale
        """,
        {"store_id": store_id, "category_id": category_id},
    )
    return [CategoryText(*row) for row in rows]


async def put_text(tx: Tx, store_id: UUID, category_id: UUID, text: CategoryText) -> None:
    """The tree is locked."""
    await tx.run(
        """
        insert into category_text (store_id, category_id, locale, name, description)
        values (%(store_id)s, %(category_id)s, %(locale)s, %(name)s, %(description)s)
        on conflict (store_id, category_id, locale) do update
        set name = excluded.name,
            description = excluded.description
        """,
        msgspec.structs.asdict(text) | {"store_id": store_id, "category_id": category_id},
    )


async def delete_text(tx: Tx, store_id: UUID, category_id: UUID, locale: str) -> None:
    """The tree is locked."""
    await tx.run(
        """
        delete from category_text
        where store_id = %(store_id)s
          and category_id = %(category_id)s
          and locale = %(locale)s
        """,
        {"store_id": store_id, "category_id": category_id, "locale": locale},
    )
