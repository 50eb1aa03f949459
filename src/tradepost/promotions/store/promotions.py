from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

import msgspec

from tradepost.core.errors import NotFound
from tradepost.core.pages import Page
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.arrays import uuids
from tradepost.db.composing import Window
from tradepost.db.connections import Row
from tradepost.promotions.model import Promotion, PromotionState, Stacking, Tally, Trigger
from tradepost.promotions.store.rules import actions_of, condition_of, written

_LOCK = 0x7072_6F6D

_SELECT: LiteralString = """
    select id, name, description, trigger, is_active, valid_from, valid_to, priority, stacking, condition::text,
           actions::text, max_uses, max_uses_per_customer, budget, currency, version, created_at, updated_at
    from promotion
"""
_STATES: dict[PromotionState, LiteralString] = {
    PromotionState.INACTIVE: "not is_active",
    PromotionState.SCHEDULED: "is_active and valid_from > %(at)s",
    PromotionState.ENDED: "is_active and valid_to <= %(at)s",
    PromotionState.ACTIVE: """is_active
      and (valid_from is null or valid_from <= %(at)s)
      and (valid_to is null or valid_to > %(at)s)""",
}


async def get(db: Reader, store_id: UUID, promotion_id: UUID) -> Promotion:
    """NotFound."""
    return _found(
        await db.row(
            _SELECT + "where store_id = %(store_id)s and id = %(id)s", {"store_id": store_id, "id": promotion_id}
        )
    )


async def lock(tx: Tx, store_id: UUID, promotion_id: UUID) -> Promotion:
    """Waits for the orders that are using it. NotFound."""
    return _found(
        await tx.row(
            _SELECT + "where store_id = %(store_id)s and id = %(id)s for update",
            {"store_id": store_id, "id": promotion_id},
        )
    )


async def page(
    db: Reader, store_id: UUID, *, state: PromotionState | None, trigger: Trigger | None, at: datetime, window: Window
) -> Page[Promotion]:
    """Newest first."""
    filters = Filters("store_id = %(store_id)s", store_id=store_id)
    filters.add_if("trigger = %(trigger)s", trigger=trigger)
    if state is not None:
        filters.add(_STATES[state], at=at)
    return await fetch_page(
        db,
        select=_SELECT,
        counted="from promotion",
        filters=filters,
        sort=Sort("id", descending=True),
        window=window,
        build=promotion_of,
        keys=lambda promotion: [promotion.id],
    )


async def lock_all(tx: Tx, store_id: UUID) -> None:
    """Nobody else begins or revives a promotion of the store before this transaction ends."""
    await tx.run(
        "select pg_advisory_xact_lock(%(kind)s::int4, hashtext(%(store_id)s::text))",
        {"kind": _LOCK, "store_id": store_id},
    )


async def count_automatic(db: Reader, store_id: UUID, at: datetime) -> int:
    """Those that are looked at for each basket, now or later."""
    found: int = await db.value(
        """
        select count(*)
        from promotion
        where store_id = %(store_id)s
          and is_active
          and trigger = 'AUTOMATIC'
          and (valid_to is null or valid_to > %(at)s)
        """,
        {"store_id": store_id, "at": at},
    )
    return found


async def insert(tx: Tx, store_id: UUID, promotion: Promotion) -> None:
    await tx.run(
        """
        insert into promotion (store_id, id, name, description, trigger, is_active, valid_from, valid_to, priority,
                               stacking, condition, actions, max_uses, max_uses_per_customer, budget, currency,
                               created_at, updated_at)
        values (%(store_id)s, %(id)s, %(name)s, %(description)s, %(trigger)s, %(is_active)s, %(valid_from)s,
                %(valid_to)s, %(priority)s, %(stacking)s, %(condition)s::text::jsonb, %(actions)s::text::jsonb,
                %(max_uses)s, %(max_uses_per_customer)s, %(budget)s, %(currency)s, %(created_at)s, %(updated_at)s)
        """,
        _params(store_id, promotion),
    )


async def set_promotion(tx: Tx, store_id: UUID, promotion: Promotion, tally: Tally) -> Promotion:
    """Writes a locked promotion with its counters, and counts its version up."""
    row = await tx.row(
        """
        update promotion
        set name = %(name)s,
            description = %(description)s,
            is_active = %(is_active)s,
            valid_from = %(valid_from)s,
            valid_to = %(valid_to)s,
            priority = %(priority)s,
            stacking = %(stacking)s,
            condition = %(condition)s::text::jsonb,
            actions = %(actions)s::text::jsonb,
            max_uses = %(max_uses)s,
            max_uses_per_customer = %(max_uses_per_customer)s,
            budget = %(budget)s,
            uses = %(uses)s,
            spent = %(spent)s,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        returning version, updated_at
        """,
        _params(store_id, promotion) | {"uses": tally.uses, "spent": tally.spent},
    )
    version, updated_at = row or (promotion.version, promotion.updated_at)
    return msgspec.structs.replace(promotion, version=version, updated_at=updated_at)


async def tallies(db: Reader, store_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Tally]:
    """How often each promotion was used, whether or not it has limits, and what that came to in its currency."""
    rows = await db.rows(
        """
        select used.promotion_id, count(*),
               coalesce(sum(used.amount) filter (where used.currency = promotion.currency), 0)::bigint
        from redemption as used
        join promotion on promotion.store_id = used.store_id and promotion.id = used.promotion_id
        where used.store_id = %(store_id)s
          and used.promotion_id = any(%(ids)s)
          and used.given_back_at is null
        group by used.promotion_id
        """,
        {"store_id": store_id, "ids": uuids(ids)},
    )
    found = {promotion_id: Tally(uses, spent) for promotion_id, uses, spent in rows}
    return {promotion_id: found.get(promotion_id, Tally()) for promotion_id in ids}


async def most_by_a_customer(db: Reader, store_id: UUID, promotion_id: UUID) -> int:
    """How often the customer who has used it most has done so, by account or by address."""
    found: int = await db.value(
        """
        select coalesce(max(times), 0)
        from (
          select count(*) as times
          from redemption
          where store_id = %(store_id)s
            and promotion_id = %(id)s
            and given_back_at is null
          group by grouping sets ((account_id), (email_key))
          having num_nulls(account_id, email_key) < 2
        ) as by_customer
        """,
        {"store_id": store_id, "id": promotion_id},
    )
    return found


def promotion_of(row: Row) -> Promotion:
    """From the columns of a promotion, in the order in which they are always read."""
    (
        id_, name, description, trigger, is_active, valid_from, valid_to, priority, stacking, condition, actions,
        max_uses, max_uses_per_customer, budget, currency, version, created_at, updated_at,
    ) = row  # fmt: skip
    return Promotion(
        id=id_,
        name=name,
        description=description,
        trigger=Trigger(trigger),
        is_active=is_active,
        valid_from=valid_from,
        valid_to=valid_to,
        priority=priority,
        stacking=Stacking(stacking),
        condition=condition_of(condition),
        actions=actions_of(actions),
        max_uses=max_uses,
        max_uses_per_customer=max_uses_per_customer,
        budget=budget,
        currency=currency,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )


def _found(row: Row | None) -> Promotion:
    if row is None:
        raise NotFound
    return promotion_of(row)


def _params(store_id: UUID, promotion: Promotion) -> dict[str, object]:
    return msgspec.structs.asdict(promotion) | {
        "store_id": store_id,
        "condition": written(promotion.condition),
        "actions": written(promotion.actions),
    }
