"""The tests clean up behind themselves: a database of theirs that stayed would fill the disk, one run after another."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.server import PATIENCE, environment, scratch_folder, wait_until

pytestmark = pytest.mark.embedded
_ROOT = Path(__file__).parents[1]
_ONE = "tests/test_accounts.py::test_customers_are_for_staff"


@contextmanager
def _run(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run of tests, with everything temporary in this folder and with a process group of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=_ROOT,
        env=environment() | {"TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as run:
        try:
            yield run
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)


def _databases(folder: Path) -> list[Path]:
    return list(folder.rglob("postmaster.pid")) + list(folder.rglob("PG_VERSION"))


def _takes_connections(folder: Path) -> bool:
    """PostgreSQL notes its process also while it makes the folder; only later that it is ready."""
    with suppress(FileNotFoundError):
        return any("ready" in noted.read_text() for noted in folder.rglob("postmaster.pid"))
    return False


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_run_of_the_tests_leaves_no_database_behind(processes: str) -> None:
    with scratch_folder() as folder, _run(folder, "-n", processes, _ONE) as run:
        wait_until(lambda: _databases(folder), "the run has a database")
        assert run.wait(PATIENCE) == 0
        assert _databases(folder) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_nor_does_one_that_is_interrupted_or_told_to_stop(how: signal.Signals) -> None:
    """An interruption from the keyboard goes to all of its processes, a request to stop to the first."""
    with scratch_folder() as folder, _run(folder, "-n", "2", "tests/test_orders.py") as run:
        wait_until(lambda: _takes_connections(folder), "the run's database is there")
        if how == signal.SIGINT:
            os.killpg(run.pid, how)
        else:
            run.send_signal(how)
        assert run.wait(PATIENCE) == 2
        assert _databases(folder) == []
