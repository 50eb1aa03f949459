"""The program `tradepost`. Each command says what it needs and does it in one module; imports wait until it runs."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import rich_click as click

from tradepost.app.settings import Settings, load
from tradepost.core.errors import ShopError

click.rich_click.TEXT_MARKUP = "rich"


def main() -> None:
    """Runs a command; a refusal is one clear message and exit status 1."""
    try:
        program(standalone_mode=False)
    except ShopError as error:
        _fail(f"{error.title}\n{error.detail}" if error.detail != error.title else error.title)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:
        import psycopg

        if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
            _fail("TRADEPOST_DATABASE_URL is not a PostgreSQL address, such as postgresql://user@host:5432/name")
        if not isinstance(error, psycopg.OperationalError):
            raise
        _fail(f"The database does not answer: {error}\nIs TRADEPOST_DATABASE_URL right?")


def _fail(message: str) -> None:
    click.echo(click.style("tradepost: ", fg="red", bold=True) + message, err=True)
    sys.exit(1)


def _settings() -> Settings:
    return load(os.environ)


@contextmanager
def _database(settings: Settings) -> Iterator[str]:
    from tradepost.app.databases import prepared

    with prepared(settings) as (url, _):
        yield url


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tradepost")
def program() -> None:
    """Tradepost: order management and headless commerce.

    Without TRADEPOST_DATABASE_URL, every command works on the embedded database in TRADEPOST_DATA_DIR, also beside a
    running server.
    """


@program.command()
@click.option("--demo", is_flag=True, help="Fill an empty database with a demo shop and say how to use it.")
def serve(*, demo: bool) -> None:
    """Serve the API."""
    with _shared_metrics():
        from tradepost.app import starting

        settings = _settings()
        starting.check_port(settings.host, settings.port)
        starting.stop_cleanly_on_sigterm()
        from tradepost.app.databases import prepared

        with prepared(settings) as (url, embedded):
            from tradepost.app import serving

            if demo:
                from tradepost.app.demo import welcome, with_fakes

                settings = with_fakes(settings)
                welcome(settings, url)
            serving.serve(settings, url, embedded)


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """A folder in which the workers' metrics add up. The library looks for it when it is imported."""
    with tempfile.TemporaryDirectory(prefix="tradepost-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


@program.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    from tradepost.app.databases import attached
    from tradepost.db.migrations import migrate as run

    with attached(_settings()) as (url, _):
        for name in run(url):
            click.echo(f"ran {name}")
        click.echo("The database is up to date.")


@program.command()
@click.option("--products", default=200, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--customers", default=50, show_default=True, type=click.IntRange(0, 1_000_000))
@click.option("--orders", default=200, show_default=True, type=click.IntRange(0, 1_000_000))
def seed(products: int, customers: int, orders: int) -> None:
    """Fill the database with a believable shop; the same one every time."""
    from tradepost.app import demo

    with _database(_settings()) as url:
        made = asyncio.run(demo.seed(url, demo.Size(products=products, customers=customers, orders=orders)))
        click.echo(f"{made.products} products, {made.customers} customers and {made.orders} orders are there.")


@program.group("import")
def import_() -> None:
    """Spreadsheets in."""


@import_.command("products")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="The same errors and counts, and nothing is written.")
@click.option("--strict", is_flag=True, help="Leave a whole batch of rows out where one of them has an error.")
@click.option("--map", "mapping", multiple=True, metavar="HEADER=FIELD", help="Which of our columns a header is.")
@click.option("--errors", type=click.Path(dir_okay=False), default=None, help="Write the errors to this file.")
@click.option("--store", default=None, help="The store's slug; without it, the default store.")
def import_products(
    file: str, mapping: tuple[str, ...], errors: str | None, store: str | None, *, dry_run: bool, strict: bool
) -> None:
    """Create and change products by a file of comma-separated values; exit status 1 when a row had an error."""
    from pathlib import Path

    from tradepost.app import transferring
    from tradepost.spreadsheets.model import Wishes

    pairs = {header.strip(): field.strip() for header, _, field in (pair.rpartition("=") for pair in mapping)}
    wishes = Wishes(name=Path(file).name, is_dry_run=dry_run, is_strict=strict, mapping=pairs)
    settings = _settings()
    with _database(settings) as url:
        done = transferring.import_products(
            settings, url, Path(file), wishes, slug=store, errors=Path(errors) if errors else None
        )
        sys.exit(0 if asyncio.run(done) else 1)


@import_.command("undo")
@click.argument("import_id", type=click.UUID)
@click.option("--store", default=None, help="The store's slug; without it, the default store.")
def undo_import(import_id: UUID, store: str | None) -> None:
    """Take an import back; exit status 1 when products had been changed since, and were left."""
    from tradepost.app import transferring

    with _database(_settings()) as url:
        sys.exit(0 if asyncio.run(transferring.undo(url, import_id, slug=store)) else 1)


@import_.command("resume")
@click.option("--store", default=None, help="The store's slug; without it, the default store.")
@click.option("--all-stores", is_flag=True, help="Those of all stores.")
def resume_imports(store: str | None, *, all_stores: bool) -> None:
    """Go on with imports that wait, or that a crash has left in the middle. A running server does that by itself."""
    from tradepost.app import transferring
    from tradepost.core import crash_points

    if crash := os.environ.get("TRADEPOST_TEST_CRASH_AT"):
        crash_points.arm(crash)
    with _database(_settings()) as url:
        work = transferring.resume_all(url) if all_stores else transferring.resume(url, slug=store)
        click.echo(f"{asyncio.run(work)} imports were worked on")


@program.command("export")
@click.argument("kind", type=click.Choice(["products", "customers", "orders"]))
@click.option("--output", type=click.Path(dir_okay=False), default=None, help="A file; without it, standard output.")
@click.option("--store", default=None, help="The store's slug; without it, the default store.")
def export(kind: str, output: str | None, store: str | None) -> None:
    """Write all products, customers or orders as comma-separated values."""
    from pathlib import Path

    from tradepost.app import transferring

    with _database(_settings()) as url:
        if output is None:
            asyncio.run(transferring.export(url, kind, sys.stdout.buffer, slug=store))
        else:
            with Path(output).open("wb") as file:
                asyncio.run(transferring.export(url, kind, file, slug=store))


@program.group()
def search() -> None:
    """What products are found by."""


@search.command("rebuild")
@click.option("--store", default=None, help="The store's slug; without it, all stores.")
def rebuild_search(store: str | None) -> None:
    """Make the search index anew, with progress, while searches go on."""
    from tradepost.app import rebuilding

    with _database(_settings()) as url:
        for slug, products in asyncio.run(rebuilding.rebuild(url, store=store)).items():
            click.echo(f"{slug}: {products} products looked at")


@program.group()
def tax() -> None:
    """What is taxed how."""


@tax.command("load-eu")
@click.option("--store", default=None, help="The store's slug; without it, the default store.")
def load_eu(store: str | None) -> None:
    """Load the VAT rates of the European Union's countries. What staff have written or changed stays."""
    from tradepost.app import taxing

    with _database(_settings()) as url:
        done = asyncio.run(taxing.load_europe(url, slug=store))
        click.echo(
            f"{done.created} rates created, {done.replaced} replaced, {done.same} as they were, {done.kept} left to "
            f"staff; data of {done.dated}"
        )


@program.group()
def keys() -> None:
    """API keys for staff and programs."""


@keys.command("create")
@click.option("--name", required=True, help="What the key is for.")
@click.option("--scope", "scopes", multiple=True, required=True, help="A permission such as orders:read; '*' for all.")
@click.option("--store", default=None, help="The store's slug; without it, the default store.")
@click.option("--market", default=None, help="The slug of the market that its calls are made in; else the home market.")
def create_key(name: str, scopes: tuple[str, ...], store: str | None, market: str | None) -> None:
    """Make a key. It alone is printed on standard output, this once."""
    from tradepost.app import operating

    with _database(_settings()) as url:
        click.echo(asyncio.run(operating.create_key(url, name=name, scopes=scopes, store=store, market=market)))


@keys.command("rotate")
def rotate_signing_key() -> None:
    """Sign access tokens with a new key. Nobody is signed out: the old key is believed until its tokens run out."""
    from tradepost.app import operating

    with _database(_settings()) as url:
        click.echo(f"signing with {asyncio.run(operating.rotate_signing_key(url))} from now on")


@program.group()
def stores() -> None:
    """The stores of this installation."""


@stores.command("create")
@click.option("--slug", required=True, help="How commands name it, such as my-shop.")
@click.option("--name", required=True, help="How people name it.")
@click.option("--host", "hosts", multiple=True, help="A host name at which it is reached.")
@click.option("--currency", required=True, help="The currency of its prices, such as EUR.")
@click.option("--locale", required=True, help="The language of its words, such as de-AT.")
@click.option("--time-zone", default="UTC", show_default=True)
@click.option("--tax-included", is_flag=True, help="Its prices contain their tax.")
@click.option("--order-prefix", default=None, help="What its order numbers begin with; without it, its slug.")
def create_store(
    *,
    slug: str,
    name: str,
    hosts: tuple[str, ...],
    currency: str,
    locale: str,
    time_zone: str,
    order_prefix: str | None,
    tax_included: bool,
) -> None:
    """Make a store, with its home market and a place for its stock."""
    from tradepost.app import selling
    from tradepost.stores import StoreDraft

    draft = StoreDraft(
        slug=slug,
        name=name,
        hosts=hosts,
        currency=currency,
        locale=locale,
        time_zone=time_zone,
        tax_included=tax_included,
        order_prefix=order_prefix,
    )
    with _database(_settings()) as url:
        for line in asyncio.run(selling.create_store(url, draft)):
            click.echo(line)


@stores.command("list")
def list_stores() -> None:
    """Show the stores of this installation."""
    from tradepost.app import selling

    with _database(_settings()) as url:
        asyncio.run(selling.list_stores(url))


@program.group()
def rates() -> None:
    """Exchange rates, by which prices are converted for markets in other currencies."""


@rates.command("refresh")
@click.option("--provider", type=click.Choice(["ecb", "seed"]), default="ecb", show_default=True)
@click.option("--trust", multiple=True, metavar="CURRENCY", help="Believe its rate, however far from the last one.")
def refresh_rates(provider: str, trust: tuple[str, ...]) -> None:
    """Fetch the newest rates; exit status 1 when one of them cannot be believed, and was left out."""
    from tradepost.app import selling

    with _database(_settings()) as url:
        sys.exit(0 if asyncio.run(selling.refresh_rates(url, provider, trusted=frozenset(trust))) else 1)


@rates.command("list")
def list_rates() -> None:
    """Show the newest published rate of each currency."""
    from tradepost.app import selling

    with _database(_settings()) as url:
        asyncio.run(selling.list_rates(url))


@program.command()
def verify() -> None:
    """Check every invariant; exit status 1, with the offending rows, when one is broken."""
    from tradepost.app import verifying

    with _database(_settings()) as url:
        sys.exit(0 if verifying.verify(url) else 1)


@program.command()
@click.option("--hours", default=48, show_default=True, type=click.IntRange(1, 24 * 366), help="How far back to look.")
def reconcile(hours: int) -> None:
    """Compare the payment providers' books with ours; exit status 1 when they differ."""
    from tradepost.app import reconciling

    settings = _settings()
    with _database(settings) as url:
        sys.exit(0 if asyncio.run(reconciling.reconcile(settings, url, hours=hours)) else 1)


@program.command("prove-stock")
@click.option("--buyers", default=200, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--units", default=10, show_default=True, type=click.IntRange(0, 1_000_000))
@click.option("--processes", default=4, show_default=True, type=click.IntRange(1, 32))
@click.option("--url", "base_url", default=None, help="A running server; without it, one is started for the proof.")
@click.option(
    "--key", default=None, envvar="PROVE_STOCK_KEY", help="With --url: a key for products:write and orders:read."
)
def prove_stock(buyers: int, units: int, processes: int, base_url: str | None, key: str | None) -> None:
    """Let concurrent buyers race for a few units, and show that exactly these are sold."""
    from tradepost.app import proving

    race = proving.Race(buyers=buyers, units=units, processes=processes)
    sys.exit(0 if proving.prove(race, base_url=base_url, key=key) else 1)


@program.command()
def doctor() -> None:
    """Say how this installation is set up and what is wrong with it."""
    from tradepost.app import operating

    sys.exit(0 if operating.doctor(os.environ) else 1)


@program.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    import msgspec

    from tradepost.app.wiring import api_document

    click.echo(msgspec.json.format(msgspec.json.encode(api_document()), indent=1).decode())
