"""`tradepost reconcile`: the providers' books beside ours."""

from datetime import timedelta

from rich.console import Console
from rich.table import Table

from tradepost import payments
from tradepost.app import paying, wiring
from tradepost.app.settings import Settings
from tradepost.core import money
from tradepost.core.clock import now
from tradepost.core.errors import ShopError
from tradepost.payments import Difference


async def reconcile(settings: Settings, url: str, *, hours: int) -> bool:
    """Prints where they differ, the worst first; whether they agree. One that does not answer does not agree."""
    console = Console()
    db = wiring.database(settings, url)
    await db.open()
    providers = paying.providers_of(settings, db)
    try:
        agree = True
        for provider in providers.by_name.values():
            if not provider.is_remote:
                continue
            try:
                found = await payments.differences(db, provider, since=now() - timedelta(hours=hours))
            except ShopError as error:
                console.print(f"[red]{provider.name}[/]: {error.detail}")
                agree = False
                continue
            agree = agree and not found
            console.print(_table(found) if found else f"[green]{provider.name}[/]: both say the same")
        return agree
    finally:
        await providers.close()
        await db.close()


def _table(found: list[Difference]) -> Table:
    table = Table(
        "What", "Provider", "Its payment", "Ours", "Order", "There", "Here", title=f"{len(found)} differences"
    )
    for one in found:
        there, here = (f"{money.text(amount, one.currency)} {one.currency}" for amount in (one.there, one.here))
        table.add_row(one.what, one.provider, one.ref, str(one.payment_id or ""), str(one.order_id or ""), there, here)
    return table
