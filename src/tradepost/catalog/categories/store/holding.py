"""Who changes the shape of the tree is alone with it; many may put products into it at once."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from tradepost.core.errors import FieldError, ReferenceNotFound
from tradepost.db import Tx
from tradepost.db.arrays import uuids

_TREE_LOCK = 0x6361_7465


async def lock_tree(tx: Tx, store_id: UUID) -> None:
    """Nobody else changes the tree, or puts a product into a category, before this transaction ends."""
    await tx.run(
        "select pg_advisory_xact_lock(%(kind)s::int4, hashtext(%(store_id)s::text))",
        {"kind": _TREE_LOCK, "store_id": store_id},
    )


async def hold(tx: Tx, store_id: UUID, named: Sequence[Mapping[str, UUID]]) -> None:
    """Keeps the tree as it is until the end of the transaction, and looks whether categories are there.

    Each of `named` is a document's categories by their pointers. Many may hold the tree at once; before they lock a
    product, so that who deletes a category does not wait for somebody who waits for him. Raises ReferenceNotFound.
    """
    wanted = {id_ for one in named for id_ in one.values()}
    if not wanted:
        return
    await tx.run(
        "select pg_advisory_xact_lock_shared(%(kind)s::int4, hashtext(%(store_id)s::text))",
        {"kind": _TREE_LOCK, "store_id": store_id},
    )
    rows = await tx.rows(
        "select id from category where store_id = %(store_id)s and id = any(%(ids)s)",
        {"store_id": store_id, "ids": uuids(sorted(wanted))},
    )
    missing = wanted - {id_ for (id_,) in rows}
    if missing:
        pointers = [pointer for one in named for pointer, id_ in one.items() if id_ in missing]
        raise ReferenceNotFound(
            errors=[FieldError(pointer, ReferenceNotFound.code, "is no category") for pointer in pointers]
        )
