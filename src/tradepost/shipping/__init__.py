"""Parcels: packed from one location, handed to a carrier, and there, or not. They know an order only by its id."""

from tradepost.shipping.actions import cancel, come_back, deliver, lose, pack, ship
from tradepost.shipping.model import Shipment, ShipmentLine, ShipmentStatus, Tracking
from tradepost.shipping.store import of_orders

__all__ = [
    "Shipment",
    "ShipmentLine",
    "ShipmentStatus",
    "Tracking",
    "cancel",
    "come_back",
    "deliver",
    "lose",
    "of_orders",
    "pack",
    "ship",
]
