from uuid import UUID

from tradepost.events import Fact


class ShipmentPacked(Fact, frozen=True):
    subject_type = "shipment"
    order_id: UUID


class ShipmentShipped(Fact, frozen=True):
    """It was handed to the carrier; its units have left the stock."""

    subject_type = "shipment"
    order_id: UUID
    carrier: str | None
    tracking_number: str | None


class ShipmentDelivered(Fact, frozen=True):
    subject_type = "shipment"
    order_id: UUID


class ShipmentLost(Fact, frozen=True):
    subject_type = "shipment"
    order_id: UUID


class ShipmentReturned(Fact, frozen=True):
    """It came back undelivered; its units are on hand again, promised to the order as before."""

    subject_type = "shipment"
    order_id: UUID


class ShipmentCancelled(Fact, frozen=True):
    subject_type = "shipment"
    order_id: UUID
