"""Load over HTTP on 127.0.0.1, by wrk in a process of its own."""

import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Literal

import msgspec

from bench.figures import Sample

Request = Literal["order", "flash", "product", "live"]

_SCRIPT = Path(__file__).parent / "wrk/load.lua"


class _Summary(msgspec.Struct):
    requests: int
    refused: int
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float


class Target(msgspec.Struct, frozen=True):
    """A server that takes orders; `key` is its API key."""

    port: int
    key: str = "none"

    def load(self, request: Request, clients: int, seconds: int) -> Sample:
        """As many requests as so many clients can make, each sending its next one when it has its answer."""
        command = [
            *("wrk", "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s", "--timeout", "10s"),
            *("--script", str(_SCRIPT), f"http://127.0.0.1:{self.port}", "--", request, secrets.token_hex(8), self.key),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
        if done.returncode:
            msg = f"wrk failed:\n{done.stderr}"
            raise RuntimeError(msg)
        return _sample(msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=_Summary))


def _sample(said: _Summary) -> Sample:
    accepted = said.requests - said.refused
    if not accepted:
        msg = f"Not one request was accepted: {said}"
        raise RuntimeError(msg)
    return Sample(
        accepted=accepted,
        refused=said.refused + said.broken,
        per_second=accepted / said.seconds,
        p50_ms=said.p50_ms,
        p99_ms=said.p99_ms,
    )


def wrk_version() -> str | None:
    """None where wrk is not installed."""
    if shutil.which("wrk") is None:
        return None
    said = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False).stdout
    return said.split(" [")[0].removeprefix("wrk ").split("/")[-1]
