"""Parcels: packed from one location, handed to a carrier, and there, or not. They know an order only by its id."""

from tradepost.shipping.actions import cancel, come_back, deliver, lose, pack, ship
from tradepost.shipping.labels import Outcome, Refused, carry_out, request_label, request_void, settle
from tradepost.shipping.model import (
    LabelExists,
    LabelState,
    LabelUnderWay,
    Shipment,
    ShipmentLabel,
    ShipmentLine,
    ShipmentStatus,
    ShownLabel,
    Tracking,
)
from tradepost.shipping.store.labels import find_of_request, get_document
from tradepost.shipping.store.shipments import of_orders
from tradepost.shipping.store.tracking import updates_of
from tradepost.shipping.sweeping import Sweep

__all__ = [
    "LabelExists",
    "LabelState",
    "LabelUnderWay",
    "Outcome",
    "Refused",
    "Shipment",
    "ShipmentLabel",
    "ShipmentLine",
    "ShipmentStatus",
    "ShownLabel",
    "Sweep",
    "Tracking",
    "cancel",
    "carry_out",
    "come_back",
    "deliver",
    "find_of_request",
    "get_document",
    "lose",
    "of_orders",
    "pack",
    "request_label",
    "request_void",
    "settle",
    "ship",
    "updates_of",
]
