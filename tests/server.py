"""The program as its operators run it: `tradepost serve` and the other commands, in processes of their own."""

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import psutil

PROGRAM = [sys.executable, "-m", "tradepost.app"]
PATIENCE = 60.0
"""Seconds after which something that has to happen will not happen any more."""


def environment(**settings: Any) -> dict[str, str]:
    """This process's environment with these settings (`data_dir=…`) and no others; None leaves a setting out."""
    ours = ("TRADEPOST_", "PROMETHEUS_", "COV_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    given = {f"TRADEPOST_{name.upper()}": str(value) for name, value in settings.items() if value is not None}
    return inherited | {"COLUMNS": "250", "NO_COLOR": "1", "TERM": "dumb"} | given


def tradepost(*arguments: str, folder: Path | None = None, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Runs one command to its end; beside a server, with its folder for what is temporary."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=environment(**settings) | ({"TMPDIR": str(folder)} if folder else {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def free_port() -> int:
    """A port that nobody listens on, outside the range from which the kernel takes those of outgoing connections."""
    dice = random.SystemRandom()
    while True:
        port = dice.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that also the embedded server's own user can enter, with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="tp-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        _stop_postmaster(folder)
        shutil.rmtree(folder)


class Server:
    """A running `tradepost serve`."""

    def __init__(
        self,
        folder: Path,
        arguments: tuple[str, ...],
        settings: dict[str, Any],
        before_start: Callable[[], None] | None = None,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = settings | {"port": self.port}
        self._log = folder / "serve.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, "serve", *arguments],
                env=environment(**self.settings) | {"TMPDIR": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=before_start,  # noqa: PLW1509 - no thread of ours holds a lock that it would need
            )

    @property
    def database_url(self) -> str:
        """Where a program beside the server finds its database."""
        given = self.settings.get("database_url")
        return str(given) if given else f"host={self.folder}/data/postgres dbname=tradepost user=postgres"

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def workers(self) -> list[int]:
        """The API processes: the children that run this very program."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process.pid).children()
            return [child.pid for child in children if " tradepost.app serve" in _title(child)]
        return []

    def postmaster(self) -> int | None:
        """The embedded server's first process; None while there is none."""
        return postmaster_of(self.folder)

    def backends(self) -> list[int]:
        """The embedded server's processes that serve our connections."""
        first = self.postmaster()
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(first).children() if first else []
            return [child.pid for child in children if _title(child).startswith("postgres: postgres tradepost")]
        return []

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command on the same installation, beside the server."""
        settings = {name: value for name, value in self.settings.items() if name != "port"}
        return tradepost(*arguments, folder=self.folder, **settings)

    def key(self, *scopes: str) -> str:
        made = self.run("keys", "create", "--name=tests", *(f"--scope={scope}" for scope in scopes or ("*",)))
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def get(self, path: str, **kwargs: Any) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", timeout=PATIENCE, **kwargs)

    def ask(self, method: str, path: str, **kwargs: Any) -> httpx2.Response:
        """The answer, asked for again as long as the server says that it is not available just now."""
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = httpx2.request(method, f"{self.url}{path}", timeout=PATIENCE, **kwargs)
            if answer.status_code != 503 or time.monotonic() > deadline:
                return answer
            time.sleep(0.1)

    def await_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, f"the server ended by itself: {self.log}"
            return self.is_ready()

        try:
            wait_until(ready, "the server is ready")
        except AssertionError as error:
            error.add_note(self.log[-2000:])
            raise

    def is_ready(self) -> bool:
        with suppress(httpx2.TransportError):
            return self.get("/health/ready").status_code == 200
        return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to stop and waits until it has; its exit status."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """Ends all of it, in whatever state it is."""
        if self.process.poll() is not None:
            return
        orphans = self.workers()
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            for pid in (*orphans, *self.workers(), self.process.pid):
                kill(pid)
            self.process.wait(PATIENCE)


@contextmanager
def serving(
    *arguments: str, folder: Path | None = None, before_start: Callable[[], None] | None = None, **settings: Any
) -> Iterator[Server]:
    """A server that is ready: on `database_url`, or on an embedded database in the folder. Stopped afterwards."""
    if folder is None:
        with (
            scratch_folder() as made,
            serving(*arguments, folder=made, before_start=before_start, **settings) as server,
        ):
            yield server
        return
    plain = {"rate_limit_read": "", "rate_limit_write": "", "keep_seconds": 0}
    server = Server(folder, arguments, {"data_dir": folder / "data", "workers": 2} | plain | settings, before_start)
    try:
        server.await_ready()
        yield server
    finally:
        server.end()


def wait_until(true: Callable[[], object], what: str, *, patience: float = PATIENCE) -> None:
    """Waits for something to become true; fails where it does not."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"it did not happen that {what}"
        time.sleep(0.05)


async def until(true: Callable[[], object], what: str, *, patience: float = PATIENCE) -> None:
    """The same beside other tasks."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"it did not happen that {what}"
        await asyncio.sleep(0.05)


def kill(pid: int) -> None:
    """The hard way. One that has gone already is no error."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def postmaster_of(folder: Path) -> int | None:
    """The first process of the embedded server of this folder, where it is alive."""
    with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
        pid = int((folder / "data" / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE and "postgres" in process.name():
            return pid
    return None


def _title(process: psutil.Process) -> str:
    """What a process calls itself; nothing where it is gone."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def _stop_postmaster(folder: Path) -> None:
    """Leaves no embedded server behind where the one that should have stopped it was killed."""
    pid = postmaster_of(folder)
    if pid is None:
        return
    process = psutil.Process(pid)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE)
    except psutil.TimeoutExpired:
        kill(pid)


@asynccontextmanager
async def client(server: Server, *, connections: int = 64) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the server, with as many connections as it needs."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE, limits=limits, trust_env=False) as made:
        yield made
