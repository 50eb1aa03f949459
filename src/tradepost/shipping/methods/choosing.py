"""What a parcel may be sent by, and what that costs: the facts of a store, read once, and asked for each basket."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from uuid import UUID

import msgspec

from tradepost.core import money
from tradepost.core.errors import FieldError
from tradepost.core.places import Place
from tradepost.db.connections import Params, Row, Statement
from tradepost.shipping.methods.model import Area, Basis, ShippingMethodNotAvailable, Step, Table

Convert = Callable[[int, str], int]
"""An amount in minor units of the store's currency, in those of another one."""

_AREAS = msgspec.json.Decoder(tuple[Area, ...])
_PRICES = msgspec.json.Decoder(dict[str, Table])
_KILOGRAM = 1000


class Parcel(msgspec.Struct, frozen=True):
    """What is to be sent: `weight` in grams, `subtotal` after discounts in minor units of the currency.

    Without a place it can only be picked up.
    """

    place: Place | None
    weight: int
    subtotal: int
    items: int
    currency: str


class Option(msgspec.Struct, frozen=True):
    """A way of sending that is possible, and what it costs in the parcel's currency."""

    code: str
    name: str
    description: str
    amount: int
    tax_class: str
    is_pickup: bool
    location_id: UUID | None
    min_days: int | None
    max_days: int | None
    free_because: str | None = None
    """In words, where it would cost something else."""


class NotOffered(msgspec.Struct, frozen=True):
    """A way of sending there that does not suit this parcel, and why, in words."""

    code: str
    name: str
    reason: str


class _Method(msgspec.Struct, frozen=True):
    zone_id: UUID
    code: str
    name: str
    description: str
    tax_class: str
    is_pickup: bool
    location_id: UUID | None
    min_days: int | None
    max_days: int | None
    min_weight: int | None
    max_weight: int | None
    basis: Basis
    prices: dict[str, Table]


def wanted(store_id: UUID) -> tuple[Statement, Params]:
    """The statement that finds all active zones and methods of a store; `Methods` reads its rows.

    A zone without a method is among them: it takes its places from a larger zone, so that nothing goes there.
    """
    return (
        """
        select zone.id, zone.places::text, zone.is_rest_of_world, store.currency, method.code, method.name,
               method.description, method.tax_class, method.is_pickup, method.location_id, method.min_days,
               method.max_days, method.min_weight, method.max_weight, method.basis, method.prices::text
        from shipping_zone as zone
        join store on store.id = zone.store_id
        left join shipping_method as method
          on method.store_id = zone.store_id and method.zone_id = zone.id and method.is_active
        where zone.store_id = %(store_id)s
          and zone.is_active
        order by method.sort_order, method.code
        """,
        {"store_id": store_id},
    )


class Methods:
    """The zones and methods of a store."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        """`rows` are those of `wanted`."""
        self._currency = ""
        self._areas: defaultdict[str, list[tuple[Area, UUID]]] = defaultdict(list)
        self._rest: UUID | None = None
        self._methods: list[_Method] = []
        zones: set[UUID] = set()
        for zone_id, places, is_rest, currency, code, *facts in rows:
            if zone_id not in zones:
                zones.add(zone_id)
                self._add_zone(zone_id, _AREAS.decode(places), is_rest=is_rest)
            self._currency = currency
            if code is not None:
                self._methods.append(_method(zone_id, code, tuple(facts)))
        self._zones: dict[Place, UUID | None] = {}
        self._tables: dict[tuple[str, str], Table] = {}

    def fresh(self) -> "Methods":
        """The same zones and methods, with nothing remembered."""
        other = Methods()
        other._currency, other._areas, other._rest = self._currency, self._areas, self._rest
        other._methods = self._methods
        return other

    @property
    def has_methods(self) -> bool:
        """Whether the store says anything of how it sends."""
        return bool(self._methods)

    def options(self, parcel: Parcel, convert: Convert) -> list[Option | NotOffered]:
        """What there is for a parcel, in the order of the shop. Methods of other zones are left out.

        `convert` is asked for prices in a currency for which a method has none.
        """
        return [self._offer(method, parcel, convert) for method in self._methods if self._goes_to(method, parcel.place)]

    def choose(self, code: str, parcel: Parcel, convert: Convert, *, pointer: str = "/shippingMethod") -> Option:
        """The option with this code. ShippingMethodNotAvailable, with the reason."""
        method = next((one for one in self._methods if one.code == code), None)
        if method is None:
            raise _not_available("there is no such shipping method", pointer)
        if not self._goes_to(method, parcel.place):
            raise _not_available(f"{method.name} does not go there", pointer)
        found = self._offer(method, parcel, convert)
        if isinstance(found, NotOffered):
            raise _not_available(f"{method.name} {found.reason}", pointer)
        return found

    def _add_zone(self, zone_id: UUID, areas: tuple[Area, ...], *, is_rest: bool) -> None:
        for area in areas:
            self._areas[area.country].append((area, zone_id))
        if is_rest:
            self._rest = zone_id

    def _goes_to(self, method: _Method, place: Place | None) -> bool:
        return place is None or method.zone_id == self._zone(place)

    def _zone(self, place: Place) -> UUID | None:
        """The zone that says most closely that it has the place; None where there is none."""
        if place not in self._zones:
            normal = place.normal()
            found = [(area.detail, zone_id) for area, zone_id in self._areas.get(place.country, ()) if area.has(normal)]
            self._zones[place] = max(found)[1] if found else self._rest
        return self._zones[place]

    def _offer(self, method: _Method, parcel: Parcel, convert: Convert) -> Option | NotOffered:
        table = self._table(method, parcel.currency, convert)
        reason = _against(method, table, parcel)
        if reason is not None:
            return NotOffered(method.code, method.name, reason)
        step = _step(table, _measured(method.basis, parcel))
        if step is None:
            return NotOffered(method.code, method.name, f"has no price for {_said(method.basis, parcel)}")
        amount = step.amount + table.per_additional * _additional(method.basis, parcel)
        free = None
        if amount and table.free_above is not None and parcel.subtotal >= table.free_above:
            amount, free = 0, f"free from {_written(table.free_above, parcel)}"
        return Option(
            method.code,
            method.name,
            method.description,
            amount,
            method.tax_class,
            method.is_pickup,
            method.location_id,
            method.min_days,
            method.max_days,
            free,
        )

    def _table(self, method: _Method, currency: str, convert: Convert) -> Table:
        """The prices in a currency; where the method has none of its own, those of the store's, converted."""
        own = method.prices.get(currency)
        if own is not None:
            return own
        key = (method.code, currency)
        if key not in self._tables:
            home = method.prices[self._currency]
            self._tables[key] = _converted(home, method.basis, lambda amount: convert(amount, currency))
        return self._tables[key]


def _method(zone_id: UUID, code: str, facts: Row) -> _Method:
    name, description, tax_class, is_pickup, location_id, *limits, basis, prices = facts
    min_days, max_days, min_weight, max_weight = limits
    return _Method(
        zone_id,
        code,
        name,
        description,
        tax_class,
        is_pickup,
        location_id,
        min_days,
        max_days,
        min_weight,
        max_weight,
        Basis(basis),
        _PRICES.decode(prices),
    )


def _not_available(reason: str, pointer: str) -> ShippingMethodNotAvailable:
    return ShippingMethodNotAvailable(reason, errors=[FieldError(pointer, ShippingMethodNotAvailable.code, reason)])


def _against(method: _Method, table: Table, parcel: Parcel) -> str | None:
    """Why a parcel cannot be sent this way, whatever that would cost."""
    if parcel.place is None and not method.is_pickup:
        return "needs an address"
    if method.min_weight is not None and parcel.weight < method.min_weight:
        return f"takes {method.min_weight} g and more"
    if method.max_weight is not None and parcel.weight > method.max_weight:
        return f"takes {method.max_weight} g at most"
    if table.min_subtotal is not None and parcel.subtotal < table.min_subtotal:
        return f"is for orders of {_written(table.min_subtotal, parcel)} and more"
    if table.max_subtotal is not None and parcel.subtotal > table.max_subtotal:
        return f"is for orders of {_written(table.max_subtotal, parcel)} at most"
    return None


def _step(table: Table, measured: int) -> Step | None:
    return next((step for step in table.steps if step.up_to is None or measured <= step.up_to), None)


def _measured(basis: Basis, parcel: Parcel) -> int:
    match basis:
        case Basis.WEIGHT:
            return parcel.weight
        case Basis.SUBTOTAL:
            return parcel.subtotal
        case Basis.ITEMS:
            return parcel.items
        case Basis.FLAT:
            return 0


def _additional(basis: Basis, parcel: Parcel) -> int:
    """Items, or kilograms begun, behind the first."""
    units = -(-parcel.weight // _KILOGRAM) if basis is Basis.WEIGHT else parcel.items
    return max(units - 1, 0)


def _said(basis: Basis, parcel: Parcel) -> str:
    match basis:
        case Basis.WEIGHT:
            return f"{parcel.weight} g"
        case Basis.ITEMS:
            return f"{parcel.items} items"
        case _:
            return _written(parcel.subtotal, parcel)


def _written(amount: int, parcel: Parcel) -> str:
    return f"{money.text(amount, parcel.currency)} {parcel.currency}"


def _converted(table: Table, basis: Basis, convert: Callable[[int], int]) -> Table:
    """Grams and items stay what they are."""

    def limit(up_to: int | None) -> int | None:
        return convert(up_to) if up_to is not None and basis is Basis.SUBTOTAL else up_to

    def maybe(amount: int | None) -> int | None:
        return None if amount is None else convert(amount)

    return Table(
        tuple(Step(limit(step.up_to), convert(step.amount)) for step in table.steps),
        convert(table.per_additional),
        maybe(table.free_above),
        maybe(table.min_subtotal),
        maybe(table.max_subtotal),
    )
