from uuid import UUID

import msgspec
from psycopg import errors

from tradepost.catalog.categories.model import Category
from tradepost.catalog.model import SlugTaken
from tradepost.core.errors import FieldError
from tradepost.db import Tx
from tradepost.db.arrays import uuids


async def insert(tx: Tx, store_id: UUID, category: Category) -> None:
    """Raises SlugTaken. The tree is locked."""
    try:
        async with tx.savepoint():
            await tx.run(
                """
                insert into category (store_id, id, parent_id, path, slug, name, description, image_url, image_alt,
                                      sort_order, is_active, is_shown, created_at, updated_at)
                values (%(store_id)s, %(id)s, %(parent_id)s, %(path)s, %(slug)s, %(name)s, %(description)s,
                        %(image_url)s, %(image_alt)s, %(sort_order)s, %(is_active)s, %(is_shown)s, %(created_at)s,
                        %(updated_at)s)
                """,
                _params(store_id, category),
            )
    except errors.UniqueViolation:
        raise _slug_taken() from None


async def set_category(tx: Tx, store_id: UUID, category: Category) -> Category:
    """Writes a category of a locked tree and counts its version up. Raises SlugTaken."""
    try:
        async with tx.savepoint():
            row = await tx.row(
                """
                update category
                set parent_id = %(parent_id)s,
                    path = %(path)s,
                    slug = %(slug)s,
                    name = %(name)s,
                    description = %(description)s,
                    image_url = %(image_url)s,
                    image_alt = %(image_alt)s,
                    sort_order = %(sort_order)s,
                    is_active = %(is_active)s,
                    is_shown = %(is_shown)s,
                    version = version + 1,
                    updated_at = now()
                where store_id = %(store_id)s
                  and id = %(id)s
                returning version, updated_at
                """,
                _params(store_id, category),
            )
    except errors.UniqueViolation:
        raise _slug_taken() from None
    version, updated_at = row or (category.version, category.updated_at)
    return msgspec.structs.replace(category, version=version, updated_at=updated_at)


async def delete(tx: Tx, store_id: UUID, category_id: UUID) -> None:
    """Deletes an empty category of a locked tree, with its words in all languages."""
    await tx.run(
        "delete from category_text where store_id = %(store_id)s and category_id = %(id)s",
        {"store_id": store_id, "id": category_id},
    )
    await tx.run(
        "delete from category where store_id = %(store_id)s and id = %(id)s", {"store_id": store_id, "id": category_id}
    )


def _slug_taken() -> SlugTaken:
    return SlugTaken(errors=[FieldError("/slug", SlugTaken.code, "is in use")])


def _params(store_id: UUID, category: Category) -> dict[str, object]:
    image = category.image
    return msgspec.structs.asdict(category) | {
        "store_id": store_id,
        "path": uuids(category.path),
        "image_url": image.url if image else None,
        "image_alt": image.alt if image else None,
    }
