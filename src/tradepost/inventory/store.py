from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from tradepost.core.ids import uuid7
from tradepost.core.pages import Page
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.arrays import integers, texts, uuids
from tradepost.db.composing import Window
from tradepost.db.connections import Row, Statement
from tradepost.inventory.model import Holding, Level, Movement


async def first_location(db: Reader, store_id: UUID) -> UUID | None:
    found: UUID | None = await db.value(
        "select id from stock_location where store_id = %(store_id)s order by priority, id limit 1",
        {"store_id": store_id},
    )
    return found


async def insert_location(tx: Tx, store_id: UUID, *, name: str, priority: int) -> UUID:
    location_id = uuid7()
    await tx.run(
        """
        insert into stock_location (store_id, id, name, priority)
        values (%(store_id)s, %(id)s, %(name)s, %(priority)s)
        """,
        {"store_id": store_id, "id": location_id, "name": name, "priority": priority},
    )
    return location_id


async def insert_levels(tx: Tx, store_id: UUID, location_id: UUID, variant_ids: Sequence[UUID]) -> None:
    """Empty levels where there are none yet."""
    await tx.run(
        """
        insert into stock_level (store_id, variant_id, location_id, on_hand, reserved)
        select %(store_id)s, variant_id, %(location_id)s, 0, 0
        from unnest(%(variant_ids)b::uuid[]) as wanted (variant_id)
        on conflict do nothing
        """,
        {"store_id": store_id, "location_id": location_id, "variant_ids": list(variant_ids)},
    )


def locking(store_id: UUID, variant_ids: Sequence[UUID]) -> tuple[Statement, dict[str, Any]]:
    """The statement that locks the levels of variants, in id order; `levels_by_variant` reads its rows."""
    return (
        """
        select level.variant_id, level.location_id, level.on_hand, level.reserved, location.priority
        from stock_level as level
        join stock_location as location
          on location.store_id = level.store_id and location.id = level.location_id
        where level.store_id = %(store_id)s
          and level.variant_id = any(%(variant_ids)s)
        order by level.variant_id, level.location_id
        for update of level
        """,
        {"store_id": store_id, "variant_ids": uuids(variant_ids)},
    )


def levels_by_variant(rows: Iterable[Row]) -> dict[UUID, list[Level]]:
    """Levels of each variant, in the order in which they are to be promised."""
    found: defaultdict[UUID, list[tuple[int, Level]]] = defaultdict(list)
    for variant_id, location_id, on_hand, reserved, priority in rows:
        found[variant_id].append((priority, Level(variant_id, location_id, on_hand, reserved)))
    return {
        variant_id: [level for _, level in sorted(levels, key=lambda pair: pair[0])]
        if len(levels) > 1
        else [levels[0][1]]
        for variant_id, levels in found.items()
    }


async def left(db: Reader, store_id: UUID, variant_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many of each tracked variant can be promised at this moment; it may be otherwise in the next."""
    rows = await db.rows(
        """
        select variant_id, sum(on_hand - reserved)::bigint
        from stock_level
        where store_id = %(store_id)s
          and variant_id = any(%(variant_ids)s)
        group by variant_id
        """,
        {"store_id": store_id, "variant_ids": uuids(variant_ids)},
    )
    return dict(rows)


async def holdings(db: Reader, store_id: UUID, order_id: UUID) -> list[Holding]:
    """What is promised to an order and has not left the house, in the order of ids."""
    rows = await db.rows(
        """
        select variant_id, location_id, sum(reserved_change)::int4
        from stock_movement
        where store_id = %(store_id)s
          and order_id = %(order_id)s
        group by variant_id, location_id
        having sum(reserved_change) > 0
        order by variant_id, location_id
        """,
        {"store_id": store_id, "order_id": order_id},
    )
    return [Holding(*row) for row in rows]


async def write_movements(tx: Tx, store_id: UUID, movements: Sequence[Movement]) -> None:
    """Writes the ledger and brings the levels to its sums, in one statement. The caller has locked the levels."""
    changes: defaultdict[tuple[UUID, UUID], list[int]] = defaultdict(lambda: [0, 0])
    for movement in movements:
        change = changes[movement.variant_id, movement.location_id]
        change[0] += movement.on_hand_change
        change[1] += movement.reserved_change
    await tx.write(
        """
        with moved as (
          insert into stock_movement (store_id, variant_id, location_id, id, kind, on_hand_change, reserved_change,
                                      reason, order_id, actor_kind, actor_id)
          select %(store_id)s, variant_id, location_id, id, kind, on_hand_change, reserved_change, reason, order_id,
                 actor_kind, actor_id
          from unnest(%(variant_ids)s, %(location_ids)s, %(ids)s, %(kinds)s, %(on_hand_changes)s,
                      %(reserved_changes)s, %(reasons)s, %(order_ids)s, %(actor_kinds)s, %(actor_ids)s)
               as movement (variant_id, location_id, id, kind, on_hand_change, reserved_change, reason, order_id,
                            actor_kind, actor_id)
        )
        update stock_level as level
        set on_hand = level.on_hand + change.on_hand,
            reserved = level.reserved + change.reserved
        from unnest(%(changed_variants)s, %(changed_locations)s, %(on_hand)s, %(reserved)s)
             as change (variant_id, location_id, on_hand, reserved)
        where level.store_id = %(store_id)s
          and level.variant_id = change.variant_id
          and level.location_id = change.location_id
        """,
        {
            "store_id": store_id,
            "variant_ids": uuids([movement.variant_id for movement in movements]),
            "location_ids": uuids([movement.location_id for movement in movements]),
            "ids": uuids([uuid7() for _ in movements]),
            "kinds": texts([movement.kind for movement in movements]),
            "on_hand_changes": integers([movement.on_hand_change for movement in movements]),
            "reserved_changes": integers([movement.reserved_change for movement in movements]),
            "reasons": texts([movement.reason for movement in movements]),
            "order_ids": uuids([movement.order_id for movement in movements]),
            "actor_kinds": texts([movement.actor.kind for movement in movements]),
            "actor_ids": uuids([movement.actor.id for movement in movements]),
            "changed_variants": uuids([variant_id for variant_id, _ in changes]),
            "changed_locations": uuids([location_id for _, location_id in changes]),
            "on_hand": integers([on_hand for on_hand, _ in changes.values()]),
            "reserved": integers([reserved for _, reserved in changes.values()]),
        },
    )


class LowStock(msgspec.Struct, frozen=True, rename="camel"):
    """A tracked variant at or below its threshold."""

    variant_id: UUID
    product_id: UUID
    sku: str
    name: str
    available: int
    low_stock_threshold: int


async def low_stock(db: Reader, store_id: UUID, *, window: Window) -> Page[LowStock]:
    """Tracked variants of products on sale, of which no more than their threshold can be promised."""
    return await fetch_page(
        db,
        select="""
        select variant.id, variant.product_id, variant.sku, product.name, stock.available, variant.low_stock_threshold
        from product_variant as variant
        join product on product.store_id = variant.store_id and product.id = variant.product_id
        cross join lateral (
          select coalesce(sum(level.on_hand - level.reserved), 0)::bigint as available
          from stock_level as level
          where level.store_id = variant.store_id and level.variant_id = variant.id
        ) as stock
        """,
        counted="""
        from product_variant as variant
        join product on product.store_id = variant.store_id and product.id = variant.product_id
        cross join lateral (
          select coalesce(sum(level.on_hand - level.reserved), 0)::bigint as available
          from stock_level as level
          where level.store_id = variant.store_id and level.variant_id = variant.id
        ) as stock
        """,
        filters=Filters(
            "variant.store_id = %(store_id)s and variant.track_inventory and variant.is_active"
            " and product.status = 'ACTIVE' and stock.available <= variant.low_stock_threshold",
            store_id=store_id,
        ),
        sort=Sort("variant.id", by="stock.available"),
        window=window,
        build=lambda row: LowStock(*row),
        keys=lambda low: [low.available, low.variant_id],
    )
