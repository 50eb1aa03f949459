"""What types cannot say of conditions and actions, checked once when they come in."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from tradepost.core import money
from tradepost.core.errors import invalid
from tradepost.promotions.rules import (
    MOST_CONDITIONS,
    MOST_DEPTH,
    MOST_NAMED,
    Action,
    AllOf,
    AnyOf,
    AtTime,
    Condition,
    Matching,
    SubtotalIs,
    Tier,
    Tiers,
    Unless,
)

Struct = TypeVar("Struct", bound=msgspec.Struct)

_PERCENT_DIGITS = 4


def checked_condition(condition: Condition, pointer: str) -> Condition:
    """The condition as it is kept, amounts with their currency's digits. ValidationFailed, also for too many."""
    if _depth(condition) > MOST_DEPTH:
        raise invalid(pointer, "too_deep", f"has conditions inside conditions at more than {MOST_DEPTH} levels")
    if sum(1 for _ in within(condition)) > MOST_CONDITIONS:
        raise invalid(pointer, "too_many", f"has more than {MOST_CONDITIONS} conditions")
    return _checked(condition, pointer)


def checked_actions(actions: tuple[Action, ...], pointer: str) -> tuple[Action, ...]:
    """The same of actions. ValidationFailed."""
    return tuple(_checked(action, f"{pointer}/{at}") for at, action in enumerate(actions))


def within(condition: Condition) -> Iterator[Condition]:
    """The condition and all that are inside it."""
    yield condition
    for inner in _inside(condition):
        yield from within(inner)


def _inside(condition: Condition) -> tuple[Condition, ...]:
    match condition:
        case AllOf(of=of) | AnyOf(of=of):
            return of
        case Unless(of=of):
            return (of,)
        case _:
            return ()


def _depth(condition: Condition) -> int:
    return 1 + max((_depth(inner) for inner in _inside(condition)), default=0)


def _checked(rule: Struct, pointer: str) -> Struct:
    for kind, check in _CHECKS:
        if isinstance(rule, kind):
            check(rule, pointer)
    changes = {
        field.name: _kept(getattr(rule, field.name), f"{pointer}/{field.encode_name}")
        for field in msgspec.structs.fields(rule)
    }
    return msgspec.structs.replace(rule, **changes)


def _kept(value: Any, pointer: str) -> Any:  # noqa: ANN401 - a field of any rule
    """A field's value as it is kept: of decimals, those that stand by currency are amounts, the others percentages."""
    match value:
        case dict():
            return {currency: _amount(amount, currency, f"{pointer}/{currency}") for currency, amount in value.items()}
        case Decimal():
            return _percent(value, pointer)
        case msgspec.Struct():
            return _checked(value, pointer)
        case frozenset() if len(value) > MOST_NAMED:
            raise invalid(pointer, "too_many", f"names more than {MOST_NAMED}")
        case tuple():
            return tuple(_kept(one, f"{pointer}/{at}") for at, one in enumerate(value))
        case _:
            return value


def _amount(amount: Decimal, currency: str, pointer: str) -> Decimal:
    minor = money.parse_field(amount, currency, pointer=pointer)
    return Decimal(money.text(minor, currency))


def _percent(percent: Decimal, pointer: str) -> Decimal:
    if not percent.is_finite() or not 0 < percent <= 100:  # noqa: PLR2004 - per cent
        raise invalid(pointer, "out_of_range", "must be above 0 and at most 100")
    kept = percent.normalize()
    if -int(kept.as_tuple().exponent) > _PERCENT_DIGITS:
        raise invalid(pointer, "too_many_digits", f"has more than {_PERCENT_DIGITS} decimal digits")
    return Decimal(f"{kept:f}")


def _check_matching(matching: Matching, pointer: str) -> None:
    if not (matching.product_ids or matching.category_ids):
        raise invalid(pointer, "required", "names neither products nor categories")


def _check_subtotal(condition: SubtotalIs, pointer: str) -> None:
    if condition.min is None and condition.max is None:
        raise invalid(pointer, "required", "has neither min nor max")


def _check_time(condition: AtTime, pointer: str) -> None:
    given = (condition.first_day, condition.last_day, condition.from_, condition.until)
    if all(one is None for one in given) and not condition.weekdays:
        raise invalid(pointer, "required", "says no time")
    if condition.first_day and condition.last_day and condition.last_day < condition.first_day:
        raise invalid(f"{pointer}/lastDay", "out_of_range", "is before the first day")
    if condition.from_ is not None and condition.from_ == condition.until:
        raise invalid(f"{pointer}/until", "out_of_range", "is the same as from")


def _check_tiers(action: Tiers, pointer: str) -> None:
    by_quantity = {step.from_quantity is not None for step in action.steps}
    if len(by_quantity) > 1:
        raise invalid(f"{pointer}/steps", "invalid_value", "must all be by subtotal, or all by quantity")


def _check_tier(tier: Tier, pointer: str) -> None:
    if (tier.from_subtotal is None) == (tier.from_quantity is None):
        raise invalid(pointer, "required", "needs either fromSubtotal or fromQuantity")
    if (tier.percent is None) == (tier.amounts is None):
        raise invalid(pointer, "required", "needs either percent or amounts")


_CHECKS: list[tuple[type[msgspec.Struct], Callable[[Any, str], None]]] = [
    (Matching, _check_matching),
    (SubtotalIs, _check_subtotal),
    (AtTime, _check_time),
    (Tiers, _check_tiers),
    (Tier, _check_tier),
]
