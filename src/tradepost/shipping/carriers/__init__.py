"""Those who carry parcels: what they ask, the labels they sell, and where a parcel is, whoever of them is up."""

from tradepost.shipping.carriers.choosing import (
    CarrierNotOffered,
    Carriers,
    CarriersNotSetUp,
    carriers_of,
    check_names,
)
from tradepost.shipping.carriers.model import (
    CarrierNotReached,
    CarrierRefused,
    CarrierUnavailable,
    Consignment,
    Dimensions,
    Document,
    Label,
    Parcel,
    Place,
    Rate,
    ServiceNotOffered,
    Source,
    TrackingStatus,
    TrackingUpdate,
    place_of,
)
from tradepost.shipping.carriers.provider import Carrier
from tradepost.shipping.carriers.quoting import Note, Rates, rates
from tradepost.shipping.carriers.table import Table, TableRates, table_of
from tradepost.shipping.carriers.ups.account import UpsAccount

__all__ = [
    "Carrier",
    "CarrierNotOffered",
    "CarrierNotReached",
    "CarrierRefused",
    "CarrierUnavailable",
    "Carriers",
    "CarriersNotSetUp",
    "Consignment",
    "Dimensions",
    "Document",
    "Label",
    "Note",
    "Parcel",
    "Place",
    "Rate",
    "Rates",
    "ServiceNotOffered",
    "Source",
    "Table",
    "TableRates",
    "TrackingStatus",
    "TrackingUpdate",
    "UpsAccount",
    "carriers_of",
    "check_names",
    "place_of",
    "rates",
    "table_of",
]
