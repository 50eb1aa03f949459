"""Whether a condition holds, and where it does not, why: the end of a sentence that begins with a promotion's name."""

from datetime import datetime
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from tradepost.promotions.goods import Goods
from tradepost.promotions.rules import (
    AllOf,
    AnyOf,
    AtTime,
    Condition,
    HasProduct,
    InCategory,
    InMarket,
    IsCustomer,
    IsFirstOrder,
    IsSignedIn,
    Matching,
    QuantityIs,
    SubtotalIs,
    ToCountry,
    Unless,
    Weekday,
)

_DAYS = list(Weekday)
_DESCRIPTIONS: dict[type[Condition], str] = {
    SubtotalIs: "a basket of this value",
    QuantityIs: "so many units",
    HasProduct: "one of certain products",
    InCategory: "a product of certain categories",
    IsFirstOrder: "first orders",
    IsCustomer: "certain customers",
    IsSignedIn: "customers who have signed in",
    InMarket: "certain markets",
    AtTime: "this time",
}


def why_not(condition: Condition, goods: Goods, at: datetime) -> str | None:  # noqa: PLR0911 - one for each kind
    """Why the condition does not hold; None where it does. Amounts are those before discounts."""
    match condition:
        case AllOf(of=of):
            return next((why for one in of if (why := why_not(one, goods, at))), None)
        case AnyOf(of=of):
            reasons = [why_not(one, goods, at) for one in of]
            return None if None in reasons else ", or ".join(dict.fromkeys(why for why in reasons if why))
        case Unless(of=of):
            return f"is not for {_described(of)}" if why_not(of, goods, at) is None else None
        case SubtotalIs():
            return _subtotal(condition, goods)
        case QuantityIs(min=least, lines=lines):
            missing = least - goods.units(lines)
            return needs_units(missing, lines) if missing > 0 else None
        case HasProduct(product_ids=ids):
            return None if _has_product(ids, goods) else f"needs {_described(condition)}"
        case InCategory(category_ids=ids):
            return None if _has_category(ids, goods) else f"needs {_described(condition)}"
        case AtTime():
            return None if _is_time(condition, at.astimezone(_zone(goods.basket.time_zone))) else "is not for this time"
        case _:
            return None if _is_for(condition, goods) else f"is only for {_described(condition)}"


def needs_units(missing: int, lines: Matching | None) -> str:
    """Of units that are too few."""
    units = "unit" if missing == 1 else "units"
    return f"needs {missing} more {units}{' of the goods that it is for' if lines else ''}"


def needs_goods(missing: int, lines: Matching | None, goods: Goods) -> str:
    """Of goods that are worth too little."""
    return f"needs {goods.text(missing)} more of {'the goods that it is for' if lines else 'goods'}"


def _subtotal(condition: SubtotalIs, goods: Goods) -> str | None:
    subtotal = goods.subtotal(condition.lines)
    if condition.min is not None:
        least = goods.amount(condition.min)
        if least is None:
            return goods.not_offered()
        if subtotal < least:
            return needs_goods(least - subtotal, condition.lines, goods)
    if condition.max is not None:
        most = goods.amount(condition.max)
        if most is None:
            return goods.not_offered()
        if subtotal > most:
            return f"is for goods of at most {goods.text(most)}"
    return None


def _has_product(ids: frozenset[UUID], goods: Goods) -> bool:
    return any(line.product_id in ids for line in goods.basket.lines)


def _has_category(ids: frozenset[UUID], goods: Goods) -> bool:
    return not all(ids.isdisjoint(line.category_ids) for line in goods.basket.lines)


def _is_for(condition: Condition, goods: Goods) -> bool:
    """Whether a condition of who buys, and where, holds."""
    basket, customer = goods.basket, goods.basket.customer
    match condition:
        case IsFirstOrder():
            return customer.earlier_orders == 0
        case IsCustomer(customer_ids=ids):
            return customer.account_id in ids
        case IsSignedIn():
            return customer.is_signed_in
        case InMarket(markets=markets):
            return basket.market in markets or str(basket.market_id) in markets
        case ToCountry(countries=countries):
            return basket.country in countries
        case _:
            return False


def _is_time(condition: AtTime, local: datetime) -> bool:
    day, clock = local.date(), local.time()
    if condition.first_day is not None and day < condition.first_day:
        return False
    if condition.last_day is not None and day > condition.last_day:
        return False
    if condition.weekdays and _DAYS[day.weekday()] not in condition.weekdays:
        return False
    begun = condition.from_ is None or clock >= condition.from_
    open_ = condition.until is None or clock < condition.until
    over_midnight = condition.from_ is not None and condition.until is not None and condition.until < condition.from_
    return begun or open_ if over_midnight else begun and open_


def _described(condition: Condition) -> str:
    match condition:
        case AllOf(of=of):
            return " with ".join(_described(one) for one in of)
        case AnyOf(of=of):
            return " or ".join(_described(one) for one in of)
        case Unless(of=of):
            return f"anything but {_described(of)}"
        case ToCountry(countries=countries):
            return f"delivery to {', '.join(sorted(countries))}"
        case _:
            return _DESCRIPTIONS[type(condition)]


@lru_cache(512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
