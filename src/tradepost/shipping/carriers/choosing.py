from collections.abc import Sequence

from tradepost.shipping.carriers.fake import FakeCarrier
from tradepost.shipping.carriers.provider import Carrier
from tradepost.shipping.carriers.ups.account import UpsAccount

_KNOWN = ("fake", "ups")


def carriers_of(names: Sequence[str], *, ups: UpsAccount | None = None) -> dict[str, Carrier]:
    """The carriers by name. ValueError for a name that is none's, and for UPS without its account."""
    check_names(names)
    return {name: _carrier(name, ups) for name in names}


def check_names(names: Sequence[str]) -> None:
    """ValueError for a name that is no carrier's."""
    for name in names:
        if name not in _KNOWN:
            raise ValueError(f"{name!r} is no carrier; there are {', '.join(_KNOWN)}")


def _carrier(name: str, ups: UpsAccount | None) -> Carrier:
    if name == "fake":
        return FakeCarrier()
    if ups is None:
        raise ValueError("ups needs its account")
    from tradepost.shipping.carriers.ups.carrier import UpsCarrier  # noqa: PLC0415 - its client is slow to load

    return UpsCarrier(ups)
