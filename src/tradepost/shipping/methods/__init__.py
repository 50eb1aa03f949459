"""How a shop sends, where, and what that costs: for each parcel the ways there are, and why not the others."""

from tradepost.shipping.methods.actions import change_method, change_zone, create_method, create_zone
from tradepost.shipping.methods.choosing import Convert, Methods, NotOffered, Option, Parcel, wanted
from tradepost.shipping.methods.model import (
    Area,
    Basis,
    Method,
    MethodDraft,
    ShippingMethodNotAvailable,
    Step,
    Table,
    Zone,
    ZoneDraft,
)
from tradepost.shipping.methods.store import has_zones

__all__ = [
    "Area",
    "Basis",
    "Convert",
    "Method",
    "MethodDraft",
    "Methods",
    "NotOffered",
    "Option",
    "Parcel",
    "ShippingMethodNotAvailable",
    "Step",
    "Table",
    "Zone",
    "ZoneDraft",
    "change_method",
    "change_zone",
    "create_method",
    "create_zone",
    "has_zones",
    "wanted",
]
