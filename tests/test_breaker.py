"""What does not answer is left alone, and one caller finds out when it is back."""

import asyncio

import pytest

from tradepost.core.breaker import Breaker, Policy

pytestmark = pytest.mark.anyio


class Down(Exception):
    pass


class Refused(Exception):
    pass


class Guarded:
    """A service behind a breaker, with a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls = 0
        self.error: Exception | None = None
        self.breaker = Breaker(
            Down, refusal=lambda: Refused("open"), policy=Policy(failures=3, seconds=30), clock=lambda: self.now
        )

    async def ask(self, wait: asyncio.Event | None = None) -> str:
        async def work() -> str:
            self.calls += 1
            error = self.error
            if wait:
                await wait.wait()
            if error:
                raise error
            return "answer"

        return await self.breaker.call(work)

    async def fail(self, times: int = 1) -> None:
        self.error = Down()
        for _ in range(times):
            with pytest.raises(Down):
                await self.ask()
        self.error = None


async def test_it_opens_after_failures_in_a_row_and_then_asks_nobody() -> None:
    guarded = Guarded()
    await guarded.fail(3)
    guarded.now = 29.9
    for _ in range(5):
        with pytest.raises(Refused):
            await guarded.ask()
    assert guarded.calls == 3


async def test_a_success_in_between_begins_the_count_anew() -> None:
    guarded = Guarded()
    for _ in range(3):
        await guarded.fail(2)
        assert await guarded.ask() == "answer"


async def test_an_error_that_does_not_mean_down_is_an_answer() -> None:
    guarded = Guarded()
    guarded.error = ValueError("no such postal code")
    for _ in range(10):
        with pytest.raises(ValueError, match="postal"):
            await guarded.ask()
    assert guarded.calls == 10


async def test_one_of_many_tries_again_and_its_success_lets_all_in() -> None:
    guarded = Guarded()
    await guarded.fail(3)
    guarded.now = 30
    event = asyncio.Event()
    trial = asyncio.create_task(guarded.ask(event))
    await asyncio.sleep(0)
    for _ in range(5):
        with pytest.raises(Refused):
            await guarded.ask()
    event.set()
    assert await trial == "answer"
    assert await guarded.ask() == "answer"
    assert guarded.calls == 5


async def test_a_failed_trial_closes_the_door_for_another_while() -> None:
    guarded = Guarded()
    await guarded.fail(3)
    guarded.now = 30
    await guarded.fail()
    guarded.now = 59.9
    with pytest.raises(Refused):
        await guarded.ask()
    guarded.now = 60
    assert await guarded.ask() == "answer"


async def test_a_trial_that_is_given_up_does_not_block_the_next_one() -> None:
    guarded = Guarded()
    await guarded.fail(3)
    guarded.now = 30
    trial = asyncio.create_task(guarded.ask(asyncio.Event()))
    await asyncio.sleep(0)
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    guarded.now = 60
    assert await guarded.ask() == "answer"


async def test_callers_who_give_up_open_it() -> None:
    guarded = Guarded()
    for _ in range(3):
        waiting = asyncio.create_task(guarded.ask(asyncio.Event()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    with pytest.raises(Refused):
        await guarded.ask()


@pytest.mark.parametrize("fails", [True, False])
async def test_a_call_from_before_says_nothing_about_a_trial(fails: bool) -> None:
    guarded = Guarded()
    event, trial_event = asyncio.Event(), asyncio.Event()
    guarded.error = Down() if fails else None
    old = asyncio.create_task(guarded.ask(event))
    await asyncio.sleep(0)
    await guarded.fail(3)
    guarded.now = 30
    trial = asyncio.create_task(guarded.ask(trial_event))
    await asyncio.sleep(0)
    event.set()
    await asyncio.gather(old, return_exceptions=True)
    with pytest.raises(Refused):
        await guarded.ask()
    trial_event.set()
    assert await trial == "answer"
    assert await guarded.ask() == "answer"
