"""The VAT rates of the European Union's countries as rows of the table, from the package eu-vat-rates-data.

The package lists rates of special territories (Corsica, the Azores) among those of their countries, and does not say
what goods a reduced rate is for. So a country gets two rates: its standard one, and as `reduced` the lowest that is not
below five per cent, which is the lowest that the VAT directive (2006/112/EC, article 98) gives that name.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from tradepost.tax.model import STANDARD, Key, Origin, Rate, RateDraft

REDUCED = "reduced"
_LOWEST_REDUCED = 50_000


class Plan(msgspec.Struct, frozen=True):
    """What is to become of the rates: `new` ones, `ending` ones, and how many stay as they are."""

    new: Sequence[RateDraft]
    ending: Sequence[Rate]
    same: int
    kept: int
    """Left alone because staff have written or touched them."""


class Loaded(msgspec.Struct, frozen=True):
    """What was done, in numbers of rates. `dated` is the day of the data."""

    created: int
    replaced: int
    same: int
    kept: int
    dated: str


def rates() -> list[RateDraft]:
    """Two rates of each country that has them, without limits in time."""
    import eu_vat_rates_data  # noqa: PLC0415 - it reads its file when it is imported

    drafts: list[RateDraft] = []
    for country, found in sorted(eu_vat_rates_data.get_all_rates().items()):
        if found["eu_member"]:
            reduced = [ppm for ppm in map(_ppm, found["reduced"]) if ppm >= _LOWEST_REDUCED]
            drafts.append(_draft(country, found["vat_abbr"], STANDARD, _ppm(found["standard"])))
            drafts += [_draft(country, found["vat_abbr"], REDUCED, min(reduced))] if reduced else []
    return drafts


def dated() -> str:
    import eu_vat_rates_data  # noqa: PLC0415 - as above

    return str(eu_vat_rates_data.data_version)


def plan(wanted: Iterable[RateDraft], present: Iterable[Rate]) -> Plan:
    """What makes `present` rates the wanted ones. A place and class in which staff had a hand are left to them."""
    by_key: defaultdict[Key, list[Rate]] = defaultdict(list)
    for rate in present:
        by_key[rate.key].append(rate)
    new: list[RateDraft] = []
    ending: list[Rate] = []
    same = kept = 0
    for draft in wanted:
        known = by_key.get(draft.key, [])
        last = known[-1] if known else None
        if any(rate.source is not Origin.EU for rate in known):
            kept += 1
        elif last is not None and last.valid_to is None and last.rate_ppm == draft.rate_ppm:
            same += 1
        else:
            new.append(draft)
            ending += [rate for rate in known if rate.valid_to is None]
    return Plan(new, ending, same, kept)


def _draft(country: str, name: str, tax_class: str, ppm: int) -> RateDraft:
    return RateDraft(name=name, country=country, tax_class=tax_class, rate_ppm=ppm)


def _ppm(percent: float) -> int:
    """The package's floats are short decimals, such as 13.5."""
    return int(Decimal(str(percent)) * 10_000)
