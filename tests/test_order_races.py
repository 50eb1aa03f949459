"""Two things happen to one order at once: what comes of it is what would have come of one after the other.

`python -m bench.races` races more often.
"""

import pytest

from tests.races import BEGINNINGS, PAIRS, over_refunded, unequal
from tests.shop import Shop, open_shop
from tests.stripe_double import open_double
from tradepost.app.settings import Settings
from tradepost.app.verifying import verify

pytestmark = pytest.mark.anyio
_RACES = 3


@pytest.mark.parametrize("beginning", BEGINNINGS)
async def test_two_deeds_at_once_are_one_after_the_other(shop: Shop, beginning: str) -> None:
    for pair in PAIRS:
        assert await unequal(shop, beginning, pair, _RACES) == []
    assert verify(shop.url)


async def test_of_twenty_refunds_at_once_stripe_hears_of_those_that_fit(database_url: str) -> None:
    """B12: three times the amount in twenty parts."""
    with open_double() as double:
        settings = Settings(
            unsafe_database=True,
            payments="stripe",
            stripe_url=double.url,
            stripe_secret_key="sk_test_key",
            sweep_seconds=0,
        )
        async with open_shop(database_url, settings) as shop:
            for _ in range(_RACES):
                assert await over_refunded(shop, double) == []
            assert verify(shop.url)
