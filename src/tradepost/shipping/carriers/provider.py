from collections.abc import Sequence
from typing import Protocol

from tradepost.shipping.carriers.model import Consignment, Label, Rate, TrackingUpdate


class Carrier(Protocol):
    """Somebody who carries parcels. Everything raises CarrierUnavailable, and may take ten seconds to do so."""

    @property
    def name(self) -> str:
        """Ours, as in the settings: `ups`."""
        ...

    @property
    def keeps_keys(self) -> bool:
        """Whether the same key buys one label, however often it is asked for."""
        ...

    async def rates(self, consignment: Consignment) -> Sequence[Rate]:
        """What its services cost, in the currency of its choice; empty where none goes there. Raises CarrierRefused."""
        ...

    async def label(self, consignment: Consignment, *, service: str, key: str) -> Label:
        """Buys a label. Raises CarrierRefused, ServiceNotOffered.

        CarrierUnavailable leaves open whether a label was bought; where `keeps_keys`, asking again with the same key
        finds out. CarrierNotReached says that none was.
        """
        ...

    async def track(self, tracking_number: str) -> Sequence[TrackingUpdate]:
        """What happened to a parcel, oldest first; empty where the carrier knows nothing of it, or not yet."""
        ...

    async def void(self, reference: str) -> None:
        """Gives a label back. Once more is no error. Raises CarrierRefused, as when the parcel is on its way."""
        ...

    async def close(self) -> None:
        """Lets connections go."""
        ...
