from collections.abc import Mapping, Sequence

import msgspec

from tradepost.core.errors import Conflict, FieldError, Invalid
from tradepost.shipping.carriers.fake import FakeCarrier
from tradepost.shipping.carriers.model import Consignment, Place
from tradepost.shipping.carriers.provider import Carrier
from tradepost.shipping.carriers.quoting import Rates, rates
from tradepost.shipping.carriers.table import TableRates
from tradepost.shipping.carriers.ups.account import UpsAccount

_KNOWN = ("fake", "ups")


class CarrierNotOffered(Invalid):
    """This installation does not work with that carrier."""

    title = "There is no such carrier here"


class CarriersNotSetUp(Conflict):
    """The installation does not say where parcels come from."""

    title = "No carriers are set up"


class Carriers(msgspec.Struct, frozen=True):
    """Who carries parcels for this installation, the table for when they do not answer, and where parcels come from."""

    by_name: Mapping[str, Carrier]
    table: TableRates | None = None
    sender: Place | None = None

    def get(self, name: str) -> Carrier:
        """CarrierNotOffered."""
        found = self.by_name.get(name)
        if found is None:
            known = ", ".join(self.by_name) or "none"
            error = FieldError("/carrier", CarrierNotOffered.code, f"There are: {known}")
            raise CarrierNotOffered(errors=[error])
        return found

    def origin(self) -> Place:
        """Where parcels come from. CarriersNotSetUp."""
        if self.sender is None:
            raise CarriersNotSetUp("Set TRADEPOST_SHIP_FROM, and TRADEPOST_CARRIERS or TRADEPOST_SHIPPING_TABLE")
        return self.sender

    async def rates(self, consignment: Consignment) -> Rates:
        """What sending costs with all of them; see `rates`."""
        return await rates(self.by_name.values(), self.table, consignment)

    async def close(self) -> None:
        """Lets their connections go."""
        for carrier in self.by_name.values():
            await carrier.close()


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
