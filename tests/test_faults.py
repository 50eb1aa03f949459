"""What was acknowledged is there, whoever is killed. The judge is the buyers' own history, fsynced as it was made."""

import asyncio
import ctypes
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.crowd import Crowd, History, by_api, by_sql, judge, judge_stock, stocked
from tests.killing import kill_workers
from tests.server import PATIENCE, Server, kill, scratch_folder, serving, tradepost, until, wait_until
from tradepost.app import demo, operating

pytestmark = [pytest.mark.anyio, pytest.mark.faults, pytest.mark.xdist_group("faults")]


@asynccontextmanager
async def _shop(folder: Path, **settings: Any) -> AsyncIterator[tuple[Server, Crowd, str]]:
    """A server with stock, and a crowd that has not begun."""
    with serving(folder=folder, log_level="warning", **settings) as server:
        await demo.create_store(server.database_url)
        key = await operating.create_key(server.database_url, name="tests", scopes=["*"], store=None)
        history = History(folder / "history")
        try:
            yield server, Crowd(server, stocked(server, key), history), key
        finally:
            history.close()


def _judge(crowd: Crowd, server: Server, key: str) -> None:
    """The whole judgement: by SQL, by the API, by `tradepost verify`; and a retry makes nothing new."""
    found = by_sql(server.database_url)
    judge(crowd, found)
    assert sorted(by_api(server, key), key=lambda order: order.id) == sorted(found, key=lambda order: order.id)
    judge_stock(crowd, server, found)
    verified = server.run("verify")
    assert verified.returncode == 0, verified.stdout
    for said in crowd.history.read()[:: max(1, crowd.acknowledged // 25)]:
        again = server.ask("POST", "/api/v1/orders", json=crowd.sent[said.key], headers={"Idempotency-Key": said.key})
        assert (again.status_code, again.headers.get("idempotency-replayed")) == (201, "true")
        assert again.json()["id"] == said.id
    assert len(by_sql(server.database_url)) == len(found)


async def test_killed_api_workers_lose_and_double_nothing(database_url: str) -> None:
    dice = random.Random(1)
    settings: dict[str, Any] = {"database_url": database_url, "unsafe_database": True}
    with scratch_folder() as folder:
        async with _shop(folder, **settings) as (server, crowd, key):
            async with crowd.shopping():
                for victims in (1, 1, 2, 1, 2):
                    await crowd.more(dice.randrange(40, 120))
                    await kill_workers(server, dice.sample(server.workers(), victims))
                await crowd.more(100)
            _judge(crowd, server, key)


async def test_a_worker_that_dies_again_and_again_is_started_again_and_again(database_url: str) -> None:
    """Else one poisonous request, sent a few times, would close the shop."""
    with serving(database_url=database_url, unsafe_database=True) as server:
        victim = server.workers()[0]
        for _ in range(3):
            victim = (await kill_workers(server, [victim])).pop()
            await until(server.is_ready, "it is ready again")


def test_a_stop_is_heard_also_by_a_worker_that_is_just_starting(database_url: str) -> None:
    """Within the ten seconds that a container has by default before all of it is killed."""
    with scratch_folder() as folder:
        starting = Server(folder, (), {"database_url": database_url, "unsafe_database": True, "workers": 2})
        try:
            wait_until(lambda: len(starting.workers()) == 2, "the workers are being started")
            starting.process.terminate()
            assert starting.process.wait(10) == 0
        finally:
            starting.end()


@pytest.mark.embedded
async def test_a_killed_database_comes_back_by_itself_and_nothing_acknowledged_is_lost() -> None:
    """First the whole server, then one of its processes (which makes PostgreSQL end all the others), then both."""
    with scratch_folder() as folder:
        async with _shop(folder) as (server, crowd, key):
            async with crowd.shopping():
                for victims in (["postmaster"], ["backend"], ["backend", "worker"], ["postmaster", "worker"]):
                    await crowd.more(100)
                    _kill_all(server, victims)
                await crowd.more(100)
            _judge(crowd, server, key)


def _kill_all(server: Server, kinds: list[str]) -> None:
    found = {"postmaster": [server.postmaster()], "backend": server.backends(), "worker": server.workers()}
    for kind in kinds:
        pid = found[kind][0]
        assert pid is not None
        kill(pid)


@pytest.mark.embedded
async def test_all_killed_at_once_is_a_restart_away_from_going_on() -> None:
    """API, workers and database: what a power cut leaves, less the lost disk cache, is opened again by a start."""
    with scratch_folder() as folder:
        async with _shop(folder) as (server, crowd, key), crowd.shopping():
            await crowd.more(200)
            postmaster = server.postmaster()
            assert postmaster is not None
            for pid in (server.process.pid, *server.workers(), postmaster):
                kill(pid)
            server.process.wait(PATIENCE)
        with serving(folder=folder) as again:
            _judge(crowd, again, key)


@pytest.mark.embedded
async def test_a_killed_database_comes_back_also_in_a_container() -> None:
    """There nobody but us buries the dead: our process is the first one, and PostgreSQL becomes its child."""
    with serving(before_start=_become_first_process) as server:
        first = server.postmaster()
        assert first is not None
        kill(first)
        await until(lambda: server.postmaster() not in (first, None), "PostgreSQL is there again")
        await until(server.is_ready, "it is ready again")


@pytest.mark.embedded
def test_no_second_database_is_started_on_the_data_of_one_that_still_has_a_process_at_work() -> None:
    """Where the first process was killed and another does not know it yet, two would write the same files."""
    with serving() as server:
        assert server.get("/api/v1/products").status_code == 404
        first, orphan = server.postmaster(), psutil.Process(server.backends()[0])
        assert first is not None
        orphan.suspend()
        kill(first)
        log = server.folder / "data" / "postgres" / "log"
        wait_until(lambda: "is still in use" in log.read_text(), "PostgreSQL refuses to start")
        orphan.resume()
        wait_until(lambda: server.postmaster() not in (first, None), "PostgreSQL is there again")
        wait_until(server.is_ready, "it is ready again")


def _become_first_process() -> None:
    """Makes the process a subreaper (PR_SET_CHILD_SUBREAPER), as process 1 of a container is."""
    assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0


@pytest.mark.embedded
def test_after_a_power_cut_a_stranger_with_the_old_process_number_is_not_the_database() -> None:
    with scratch_folder() as folder:
        with serving(folder=folder):
            left = (folder / "data" / "postgres" / "postmaster.pid").read_text().splitlines()
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
            (folder / "data" / "postgres" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *left[1:], ""]))
            opened = tradepost("migrate", data_dir=folder / "data")
            stranger.communicate(b"\n")
        assert opened.returncode == 0, opened.stderr


async def test_a_stop_under_load_answers_what_it_wrote(database_url: str) -> None:
    """SIGTERM: who got no answer has no order, so that nothing that was taken went without its answer."""
    settings: dict[str, Any] = {"database_url": database_url, "unsafe_database": True}
    with scratch_folder() as folder:
        async with _shop(folder, **settings) as (server, crowd, key):
            async with crowd.shopping(retry=False):
                await crowd.more(200)
                server.process.terminate()
                status = await asyncio.to_thread(server.process.wait, PATIENCE)
            assert status == 0
            judge(crowd, by_sql(database_url))
            assert len(by_sql(database_url)) == crowd.acknowledged
            assert crowd.seen.keys() <= {201, 503, "ConnectError", "ReadError", "RemoteProtocolError"}
        with serving(folder=folder, **settings) as again:
            _judge(crowd, again, key)
