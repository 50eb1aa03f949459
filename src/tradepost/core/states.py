"""A table of moves: which state may follow which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from tradepost.core.errors import Conflict

State = TypeVar("State", bound=StrEnum)


class InvalidTransition(Conflict):
    """The table of moves has no such move from the present state."""

    title = "This move is not possible"


class States(Generic[State]):
    """The moves of one kind of thing, as data: `{state: {states that may follow}}`."""

    def __init__(self, moves: Mapping[State, frozenset[State]]) -> None:
        self.moves = moves

    def allowed(self, now: State, to: State) -> bool:
        return to in self.moves.get(now, frozenset())

    def check(self, now: State, to: State) -> None:
        """InvalidTransition, with the present state and the possible moves, unless `to` may follow `now`."""
        if not self.allowed(now, to):
            possible = sorted(self.moves.get(now, frozenset()))
            msg = f"From {now} it cannot become {to}"
            raise InvalidTransition(msg, extra={"currentState": now, "possible": possible})
