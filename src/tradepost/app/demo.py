"""A believable shop for a first try: the same one every time."""

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from uuid import UUID

import msgspec
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tradepost import accounts, catalog, inventory, orders, stores
from tradepost.accounts import CustomerDraft
from tradepost.app import demo_goods, demo_people, demo_shipping, operating
from tradepost.app.settings import Settings
from tradepost.app.wiring import installation_secret
from tradepost.carts import KeptCarts
from tradepost.catalog import Draft
from tradepost.core.actors import Actor, system
from tradepost.core.ids import uuid7
from tradepost.db import Database, Tx
from tradepost.orders.model import Address, Item, ItemKey, PlaceOrder
from tradepost.stores import Store

_CHUNK = 500
_FIRST = "Ada Grace Alan Edsger Barbara Donald Radia Tim Margaret Ken Frances Dennis Hedy Niklaus Sophie John".split()
_LAST = "Lovelace Hopper Turing Dijkstra Liskov Knuth Perlman Lee Hamilton Thompson Allen Ritchie Lamarr Wirth".split()
_CITIES = [("London", "SW1Y 4JH", "GB"), ("Utrecht", "3511 LN", "NL"), ("Lyon", "69001", "FR"), ("Graz", "8010", "AT")]
_SHIP_FROM = (
    '{"name": "Tradepost Demo", "lines": ["1 Dock Road"], "city": "London", "postalCode": "E16 1AA", "country": "GB"}'
)


class Size(msgspec.Struct, frozen=True):
    """How much there shall be at least."""

    products: int = 200
    customers: int = 50
    orders: int = 200


async def create_store(url: str) -> Store:
    """The default store; the one there is, where there is one."""
    async with _opened(url) as db:
        return await db.write(_store)


async def seed(url: str, size: Size) -> Size:
    """Fills the default store up to a size, with a progress bar on a terminal; what it has afterwards."""
    async with _opened(url) as db:
        store = await db.write(_store)
        await db.write(partial(demo_shipping.ensure, currency=store.currency, actor=system(store.id)))
        filling = _Filling(db, store, orders.Desks(db, installation_secret(url), KeptCarts()))
        with _progress() as progress:
            await filling.products(size.products, progress)
            await filling.customers(size.customers, progress)
            await filling.orders(size.orders, progress)
        return await filling.counts()


def with_fakes(settings: Settings) -> Settings:
    """The same with the fake payment provider and, where no carrier is named, the fake carrier.

    Both can be made to fail.
    """
    if "fake" not in settings.payment_providers:
        settings = msgspec.structs.replace(settings, payments=f"{settings.payments},fake".strip(","))
    if not settings.carriers:
        settings = msgspec.structs.replace(settings, carriers="fake", ship_from=settings.ship_from or _SHIP_FROM)
    return settings


def welcome(settings: Settings, url: str) -> None:
    """Fills an empty database and says what to do next, with a staff key that stays the same."""
    store = asyncio.run(create_store(url))
    counts = asyncio.run(_filled(url))
    secret = installation_secret(url)
    key = asyncio.run(operating.demo_key(url, secret))
    people = asyncio.run(demo_people.ensure(url, secret, store))
    base = f"http://{'localhost' if settings.host in ('127.0.0.1', '0.0.0.0') else settings.host}:{settings.port}"  # noqa: S104
    console = Console(soft_wrap=True)
    console.print(
        Panel.fit(
            f"[bold]{store.name}[/] is open: {counts.products} products, {counts.customers} customers, "
            f"{counts.orders} orders.\n\n  API reference  {base}/docs\n  Staff API key  {key}\n"
            + "".join(f"\n  {person.what:<13}  {person.email:<22} {person.password}" for person in people),
            title="Tradepost",
        )
    )
    console.print("\nList products:\n", style="bold")
    console.print(f"  curl '{base}/api/v1/products?limit=3'", highlight=False, markup=False)
    console.print("\nPlace an order:\n", style="bold")
    body = '{"email": "you@example.com", "items": [{"sku": "DEMO-MUG", "quantity": 2}]}'
    console.print(
        f"  curl {base}/api/v1/orders -H 'Content-Type: application/json' -H 'Idempotency-Key: first' -d '{body}'",
        highlight=False,
        markup=False,
    )
    console.print("\nStop with Ctrl-C. The data stays; 'make run' opens the same shop again.\n")


async def _filled(url: str) -> Size:
    """An empty shop is filled; one that has products is left as it is."""
    async with _opened(url) as db:
        store = await db.write(_store)
        counts = await _Filling(db, store, orders.Desks(db, b"", KeptCarts())).counts()
    return counts if counts.products else await seed(url, Size())


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not Console(stderr=True).is_terminal,
        transient=True,
    )


class _opened:  # noqa: N801 - reads as a verb
    """A database of its own for the length of a block."""

    def __init__(self, url: str) -> None:
        self._db = Database(url, size=4)

    async def __aenter__(self) -> Database:
        await self._db.open()
        return self._db

    async def __aexit__(self, *_: object) -> None:
        await self._db.close()


async def _store(tx: Tx) -> Store:
    found = [store for store in await stores.all_stores(tx) if store.is_default]
    if found:
        return found[0]
    store = Store(
        id=uuid7(),
        slug="demo",
        name="Tradepost Demo Shop",
        hosts=[],
        currency="USD",
        locale="en-US",
        time_zone="UTC",
        tax_name="Sales tax",
        tax_rate_ppm=80_000,
        tax_included=False,
        order_prefix="TP-",
        is_default=True,
    )
    await stores.insert(tx, store)
    await inventory.insert_location(tx, store.id, name="Main", priority=1)
    return store


async def _create(tx: Tx, *, drafts: Sequence[Draft], actor: Actor) -> None:
    products = await catalog.create_many(tx, drafts, actor=actor)
    opening = [
        opened
        for draft, product in zip(drafts, products, strict=True)
        for opened in catalog.openings(draft.variants, product.variants)
    ]
    await inventory.open_stock(tx, opening, actor)


class _Filling:
    """The shop under way. The n-th thing of a kind is the same in every shop."""

    def __init__(self, db: Database, store: Store, desks: orders.Desks) -> None:
        self._db = db
        self._store = store
        self._actor = system(store.id)
        self._desks = desks

    async def counts(self) -> Size:
        async with self._db.read() as db:
            row = await db.row(
                """
                select (select count(*) from product where store_id = %(store_id)s),
                       (select count(*) from account where role = 'CLIENT' and store_id = %(store_id)s),
                       (select count(*) from sales_order where store_id = %(store_id)s)
                """,
                {"store_id": self._store.id},
            )
        return Size(*(row or ()))

    async def products(self, wanted: int, progress: Progress) -> None:
        have = (await self.counts()).products
        homes = await self._db.write(partial(demo_goods.grow, actor=self._actor)) if wanted > have else {}
        for chunk in _chunks(have, wanted, progress, "Products"):
            drafts = [demo_goods.product(number, homes) for number in chunk]
            await self._db.write(partial(_create, drafts=drafts, actor=self._actor))

    async def customers(self, wanted: int, progress: Progress) -> None:
        have = (await self.counts()).customers
        for chunk in _chunks(have, wanted, progress, "Customers"):
            drafts = [_customer(number) for number in chunk]
            await self._db.write(partial(accounts.insert_customers, store_id=self._store.id, drafts=drafts))

    async def orders(self, wanted: int, progress: Progress) -> None:
        have = (await self.counts()).orders
        variants, customers = await self._names()
        for chunk in _chunks(have, wanted, progress, "Orders"):
            requests = [_order(number, self._actor, variants, customers) for number in chunk]
            await asyncio.gather(*(self._place(request) for request in requests))

    async def _place(self, request: PlaceOrder) -> None:
        try:
            await self._desks.place(request)
        except orders.InsufficientStock:
            return

    async def _names(self) -> tuple[Sequence[UUID], Sequence[tuple[UUID, str, str]]]:
        async with self._db.read() as db:
            variants = await db.rows(
                """
                select variant.id
                from product_variant as variant
                join product on product.store_id = variant.store_id and product.id = variant.product_id
                join stock_level as level on level.store_id = variant.store_id and level.variant_id = variant.id
                where variant.store_id = %(store_id)s
                  and product.status = 'ACTIVE'
                  and level.on_hand >= 60
                order by variant.id
                limit 2000
                """,
                {"store_id": self._store.id},
            )
            customers = await db.rows(
                "select id, first_name, last_name from account where store_id = %(store_id)s order by id limit 2000",
                {"store_id": self._store.id},
            )
        return [row[0] for row in variants], [(row[0], row[1], row[2]) for row in customers]


def _chunks(have: int, wanted: int, progress: Progress, what: str):  # noqa: ANN202 - ranges, with their progress
    task = progress.add_task(what, total=max(wanted - have, 0))
    for start in range(have, wanted, _CHUNK):
        chunk = range(start, min(start + _CHUNK, wanted))
        yield chunk
        progress.advance(task, len(chunk))


def _customer(number: int) -> CustomerDraft:
    first, last = _FIRST[number % len(_FIRST)], _LAST[(number // len(_FIRST) + number) % len(_LAST)]
    return CustomerDraft(f"{first}.{last}.{number}@example.com".lower(), first, last)


def _order(
    number: int, actor: Actor, variants: Sequence[UUID], customers: Sequence[tuple[UUID, str, str]]
) -> PlaceOrder:
    dice = random.Random(f"order {number}")  # noqa: S311 - the same shop every time
    picked = dice.sample(range(len(variants)), k=min(dice.randrange(1, 4), len(variants)))
    customer = customers[dice.randrange(len(customers))] if customers else None
    city, postal_code, country = dice.choice(_CITIES)
    first, last = (customer[1], customer[2]) if customer else ("Ada", "Lovelace")
    return PlaceOrder(
        actor=actor,
        items=[Item(ItemKey.VARIANT, variants[at], dice.randrange(1, 3)) for at in picked],
        email=None if customer else "ada@example.com",
        customer_id=customer[0] if customer else None,
        shipping_address=Address(
            first, last, f"{dice.randrange(1, 200)} Market Street", city, country, postal_code=postal_code
        ),
    )
