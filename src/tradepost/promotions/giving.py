"""What an action takes off a basket: of what earlier discounts left, and never more than that."""

from collections.abc import Sequence
from decimal import Decimal
from operator import sub

import msgspec

from tradepost.core.money import round_half_up
from tradepost.pricing import Discount, shares
from tradepost.promotions.conditions import needs_goods, needs_units
from tradepost.promotions.goods import Goods
from tradepost.promotions.rules import (
    Action,
    AmountOff,
    Amounts,
    BuyGet,
    Codes,
    FreeShipping,
    PercentOff,
    ShippingAmountOff,
    ShippingPercentOff,
    Tier,
    Tiers,
    UnitAmountOff,
    UnitPrice,
)

_PPM = 1_000_000
_PPM_OF_PERCENT = 10_000
_NOTHING_LEFT = "has nothing left to be taken from"
_NO_GOODS = "is for none of the goods in the basket"


class Rest:
    """What is left of each line and of delivery, and the discounts that took the rest away."""

    def __init__(self, lines: Sequence[int], delivery: int) -> None:
        self.lines = list(lines)
        self.delivery = delivery
        self.discounts: list[Discount] = []
        self.shipping: list[Discount] = []
        self.taken = 0

    def after(self) -> "Rest":
        """The same with nothing taken yet, to be thrown away or gone on with."""
        return Rest(self.lines, self.delivery)

    def of(self, places: tuple[int, ...]) -> int:
        """What is left of these lines together."""
        lines = self.lines
        return sum(lines) if len(places) == len(lines) else sum([lines[at] for at in places])

    def take(self, name: str, amount: int, places: tuple[int, ...]) -> None:
        """Off these lines, by their value."""
        amount = min(amount, self.of(places))
        if amount > 0:
            discount = Discount(name, amount, None if len(places) == len(self.lines) else places)
            self.lines = list(map(sub, self.lines, shares(self.lines, discount)))
            self.discounts.append(discount)
            self.taken += amount

    def take_of_one(self, name: str, amount: int, at: int) -> None:
        """Off one line."""
        amount = min(amount, self.lines[at])
        if amount > 0:
            self.lines[at] -= amount
            self.discounts.append(Discount(name, amount, (at,)))
            self.taken += amount

    def take_delivery(self, name: str, amount: int) -> None:
        amount = min(amount, self.delivery)
        if amount > 0:
            self.delivery -= amount
            self.shipping.append(Discount(name, amount))
            self.taken += amount


class _Taking(msgspec.Struct, frozen=True):
    """What an action takes from: under a promotion's name, off these lines."""

    name: str
    goods: Goods
    rest: Rest
    places: tuple[int, ...] = ()

    def take(self, amount: int) -> None:
        self.rest.take(self.name, amount, self.places)


def give(action: Action, name: str, goods: Goods, rest: Rest) -> str | None:
    """Takes off what the action gives; where that is nothing, says why."""
    before = rest.taken
    if isinstance(action, FreeShipping | ShippingPercentOff | ShippingAmountOff):
        why = _off_delivery(action, _Taking(name, goods, rest))
    else:
        places = goods.places(action.lines)
        why = _off_lines(action, _Taking(name, goods, rest, places)) if places else _NO_GOODS
    return None if rest.taken > before else why or _NOTHING_LEFT


def _off_lines(
    action: PercentOff | AmountOff | UnitAmountOff | UnitPrice | BuyGet | Tiers, taking: _Taking
) -> str | None:
    match action:
        case PercentOff(percent=percent, up_to=up_to):
            return _percent_off(percent, up_to, taking)
        case AmountOff(amounts=amounts):
            return _amount_off(amounts, taking)
        case UnitAmountOff(amounts=amounts):
            return _unit_amount_off(amounts, taking)
        case UnitPrice(prices=prices):
            return _unit_price(prices, taking)
        case BuyGet():
            return _buy_get(action, taking)
        case Tiers():
            return _tiers(action, taking)


def _percent_off(percent: Decimal, up_to: Amounts | None, taking: _Taking) -> str | None:
    amount = _part(taking.rest.of(taking.places), percent)
    most = amount if up_to is None else taking.goods.amount(up_to)
    if most is None:
        return taking.goods.not_offered()
    taking.take(min(amount, most))
    return None


def _amount_off(amounts: Amounts, taking: _Taking) -> str | None:
    amount = taking.goods.amount(amounts)
    if amount is None:
        return taking.goods.not_offered()
    taking.take(amount)
    return None


def _unit_amount_off(amounts: Amounts, taking: _Taking) -> str | None:
    amount = taking.goods.amount(amounts)
    if amount is None:
        return taking.goods.not_offered()
    for at in taking.places:
        taking.rest.take_of_one(taking.name, amount * taking.goods.basket.lines[at].quantity, at)
    return None


def _unit_price(prices: Amounts, taking: _Taking) -> str | None:
    price = taking.goods.amount(prices)
    if price is None:
        return taking.goods.not_offered()
    for at in taking.places:
        cost = price * taking.goods.basket.lines[at].quantity
        taking.rest.take_of_one(taking.name, taking.rest.lines[at] - cost, at)
    return None


def _buy_get(action: BuyGet, taking: _Taking) -> str | None:
    """The cheapest units by price, of equal ones those of later lines; each is worth its part of what is left there."""
    lines, rest = taking.goods.basket.lines, taking.rest
    group, units = action.buy + action.get, taking.goods.units(action.lines)
    times = units // group
    if not times:
        return needs_units(group - units, action.lines)
    wanted = action.get * (times if action.times is None else min(times, action.times))
    for at in taking.goods.cheapest(action.lines):
        if not wanted:
            break
        given = min(wanted, lines[at].quantity)
        wanted -= given
        worth = round_half_up(rest.lines[at] * given * _ppm(action.percent), lines[at].quantity * _PPM)
        rest.take_of_one(taking.name, worth, at)
    return None


def _tiers(action: Tiers, taking: _Taking) -> str | None:
    goods = taking.goods
    best: tuple[int, Tier] | None = None
    missing: list[int] = []
    for tier in action.steps:
        start = tier.from_quantity if tier.from_subtotal is None else goods.amount(tier.from_subtotal)
        reached = goods.units(action.lines) if tier.from_subtotal is None else goods.subtotal(action.lines)
        if start is not None and reached < start:
            missing.append(start - reached)
        elif start is not None and (best is None or start > best[0]):
            best = start, tier
    if best is not None:
        percent, amounts = best[1].percent, best[1].amounts
        return _amount_off(amounts or {}, taking) if percent is None else _percent_off(percent, None, taking)
    if not missing:
        return goods.not_offered()
    if action.steps[0].from_subtotal is None:
        return needs_units(min(missing), action.lines)
    return needs_goods(min(missing), action.lines, goods)


def _off_delivery(action: FreeShipping | ShippingPercentOff | ShippingAmountOff, taking: _Taking) -> str | None:
    why = _why_not_delivery(action.methods, taking.goods)
    if why is not None:
        return why
    amount = taking.rest.delivery
    match action:
        case ShippingAmountOff(amounts=amounts):
            limits = amounts
        case ShippingPercentOff(percent=percent, up_to=up_to):
            limits, amount = up_to, _part(amount, percent)
        case FreeShipping(up_to=up_to):
            limits = up_to
    most = amount if limits is None else taking.goods.amount(limits)
    if most is None:
        return taking.goods.not_offered()
    taking.rest.take_delivery(taking.name, min(amount, most))
    return None


def _why_not_delivery(methods: Codes | None, goods: Goods) -> str | None:
    delivery = goods.basket.delivery
    if delivery is None:
        return "needs a delivery method"
    if methods is not None and delivery.method not in methods:
        return "is not for this delivery method"
    return None


def _part(amount: int, percent: Decimal) -> int:
    return round_half_up(amount * _ppm(percent), _PPM)


def _ppm(percent: Decimal) -> int:
    """Percentages have four digits at most, so that this is exact."""
    return int(percent * _PPM_OF_PERCENT)
