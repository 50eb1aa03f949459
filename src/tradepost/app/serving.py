"""`tradepost serve`: the database, its migrations, the demo shop where asked for, and the API workers."""

import asyncio
import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec
import structlog
from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels

from tradepost.app import databases, operating, paying, wiring
from tradepost.app.settings import Settings, load
from tradepost.core import crash_points
from tradepost.http import logs
from tradepost.http.asgi import ASGIApp

log = structlog.get_logger()
_WATCH_SECONDS = 0.5
_TIDY_SECONDS = 3600.0
_JOIN_SECONDS = 5.0
_RESTART_SECONDS = 0.5
_OF_THE_DEMO = ("payments", "carriers", "ship_from")


def serve(settings: Settings, url: str, embedded: databases.EmbeddedDatabase | None) -> None:
    """Serves until it is told to stop (SIGINT, SIGTERM); requests under way are finished first.

    A worker that dies is started again, and so is the embedded database.
    """
    paying.load(settings)
    with _repeating(_WATCH_SECONDS, lambda: _revive(embedded)), _repeating(_TIDY_SECONDS, lambda: _tidy(url)):
        _hand_down(database_url=url, **{name: getattr(settings, name) for name in _OF_THE_DEMO})
        os.register_at_fork(after_in_child=_hear_stops)
        while not _served(settings):
            log.warning("server_started_again")
            time.sleep(_RESTART_SECONDS)


def _hand_down(**values: str) -> None:
    """Settings that the workers are to have, whatever their environment says."""
    for name, value in values.items():
        os.environ[f"TRADEPOST_{name.upper()}"] = value
        os.environ.pop(f"TRADEPOST_{name.upper()}_FILE", None)


def _served(settings: Settings) -> bool:
    """Serves; whether that ended because it was told to stop.

    Granian starts a dead worker again, but gives up, and stops all of them, when one dies twice within five seconds.
    """
    server = Granian(
        "tradepost.app.serving:worker",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=settings.workers,
        backlog=2048,
        backpressure=1024,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=20,
        websockets=False,
        log_level=LogLevels.error,
    )
    with suppress(SystemExit):
        server.serve()
    return server.interrupt_signal


def _hear_stops() -> None:
    """A worker that is just starting has its parent's handler, which does nothing in it: a stop would go unheard."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def worker() -> ASGIApp:
    """What each API process runs."""
    settings = load(os.environ)
    logs.configure(settings.log_level)
    if crash := os.environ.get("TRADEPOST_TEST_CRASH_AT"):
        crash_points.arm(crash)
    url = settings.database_url
    assert url is not None  # noqa: S101 - the parent process has set it
    application = wiring.application(settings, url)
    _collect_less()
    return application


def _collect_less() -> None:
    """Spares the collector what lives as long as the process. A batch makes thousands of values without a cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@contextmanager
def _repeating(seconds: float, chore: Callable[[], None]) -> Iterator[None]:
    """Does something again and again beside the server; a failure is logged, and it is tried again."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(seconds):
            try:
                chore()
            except Exception as error:  # noqa: BLE001 - it is tried again
                log.warning("chore_failed", error=type(error).__name__, detail=str(error))

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(_JOIN_SECONDS)


def _revive(embedded: databases.EmbeddedDatabase | None) -> None:
    """Starts the embedded server again where it has died."""
    if embedded and embedded.ensure_running():
        log.warning("embedded_database_restarted")


def _tidy(url: str) -> None:
    forgotten = asyncio.run(operating.tidy(url))
    log.info("tidied", **msgspec.structs.asdict(forgotten))
