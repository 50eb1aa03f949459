from collections.abc import Sequence
from uuid import UUID

from tradepost.db import Reader
from tradepost.db.arrays import uuids


async def weights(db: Reader, store_id: UUID, variant_ids: Sequence[UUID]) -> dict[UUID, int | None]:
    """What variants weigh, in grams; None where nobody has said."""
    rows = await db.rows(
        """
        select id, weight
        from product_variant
        where store_id = %(store_id)s
          and id = any(%(variant_ids)s)
        """,
        {"store_id": store_id, "variant_ids": uuids(variant_ids)},
    )
    return dict(rows)
