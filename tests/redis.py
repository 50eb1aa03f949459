"""A real Redis for tests, empty, on a port of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.server import PATIENCE, free_port, wait_until


class Redis:
    """A redis-server that can be stopped, frozen and started again on the same port."""

    def __init__(self, program: str, folder: str) -> None:
        self._port = free_port()
        self._command = [program, "--port", str(self._port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        listening = psutil.Process(self._process.pid)
        wait_until(listening.net_connections, "Redis listens")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)

    def freeze(self) -> None:
        psutil.Process(self._process.pid).suspend()


@contextmanager
def open_redis() -> Iterator[Redis]:
    """Skips the test where there is no redis-server, and fails it where CI promises that there is one."""
    program = shutil.which("redis-server")
    if program is None:
        say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        say("redis-server is not installed: apt-get install redis-server")
    with tempfile.TemporaryDirectory(prefix="tp-redis-") as folder:
        redis = Redis(program, folder)
        try:
            yield redis
        finally:
            redis.stop()
