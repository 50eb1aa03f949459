"""Those that publish exchange rates, one file each."""

from tradepost.stores.rates.provider import RateProvider
from tradepost.stores.rates.providers.ecb import Ecb
from tradepost.stores.rates.providers.seed import Seed

NAMES = ("ecb", "seed")


def provider_of(name: str) -> RateProvider:
    """The provider of one of these names. KeyError for another."""
    return {"ecb": Ecb, "seed": Seed}[name]()
