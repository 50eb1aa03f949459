"""What an operator asks for on the command line."""

import asyncio
import hmac
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import msgspec
import psycopg
from rich.console import Console
from rich.table import Table

from tradepost import accounts, idempotency, payments, stores
from tradepost.app import databases
from tradepost.app.settings import PREFIX, Settings, SettingsInvalid, load
from tradepost.core.actors import system
from tradepost.core.errors import NotFound, ShopError
from tradepost.db import Database, Tx
from tradepost.db.checks import check_server
from tradepost.db.migrations import pending
from tradepost.mail import MailNotSent, SmtpMailer, sender_of, server_of
from tradepost.orders.store.requests import forget_requests
from tradepost.spreadsheets import receiving

_SECRETS = {
    *("database_url", "mail_url", "redis_url"),
    *("stripe_secret_key", "stripe_webhook_secrets", "ups_client_secret"),
}
_OK, _HINT, _FAIL = "[green]ok  [/]", "[yellow]hint[/]", "[red]FAIL[/]"
_Finding = tuple[str, str, str]
"""One of these marks, what was looked at, and what was found."""


async def create_key(
    url: str, *, name: str, scopes: Sequence[str], store: str | None, market: str | None = None
) -> str:
    """A new key's secret. NotFound where there is no such store, MarketNotFound."""
    db = Database(url, size=2)
    await db.open()

    async def unit(tx: Tx) -> str:
        found = [
            shop for shop in await stores.all_stores(tx) if shop.slug == store or (store is None and shop.is_default)
        ]
        if not found:
            msg = f"There is no store {store!r}" if store else "There is no store yet: run 'tradepost seed'"
            raise NotFound(msg)
        actor = system(found[0].id)
        _, secret = await accounts.create_key(tx, name=name, scopes=scopes, actor=actor, market=market)
        return secret

    try:
        return await db.write(unit)
    finally:
        await db.close()


async def demo_key(url: str, secret: bytes) -> str:
    """The demo's staff key: the same at every start of this installation, and kept as a hash only."""
    key = accounts.key_of(hmac.digest(secret, b"demo-key", "sha256"))
    db = Database(url, size=2)
    await db.open()

    async def unit(tx: Tx) -> None:
        found = next(shop for shop in await stores.all_stores(tx) if shop.is_default)
        await accounts.ensure_key(tx, key, name="demo", scopes=["*"], actor=system(found.id))

    try:
        await db.write(unit)
    finally:
        await db.close()
    return key


class Forgotten(msgspec.Struct, frozen=True):
    """How many rows went."""

    idempotency_answers: int
    payment_messages: int


async def tidy(url: str) -> Forgotten:
    """Forgets what need not be kept for longer."""
    db = Database(url, size=2)
    await db.open()
    try:
        await db.write(accounts.forget_old)
        await db.write(receiving.forget_abandoned)
        await db.write(forget_requests)
        return Forgotten(await db.write(idempotency.delete_older), await payments.forget_old(db))
    finally:
        await db.close()


async def rotate_signing_key(url: str) -> str:
    """Access tokens are signed with a new key from now on; those signed before are good until they run out. Its id."""
    db = Database(url, size=2)
    await db.open()
    try:
        return await db.write(accounts.rotate_signing_key)
    finally:
        await db.close()


def doctor(environment: Mapping[str, str]) -> bool:
    """Prints settings and findings; whether all is well."""
    console = Console()
    try:
        settings = load(environment)
    except SettingsInvalid as error:
        console.print(f"[red]Settings[/]\n{error.detail}")
        return False
    _show_settings(console, settings, environment)
    findings = _findings(settings)
    for mark, what, said in findings:
        console.print(f"{mark} {what}: {said}")
    return all(mark is not _FAIL for mark, _, _ in findings)


def _show_settings(console: Console, settings: Settings, environment: Mapping[str, str]) -> None:
    table = Table("Setting", "Value", "From", title="Settings")
    for name, value in msgspec.structs.asdict(settings).items():
        variable = PREFIX + name.upper()
        given = variable in environment or f"{variable}_FILE" in environment
        shown = "(set)" if name in _SECRETS and value else str(value)
        table.add_row(variable, shown, "environment" if given else "default")
    console.print(table)


def _findings(settings: Settings) -> list[_Finding]:
    findings = [(_OK, "Tradepost", f"{version('tradepost')} on Python {platform.python_version()}")]
    try:
        with databases.attached(settings) as (url, embedded):
            kind = f"embedded, in {settings.data_dir}" if embedded else "given"
            findings.append((_OK, "PostgreSQL", f"{check_server(url, unsafe_for_tests=True)}, {kind}"))
            waiting = pending(url)
            findings.append((_FAIL if waiting else _OK, "Migrations", ", ".join(waiting) or "all run"))
            if not waiting:
                findings.append(_feed(url))
    except (ShopError, psycopg.Error) as error:
        findings.append((_FAIL, "PostgreSQL", str(error).strip()))
    findings.append(asyncio.run(_mail(settings)))
    return findings


async def _mail(settings: Settings) -> _Finding:
    if not settings.mail_url:
        said = "there is no server: mails go to standard error; set TRADEPOST_MAIL_URL in production"
        return _HINT, "Mail", said
    try:
        await SmtpMailer(server_of(settings.mail_url), sender_of(settings.mail_from)).check()
    except MailNotSent as error:
        return _FAIL, "Mail", error.reason
    return _OK, "Mail", "the server takes mails"


def _feed(url: str) -> _Finding:
    """After a dump was restored into a new cluster, old events carry transaction ids of the old one."""
    with psycopg.connect(url) as connection:
        ahead = connection.execute(
            "select count(*) from event where xid >= pg_snapshot_xmax(pg_current_snapshot())"
        ).fetchone()
    if ahead and ahead[0]:
        return _FAIL, "Event feed", f"{ahead[0]} events are ahead of this server's transactions: see docs/events.md"
    return _OK, "Event feed", "in order"
