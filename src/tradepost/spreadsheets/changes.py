"""What an undo needs: products as they were before an import, and what it did to their stock."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from tradepost.catalog import Product
from tradepost.db import Tx
from tradepost.db.arrays import integers, texts, uuids
from tradepost.spreadsheets.model import Import

_BEFORE = msgspec.json.Decoder(Product)
_STOCK = msgspec.json.Decoder(dict[UUID, int])


class Change(msgspec.Struct, frozen=True):
    """What an import did to a product: made it where `before` is None. `version` is the one it had afterwards."""

    product_id: UUID
    version: int
    before: Product | None
    stock: dict[UUID, int]
    """What was added to existing stock, by variant."""


async def of_products(tx: Tx, run: Import, ids: Iterable[UUID]) -> dict[UUID, Change]:
    """What this import did to products in earlier batches."""
    rows = await tx.rows(
        """
        select product_id, version, before::text, stock::text
        from product_import_change
        where store_id = %(store_id)s
          and import_id = %(import_id)s
          and product_id = any(%(ids)s)
        """,
        {"store_id": run.store_id, "import_id": run.id, "ids": uuids(sorted(ids))},
    )
    return {row[0]: _change(*row) for row in rows}


async def put(tx: Tx, run: Import, changes: Sequence[Change]) -> None:
    """Notes changes, in the place of what was noted of the same products."""
    await tx.run(
        """
        insert into product_import_change (store_id, import_id, product_id, version, before, stock)
        select %(store_id)s, %(import_id)s, product_id, version, before::jsonb, stock::jsonb
        from unnest(%(ids)s, %(versions)s, %(before)s, %(stock)s) as change (product_id, version, before, stock)
        on conflict (store_id, import_id, product_id) do update
        set version = excluded.version,
            before = excluded.before,
            stock = excluded.stock
        """,
        {
            "store_id": run.store_id,
            "import_id": run.id,
            "ids": uuids([change.product_id for change in changes]),
            "versions": integers([change.version for change in changes]),
            "before": texts([None if change.before is None else _text(change.before) for change in changes]),
            "stock": texts([_text(change.stock) for change in changes]),
        },
    )


async def to_undo(tx: Tx, run: Import, *, limit: int) -> list[Change]:
    """The next that nobody has tried to undo."""
    rows = await tx.rows(
        """
        select product_id, version, before::text, stock::text
        from product_import_change
        where store_id = %(store_id)s
          and import_id = %(import_id)s
          and is_undone is null
        order by product_id
        limit %(limit)s
        """,
        {"store_id": run.store_id, "import_id": run.id, "limit": limit},
    )
    return [_change(*row) for row in rows]


async def set_undone(tx: Tx, run: Import, outcomes: Sequence[tuple[UUID, bool]]) -> None:
    await tx.run(
        """
        update product_import_change as change
        set is_undone = outcome.is_undone
        from unnest(%(ids)b::uuid[], %(undone)b::boolean[]) as outcome (product_id, is_undone)
        where change.store_id = %(store_id)s
          and change.import_id = %(import_id)s
          and change.product_id = outcome.product_id
        """,
        {
            "store_id": run.store_id,
            "import_id": run.id,
            "ids": [product_id for product_id, _ in outcomes],
            "undone": [is_undone for _, is_undone in outcomes],
        },
    )


async def has_stock(tx: Tx, run: Import) -> bool:
    """Whether the import has corrected any stock."""
    found: bool = await tx.value(
        """
        select exists (
          select
          from product_import_change
          where store_id = %(store_id)s
            and import_id = %(import_id)s
            and stock <> '{}'
        )
        """,
        {"store_id": run.store_id, "import_id": run.id},
    )
    return found


def _change(product_id: UUID, version: int, before: str | None, stock: str) -> Change:
    return Change(product_id, version, None if before is None else _BEFORE.decode(before), _STOCK.decode(stock))


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
