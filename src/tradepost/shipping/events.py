from datetime import datetime
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


class ShipmentLabelBought(Fact, frozen=True):
    """Its carrier sold a label for it."""

    subject_type = "shipment"
    order_id: UUID
    carrier: str
    service: str
    tracking_number: str


class ShipmentLabelRefused(Fact, frozen=True):
    """Its carrier did not sell a label for it, or did not answer before anything was asked; `code` says which."""

    subject_type = "shipment"
    order_id: UUID
    carrier: str
    code: str


class ShipmentLabelUncertain(Fact, frozen=True):
    """Its carrier may have sold a label for it: staff have to look there."""

    subject_type = "shipment"
    order_id: UUID
    carrier: str


class ShipmentLabelGivenUp(Fact, frozen=True):
    """A label that may have been sold was seen to."""

    subject_type = "shipment"
    order_id: UUID
    carrier: str


class ShipmentLabelVoided(Fact, frozen=True):
    """Its label was given back."""

    subject_type = "shipment"
    order_id: UUID
    carrier: str


class ShipmentLabelKept(Fact, frozen=True):
    """Its carrier did not take the label back."""

    subject_type = "shipment"
    order_id: UUID
    carrier: str
    code: str


class ShipmentTracked(Fact, frozen=True):
    """Its carrier said where it is; `at` is when that was."""

    subject_type = "shipment"
    order_id: UUID
    status: str
    at: datetime
    place: str
    text: str
