"""`tradepost search rebuild`."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tradepost import stores
from tradepost.core.errors import NotFound
from tradepost.db import Database
from tradepost.search import Follower, PostgresEngine

_STATEMENT_SECONDS = 600


async def rebuild(url: str, *, store: str | None) -> dict[str, int]:
    """Makes the index of one store anew, by its slug, or of all of them; products by slug. NotFound."""
    db = Database(url, size=4, statement_seconds=_STATEMENT_SECONDS)
    await db.open()
    try:
        async with db.read() as reader:
            found = [shop for shop in await stores.all_stores(reader) if store in (None, shop.slug)]
        if store and not found:
            raise NotFound(f"There is no store {store!r}")
        follower = Follower(db, PostgresEngine(db))
        done: dict[str, int] = {}
        with _progress() as progress:
            for shop in found:
                task = progress.add_task(shop.slug, total=None)

                def tell(products: int, total: int, *, task: TaskID = task, slug: str = shop.slug) -> None:
                    done[slug] = products
                    progress.update(task, completed=products, total=total)

                await follower.rebuild(shop, tell=tell)
        return done
    finally:
        await db.close()


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
