"""People of the demo shop who can sign in, with passwords that stay the same in this installation."""

import base64
import hmac

import msgspec

from tradepost import accounts
from tradepost.accounts import CustomerDraft, addresses
from tradepost.accounts.addresses import AddressDraft, AddressType
from tradepost.core.actors import Actor, system
from tradepost.db import Database, Tx
from tradepost.stores import Store

_SUPPORT = ["customers:read", "events:read", "orders:read", "stock:read"]
_WAREHOUSE = ["orders:read", "stock:adjust", "stock:read"]
_STAFF = [
    ("Administrator", CustomerDraft("admin@example.com", "Alma", "Admin"), None),
    ("Support", CustomerDraft("support@example.com", "Sam", "Support"), _SUPPORT),
    ("Warehouse", CustomerDraft("warehouse@example.com", "Wim", "Warehouse"), _WAREHOUSE),
]
_CUSTOMER = CustomerDraft("customer@example.com", "Cleo", "Customer")
_AT = {"first_name": "Cleo", "last_name": "Customer", "country": "NL"}
_ADDRESSES = [
    AddressDraft(type=AddressType.SHIPPING, line1="Oudegracht 158", city="Utrecht", postal_code="3511 AZ", **_AT),
    AddressDraft(type=AddressType.BILLING, line1="Domplein 29", city="Utrecht", postal_code="3512 JE", **_AT),
]


class Person(msgspec.Struct, frozen=True):
    what: str
    email: str
    password: str


async def ensure(url: str, secret: bytes, store: Store) -> list[Person]:
    """An administrator, two members of staff with different roles and a customer: made where they are missing."""
    people = [Person(what, draft.email, _password(secret, draft.email)) for what, draft, _ in _STAFF]
    customer = Person("Customer", _CUSTOMER.email, _password(secret, _CUSTOMER.email))
    actor = system(store.id)

    async def unit(tx: Tx) -> None:
        for person, (_, draft, permissions) in zip(people, _STAFF, strict=True):
            await _ensure_staff(tx, person, draft, permissions, actor)
        customer_id = await accounts.ensure_customer(tx, _CUSTOMER, password=customer.password, actor=actor)
        if customer_id is not None:
            for address in _ADDRESSES:
                await addresses.add(tx, customer_id, address, actor=actor)

    db = Database(url, size=2)
    await db.open()
    try:
        await db.write(unit)
    finally:
        await db.close()
    return [*people, customer]


async def _ensure_staff(
    tx: Tx, person: Person, draft: CustomerDraft, permissions: list[str] | None, actor: Actor
) -> None:
    role = (person.what, permissions) if permissions else None
    await accounts.ensure_staff(tx, draft, staff_role=role, password=person.password, actor=actor)


def _password(secret: bytes, email: str) -> str:
    """80 bits that only this installation can make again."""
    return base64.b32encode(hmac.digest(secret, f"demo:{email}".encode(), "sha256"))[:16].decode().lower()
