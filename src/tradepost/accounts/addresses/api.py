"""The same verbs at two addresses: a customer's own, and for staff those of any customer."""

from uuid import UUID

from tradepost.accounts.addresses import actions, store
from tradepost.accounts.addresses.model import Address, TooManyAddresses
from tradepost.accounts.addresses.wire import (
    AddressesQuery,
    CustomerAddressIn,
    CustomerAddressOut,
    CustomerAddressPatch,
    address_out,
    changes_of,
    draft_of,
)
from tradepost.core.errors import NotFound, Stale
from tradepost.db import Reader, Tx
from tradepost.http import Answer, Call, PageOut, Routes, page_out, window
from tradepost.http.call import etag

routes = Routes("Addresses", "Where customers have parcels and bills sent to.")

_EXAMPLE = {
    "type": "SHIPPING",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postalCode": "SW1Y 4JH",
    "country": "GB",
    "phone": "020 7946 0000",
}
_CHANGE = {"line1": "1 Sussex Place", "isDefault": True}


@routes.get("/addresses", query=AddressesQuery, answer=PageOut[CustomerAddressOut])
async def list_addresses(call: Call, query: AddressesQuery) -> Answer:
    """List one's own addresses, newest first."""
    return await _list(call, call.person, query)


@routes.write(
    "POST",
    "/addresses",
    body=CustomerAddressIn,
    answer=CustomerAddressOut,
    status=201,
    problems=[TooManyAddresses],
    example=_EXAMPLE,
)
async def add_address(call: Call, tx: Tx, body: CustomerAddressIn) -> Answer:
    """Add an address of one's own.

    Checked by the rules of its country: states become codes, postal codes upper case, telephone numbers E.164.
    """
    return await _add(call, tx, call.person, body)


@routes.get("/addresses/{address_id}", answer=CustomerAddressOut, problems=[NotFound])
async def read_address(call: Call) -> Answer:
    """Read one of one's own addresses."""
    return await _read(call, call.person)


@routes.write(
    "PATCH",
    "/addresses/{address_id}",
    body=CustomerAddressPatch,
    answer=CustomerAddressOut,
    problems=[NotFound, Stale],
    example=_CHANGE,
)
async def change_address(call: Call, tx: Tx, body: CustomerAddressPatch) -> Answer:
    """Change some fields of one of one's own addresses. Making it the default unmakes the other one of its type."""
    return await _change(call, tx, call.person, body)


@routes.write("DELETE", "/addresses/{address_id}", status=204, problems=[NotFound, Stale])
async def remove_address(call: Call, tx: Tx) -> Answer:
    """Delete one of one's own addresses. Orders keep the copy that they were placed with."""
    return await _remove(call, tx, call.person)


@routes.get(
    "/customers/{customer_id}/addresses",
    query=AddressesQuery,
    answer=PageOut[CustomerAddressOut],
    problems=[NotFound],
)
async def list_customer_addresses(call: Call, query: AddressesQuery) -> Answer:
    """List a customer's addresses, newest first."""
    async with call.db.read() as db:
        customer_id = await _customer(call, db)
    return await _list(call, customer_id, query)


@routes.write(
    "POST",
    "/customers/{customer_id}/addresses",
    body=CustomerAddressIn,
    answer=CustomerAddressOut,
    status=201,
    problems=[NotFound, TooManyAddresses],
    example=_EXAMPLE,
)
async def add_customer_address(call: Call, tx: Tx, body: CustomerAddressIn) -> Answer:
    """Add an address to a customer's."""
    return await _add(call, tx, await _customer(call, tx), body)


@routes.get("/customers/{customer_id}/addresses/{address_id}", answer=CustomerAddressOut, problems=[NotFound])
async def read_customer_address(call: Call) -> Answer:
    """Read one of a customer's addresses."""
    async with call.db.read() as db:
        customer_id = await _customer(call, db)
    return await _read(call, customer_id)


@routes.write(
    "PATCH",
    "/customers/{customer_id}/addresses/{address_id}",
    body=CustomerAddressPatch,
    answer=CustomerAddressOut,
    problems=[NotFound, Stale],
    example=_CHANGE,
)
async def change_customer_address(call: Call, tx: Tx, body: CustomerAddressPatch) -> Answer:
    """Change some fields of one of a customer's addresses."""
    return await _change(call, tx, await _customer(call, tx), body)


@routes.write("DELETE", "/customers/{customer_id}/addresses/{address_id}", status=204, problems=[NotFound, Stale])
async def remove_customer_address(call: Call, tx: Tx) -> Answer:
    """Delete one of a customer's addresses."""
    return await _remove(call, tx, await _customer(call, tx))


async def _customer(call: Call, db: Reader) -> UUID:
    """The customer of the path. NotFound."""
    customer_id = call.id("customer_id")
    await store.check_customer(db, call.actor.store_id, customer_id)
    return customer_id


async def _list(call: Call, customer_id: UUID, query: AddressesQuery) -> Answer:
    async with call.db.read() as db:
        page = await store.page(db, call.actor.store_id, customer_id, type_=query.type, window=window(call, query))
    return call.json(page_out(call, query, page, address_out))


async def _add(call: Call, tx: Tx, customer_id: UUID, body: CustomerAddressIn) -> Answer:
    address = await actions.add(tx, customer_id, draft_of(body), actor=call.actor)
    location = ("location", f"{call.path.removesuffix('/')}/{address.id}")
    return _answer(call, address, location, status=201)


async def _read(call: Call, customer_id: UUID) -> Answer:
    async with call.db.read() as db:
        address = await store.get(db, call.actor.store_id, customer_id, call.id("address_id"))
    return _answer(call, address)


async def _change(call: Call, tx: Tx, customer_id: UUID, body: CustomerAddressPatch) -> Answer:
    address_id, expected = call.id("address_id"), call.expected_version()
    changes = changes_of(body)
    address = await actions.change(tx, customer_id, address_id, changes, actor=call.actor, expected_version=expected)
    return _answer(call, address)


async def _remove(call: Call, tx: Tx, customer_id: UUID) -> Answer:
    address_id, expected = call.id("address_id"), call.expected_version()
    await actions.remove(tx, customer_id, address_id, actor=call.actor, expected_version=expected)
    return Answer(204)


def _answer(call: Call, address: Address, *headers: tuple[str, str], status: int = 200) -> Answer:
    return call.json(address_out(address), status=status, headers=[*headers, etag(address.version)])
