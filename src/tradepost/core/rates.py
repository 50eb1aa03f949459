"""How many in how long: `100/15m` is a hundred in fifteen minutes."""

import re

import msgspec

_RATE = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,3})?([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Rate(msgspec.Struct, frozen=True):
    """So many in any stretch of so many seconds."""

    amount: int
    seconds: int


def rate(text: str) -> Rate:
    """A rate as it is written in a setting. ValueError, in words for an operator, for anything else."""
    match = _RATE.fullmatch(text.replace(" ", ""))
    if not match:
        msg = f"{text!r} is not a rate: write 100/15m for a hundred in 15 minutes (s, m, h or d), or nothing for none"
        raise ValueError(msg)
    return Rate(int(match[1]), int(match[2] or 1) * _SECONDS[match[3]])
