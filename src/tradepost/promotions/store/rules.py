"""Rules as they are kept: JSON text, with amounts as decimal strings."""

from functools import lru_cache

import msgspec

from tradepost.promotions.rules import Action, Condition

_conditions = msgspec.json.Decoder(Condition)
_actions = msgspec.json.Decoder(tuple[Action, ...])


@lru_cache(1024)
def condition_of(written: str | None) -> Condition | None:
    return None if written is None else _conditions.decode(written)


@lru_cache(1024)
def actions_of(written: str) -> tuple[Action, ...]:
    return _actions.decode(written)


def written(rules: Condition | tuple[Action, ...] | None) -> str | None:
    return None if rules is None else msgspec.json.encode(rules, order="deterministic").decode()
