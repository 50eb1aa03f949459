"""What a batch of requests needs to know of promotions, in one statement."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, LiteralString
from uuid import UUID

from psycopg import errors

from tradepost.db import Tx
from tradepost.db.arrays import texts, uuids
from tradepost.db.connections import Row, Statement
from tradepost.promotions.model import Customer, Tally, code_key
from tradepost.promotions.running import Found, FoundCoupon, Running
from tradepost.promotions.store.promotions import promotion_of


class CountersMoved(errors.SerializationFailure):
    """Somebody used a promotion while its lock was waited for, so that the rest was read too early: begin again."""


def wanted(store_id: UUID, codes: Iterable[str], customers: Iterable[Customer]) -> tuple[Statement, dict[str, Any]]:
    """The statement for quotes and carts: it locks nothing. `running` reads its rows.

    It finds all automatic promotions that are in force, those of the codes, and what these customers have used.
    """
    return _ASKED + _UNLOCKED + _READ, _params(store_id, codes, customers)


def locking(store_id: UUID, codes: Iterable[str], customers: Iterable[Customer]) -> tuple[Statement, dict[str, Any]]:
    """The same for those who will redeem: it locks the promotions that have a limit, then such coupons, in id order.

    What has no limit is never locked, so that orders do not wait for each other because of it.
    """
    return _ASKED + _LOCKED + _READ, _params(store_id, codes, customers)


async def lock(tx: Tx, store_id: UUID, codes: Sequence[str], customers: Sequence[Customer]) -> Running:
    """`locking` in a transaction that may wait: what moved meanwhile is read again, under the locks that it has."""
    while True:
        with suppress(CountersMoved):
            return running(await tx.rows(*locking(store_id, codes, customers)))


def running(rows: Iterable[Row]) -> Running:
    """From the rows of `wanted` or `locking`.

    Raises CountersMoved, which whoever opened the transaction takes as what it is, a failure to serialize.
    """
    found: list[Found] = []
    for *columns, uses, spent, coupons, used_by, has_moved in rows:
        if has_moved:
            raise CountersMoved
        found.append(
            Found(
                promotion_of(tuple(columns)),
                Tally(uses, spent),
                tuple(FoundCoupon(UUID(id_), *rest) for id_, *rest in coupons or ()),
                tuple((account and UUID(account), email) for account, email in used_by or ()),
            )
        )
    return Running(found)


def _params(store_id: UUID, codes: Iterable[str], customers: Iterable[Customer]) -> dict[str, Any]:
    known = list(customers)
    return {
        "store_id": store_id,
        "code_keys": texts(sorted({code_key(code) for code in codes})),
        "account_ids": uuids(sorted({one.account_id for one in known if one.account_id})),
        "email_keys": texts(sorted({key for one in known if (key := one.email_key)})),
    }


# Ids travel as arrays, so that promotions are looked up by their keys, however many a store has had.
_ASKED: LiteralString = """
    with asked as (
      select promotion_id, id, code_key, is_active, max_uses, uses, xmin as written_by
      from coupon
      where store_id = %(store_id)s
        and code_key = any(%(code_keys)s)
    ), candidate as materialized (
      select id
      from promotion
      where store_id = %(store_id)s
        and is_active
        and trigger = 'AUTOMATIC'
        and (valid_from is null or valid_from <= now())
        and (valid_to is null or valid_to > now())
      union
      select promotion_id
      from asked
    )
"""
_UNLOCKED: LiteralString = """
    , moved as (
      select null::uuid as id
      where false
    )
"""
# A statement sees its tables as before it waited for a lock. What it has locked is the newest, so that a row of which
# the two differ was changed while it waited, and who has used it meanwhile cannot be seen.
_LOCKED: LiteralString = """
    , locked as materialized (
      select promotion.id, promotion.xmin as written_by
      from promotion
      where promotion.store_id = %(store_id)s
        and promotion.id = any(array(select candidate.id from candidate))
        and promotion.is_limited
      order by promotion.id
      for no key update of promotion
    ), locked_coupon as materialized (
      select coupon.id, coupon.promotion_id, coupon.xmin as written_by
      from coupon
      left join locked on locked.id = coupon.promotion_id
      where coupon.store_id = %(store_id)s
        and coupon.code_key = any(%(code_keys)s)
        and coupon.max_uses is not null
      order by coupon.id
      for no key update of coupon
    ), moved as (
      select promotion.id
      from promotion
      left join locked on locked.id = promotion.id
      where promotion.store_id = %(store_id)s
        and promotion.id = any(array(select candidate.id from candidate))
        and promotion.is_limited
        and promotion.xmin is distinct from locked.written_by
      union all
      select asked.promotion_id
      from asked
      left join locked_coupon on locked_coupon.id = asked.id
      where asked.max_uses is not null
        and asked.written_by is distinct from locked_coupon.written_by
    )
"""
_READ: LiteralString = """
    select promotion.id, promotion.name, promotion.description, promotion.trigger, promotion.is_active,
           promotion.valid_from, promotion.valid_to, promotion.priority, promotion.stacking, promotion.condition::text,
           promotion.actions::text, promotion.max_uses, promotion.max_uses_per_customer, promotion.budget,
           promotion.currency, promotion.version, promotion.created_at, promotion.updated_at, promotion.uses,
           promotion.spent,
           (select jsonb_agg(jsonb_build_array(asked.id, asked.code_key, asked.is_active, asked.max_uses, asked.uses))
            from asked
            where asked.promotion_id = promotion.id),
           case when promotion.max_uses_per_customer is not null then
             (select jsonb_agg(jsonb_build_array(used.account_id, used.email_key))
              from (
                select id, account_id, email_key
                from redemption
                where store_id = %(store_id)s
                  and promotion_id = promotion.id
                  and given_back_at is null
                  and account_id = any(%(account_ids)s)
                union
                select id, account_id, email_key
                from redemption
                where store_id = %(store_id)s
                  and promotion_id = promotion.id
                  and given_back_at is null
                  and email_key = any(%(email_keys)s)
              ) as used)
           end,
           promotion.id in (select moved.id from moved)
    from promotion
    where promotion.store_id = %(store_id)s
      and promotion.id = any(array(select candidate.id from candidate))
"""
