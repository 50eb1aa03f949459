"""A tax service that is nobody: for a first try and for tests. It behaves like a real one, also when it misbehaves."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum

from tradepost.pricing import TaxRate
from tradepost.tax.provider import Question, TaxServiceUnavailable

NAME = "fake"
_HANGS_SECONDS = 60.0
_SLOW_SECONDS = 0.5
_RATE = TaxRate("Fake tax", 100_000)
_CITY = TaxRate("Fake city tax", 12_500)
_REDUCED = TaxRate("Fake reduced tax", 50_000)


class Whim(StrEnum):
    """The postal code makes the fake misbehave; any other is well served."""

    HANGS = "99901"
    IS_DOWN = "99902"
    IS_SLOW = "99903"
    FORGETS_A_CLASS = "99904"
    IS_NEGATIVE = "99905"
    IS_ABSURD = "99906"
    CRASHES = "99907"


class FakeService:
    """Ten per cent, and a city's 1.25 where there is a state; five where the class is `reduced`, none where `zero`."""

    name = NAME

    def __init__(self, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self.asked = 0

    async def rates(self, question: Question) -> Mapping[str, tuple[TaxRate, ...]]:
        self.asked += 1
        answer = {one: _of_class(one, has_city=question.place.state is not None) for one in question.classes}
        return await self._misbehaved(question, answer)

    async def _misbehaved(
        self, question: Question, answer: dict[str, tuple[TaxRate, ...]]
    ) -> Mapping[str, tuple[TaxRate, ...]]:
        match question.place.postal_code:
            case Whim.HANGS:
                await self._sleep(_HANGS_SECONDS)
                raise TaxServiceUnavailable
            case Whim.IS_DOWN:
                raise TaxServiceUnavailable
            case Whim.IS_SLOW:
                await self._sleep(_SLOW_SECONDS)
            case Whim.FORGETS_A_CLASS:
                answer.popitem()
            case Whim.IS_NEGATIVE:
                answer = dict.fromkeys(answer, (TaxRate("Refund", -10_000),))
            case Whim.IS_ABSURD:
                answer = dict.fromkeys(answer, (_RATE,) * 40)
            case Whim.CRASHES:
                raise RuntimeError("the service's library failed")
            case _:
                pass
        return answer

    async def close(self) -> None:
        pass


def _of_class(tax_class: str, *, has_city: bool) -> tuple[TaxRate, ...]:
    if tax_class == "zero":
        return ()
    if tax_class == "reduced":
        return (_REDUCED,)
    return (_RATE, _CITY) if has_city else (_RATE,)
