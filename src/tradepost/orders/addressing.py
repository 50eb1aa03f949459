"""Where an order goes: an address that is given, or a copy of one that the ordering customer has."""

from typing import Protocol
from uuid import UUID

import msgspec

from tradepost.accounts import addresses
from tradepost.core.errors import FieldError, ReferenceNotFound, invalid
from tradepost.http import Call
from tradepost.orders.model import Address
from tradepost.orders.wire import AddressIn, address_of


class Addressed(Protocol):
    """A body that says where an order goes."""

    @property
    def shipping_address(self) -> AddressIn | None: ...
    @property
    def billing_address(self) -> AddressIn | None: ...
    @property
    def shipping_address_id(self) -> UUID | None: ...
    @property
    def billing_address_id(self) -> UUID | None: ...


class Addresses(msgspec.Struct, frozen=True):
    shipping: Address | None
    billing: Address | None
    refusal: ReferenceNotFound | None = None
    """An id that leads nowhere. Raised in the desk's turn, behind the kept answers: an order that was placed is
    answered as before, also when its address is gone.
    """


async def addresses_of(call: Call, body: Addressed, *, customer_id: UUID | None) -> Addresses:
    """The addresses of an order, copied: later changes do not reach it. ValidationFailed.

    Read before the desk's turn, and only where an id is given. Somebody else's is as absent as any (C13).
    """
    shipping = address_of(body.shipping_address, "/shippingAddress")
    billing = address_of(body.billing_address, "/billingAddress")
    named = _named(body)
    if not named:
        return Addresses(shipping, billing)
    found: dict[UUID, addresses.Address] = {}
    if customer_id is not None:
        async with call.db.read() as db:
            found = await addresses.find_many(db, call.actor.store_id, customer_id, sorted(set(named.values())))
    missing = [pointer for pointer, address_id in named.items() if address_id not in found]
    if missing:
        said = "is no address of the ordering customer"
        errors = [FieldError(pointer, ReferenceNotFound.code, said) for pointer in missing]
        return Addresses(shipping, billing, ReferenceNotFound(errors=errors))
    return Addresses(
        _copied(found[body.shipping_address_id]) if body.shipping_address_id else shipping,
        _copied(found[body.billing_address_id]) if body.billing_address_id else billing,
    )


def _named(body: Addressed) -> dict[str, UUID]:
    """Pointer to id. ValidationFailed where an address is given beside its id."""
    both = (
        ("/shippingAddressId", body.shipping_address_id, body.shipping_address),
        ("/billingAddressId", body.billing_address_id, body.billing_address),
    )
    for pointer, address_id, address in both:
        if address_id and address:
            raise invalid(pointer, "ambiguous", "is given beside an address: send one of them")
    return {pointer: address_id for pointer, address_id, _ in both if address_id}


def _copied(kept: addresses.Address) -> Address:
    return Address(
        kept.first_name,
        kept.last_name,
        kept.line1,
        kept.city,
        kept.country,
        kept.company,
        kept.line2,
        kept.state,
        kept.postal_code,
        kept.phone,
    )
