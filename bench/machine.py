"""Where it was measured, in words that name no host and no path."""

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import psutil

from bench.house import House
from bench.load import wrk_version


class Machine(msgspec.Struct, frozen=True):
    date: str
    cpu: str
    cores: int
    memory_gib: int
    kernel: str
    load_before: float
    python: str
    postgresql: str
    safety: dict[str, str]
    wrk: str
    tradepost: str


def describe(house: House) -> Machine:
    safety = house.settings()
    return Machine(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        cpu=_cpu(),
        cores=psutil.cpu_count() or 0,
        memory_gib=round(psutil.virtual_memory().total / 2**30),
        kernel=f"{platform.system()} {'.'.join(re.findall(r'[0-9]+', platform.release())[:2])}",
        load_before=round(os.getloadavg()[0], 2),
        python=platform.python_version(),
        postgresql=safety.pop("server_version"),
        safety=safety,
        wrk=wrk_version() or "",
        tradepost=version("tradepost"),
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
