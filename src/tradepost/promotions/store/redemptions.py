from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from tradepost.core.pages import Page
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.arrays import bigints, texts, uuids
from tradepost.db.composing import Window
from tradepost.db.connections import Row
from tradepost.promotions.model import Redemption

_SELECT: LiteralString = """
    select id, promotion_id, coupon_id, order_id, account_id, email_key, amount, currency, redeemed_at, given_back_at
    from redemption
"""


async def page(db: Reader, store_id: UUID, promotion_id: UUID, *, window: Window) -> Page[Redemption]:
    """Of one promotion, newest first, with those that were given back."""
    filters = Filters(
        "store_id = %(store_id)s and promotion_id = %(promotion_id)s", store_id=store_id, promotion_id=promotion_id
    )
    return await fetch_page(
        db,
        select=_SELECT,
        counted="from redemption",
        filters=filters,
        sort=Sort("id", descending=True),
        window=window,
        build=_redemption,
        keys=lambda redemption: [redemption.id],
    )


async def of_order(db: Reader, store_id: UUID, order_id: UUID) -> list[Redemption]:
    """What an order uses and has not given back."""
    rows = await db.rows(
        _SELECT
        + """
        where store_id = %(store_id)s
          and order_id = %(order_id)s
          and given_back_at is null
        order by id
        """,
        {"store_id": store_id, "order_id": order_id},
    )
    return [_redemption(row) for row in rows]


async def redeem_many(tx: Tx, store_id: UUID, redemptions: Sequence[Redemption]) -> None:
    """Writes what orders have used, and counts where there are limits. Nobody reads a result: it may be a desk's.

    The rows come first: they wait for who is just giving a promotion its first limit, so that the counters know it.
    """
    if not redemptions:
        return
    await _insert(tx, store_id, redemptions)
    await _count_promotions(tx, store_id, redemptions)
    await _count_coupons(tx, store_id, redemptions)


async def _insert(tx: Tx, store_id: UUID, redemptions: Sequence[Redemption]) -> None:
    await tx.write(
        """
        insert into redemption (store_id, id, promotion_id, coupon_id, order_id, account_id, email_key, amount,
                                currency, redeemed_at)
        select %(store_id)s, id, promotion_id, coupon_id, order_id, account_id, email_key, amount, currency,
               redeemed_at::timestamptz
        from unnest(%(ids)s, %(promotion_ids)s, %(coupon_ids)s, %(order_ids)s, %(account_ids)s, %(email_keys)s,
                    %(amounts)s, %(currencies)s, %(moments)s)
             as used (id, promotion_id, coupon_id, order_id, account_id, email_key, amount, currency, redeemed_at)
        """,
        {
            "store_id": store_id,
            "ids": uuids([one.id for one in redemptions]),
            "promotion_ids": uuids([one.promotion_id for one in redemptions]),
            "coupon_ids": uuids([one.coupon_id for one in redemptions]),
            "order_ids": uuids([one.order_id for one in redemptions]),
            "account_ids": uuids([one.account_id for one in redemptions]),
            "email_keys": texts([one.email_key for one in redemptions]),
            "amounts": bigints([one.amount for one in redemptions]),
            "currencies": texts([one.currency for one in redemptions]),
            "moments": texts([one.redeemed_at.isoformat() for one in redemptions]),
        },
    )


async def _count_promotions(tx: Tx, store_id: UUID, redemptions: Sequence[Redemption]) -> None:
    await tx.write(
        """
        update promotion
        set uses = promotion.uses + used.times,
            spent = promotion.spent + used.amount
        from (
          select one.id, count(*)::int4 as times,
                 coalesce(sum(one.amount) filter (where one.currency = known.currency), 0)::int8 as amount
          from unnest(%(ids)s, %(amounts)s, %(currencies)s) as one (id, amount, currency)
          join promotion as known on known.store_id = %(store_id)s and known.id = one.id
          group by one.id
        ) as used
        where promotion.store_id = %(store_id)s
          and promotion.id = used.id
          and promotion.is_limited
        """,
        {
            "store_id": store_id,
            "ids": uuids([one.promotion_id for one in redemptions]),
            "amounts": bigints([one.amount for one in redemptions]),
            "currencies": texts([one.currency for one in redemptions]),
        },
    )


async def _count_coupons(tx: Tx, store_id: UUID, redemptions: Sequence[Redemption]) -> None:
    ids = [one.coupon_id for one in redemptions if one.coupon_id is not None]
    if not ids:
        return
    await tx.write(
        """
        update coupon
        set uses = coupon.uses + used.times
        from (
          select id, count(*)::int4 as times
          from unnest(%(ids)s) as one (id)
          group by id
        ) as used
        where coupon.store_id = %(store_id)s
          and coupon.id = used.id
          and coupon.max_uses is not null
        """,
        {"store_id": store_id, "ids": uuids(ids)},
    )


async def give_back(tx: Tx, store_id: UUID, order_id: UUID) -> None:
    """What an order has used can be used again; a second time changes nothing. The order is locked."""
    mine = {"store_id": store_id, "order_id": order_id}
    if not await tx.rows(_LOCK_PROMOTIONS, mine):
        return
    await tx.run(_LOCK_COUPONS, mine)
    await tx.run(_GIVE_BACK, mine)


async def take_again(tx: Tx, store_id: UUID, order_id: UUID) -> None:
    """A cancelled order that comes to life uses again what it gave back last, where limits have room. It is locked.

    What has no room stays given back: the order keeps its discount, and does not count.
    """
    mine = {"store_id": store_id, "order_id": order_id}
    if not await tx.rows(_LOCK_PROMOTIONS_AGAIN, mine):
        return
    await tx.run(_LOCK_COUPONS_AGAIN, mine)
    await tx.run(_TAKE_AGAIN, mine)


_LOCK_PROMOTIONS: LiteralString = """
    select promotion.id
    from promotion
    where promotion.store_id = %(store_id)s
      and promotion.id in (
        select promotion_id
        from redemption
        where store_id = %(store_id)s
          and order_id = %(order_id)s
          and given_back_at is null
      )
    order by promotion.id
    for no key update of promotion
"""
_LOCK_COUPONS: LiteralString = """
    select coupon.id
    from coupon
    where coupon.store_id = %(store_id)s
      and coupon.id in (
        select coupon_id
        from redemption
        where store_id = %(store_id)s
          and order_id = %(order_id)s
          and given_back_at is null
      )
    order by coupon.id
    for no key update of coupon
"""
_GIVE_BACK: LiteralString = """
    with back as (
      update redemption
      set given_back_at = now()
      where store_id = %(store_id)s
        and order_id = %(order_id)s
        and given_back_at is null
      returning promotion_id, coupon_id, amount, currency
    ), of_coupons as (
      update coupon
      set uses = coupon.uses - 1
      from back
      where coupon.store_id = %(store_id)s
        and coupon.id = back.coupon_id
        and coupon.max_uses is not null
    )
    update promotion
    set uses = promotion.uses - 1,
        spent = promotion.spent - case when back.currency = promotion.currency then back.amount else 0 end
    from back
    where promotion.store_id = %(store_id)s
      and promotion.id = back.promotion_id
      and promotion.is_limited
"""
_LOCK_PROMOTIONS_AGAIN: LiteralString = """
    select promotion.id
    from promotion
    where promotion.store_id = %(store_id)s
      and promotion.id in (
        select promotion_id
        from redemption
        where store_id = %(store_id)s
          and order_id = %(order_id)s
      )
    order by promotion.id
    for no key update of promotion
"""
_LOCK_COUPONS_AGAIN: LiteralString = """
    select coupon.id
    from coupon
    where coupon.store_id = %(store_id)s
      and coupon.id in (
        select coupon_id
        from redemption
        where store_id = %(store_id)s
          and order_id = %(order_id)s
      )
    order by coupon.id
    for no key update of coupon
"""
_TAKE_AGAIN: LiteralString = """
    with mine as (
      select id, given_back_at
      from redemption
      where store_id = %(store_id)s
        and order_id = %(order_id)s
    ), again as (
      update redemption as used
      set given_back_at = null
      from promotion
      where used.store_id = %(store_id)s
        and used.id in (select id from mine where given_back_at = (select max(given_back_at) from mine))
        and not exists (select from mine where given_back_at is null)
        and promotion.store_id = used.store_id
        and promotion.id = used.promotion_id
        and (promotion.max_uses is null or promotion.uses < promotion.max_uses)
        and (promotion.budget is null
          or used.currency = promotion.currency and promotion.spent + used.amount <= promotion.budget)
        and (promotion.max_uses_per_customer is null
          or (select count(*)
              from redemption as other
              where other.store_id = used.store_id
                and other.promotion_id = used.promotion_id
                and other.given_back_at is null
                and (other.account_id = used.account_id or other.email_key = used.email_key)
             ) < promotion.max_uses_per_customer)
        and (used.coupon_id is null
          or exists (select
                     from coupon
                     where coupon.store_id = used.store_id
                       and coupon.id = used.coupon_id
                       and (coupon.max_uses is null or coupon.uses < coupon.max_uses)))
      returning used.promotion_id, used.coupon_id, used.amount, used.currency
    ), of_coupons as (
      update coupon
      set uses = coupon.uses + 1
      from again
      where coupon.store_id = %(store_id)s
        and coupon.id = again.coupon_id
        and coupon.max_uses is not null
    )
    update promotion
    set uses = promotion.uses + 1,
        spent = promotion.spent + case when again.currency = promotion.currency then again.amount else 0 end
    from again
    where promotion.store_id = %(store_id)s
      and promotion.id = again.promotion_id
      and promotion.is_limited
"""


def _redemption(row: Row) -> Redemption:
    id_, promotion_id, coupon_id, order_id, account_id, email_key, amount, currency, redeemed_at, given_back_at = row
    return Redemption(
        id=id_,
        promotion_id=promotion_id,
        coupon_id=coupon_id,
        order_id=order_id,
        account_id=account_id,
        email_key=email_key,
        amount=amount,
        currency=currency,
        redeemed_at=redeemed_at,
        given_back_at=given_back_at,
    )
