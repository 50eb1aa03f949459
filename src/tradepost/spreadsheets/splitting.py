"""Many written together; what is refused is found, and the others are written all the same."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from tradepost.core.errors import ShopError, Unavailable
from tradepost.db import Tx

Item = TypeVar("Item")
Done = TypeVar("Done")


async def all_but_refused(
    tx: Tx,
    items: Sequence[Item],
    write: Callable[[Sequence[Item]], Awaitable[list[Done]]],
    blame: Callable[[Sequence[Item], ShopError], Collection[Item]],
) -> list[Done]:
    """Writes items together. Those that a refusal is about are left out; where it does not say, halves are tried.

    `blame` answers the guilty, none where the refusal does not say; of a single item it is told for good.
    """
    if not items:
        return []
    try:
        async with tx.savepoint():
            return await write(items)
    except Unavailable:
        raise
    except ShopError as error:
        refusal = error
    guilty = blame(items, refusal)
    if len(items) == 1:
        return []
    if guilty:
        innocent = [item for item in items if item not in guilty]
        return await all_but_refused(tx, innocent, write, blame)
    middle = len(items) // 2
    first = await all_but_refused(tx, items[:middle], write, blame)
    return first + await all_but_refused(tx, items[middle:], write, blame)
