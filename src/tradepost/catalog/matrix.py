"""What tells the variants of a product apart: options with their values, both in an order, and the combinations."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tradepost.core.errors import invalid

Combination = Mapping[str, str]


class Option(msgspec.Struct, frozen=True):
    name: str
    values: tuple[str, ...]


Options = tuple[Option, ...]


def check(options: Options) -> None:
    """ValidationFailed where a name, or a value of an option, is there twice."""
    names = [option.name for option in options]
    for at, option in enumerate(options):
        if option.name in names[:at]:
            raise invalid(f"/options/{at}/name", "repeated", "is the name of another option, too")
        for place, value in enumerate(option.values):
            if value in option.values[:place]:
                raise invalid(f"/options/{at}/values/{place}", "repeated", "is there twice")


def covering(options: Options, used: Iterable[Combination]) -> Options:
    """The options, with all that is in use: what they lack comes last, in the order in which it is met."""
    values = {option.name: dict.fromkeys(option.values) for option in options}
    for combination in used:
        for name, value in combination.items():
            values.setdefault(name, {})[value] = None
    return tuple(Option(name, tuple(listed)) for name, listed in values.items())


def restricted(options: Options, used: Sequence[Combination]) -> Options:
    """The options, in their order, without the values that are not in use."""
    met = {pair for combination in used for pair in combination.items()}
    kept = [
        Option(option.name, tuple(value for value in option.values if (option.name, value) in met))
        for option in options
    ]
    return tuple(option for option in kept if option.values)


def in_order(combination: Combination, options: Options) -> dict[str, str]:
    """The same combination, its names in the order of the options."""
    known = {option.name: combination[option.name] for option in options if option.name in combination}
    return known | dict(combination)


def size(options: Options) -> int:
    """How many combinations there are; none without options."""
    return math.prod(len(option.values) for option in options) if options else 0


def combinations(options: Options) -> list[dict[str, str]]:
    """Every combination, the last option varying fastest. Look at the `size` first."""
    names = [option.name for option in options]
    listed = itertools.product(*(option.values for option in options))
    return [dict(zip(names, values, strict=True)) for values in listed] if options else []
