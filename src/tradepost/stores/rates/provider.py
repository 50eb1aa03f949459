from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Protocol

import msgspec

from tradepost.core.errors import Unavailable


class RatesUnavailable(Unavailable):
    """The provider does not answer, or not in time. The rates of yesterday go on."""

    title = "The provider of exchange rates does not answer"


class RatesUnusable(Unavailable):
    """The provider's answer is not one that rates can be read from. Nothing of it was stored."""

    title = "The answer of the provider of exchange rates cannot be used"


class Published(msgspec.Struct, frozen=True):
    """What a provider says of a day: so much of each currency for one `base`. Nothing of it has been believed yet."""

    base: str
    as_of: date
    rates: Mapping[str, Decimal]


class RateProvider(Protocol):
    """Where exchange rates come from."""

    @property
    def name(self) -> str:
        """What is kept as the source of its rates."""
        ...

    async def fetch(self) -> Published:
        """The newest rates. Raises RatesUnavailable, RatesUnusable."""
        ...
