"""Servers under load: started in a process group of their own, and gone with the block that started them."""

import os
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
from bench.load import Target

WORKERS = 2

_TRADEPOST = str(Path(sys.executable).parent / "tradepost")
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
def tradepost(house: House) -> Iterator[Tradepost]:
    """Tradepost with two API workers on the database of the house, and a key that may do everything."""
    port = free_port()
    environment = {"TRADEPOST_PORT": str(port), "TRADEPOST_WORKERS": str(WORKERS), "TRADEPOST_DATABASE_URL": house.url}
    key = _tradepost(environment, "keys", "create", "--name", "bench", "--scope", "*").stdout.strip()
    with _serving(port, environment, house.folder / "tradepost.log") as process_id:
        yield Tradepost(Target(port, key), process_id)


def verify(house: House) -> bool:
    """Whether all that was written agrees with itself, by Tradepost's own judgement."""
    return _tradepost({"TRADEPOST_DATABASE_URL": house.url}, "verify", refusal_is_fine=True).returncode == 0
