"""A shop's parcels, its table of rates, and its way to a UPS that is none."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from tests.ups_stub import ACCOUNT, CLIENT_ID, CLIENT_SECRET, Ups
from tradepost.shipping.carriers import Consignment, Dimensions, Parcel, Place, TableRates, UpsAccount, table_of
from tradepost.shipping.carriers.ups.carrier import UpsCarrier
from tradepost.shipping.carriers.ups.client import UpsClient

SHOP = Place(
    "Ann Shipper",
    ("1 Dock Road",),
    "Atlanta",
    "US",
    company="The Shop",
    state="GA",
    postal_code="30301",
    phone="+14045550100",
)
BUYER = Place("Ada Buyer", ("12 Main St",), "New York", "US", state="NY", postal_code="10001", phone="+12125550100")
ABROAD = Place("Max Käufer", ("Hauptstraße 1",), "Berlin", "DE", postal_code="10115", phone="+49301234567")
BOX = Parcel(1500, 4999, "USD", Dimensions(200, 300, 100))
TABLE = {
    "currency": "USD",
    "services": [
        {
            "code": "standard",
            "name": "Standard",
            "days": [2, 5],
            "zones": [
                {
                    "countries": ["US"],
                    "freeFrom": "100.00",
                    "brackets": [{"upTo": 1000, "amount": "5.00"}, {"upTo": 20000, "amount": "9.50"}],
                },
                {"countries": ["*"], "by": "subtotal", "brackets": [{"upTo": "50", "amount": 30}, {"amount": "20"}]},
            ],
        },
        {"code": "pickup", "name": "Pickup", "zones": [{"countries": ["US"], "brackets": [{"amount": "0"}]}]},
    ],
}
ANSWER_SECONDS = 30.0
"""So long a test waits for what should be there at once: only a test that fails would notice."""


def consignment(to: Place = BUYER, *parcels: Parcel, **changes: Any) -> Consignment:
    recipient = msgspec.structs.replace(to, **changes)
    return Consignment(SHOP, recipient, parcels or (BOX,), "T-1001")


def table(**changes: Any) -> TableRates:
    return TableRates(table_of(json.dumps(TABLE | changes)))


def zone(**changes: Any) -> dict[str, Any]:
    """The services of a table with one zone."""
    made = {"countries": ["US"], "brackets": [{"amount": "5"}]} | changes
    return {"services": [{"code": "s", "name": "S", "zones": [made]}]}


class Seconds:
    """A clock for what counts in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def ups_carrier(
    ups: Ups, *, secret: str = CLIENT_SECRET, seconds: float = ANSWER_SECONDS, clock: Seconds | None = None
) -> AsyncIterator[UpsCarrier]:
    account = UpsAccount(ups.url, ACCOUNT, CLIENT_ID, secret)
    client = UpsClient(account, seconds=seconds, **({"clock": clock} if clock else {}))
    carrier = UpsCarrier(account, client=client)
    try:
        yield carrier
    finally:
        await carrier.close()
