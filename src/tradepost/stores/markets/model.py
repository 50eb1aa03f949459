from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from tradepost.core.changes import applied
from tradepost.core.errors import Conflict, FieldError, ValidationFailed, invalid
from tradepost.stores.model import Market, Rounding

MOST_MARKETS = 100


class MarketTaken(Conflict):
    """Another market of the store has this slug."""

    title = "There is a market with this slug"


class CountryTaken(Conflict):
    """A country is in another market of the store already; `errors` points at each."""

    title = "A country is in another market"


class TooManyMarkets(Conflict):
    title = f"A store has at most {MOST_MARKETS} markets"


class MarketDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A market to be. Its slug and its currency stay: keys, headers and prices hang on them."""

    slug: str
    name: str
    countries: tuple[str, ...] = ()
    currency: str
    locale: str
    tax_included: bool
    margin_ppm: int = 0
    rounding: Rounding = Rounding.NONE
    round_to: int | None = None
    is_active: bool = True


class MarketChanges(msgspec.Struct, frozen=True, kw_only=True):
    """UNSET is what stays as it is."""

    name: str | UnsetType = UNSET
    countries: tuple[str, ...] | UnsetType = UNSET
    locale: str | UnsetType = UNSET
    tax_included: bool | UnsetType = UNSET
    margin_ppm: int | UnsetType = UNSET
    rounding: Rounding | UnsetType = UNSET
    round_to: int | UnsetType | None = UNSET
    is_active: bool | UnsetType = UNSET


_OF_THE_STORE = {
    "countries": "takes what no other market has",
    "locale": "is the store's",
    "tax_included": "is the store's",
    "margin_ppm": "is for prices that are converted",
    "rounding": "is for prices that are converted",
    "round_to": "is for prices that are converted",
    "is_active": "is always true of the home market",
}
_POINTERS = {
    "margin_ppm": "/conversion/marginPpm",
    "rounding": "/conversion/rounding",
    "round_to": "/conversion/roundTo",
}


def changed(market: Market, changes: MarketChanges) -> Market:
    """The market with the changes. ValidationFailed for what the home market cannot be."""
    after = applied(market, changes)
    if set(after.countries) == set(market.countries):
        after = msgspec.structs.replace(after, countries=market.countries)
    if market.is_home:
        wrong = [
            FieldError(_pointer(name), "not_allowed", f"cannot be changed of the home market: it {detail}")
            for name, detail in _OF_THE_STORE.items()
            if getattr(after, name) != getattr(market, name)
        ]
        if wrong:
            raise ValidationFailed(errors=wrong)
    check_rounding(after.rounding, after.round_to)
    return after


def check_rounding(rounding: Rounding, round_to: int | None) -> None:
    """ValidationFailed where a step or an ending is missing, or is there without need."""
    needs = rounding in (Rounding.STEP, Rounding.ENDING)
    if needs and round_to is None:
        raise invalid("/conversion/roundTo", "required", f"is needed with {rounding}")
    if not needs and round_to is not None:
        raise invalid("/conversion/roundTo", "not_allowed", f"makes no sense with {rounding}")
    if round_to == 0:
        raise invalid("/conversion/roundTo", "out_of_range", "must be more than 0")


def check_countries(countries: Sequence[str]) -> None:
    """ValidationFailed for one that is named twice."""
    wrong = [
        FieldError(f"/countries/{at}", "repeated", "is there twice")
        for at, country in enumerate(countries)
        if country in countries[:at]
    ]
    if wrong:
        raise ValidationFailed(errors=wrong)


def country_taken(countries: Sequence[str], taken: Sequence[str]) -> CountryTaken:
    """With a pointer to each of the countries that are taken."""
    return CountryTaken(
        errors=[
            FieldError(f"/countries/{at}", CountryTaken.code, "is in another market")
            for at, country in enumerate(countries)
            if country in taken
        ]
    )


def _pointer(name: str) -> str:
    first, *rest = name.split("_")
    return _POINTERS.get(name) or "/" + first + "".join(map(str.title, rest))
