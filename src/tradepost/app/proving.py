"""`tradepost prove-stock`: buyers from several processes race for a few units over HTTP, each clicking twice."""

import asyncio
import multiprocessing
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from tradepost.core.errors import Conflict

_START_SECONDS = 60
_ATTEMPTS = 20
_SOLD, _REFUSED = 201, 409
_BUSY = (429, 503)
_WIDTH = 50


class ProofImpossible(Conflict):
    """The server did not start, or does not answer as a Tradepost does."""

    title = "The proof could not be run"


class Race(msgspec.Struct, frozen=True):
    buyers: int
    units: int
    processes: int


class Shop(msgspec.Struct, frozen=True):
    base_url: str
    key: str


class Click(msgspec.Struct, frozen=True):
    """The last answer to one click of a buyer on `order`; `code` says why there is no order."""

    buyer: int
    status: int
    order_id: str | None
    code: str | None


class Result(msgspec.Struct, frozen=True):
    race: Race
    sold: int
    refused: int
    other: int
    left: int
    on_record: int
    duplicates: int
    seconds: float

    @property
    def good(self) -> bool:
        expected = min(self.race.units, self.race.buyers)
        return (
            self.sold == self.on_record == expected
            and self.left == self.race.units - expected
            and not self.duplicates
            and not self.other
        )


def prove(race: Race, *, base_url: str | None, key: str | None) -> bool:
    """Runs the race, prints what happened, and tells whether exactly the stock was sold. Raises ProofImpossible."""
    console = Console()
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=console, transient=True) as progress:
        task = progress.add_task("Starting a server for the proof" if base_url is None else "Preparing")
        with _shop(base_url, key) as shop:
            progress.update(task, description=f"{race.buyers} buyers race for {race.units} units")
            result = _run(race, shop)
    _show(console, result)
    return result.good


@contextmanager
def _shop(base_url: str | None, key: str | None) -> Iterator[Shop]:
    if base_url is not None:
        if not key:
            msg = "--url needs --key (or PROVE_STOCK_KEY): 'tradepost keys create --name proof --scope \"*\"' makes one"
            raise ProofImpossible(msg)
        yield Shop(base_url.rstrip("/"), key)
        return
    with tempfile.TemporaryDirectory(prefix="tradepost-proof-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with _server(Path(folder)) as shop:
            yield shop


@contextmanager
def _server(folder: Path) -> Iterator[Shop]:
    """A server of its own, on an empty embedded database and a free port."""
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRADEPOST_")}
    environment |= {
        "TRADEPOST_DATA_DIR": str(folder / "data"),
        "TRADEPOST_PORT": str(port),
        "TRADEPOST_LOG_LEVEL": "error",
        "TRADEPOST_RATE_LIMIT_WRITE": "",
    }
    program = [sys.executable, "-m", "tradepost.app"]
    subprocess.run(  # noqa: S603 - our own program
        [*program, "seed", "--products=1", "--customers=0", "--orders=0"],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    made = subprocess.run(  # noqa: S603 - our own program
        [*program, "keys", "create", "--name", "proof", "--scope", "*"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    server = subprocess.Popen([*program, "serve"], env=environment, stdout=subprocess.DEVNULL)  # noqa: S603
    shop = Shop(f"http://127.0.0.1:{port}", made.stdout.strip())
    try:
        _await_ready(shop.base_url, server)
        yield shop
    finally:
        server.terminate()
        server.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_ready(base_url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx2.get(f"{base_url}/health/ready").is_success:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    msg = "The server did not start"
    raise ProofImpossible(msg)


def _run(race: Race, shop: Shop) -> Result:
    sku = f"PROOF-{secrets.token_hex(4).upper()}"
    variant_id = _create_product(shop, sku, race.units)
    buyers = [list(range(race.buyers))[at :: race.processes] for at in range(race.processes)]
    started = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(race.processes) as pool:
        clicks = [
            click for some in pool.starmap(_buy, [(shop, variant_id, sku, part) for part in buyers]) for click in some
        ]
    seconds = time.monotonic() - started
    ids_of: dict[int, set[str]] = {}
    for click in clicks:
        if click.order_id:
            ids_of.setdefault(click.buyer, set()).add(click.order_id)
    outcomes = Counter(_outcome(race, clicks))
    left, on_record = _look_up(shop, sku)
    distinct = sum(len(ids) for ids in ids_of.values())
    return Result(
        race=race,
        sold=distinct,
        refused=outcomes["refused"],
        other=outcomes["other"],
        left=left,
        on_record=on_record,
        duplicates=distinct - len(ids_of),
        seconds=seconds,
    )


def _outcome(race: Race, clicks: list[Click]) -> Iterator[str]:
    """One word for each buyer, from the answers to his two clicks."""
    by_buyer: dict[int, list[Click]] = {buyer: [] for buyer in range(race.buyers)}
    for click in clicks:
        by_buyer[click.buyer].append(click)
    for answers in by_buyer.values():
        if any(click.status == _SOLD for click in answers):
            yield "sold"
        else:
            yield "refused" if all(click.code == "insufficient_stock" for click in answers) else "other"


def _create_product(shop: Shop, sku: str, units: int) -> str:
    body = {
        "name": f"Proof {sku}", "sku": sku, "price": "1.00", "status": "ACTIVE", "trackInventory": True,
        "inventoryQuantity": units,
    }  # fmt: skip
    answer = httpx2.post(f"{shop.base_url}/api/v1/products", json=body, headers={"X-API-Key": shop.key})
    if answer.status_code != _SOLD:
        msg = f"The product could not be created: {answer.status_code} {answer.text[:300]}"
        raise ProofImpossible(msg)
    return str(answer.json()["variants"][0]["id"])


def _look_up(shop: Shop, sku: str) -> tuple[int, int]:
    """Units left, and orders on record, as the server tells them."""
    headers = {"X-API-Key": shop.key}
    product = httpx2.get(f"{shop.base_url}/api/v1/products/{f'proof-{sku}'.lower()}", headers=headers).json()
    orders = httpx2.get(f"{shop.base_url}/api/v1/orders", params={"search": sku, "limit": 1}, headers=headers).json()
    return int(product["inventoryQuantity"]), int(orders["total"])


def _buy(shop: Shop, variant_id: str, sku: str, buyers: list[int]) -> list[Click]:
    return asyncio.run(_buy_all(shop, variant_id, sku, buyers))


async def _buy_all(shop: Shop, variant_id: str, sku: str, buyers: list[int]) -> list[Click]:
    limits = httpx2.Limits(max_connections=64)
    async with httpx2.AsyncClient(base_url=shop.base_url, timeout=60, limits=limits) as client:
        twice = [buyer for buyer in buyers for _ in range(2)]
        return await asyncio.gather(*(_click(client, variant_id, sku, buyer) for buyer in twice))


async def _click(client: httpx2.AsyncClient, variant_id: str, sku: str, buyer: int) -> Click:
    """Orders one unit as a guest; a server that asks to wait is asked again, with the same key."""
    body = {"email": f"buyer{buyer}@example.com", "items": [{"variantId": variant_id, "quantity": 1}]}
    headers = {"Idempotency-Key": f"{sku}-{buyer}"}
    for _ in range(_ATTEMPTS):
        answer = await client.post("/api/v1/orders", json=body, headers=headers)
        if answer.status_code not in _BUSY:
            break
        await asyncio.sleep(int(answer.headers.get("retry-after", "1")))
    said = answer.json()
    return Click(buyer, answer.status_code, said.get("id"), said.get("code"))


def _show(console: Console, result: Result) -> None:
    race = result.race
    most = max(race.buyers, race.units, 1)
    rows = [
        ("units", race.units, "white"),
        ("sold", result.sold, "green"),
        ("orders on record", result.on_record, "green"),
        ("units left", result.left, "cyan"),
        ("buyers refused", result.refused, "yellow"),
        ("other answers", result.other, "red"),
        ("duplicate orders", result.duplicates, "red"),
    ]
    console.print(
        f"{race.buyers} buyers, two clicks each, from {race.processes} processes, in {result.seconds:.1f} s\n"
    )
    for name, number, color in rows:
        bar = "█" * (max(1, round(_WIDTH * number / most)) if number else 0)
        console.print(f"  {name:<17}{number:>7}  [{color}]{bar}[/]")
    console.print()
    expected = min(race.units, race.buyers)
    if result.good:
        console.print(f"[green]Exactly {expected} of {race.units} units were sold.[/]")
    else:
        console.print(f"[red]Expected {expected} sold and {race.units - expected} left.[/]")
