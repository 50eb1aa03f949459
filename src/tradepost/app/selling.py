"""Stores and exchange rates on the command line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.table import Table

from tradepost import inventory, stores
from tradepost.db import Database, Tx
from tradepost.stores import Store, StoreDraft, rates
from tradepost.stores.rates.providers import provider_of


async def create_store(url: str, draft: StoreDraft) -> list[str]:
    """Makes a store that can take stock and orders; what was done, and what to do next, in lines.

    Raises ValidationFailed, StoreTaken, HostTaken.
    """

    async def unit(tx: Tx) -> Store:
        made = await stores.create(tx, draft)
        await inventory.insert_location(tx, made.id, name="Main", priority=1)
        return made

    async with _opened(url) as db:
        made = await db.write(unit)
    hosts = ", ".join(made.hosts) or ("any host that is nobody else's" if made.is_default else "its keys alone")
    return [
        f"The store {made.slug} is there, with its home market in {made.currency} ({made.locale}).",
        f"It is reached by {hosts}; its orders are {made.order_prefix}1001 and so on.",
        f"Make a key for it: tradepost keys create --store {made.slug} --name staff --scope '*'",
    ]


async def list_stores(url: str) -> None:
    table = Table("Slug", "Name", "Hosts", "Currency", "Locale", "Default")
    async with _opened(url) as db, db.read() as reader:
        for one in await stores.all_stores(reader):
            mark = "yes" if one.is_default else ""
            table.add_row(one.slug, one.name, ", ".join(one.hosts), one.currency, one.locale, mark)
    Console().print(table)


async def refresh_rates(url: str, provider: str, *, trusted: frozenset[str]) -> bool:
    """Stores the newest rates and says which; whether all of them could be believed.

    Raises RatesUnavailable, RatesUnusable.
    """
    console = Console(soft_wrap=True)
    async with _opened(url) as db:
        done = await rates.refresh(db, provider_of(provider), trusted=trusted)
    said = done.published
    console.print(f"{provider}: {len(said.rates)} rates of {said.as_of} for 1 {said.base}; {done.stored} were new")
    for one in done.refused:
        console.print(f"[red]refused[/] {one.quote} at {one.rate}: it {one.why}", highlight=False)
    return not done.refused


async def list_rates(url: str) -> None:
    table = Table("Base", "Currency", "Rate", "As of", "Source")
    async with _opened(url) as db, db.read() as reader:
        for one in await rates.newest(reader):
            table.add_row(one.base, one.quote, f"{one.rate:f}", one.as_of.isoformat(), one.source)
    Console().print(table)


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    db = Database(url, size=2)
    await db.open()
    try:
        yield db
    finally:
        await db.close()
