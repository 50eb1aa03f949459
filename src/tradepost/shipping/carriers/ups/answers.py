"""What UPS answers, as far as it is read (github.com/UPS-API/api-documentation: Rating, Shipping, Tracking)."""

from typing import TypeVar

import msgspec

Item = TypeVar("Item")


def several(written: list[Item] | Item) -> list[Item]:
    """UPS used to write a list of one as the thing alone, and in places it still does."""
    return written if isinstance(written, list) else [written]


class Pascal(msgspec.Struct, rename="pascal", frozen=True):
    pass


class Code(Pascal, frozen=True):
    code: str


class Charge(Pascal, frozen=True):
    currency_code: str
    monetary_value: str


class Negotiated(Pascal, frozen=True):
    total_charge: Charge | None = None


class Guaranteed(Pascal, frozen=True):
    business_days_in_transit: str | None = None


class RatedShipment(Pascal, frozen=True):
    service: Code
    total_charges: Charge
    negotiated_rate_charges: Negotiated | None = None
    guaranteed_delivery: Guaranteed | None = None

    @property
    def charge(self) -> Charge:
        return _charge(self.total_charges, self.negotiated_rate_charges)


class RateResponse(Pascal, frozen=True):
    rated_shipment: list[RatedShipment] | RatedShipment


class RateAnswer(Pascal, frozen=True):
    rate_response: RateResponse


class Image(Pascal, frozen=True):
    image_format: Code
    graphic_image: bytes


class PackageResult(Pascal, frozen=True):
    tracking_number: str
    shipping_label: Image


class Charges(Pascal, frozen=True):
    total_charges: Charge


class ShipmentResults(Pascal, frozen=True):
    shipment_identification_number: str
    package_results: list[PackageResult] | PackageResult
    shipment_charges: Charges
    negotiated_rate_charges: Negotiated | None = None

    @property
    def charge(self) -> Charge:
        return _charge(self.shipment_charges.total_charges, self.negotiated_rate_charges)


class ShipmentResponse(Pascal, frozen=True):
    shipment_results: ShipmentResults


class ShipAnswer(Pascal, frozen=True):
    shipment_response: ShipmentResponse


class Summary(Pascal, frozen=True):
    status: Code


class VoidResponse(Pascal, frozen=True):
    summary_result: Summary


class VoidAnswer(Pascal, frozen=True):
    void_shipment_response: VoidResponse


class Camel(msgspec.Struct, rename="camel", frozen=True):
    pass


class Address(Camel, frozen=True):
    city: str = ""
    state_province: str = ""
    country_code: str = ""


class Location(Camel, frozen=True):
    address: Address | None = None


class Status(Camel, frozen=True):
    type: str = ""
    code: str = ""
    status_code: str = ""
    description: str = ""


class Activity(Camel, frozen=True):
    """`gmt_date` and `gmt_time` are missing in older scans; `date` and `time` are the place's own."""

    date: str
    time: str
    status: Status
    gmt_date: str = ""
    gmt_time: str = ""
    location: Location | None = None


class Package(Camel, frozen=True):
    tracking_number: str = ""
    activity: list[Activity] = []


class Shipment(Camel, frozen=True):
    package: list[Package] = []


class TrackResponse(Camel, frozen=True):
    shipment: list[Shipment] = []


class TrackAnswer(Camel, frozen=True):
    track_response: TrackResponse


class Fault(Camel, frozen=True):
    code: str = ""
    message: str = ""


class Faults(Camel, frozen=True):
    errors: list[Fault]


class FaultAnswer(Camel, frozen=True):
    response: Faults


class Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: str | int
    """Seconds."""


def _charge(published: Charge, negotiated: Negotiated | None) -> Charge:
    """The account's own price, where it has one."""
    return negotiated.total_charge if negotiated and negotiated.total_charge else published
