from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

import msgspec
from psycopg import errors

from tradepost.core.errors import FieldError, NotFound
from tradepost.core.pages import Page
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.arrays import texts, uuids
from tradepost.db.composing import Window
from tradepost.db.connections import Row
from tradepost.promotions.model import CodeTaken, Coupon, code_key

_SELECT: LiteralString = """
    select id, promotion_id, code, is_active, max_uses, version, created_at, updated_at
    from coupon
"""


async def page(
    db: Reader, store_id: UUID, promotion_id: UUID, *, code: str | None, is_active: bool | None, window: Window
) -> Page[Coupon]:
    """Of one promotion, newest first."""
    filters = Filters(
        "store_id = %(store_id)s and promotion_id = %(promotion_id)s", store_id=store_id, promotion_id=promotion_id
    )
    filters.add_if("code_key = %(code_key)s", code_key=None if code is None else code_key(code))
    filters.add_if("is_active = %(is_active)s", is_active=is_active)
    return await fetch_page(
        db,
        select=_SELECT,
        counted="from coupon",
        filters=filters,
        sort=Sort("id", descending=True),
        window=window,
        build=_coupon,
        keys=lambda coupon: [coupon.id],
    )


async def lock(tx: Tx, store_id: UUID, promotion_id: UUID, coupon_id: UUID) -> Coupon:
    """NotFound also for that of another promotion."""
    row = await tx.row(
        _SELECT
        + """
        where store_id = %(store_id)s
          and id = %(id)s
          and promotion_id = %(promotion_id)s
        for update
        """,
        {"store_id": store_id, "promotion_id": promotion_id, "id": coupon_id},
    )
    if row is None:
        raise NotFound
    return _coupon(row)


async def insert_many(tx: Tx, store_id: UUID, coupons: Sequence[Coupon]) -> None:
    """Coupons of one promotion and of one kind, in one statement. Raises CodeTaken, and none of them is there."""
    some = coupons[0]
    try:
        async with tx.savepoint():
            await tx.run(
                """
                insert into coupon (store_id, id, promotion_id, code, code_key, is_active, max_uses, created_at,
                                    updated_at)
                select %(store_id)s, id, %(promotion_id)s, code, code_key, true, %(max_uses)s, %(created_at)s,
                       %(created_at)s
                from unnest(%(ids)s, %(codes)s, %(keys)s) as draft (id, code, code_key)
                """,
                {
                    "store_id": store_id,
                    "promotion_id": some.promotion_id,
                    "max_uses": some.max_uses,
                    "created_at": some.created_at,
                    "ids": uuids([coupon.id for coupon in coupons]),
                    "codes": texts([coupon.code for coupon in coupons]),
                    "keys": texts([code_key(coupon.code) for coupon in coupons]),
                },
            )
    except errors.UniqueViolation:
        raise CodeTaken(errors=[FieldError("/code", CodeTaken.code, "is in use")]) from None


async def set_coupon(tx: Tx, store_id: UUID, coupon: Coupon, *, uses: int) -> Coupon:
    """Writes a locked coupon with its counter, and counts its version up."""
    row = await tx.row(
        """
        update coupon
        set is_active = %(is_active)s,
            max_uses = %(max_uses)s,
            uses = %(uses)s,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        returning version, updated_at
        """,
        {
            "store_id": store_id,
            "id": coupon.id,
            "is_active": coupon.is_active,
            "max_uses": coupon.max_uses,
            "uses": uses,
        },
    )
    version, updated_at = row or (coupon.version, coupon.updated_at)
    return msgspec.structs.replace(coupon, version=version, updated_at=updated_at)


async def uses(db: Reader, store_id: UUID, ids: Sequence[UUID]) -> dict[UUID, int]:
    """How often each coupon was used, whether or not it has a limit."""
    rows = await db.rows(
        """
        select coupon_id, count(*)
        from redemption
        where store_id = %(store_id)s
          and coupon_id = any(%(ids)s)
          and given_back_at is null
        group by coupon_id
        """,
        {"store_id": store_id, "ids": uuids(ids)},
    )
    found = dict(rows)
    return {coupon_id: found.get(coupon_id, 0) for coupon_id in ids}


def _coupon(row: Row) -> Coupon:
    id_, promotion_id, code, is_active, max_uses, version, created_at, updated_at = row
    return Coupon(
        id=id_,
        promotion_id=promotion_id,
        code=code,
        is_active=is_active,
        max_uses=max_uses,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )
