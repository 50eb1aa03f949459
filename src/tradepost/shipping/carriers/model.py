"""What is asked of carriers and what they answer. Weights in grams, sizes in millimetres, amounts in minor units."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from tradepost.core.errors import FieldError, Invalid, Unavailable
from tradepost.core.texts import has_forbidden

_MOST_WORDS = 300

Line = Annotated[str, Meta(min_length=1, max_length=100)]


class CarrierUnavailable(Unavailable):
    """The carrier is down, slow or left alone for a while. Whether a label was made is then not known."""

    title = "The carrier does not answer"
    retry_after = 30


class CarrierNotReached(CarrierUnavailable):
    """The carrier was not even asked, as it is down, is left alone for a while, or does not let us in."""

    title = "The carrier cannot be reached"


class CarrierRefused(Invalid):
    """The carrier understood and will not. `errors` points into the consignment where it said what is wrong."""

    title = "The carrier does not take this consignment"


class ServiceNotOffered(Invalid):
    """The carrier has no such service, or not between these places."""

    title = "The carrier does not offer this service"


class Dimensions(msgspec.Struct, frozen=True):
    """A box, in millimetres."""

    length: int
    width: int
    height: int


class Parcel(msgspec.Struct, frozen=True):
    """A box to be sent: grams, and what is in it is worth `value` minor units."""

    weight: int
    value: int
    currency: str
    dimensions: Dimensions | None = None


class Place(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Where a parcel comes from or goes to. `country` by ISO 3166-1, `phone` by E.164."""

    name: Line
    lines: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=3)]
    city: Line
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")]
    company: Line | None = None
    state: Line | None = None
    postal_code: Annotated[str, Meta(min_length=1, max_length=16)] | None = None
    phone: Annotated[str, Meta(pattern="^[+][0-9]{6,15}$")] | None = None


class Consignment(msgspec.Struct, frozen=True):
    """Parcels that go together. `reference` is ours, such as an order number, and is printed on the label.

    ValueError without parcels, or where their values are of different currencies.
    """

    sender: Place
    recipient: Place
    parcels: tuple[Parcel, ...]
    reference: str

    def __post_init__(self) -> None:
        if len({parcel.currency for parcel in self.parcels}) != 1:
            raise ValueError("a consignment has parcels, with values of one currency")

    @property
    def weight(self) -> int:
        """Grams, of all parcels."""
        return sum(parcel.weight for parcel in self.parcels)

    @property
    def value(self) -> int:
        """Minor units, of all parcels."""
        return sum(parcel.value for parcel in self.parcels)

    @property
    def currency(self) -> str:
        return self.parcels[0].currency

    @property
    def crosses_border(self) -> bool:
        return self.sender.country != self.recipient.country


class Source(StrEnum):
    CARRIER = "carrier"
    TABLE = "table"


class Rate(msgspec.Struct, frozen=True):
    """What a service costs, and in how many days the parcels arrive, where that is known."""

    carrier: str
    service: str
    name: str
    amount: int
    currency: str
    earliest: int | None
    latest: int | None
    source: Source


class Document(msgspec.Struct, frozen=True):
    """What is stuck on one parcel."""

    tracking_number: str
    content: bytes
    media_type: str


class Label(msgspec.Struct, frozen=True):
    """A bought label. `reference` is what `void` takes; `documents` has one for each parcel, in their order."""

    carrier: str
    service: str
    tracking_number: str
    tracking_url: str
    documents: tuple[Document, ...]
    reference: str
    amount: int
    currency: str


class TrackingStatus(StrEnum):
    LABELLED = "LABELLED"
    IN_TRANSIT = "IN_TRANSIT"
    OUT_FOR_DELIVERY = "OUT_FOR_DELIVERY"
    DELIVERED = "DELIVERED"
    EXCEPTION = "EXCEPTION"
    LOST = "LOST"
    RETURNED = "RETURNED"


class TrackingUpdate(msgspec.Struct, frozen=True):
    """What happened to a parcel. The same update has the same `reference` each time it is asked for."""

    status: TrackingStatus
    at: datetime
    place: str
    text: str
    reference: str


def place_of(written: str) -> Place:
    """A place as JSON. ValueError says where it is wrong."""
    try:
        return msgspec.json.decode(written, type=Place)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def refused(carrier: str, said: str, *, errors: tuple[FieldError, ...] = ()) -> CarrierRefused:
    return CarrierRefused(f"{carrier}: {bounded(said)}", errors=errors)


def not_offered(carrier: str, service: str) -> ServiceNotOffered:
    detail = f"{carrier} does not offer {bounded(service)!r}"
    return ServiceNotOffered(detail, errors=[FieldError("/service", "service_not_offered", detail)])


def bounded(said: str) -> str:
    """Somebody else's words, made fit for a problem and the log."""
    return "".join(" " if has_forbidden(character) else character for character in said[:_MOST_WORDS])
