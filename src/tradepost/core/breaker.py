"""A circuit breaker: what does not answer is left alone for a while, and asked again by one caller first."""

import time
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

Value = TypeVar("Value")


class Circuit(msgspec.Struct, frozen=True):
    """Closed where `open_since` is None; half-open while `on_trial`. Times are the clock's seconds."""

    failures: int = 0
    """In a row."""
    open_since: float | None = None
    on_trial: bool = False


CLOSED = Circuit()


class Policy(msgspec.Struct, frozen=True):
    """Opens after so many `failures` in a row; lets one call try again after so many `seconds`."""

    failures: int = 5
    seconds: float = 30.0


def entered(circuit: Circuit, policy: Policy, now: float) -> Circuit | None:
    """The circuit with one more call under way; None where that call has to be refused."""
    if circuit.open_since is None:
        return circuit
    if circuit.on_trial or now - circuit.open_since < policy.seconds:
        return None
    return msgspec.structs.replace(circuit, on_trial=True)


def failed(circuit: Circuit, policy: Policy, now: float) -> Circuit:
    """The circuit after a call that failed: a failed trial opens it for another full stretch."""
    failures = circuit.failures + 1
    return Circuit(failures, now if circuit.on_trial or failures >= policy.failures else None)


class Breaker:
    """Guards calls of one service.

    Only a failure in its own stretch counts: a call that began before the circuit opened says nothing about a trial.
    A caller who gives up waiting counts as a failure, as that is what a service that hangs looks like from here.
    """

    def __init__(
        self,
        down: type[Exception],
        *,
        refusal: Callable[[], Exception],
        policy: Policy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`down`: the error by which work says that the service is. `refusal`: what callers get while it is open."""
        self._down = down
        self._refusal = refusal
        self._policy = policy or Policy()
        self._clock = clock
        self._circuit = CLOSED

    async def call(self, work: Callable[[], Awaitable[Value]]) -> Value:
        """The result of the work, or its error; the refusal, at once and without the work, while open."""
        mine = entered(self._circuit, self._policy, self._clock())
        if mine is None:
            raise self._refusal()
        self._circuit = mine
        try:
            value = await work()
        except BaseException as error:
            self._leave(mine, is_up=not isinstance(error, (self._down, CancelledError)))
            raise
        self._leave(mine, is_up=True)
        return value

    def _leave(self, mine: Circuit, *, is_up: bool) -> None:
        if self._circuit.open_since == mine.open_since:
            self._circuit = CLOSED if is_up else failed(self._circuit, self._policy, self._clock())
