"""Which taxes are on what goes where: rates of a batch, read once, and asked without another look at the database."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from tradepost.core.places import Place
from tradepost.db.arrays import texts, uuids
from tradepost.db.connections import Params, Row, Statement
from tradepost.pricing import TaxRate
from tradepost.tax.model import STANDARD, holds


def wanted(store_id: UUID, countries: Collection[str]) -> tuple[Statement, Params]:
    """The statement that finds all rates of these countries; `Rates` reads its rows."""
    return (
        """
        select country, state, postal_prefix, tax_class, name, rate_ppm, layer, valid_from, valid_to
        from tax_rate
        where store_id = %(store_id)s
          and country = any(%(countries)s)
        order by country, layer, id
        """,
        {"store_id": store_id, "countries": texts(sorted(countries))},
    )


def of_store(store_id: UUID) -> tuple[Statement, Params]:
    """The statement that finds all rates of a store; `Rates` reads its rows."""
    return (
        """
        select country, state, postal_prefix, tax_class, name, rate_ppm, layer, valid_from, valid_to
        from tax_rate
        where store_id = %(store_id)s
        order by country, layer, id
        """,
        {"store_id": store_id},
    )


def exemptions_wanted(store_id: UUID, customer_ids: Collection[UUID]) -> tuple[Statement, Params]:
    """The statement that finds all exemptions of these customers; `Exemptions` reads its rows."""
    return (
        """
        select customer_id, country, reason, valid_from, valid_to
        from tax_exemption
        where store_id = %(store_id)s
          and customer_id = any(%(customer_ids)s)
        order by customer_id, country, id
        """,
        {"store_id": store_id, "customer_ids": uuids(sorted(customer_ids))},
    )


class _Rate(msgspec.Struct, frozen=True):
    country: str
    state: str | None
    postal_prefix: str | None
    tax_class: str
    tax: TaxRate
    layer: int
    valid_from: datetime | None
    valid_to: datetime | None

    def reaches(self, place: Place) -> bool:
        if self.state is not None and self.state != place.state:
            return False
        return self.postal_prefix is None or (place.postal_code or "").startswith(self.postal_prefix)

    @property
    def detail(self) -> tuple[int, bool]:
        """How closely it says where it holds: by the postal code, then by the state, then by the country."""
        return len(self.postal_prefix or ""), self.state is not None


class Rates:
    """The rates of some countries. What was asked once is remembered, so that a batch costs little."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        """`rows` are those of `wanted`."""
        self._by_country: defaultdict[str, list[_Rate]] = defaultdict(list)
        for country, state, postal_prefix, tax_class, name, ppm, layer, *time in rows:
            rate = _Rate(country, state, postal_prefix, tax_class, TaxRate(name, ppm), layer, *time)
            self._by_country[country].append(rate)
        self._known: dict[tuple[Place, str, datetime], tuple[TaxRate, ...] | None] = {}

    def fresh(self) -> "Rates":
        """The same rates, with nothing remembered."""
        other = Rates()
        other._by_country = self._by_country
        return other

    def of(
        self, place: Place | None, tax_class: str, at: datetime, *, default: tuple[TaxRate, ...] = ()
    ) -> tuple[TaxRate, ...]:
        """The taxes on a class of goods that go to a place, by layers.

        `default` where no rate of the country is valid at the moment, or nobody says where they go. No tax where the
        country has rates, and none of them reaches the place.
        """
        if place is None or place.country not in self._by_country:
            return default
        key = (place, tax_class, at)
        if key in self._known:
            found = self._known[key]
        else:
            found = self._known[key] = _chosen(self._by_country[place.country], place.normal(), tax_class, at)
        return default if found is None else found


def _chosen(rates: list[_Rate], place: Place, tax_class: str, at: datetime) -> tuple[TaxRate, ...] | None:
    """None where none of the country's rates is valid."""
    valid = [rate for rate in rates if holds(rate.valid_from, rate.valid_to, at)]
    if not valid:
        return None
    layers: dict[int, _Rate] = {}
    for rate in valid:
        if rate.tax_class in (tax_class, STANDARD) and rate.reaches(place):
            best = layers.get(rate.layer)
            if best is None or _rank(rate, tax_class) > _rank(best, tax_class):
                layers[rate.layer] = rate
    return tuple(layers[layer].tax for layer in sorted(layers))


def _rank(rate: _Rate, tax_class: str) -> tuple[bool, int, bool]:
    """A rate of the class itself goes before one of the standard class, however closely that says where it holds."""
    return rate.tax_class == tax_class, *rate.detail


class Exempt(msgspec.Struct, frozen=True):
    """Why somebody pays no tax."""

    reason: str


class Exemptions:
    """The exemptions of some customers."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        """`rows` are those of `exemptions_wanted`."""
        self._by_customer: defaultdict[UUID, list[Row]] = defaultdict(list)
        for row in rows:
            self._by_customer[row[0]].append(row)

    def of(self, customer_id: UUID | None, place: Place | None, at: datetime) -> Exempt | None:
        """Why a customer pays no tax there at that moment; that of the country goes before that of everywhere.

        None where he pays it.
        """
        if customer_id is None or customer_id not in self._by_customer:
            return None
        country = None if place is None else place.country
        for _, where, reason, valid_from, valid_to in self._by_customer[customer_id]:
            if where in (None, country) and holds(valid_from, valid_to, at):
                return Exempt(reason)
        return None
