"""The application of one process: every part is made here, once, and handed to those that need it."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Protocol

import psycopg

from tradepost import catalog, inventory, tax
from tradepost.accounts import AccessTokens, AccountMails, Identity, Passwords, addresses
from tradepost.accounts import api as accounts_api
from tradepost.accounts.addresses.api import routes as addresses_routes
from tradepost.app import health, paying, shipping
from tradepost.app.following import Following
from tradepost.app.intake import Intake
from tradepost.app.rights import RIGHTS
from tradepost.app.settings import Settings
from tradepost.app.sweeping import Sweeper
from tradepost.carts import Holds, KeptCarts
from tradepost.carts import api as carts_api
from tradepost.catalog import OpeningStock
from tradepost.catalog.api import routes as catalog_routes
from tradepost.catalog.categories.api import routes as categories_routes
from tradepost.catalog.images.api import routes as images_routes
from tradepost.catalog.prices.api import routes as prices_routes
from tradepost.catalog.texts.api import routes as texts_routes
from tradepost.core.background import Background
from tradepost.core.pages import CursorSigner
from tradepost.db import Database
from tradepost.db.connections import desk_options
from tradepost.events.api import routes as events_routes
from tradepost.http import docs
from tradepost.http.asgi import ASGIApp
from tradepost.http.call import Services
from tradepost.http.clients import Clients
from tradepost.http.cookies import CookieJar
from tradepost.http.cors import Cors
from tradepost.http.counting import MemoryCounter
from tradepost.http.csrf import Csrf
from tradepost.http.edge import Edge
from tradepost.http.keeping import Keeper, MemoryShelf, Shelf
from tradepost.http.limits import Counter, Limits
from tradepost.http.logs import AccessLog
from tradepost.http.openapi import Document, document
from tradepost.http.resources import Router
from tradepost.http.routes import Gate, Operation, resources
from tradepost.inventory.api import routes as inventory_routes
from tradepost.mail import Outbox, mailer_of, sender_of
from tradepost.orders import Desks, Requests, answering
from tradepost.orders import api as orders_api
from tradepost.orders.customers import routes as customers_routes
from tradepost.orders.quoting import Quotes
from tradepost.payments.api import routes as payments_routes
from tradepost.promotions.api import routes as promotions_routes
from tradepost.search import Follower, PostgresEngine
from tradepost.search.api import Searching
from tradepost.search.api import routes as search_routes
from tradepost.shipping.methods.api import routes as methods_routes
from tradepost.spreadsheets import api as spreadsheets_api
from tradepost.stores import Stores
from tradepost.stores.api import routes as stores_routes
from tradepost.stores.markets.api import routes as markets_routes
from tradepost.stores.markets.choosing import kept_for
from tradepost.stores.rates.api import routes as rates_routes
from tradepost.tax.api import routes as tax_routes

AREAS = [
    *(stores_routes, markets_routes, rates_routes),
    *(catalog_routes, images_routes, prices_routes, texts_routes, categories_routes, search_routes, inventory_routes),
    *orders_api.AREAS,
    *carts_api.AREAS,
    promotions_routes,
    customers_routes,
    *accounts_api.AREAS,
    *(addresses_routes, payments_routes, tax_routes, methods_routes, spreadsheets_api.routes, events_routes),
]
_SECRET_WAIT = 60.0


def operations() -> list[Operation]:
    return [operation for area in AREAS for operation in area.operations]


def api_document() -> Document:
    tags = [(area.tag, area.description) for area in AREAS]
    return document(operations(), RIGHTS, tags, version=version("tradepost"))


def database(settings: Settings, url: str) -> Database:
    options = desk_options(wait_seconds=settings.turn_wait_seconds, frozen_seconds=settings.turn_frozen_seconds)
    seconds = max(settings.statement_seconds, settings.turn_wait_seconds + 1)  # the wait for a turn is a statement too
    return Database(url, size=settings.pool_size, desk_options=options, statement_seconds=seconds)


def installation_secret(url: str) -> bytes:
    """The secret that all processes of this installation share; waits for a database that is just coming up."""
    deadline = time.monotonic() + _SECRET_WAIT
    while True:
        try:
            with psycopg.connect(url, connect_timeout=5) as connection:
                row = connection.execute("select value from secret where name = 'installation'").fetchone()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            if row is None:
                msg = "the database has no installation secret: run 'tradepost migrate'"
                raise RuntimeError(msg)
            return bytes(row[0])


def application(settings: Settings, url: str) -> ASGIApp:
    """The ASGI application over a migrated database."""
    db = database(settings, url)
    secret = installation_secret(url)
    stores = Stores(db)
    taxes = tax.service_of(settings.tax_provider)
    quotes = Quotes(db, taxes)
    desks = Desks(db, secret, KeptCarts(), batch=settings.batch_size, quotes=quotes)
    requests = Requests(db, desks, secret, answering.keep)
    intake = Intake(requests, seconds=settings.sweep_seconds)
    jar = CookieJar(secure=settings.public_url.startswith("https:"))
    csrf = Csrf(secret, origins=settings.allowed_origins | {settings.public_url})
    tokens = AccessTokens(db)
    identity = Identity(db, stores, tokens, jar)
    passwords, background = Passwords(), Background()
    outbox = Outbox(mailer_of(settings.mail_url, sender_of(settings.mail_from)))
    clients = Clients(settings.trusted_networks)
    limits = Limits(_counter(settings), clients, settings.rates)
    providers = paying.providers_of(settings, db)
    carriers = shipping.carriers(settings)
    sweeper = Sweeper(settings, db, providers, carriers)
    engine = PostgresEngine(db)
    following = Following(Follower(db, engine), seconds=settings.search_seconds)
    services = Services(
        db,
        CursorSigner(secret),
        *(stores, desks, requests, quotes, OpeningStock(inventory.open_stock), clients, limits),
        *(providers, paying.stripe_inbox_of(settings), carriers, taxes, Searching(engine)),
        spreadsheets_api.Largest(settings.import_mib << 20),
        Holds(settings.hold_minutes, settings.hold_units, settings.cart_days),
        *(identity, tokens, passwords, AccountMails(outbox, settings.public_url), jar, csrf, background),
    )
    keeper = Keeper(_shelf(settings), partial(catalog.marks, db), seconds=settings.keep_seconds)
    gate = Gate(services, identity, RIGHTS, csrf, keeper, kept_for, require_key=settings.require_idempotency_key)

    working = (sweeper, following, intake)
    closing = (desks, background, outbox, providers, carriers, taxes)
    lifespan = partial(_alive, db, background, working, closing=closing, last=(passwords, limits, keeper))
    router = Router([*resources(operations(), gate), *health.resources(db), *docs.resources(api_document)])
    access = AccessLog() if settings.log_level in ("debug", "info") else None
    cors = Cors(settings.allowed_origins)
    return Edge(router, lifespan, hosts=settings.allowed_hosts, access=access, cors=cors)


class Works(Protocol):
    """Something that is done beside the answering."""

    def start(self) -> None: ...

    async def stop(self) -> None: ...


class Closes(Protocol):
    async def close(self) -> None: ...


@asynccontextmanager
async def _alive(
    db: Database, background: Background, working: Sequence[Works], *, closing: Sequence[Closes], last: Sequence[Closes]
) -> AsyncIterator[None]:
    """From the start of a process to its end: what works is stopped first, and what others need is closed last."""
    await db.open()
    background.run("rules of addresses", asyncio.to_thread(addresses.load_rules))
    for one in working:
        one.start()
    try:
        yield
    finally:
        for one in working:
            await one.stop()
        for one in closing:
            await one.close()
        await db.close()
        for one in last:
            await one.close()


def _counter(settings: Settings) -> Counter:
    if not settings.redis_url:
        return MemoryCounter()
    from tradepost.http.shared_counting import RedisCounter  # noqa: PLC0415 - an extra, and 0.2 s of start

    return RedisCounter(settings.redis_url)


def _shelf(settings: Settings) -> Shelf:
    if not settings.redis_url:
        return MemoryShelf()
    from tradepost.http.shared_keeping import RedisShelf  # noqa: PLC0415 - an extra, and 0.2 s of start

    return RedisShelf(settings.redis_url)
