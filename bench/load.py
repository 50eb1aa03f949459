"""Load over HTTP on 127.0.0.1, by wrk in a process of its own."""

import secrets
import shutil
import subprocess
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Literal

import msgspec

from bench.figures import Sample

Request = Literal["order", "session", "flash", "product", "hot", "live", "path", "quote", "add", "checkout"]

_SCRIPT = Path(__file__).parent / "wrk/load.lua"


class _Summary(msgspec.Struct):
    requests: int
    refused: int
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float


class Customer(msgspec.Struct, frozen=True):
    """Somebody who can sign in."""

    email: str
    password: str


class Target(msgspec.Struct, frozen=True):
    """A server that takes orders; `key` is its API key, `customer` one of its customers."""

    port: int
    key: str = "none"
    customer: Customer | None = None

    def load(self, request: Request, clients: int, seconds: int, *, paths: Path | None = None) -> Sample:
        """As many requests as so many clients can make, each sending its next one when it has its answer.

        Of "path", `paths` is a file with one in each line; of "add" and "checkout" its lines are the paths of carts.
        """
        cookie, csrf = self._sign_in() if request == "session" else ("none", "none")
        command = [
            *("wrk", "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s", "--timeout", "10s"),
            *("--script", str(_SCRIPT), f"http://127.0.0.1:{self.port}", "--", request, secrets.token_hex(8), self.key),
            *(cookie, csrf, str(paths)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
        if done.returncode:
            msg = f"wrk failed:\n{done.stderr}"
            raise RuntimeError(msg)
        return _sample(msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=_Summary))

    def _sign_in(self) -> tuple[str, str]:
        """The cookies and the CSRF token of a new session; the access token in them is good for ten minutes."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            sent = msgspec.json.encode(self.customer)
            connection.request("POST", "/api/v1/auth/login", sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            cookies = [line.partition(";")[0] for line in answer.headers.get_all("set-cookie") or ()]
            return "; ".join(cookies), msgspec.json.decode(answer.read())["csrfToken"]


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
