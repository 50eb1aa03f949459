"""A tax service outside of this house: somebody who knows all rates of all places, when he answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from tradepost.core.errors import Unavailable
from tradepost.core.places import Place
from tradepost.pricing import TaxRate


class TaxServiceUnavailable(Unavailable):
    """The tax service does not answer, answers nonsense, or did so a moment ago. The table answers in its place."""

    title = "The tax service is not available at this moment"


class Line(msgspec.Struct, frozen=True):
    """Goods of a class: `amount` minor units for all of them, as the shop asks for them."""

    tax_class: str
    amount: int
    quantity: int = 1


class Question(msgspec.Struct, frozen=True):
    """What goes where, and when. `classes` are those to be answered: those of the lines, and that of delivery."""

    place: Place
    currency: str
    at: datetime
    classes: tuple[str, ...]
    lines: tuple[Line, ...] = ()
    tax_included: bool = False


class Provider(Protocol):
    """A tax service in our words. It is asked outside of any transaction."""

    @property
    def name(self) -> str:
        """Ours, as in the settings."""
        ...

    async def rates(self, question: Question) -> Mapping[str, tuple[TaxRate, ...]]:
        """The taxes on each class that was asked for, none of them where that is an empty tuple.

        Raises TaxServiceUnavailable, and may take as long as it likes to do so.
        """
        ...

    async def close(self) -> None:
        """Lets connections go."""
        ...
