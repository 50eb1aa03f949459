"""The generic group commit, with a work of its own: one table, poison among honest requests, lost commits."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import psycopg
import pytest
from typing_extensions import override

from tradepost.core.errors import Conflict
from tradepost.db import Database, Desk, Tx
from tradepost.db.arrays import integers
from tradepost.db.connections import desk_options
from tradepost.db.desk import DeskBusy

pytestmark = pytest.mark.anyio


class Refused(Conflict):
    pass


class Ledger:
    """Writes numbers. Refuses negative ones; 13 breaks the statement that it travels in."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.kill_before_commit = 0

    async def turn(self, tx: Tx) -> None:
        await tx.together(("select pg_advisory_xact_lock(42)", {}))

    async def write(self, tx: Tx, batch: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(len(batch))
        good = [number for number in batch if number >= 0]
        await tx.write("insert into ledger select * from unnest(%(numbers)s)", {"numbers": integers(good)})
        if self.kill_before_commit:
            self.kill_before_commit -= 1
            await tx.write("select pg_terminate_backend(pg_backend_pid())", {})
        return [number if number >= 0 else Refused() for number in batch]

    async def settle(self, tx: Tx, answers: Sequence[int | Exception]) -> bool:
        number = next(answer for answer in answers if isinstance(answer, int))
        ((found,),) = await tx.together(
            ("select exists (select from ledger where number = %(number)s)", {"number": number})
        )
        return bool(found[0])


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table ledger (number int primary key check (number <> 13))")
    opened = Database(database_url, size=2, desk_options=desk_options(wait_seconds=1, frozen_seconds=1))
    await opened.open()
    yield opened
    await opened.close()


def _written(url: str) -> set[int]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("select number from ledger").fetchall()}


async def test_requests_that_come_together_are_written_together(db: Database) -> None:
    work = Ledger()
    desk = Desk(db, work)
    assert await asyncio.gather(*(desk.submit(number) for number in range(200, 300))) == list(range(200, 300))
    assert _written(db.url) == set(range(200, 300))
    assert len(work.batches) < 10


async def test_a_batch_is_bounded(db: Database) -> None:
    work = Ledger()
    desk = Desk(db, work, limit=7)
    await asyncio.gather(*(desk.submit(number) for number in range(100, 150)))
    assert max(work.batches) == 7


async def test_a_refusal_hits_nobody_else(db: Database) -> None:
    desk = Desk(db, Ledger())
    answers = await asyncio.gather(*(desk.submit(number) for number in (1, -1, 2)), return_exceptions=True)
    assert answers[0] == 1
    assert isinstance(answers[1], Refused)
    assert answers[2] == 2


async def test_one_poisonous_request_answers_all_the_others(db: Database) -> None:
    desk = Desk(db, Ledger())
    numbers = [*range(13), 13, *range(14, 40)]
    answers = await asyncio.gather(*(desk.submit(number) for number in numbers), return_exceptions=True)
    wrong = [answer for answer in answers if not isinstance(answer, int)]
    assert len(wrong) == 1
    assert isinstance(wrong[0], psycopg.errors.CheckViolation)
    assert _written(db.url) == set(numbers) - {13}


class Overtaken(Ledger):
    """Writes the number after the highest one, and is overtaken by somebody else after looking."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    @override
    async def write(self, tx: Tx, batch: Sequence[int]) -> Sequence[int | Exception]:
        ((row,),) = await tx.together(("select coalesce(max(number), 0) + 1 from ledger", {}))
        if not self.batches:
            with psycopg.connect(self._url) as other:
                other.execute("insert into ledger values (%(number)s)", {"number": row[0]})
        return await super().write(tx, [row[0]])


async def test_a_lone_request_that_was_overtaken_is_decided_again(db: Database) -> None:
    assert await Desk(db, Overtaken(db.url)).submit(0) == 2
    assert _written(db.url) == {1, 2}


async def test_a_connection_lost_before_the_commit_is_no_answer(db: Database) -> None:
    """The desk looks, finds nothing, and says so; nothing is half there."""
    work = Ledger()
    work.kill_before_commit = 1
    desk = Desk(db, work)
    answers = await asyncio.gather(*(desk.submit(number) for number in range(20, 30)), return_exceptions=True)
    told = {answer for answer in answers if isinstance(answer, int)}
    assert told == _written(db.url)
    assert all(isinstance(answer, int) or type(answer).__name__ == "DatabaseUnavailable" for answer in answers)
    assert await desk.submit(31) == 31


async def test_who_waits_too_long_for_the_turn_is_asked_to_come_back(db: Database) -> None:
    desk = Desk(db, Ledger())
    with psycopg.connect(db.url) as holder:
        holder.execute("select pg_advisory_xact_lock(42)")
        with pytest.raises(DeskBusy):
            await desk.submit(1)
    assert await desk.submit(1) == 1


async def test_a_frozen_process_does_not_keep_the_turn(db: Database) -> None:
    frozen = Database(db.url, size=2, desk_options=desk_options(wait_seconds=1, frozen_seconds=1))
    await frozen.open()
    async with frozen.desk_transaction() as tx:
        await Ledger().turn(tx)
        await asyncio.sleep(1.2)
        assert await Desk(db, Ledger()).submit(5) == 5
    await frozen.close()


async def test_a_caller_who_left_the_queue_is_not_served(db: Database) -> None:
    desk = Desk(db, Ledger())
    with psycopg.connect(db.url) as holder:
        holder.execute("select pg_advisory_xact_lock(42)")
        waiting = asyncio.create_task(desk.submit(7))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.sleep(0)
    assert await desk.submit(8) == 8
    assert _written(db.url) == {8}


async def test_a_full_desk_refuses_at_once(db: Database) -> None:
    desk = Desk(db, Ledger(), max_waiting=3)
    answers = await asyncio.gather(*(desk.submit(number) for number in range(50, 60)), return_exceptions=True)
    assert sum(isinstance(answer, DeskBusy) for answer in answers) == 7


async def test_a_value_that_cannot_be_sent_spoils_no_connection(db: Database) -> None:
    """Statements in line before it would answer whoever has the connection next."""
    for _ in range(20):
        async with db.desk_transaction() as tx:
            with pytest.raises(psycopg.ProgrammingError):
                await tx.together(("select 1", {}), ("select %(what)s::text", {"what": object()}))
        async with db.desk_transaction() as tx:
            assert await tx.together(("select 2", {})) == [[(2,)]]
