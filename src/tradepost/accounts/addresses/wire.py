"""Customers' addresses as clients send and see them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tradepost.accounts.addresses.model import Address, AddressChanges, AddressDraft, AddressType
from tradepost.http import In, Out, PageQuery

Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
MaybeLine = Annotated[str, Meta(max_length=200)]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1 alpha-2", examples=["GB"])]
State = Annotated[str, Meta(max_length=100)]
PostalCode = Annotated[str, Meta(max_length=20)]
Phone = Annotated[str, Meta(max_length=30, examples=["+442079460000", "020 7946 0000"])]


class CustomerAddressIn(In, kw_only=True):
    """The first address of its type is the default whatever `isDefault` says."""

    type: AddressType
    is_default: bool = False
    first_name: Line
    last_name: Line
    company: MaybeLine | None = None
    line1: Line
    line2: MaybeLine | None = None
    city: Line
    state: State | None = None
    postal_code: PostalCode | None = None
    country: Country
    phone: Phone | None = None


class CustomerAddressPatch(In, kw_only=True):
    """What is absent stays as it is. The newest other address follows one that is the default no longer."""

    type: AddressType | UnsetType = UNSET
    is_default: bool | UnsetType = UNSET
    first_name: Line | UnsetType = UNSET
    last_name: Line | UnsetType = UNSET
    company: MaybeLine | UnsetType | None = UNSET
    line1: Line | UnsetType = UNSET
    line2: MaybeLine | UnsetType | None = UNSET
    city: Line | UnsetType = UNSET
    state: State | UnsetType | None = UNSET
    postal_code: PostalCode | UnsetType | None = UNSET
    country: Country | UnsetType = UNSET
    phone: Phone | UnsetType | None = UNSET


class CustomerAddressOut(Out):
    """`state` is a code where the country has them, `phone` is E.164."""

    id: UUID
    type: AddressType
    is_default: bool
    first_name: str
    last_name: str
    company: str | None
    line1: str
    line2: str | None
    city: str
    state: str | None
    postal_code: str | None
    country: str
    phone: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class AddressesQuery(PageQuery):
    type: AddressType | None = None


def draft_of(body: CustomerAddressIn) -> AddressDraft:
    return AddressDraft(**msgspec.structs.asdict(body))


def changes_of(body: CustomerAddressPatch) -> AddressChanges:
    return AddressChanges(**msgspec.structs.asdict(body))


def address_out(address: Address) -> CustomerAddressOut:
    return CustomerAddressOut(**msgspec.structs.asdict(address))
