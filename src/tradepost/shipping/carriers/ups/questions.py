"""What UPS is asked (github.com/UPS-API/api-documentation: Rating, Shipping)."""

import textwrap

from tradepost.core import money
from tradepost.core.errors import FieldError
from tradepost.shipping.carriers.model import Consignment, Parcel, Place, refused
from tradepost.shipping.carriers.ups import units

_CUSTOMERS_OWN_BOX = {"Code": "02"}
_TRANSPORT = "01"
_MOST_LINES = 3
_LONGEST_LINE = 35
_LONGEST_CITY = 30
_LONGEST_STATE = 5
_REFERENCE_ON_PACKAGES = {"US", "PR"}
"""Within these countries UPS takes references with each package, elsewhere with the shipment (Shipping, 2409)."""
_INVOICE_NUMBER = "IK"

Body = dict[str, object]


def rating(consignment: Consignment, account: str) -> Body:
    """Raises CarrierRefused for an address that UPS has no room for."""
    country = consignment.sender.country
    packages = [_package(parcel, country, kind="PackagingType") for parcel in consignment.parcels]
    shipment = _shipment(consignment, account) | {"Package": packages, "PaymentDetails": _payment(account)}
    return {"RateRequest": {"Request": _request(consignment.reference), "Shipment": shipment}}


def shipping(consignment: Consignment, account: str, *, service: str, key: str) -> Body:
    """Raises CarrierRefused for an address that UPS has no room for."""
    country = consignment.sender.country
    packages = [_package(parcel, country, kind="Packaging") for parcel in consignment.parcels]
    reference = {"ReferenceNumber": {"Code": _INVOICE_NUMBER, "Value": consignment.reference[:_LONGEST_LINE]}}
    shipment = _shipment(consignment, account) | {
        "Service": {"Code": service},
        "Description": "Goods",
        "PaymentInformation": _payment(account),
    }
    if country in _REFERENCE_ON_PACKAGES and not consignment.crosses_border:
        packages = [package | reference for package in packages]
    else:
        shipment |= reference
    label = {"LabelImageFormat": {"Code": "GIF"}, "HTTPUserAgent": "Mozilla/4.5"}
    body = {"Request": _request(key) | {"RequestOption": "nonvalidate"}, "Shipment": shipment | {"Package": packages}}
    return {"ShipmentRequest": body | {"LabelSpecification": label}}


def _request(context: str) -> Body:
    """The context comes back with the answer, and helps UPS's support to find the call."""
    return {"TransactionReference": {"CustomerContext": context}}


def _shipment(consignment: Consignment, account: str) -> Body:
    sender = _party(consignment.sender, "sender")
    shipment: Body = {
        "Shipper": sender | {"ShipperNumber": account},
        "ShipFrom": sender,
        "ShipTo": _party(consignment.recipient, "recipient"),
        "ShipmentRatingOptions": {"NegotiatedRatesIndicator": "Y"},
    }
    if consignment.crosses_border:
        value = money.text(consignment.value, consignment.currency)
        shipment["InvoiceLineTotal"] = {"CurrencyCode": consignment.currency, "MonetaryValue": value}
    return shipment


def _payment(account: str) -> Body:
    return {"ShipmentCharge": [{"Type": _TRANSPORT, "BillShipper": {"AccountNumber": account}}]}


def _package(parcel: Parcel, country: str, *, kind: str) -> Body:
    package: Body = {kind: _CUSTOMERS_OWN_BOX, "PackageWeight": units.weight(parcel, country)}
    if parcel.dimensions:
        package["Dimensions"] = units.size(parcel.dimensions, country)
    return package


def _party(place: Place, who: str) -> Body:
    party: Body = {
        "Name": (place.company or place.name)[:_LONGEST_LINE],
        "AttentionName": place.name[:_LONGEST_LINE],
        "Address": _address(place, who),
    }
    if place.phone:
        party["Phone"] = {"Number": place.phone.removeprefix("+")}
    return party


def _address(place: Place, who: str) -> Body:
    address: Body = {
        "AddressLine": _lines(place, who),
        "City": place.city[:_LONGEST_CITY],
        "CountryCode": place.country,
    }
    if place.state and len(place.state) <= _LONGEST_STATE:
        address["StateProvinceCode"] = place.state
    if place.postal_code:
        address["PostalCode"] = place.postal_code
    return address


def _lines(place: Place, who: str) -> list[str]:
    """Long lines are broken at spaces, never cut: a parcel would not arrive."""
    lines = [part for line in place.lines for part in textwrap.wrap(line, _LONGEST_LINE)]
    if len(lines) > _MOST_LINES:
        said = f"An address has at most {_MOST_LINES} lines of {_LONGEST_LINE} characters"
        raise refused("ups", said, errors=(FieldError(f"/{who}/lines", "out_of_range", said),))
    return lines
