"""A customer's addresses as a book: at most MOST_ADDRESSES, and of each type that there is exactly one default."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tradepost.accounts.addresses import rules
from tradepost.core.changes import applied
from tradepost.core.errors import Invalid, NotFound

MOST_ADDRESSES = 50


class AddressType(StrEnum):
    SHIPPING = "SHIPPING"
    BILLING = "BILLING"


class TooManyAddresses(Invalid):
    """A customer has at most MOST_ADDRESSES addresses."""

    title = f"A customer has at most {MOST_ADDRESSES} addresses"


class AddressFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Names and lines as they were typed; the rest as `rules.checked` writes it."""

    type: AddressType
    first_name: str
    last_name: str
    company: str | None = None
    line1: str
    line2: str | None = None
    city: str
    state: str | None = None
    postal_code: str | None = None
    country: str
    phone: str | None = None
    is_default: bool = False


class AddressDraft(AddressFacts, frozen=True, kw_only=True):
    """An address to be."""


class Address(AddressFacts, frozen=True, kw_only=True):
    id: UUID
    version: int = 1
    created_at: datetime
    updated_at: datetime


Book = tuple[Address, ...]
"""All addresses of one customer."""


class AddressChanges(msgspec.Struct, frozen=True, kw_only=True):
    """UNSET is what stays as it is."""

    type: AddressType | UnsetType = UNSET
    first_name: str | UnsetType = UNSET
    last_name: str | UnsetType = UNSET
    company: str | UnsetType | None = UNSET
    line1: str | UnsetType = UNSET
    line2: str | UnsetType | None = UNSET
    city: str | UnsetType = UNSET
    state: str | UnsetType | None = UNSET
    postal_code: str | UnsetType | None = UNSET
    country: str | UnsetType = UNSET
    phone: str | UnsetType | None = UNSET
    is_default: bool | UnsetType = UNSET


Facts = TypeVar("Facts", bound=AddressFacts)


def by_the_rules(facts: Facts) -> Facts:
    """The same, written as its country wants it; blank fields that may be absent are. ValidationFailed."""
    place = rules.checked(rules.Place(facts.country, facts.state, facts.postal_code, facts.phone))
    company, line2 = ((text or "").strip() or None for text in (facts.company, facts.line2))
    return msgspec.structs.replace(
        facts,
        company=facts.company if company else None,
        line2=facts.line2 if line2 else None,
        state=place.state,
        postal_code=place.postal_code,
        phone=place.phone,
    )


def added(book: Book, draft: AddressDraft, *, address_id: UUID, at: datetime) -> Book:
    """The book with one more. Raises TooManyAddresses, ValidationFailed."""
    new = Address(id=address_id, created_at=at, updated_at=at, **msgspec.structs.asdict(by_the_rules(draft)))
    if len(book) >= MOST_ADDRESSES:
        raise TooManyAddresses
    return _settled((*book, new), new)


def changed(book: Book, address: Address, changes: AddressChanges) -> Book:
    """The book with one of its addresses changed; it takes no default along to another type. ValidationFailed."""
    moved = changes.type not in (UNSET, address.type) and changes.is_default is UNSET
    kept = msgspec.structs.replace(address, is_default=False) if moved else address
    new = by_the_rules(applied(kept, changes))
    return _settled(tuple(new if other.id == address.id else other for other in book), new)


def removed(book: Book, address: Address) -> Book:
    return _settled(tuple(other for other in book if other.id != address.id))


def of(book: Book, address_id: UUID) -> Address:
    """NotFound for one that is not in this customer's book."""
    found = next((address for address in book if address.id == address_id), None)
    if found is None:
        raise NotFound
    return found


def _settled(book: Book, touched: Address | None = None) -> Book:
    """The book with one default of each type: see `_default`."""
    defaults = {
        _default([address for address in book if address.type is type_], touched).id
        for type_ in {address.type for address in book}
    }
    return tuple(msgspec.structs.replace(address, is_default=address.id in defaults) for address in book)


def _default(addresses: Sequence[Address], touched: Address | None) -> Address:
    """The one just made the default, else the one that was, else the newest other, else the only one."""
    claiming = [address for address in addresses if address.is_default]
    if touched in claiming:
        return touched
    others = [address for address in addresses if address != touched]
    return max(claiming or others or addresses, key=lambda address: address.id)
