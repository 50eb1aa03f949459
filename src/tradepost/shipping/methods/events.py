from uuid import UUID

from tradepost.events import Fact


class ShippingZoneCreated(Fact, frozen=True):
    subject_type = "shipping_zone"
    name: str


class ShippingZoneChanged(Fact, frozen=True):
    """`changed` are the fields by their wire names; one that is not offered any more has changed in `isActive`."""

    subject_type = "shipping_zone"
    changed: list[str]


class ShippingMethodCreated(Fact, frozen=True):
    subject_type = "shipping_method"
    code: str
    zone_id: UUID


class ShippingMethodChanged(Fact, frozen=True):
    """`changed` are the fields by their wire names; one that is not offered any more has changed in `isActive`."""

    subject_type = "shipping_method"
    code: str
    changed: list[str]
