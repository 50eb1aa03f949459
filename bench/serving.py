"""Servers under load: started in a process group of their own, and gone with the block that started them."""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from bench.house import House
from bench.load import Customer, Target
from tradepost import accounts, stores
from tradepost.core.actors import system
from tradepost.db import Database, Tx

WORKERS = 2

_TRADEPOST = str(Path(sys.executable).parent / "tradepost")
_NO_CEILING = "100000000/1s"  # guests and people are counted as anywhere, and never too many
_START_SECONDS = 60
_STOP_SECONDS = 20
_MIB = 2**20


class Tradepost:
    """A running server under its own key; `resident_mib` is that of its largest process."""

    def __init__(self, target: Target, process_id: int) -> None:
        self.target = target
        self._process = psutil.Process(process_id)

    def resident_mib(self) -> float:
        family = [self._process, *self._process.children(recursive=True)]
        return max(process.memory_info().rss for process in family) / _MIB


@contextmanager
def tradepost(house: House, **settings: object) -> Iterator[Tradepost]:
    """Tradepost with two API workers, a key that may do everything, and a customer.

    It is on the database of the house where no `database_url` is among the settings.
    """
    port = free_port()
    ceilings = {f"rate_limit_{kind}": _NO_CEILING for kind in ("read", "write", "auth")}
    settings = {"database_url": house.url} | ceilings | settings
    environment = _environment(port=port, workers=WORKERS, **settings)
    key = _new_key(environment)
    customer = asyncio.run(_new_customer(str(settings["database_url"])))
    with serving([_TRADEPOST, "serve"], port, environment, house.folder / f"tradepost-{port}.log") as process_id:
        yield Tradepost(Target(port, key, customer), process_id)


def carry_out(url: str, *arguments: str) -> None:
    """Runs one of Tradepost's commands on a database."""
    command = [_TRADEPOST, *arguments]
    done = subprocess.run(command, env=_environment(database_url=url), capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"tradepost {arguments[0]} failed:\n{done.stderr}"
        raise RuntimeError(msg)


def verify(url: str) -> bool:
    """Whether all that was written agrees with itself, by Tradepost's own judgement."""
    environment = _environment(database_url=url)
    return subprocess.run([_TRADEPOST, "verify"], env=environment, capture_output=True, check=False).returncode == 0


def seconds_to_ready(folder: Path) -> float:
    """From starting `tradepost serve` on a data folder to its first 200; it is stopped again."""
    port = free_port()
    started = time.monotonic()
    with serving([_TRADEPOST, "serve"], port, _environment(port=port, data_dir=folder), folder.with_suffix(".log")):
        return time.monotonic() - started


@contextmanager
def serving(command: Sequence[str], port: int, environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """Runs a server for the block, from its first 200 on /health/ready on; its process id."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _wait_until_ready(server, port, log)
            yield server.pid
        finally:
            _stop(server)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _environment(**settings: object) -> dict[str, str]:
    """Only these settings: none that the caller's own environment may hold."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("TRADEPOST_")}
    return others | {f"TRADEPOST_{name.upper()}": str(value) for name, value in settings.items()}


def _new_key(environment: Mapping[str, str]) -> str:
    command = [_TRADEPOST, "keys", "create", "--name", "bench", "--scope", "*"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"No API key was made:\n{done.stderr}"
        raise RuntimeError(msg)
    return done.stdout.strip()


async def _new_customer(url: str) -> Customer:
    customer = Customer("session@example.com", secrets.token_hex(8))
    draft = accounts.CustomerDraft(customer.email, "Session", "Customer")
    db = Database(url, size=2)
    await db.open()

    async def unit(tx: Tx) -> None:
        (store,) = await stores.all_stores(tx)
        await accounts.ensure_customer(tx, draft, password=customer.password, actor=system(store.id))

    try:
        await db.write(unit)
    finally:
        await db.close()
    return customer


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(URLError, OSError), urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
            return
        time.sleep(0.01)
    msg = f"The server did not become ready:\n{log.read_text(errors='replace')[-2000:]}"
    raise RuntimeError(msg)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """The leader is asked, so that it ends its workers in order; what is left of its group then is killed."""
    server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()
