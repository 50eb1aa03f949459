from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from tradepost.accounts import store
from tradepost.accounts.events import CustomerCreated
from tradepost.accounts.keys import PrivilegeEscalation, create_key, revoke_key
from tradepost.accounts.model import ApiKey, Customer, CustomerDraft, EmailTaken
from tradepost.core.errors import NotFound, invalid
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.http import Answer, Call, In, Out, PageOut, PageQuery, Routes, Text, page_out, window
from tradepost.http.call import etag

routes = Routes("Accounts", "Customers, and the keys of staff and programs.")

Email = Annotated[
    str, Meta(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$(?!\n)", examples=["ada@example.com"])
]
"""An address that mail can be sent to (RFC 5321 limits its length); whether somebody reads it, a mail finds out."""

Scope = Annotated[str, Meta(pattern=r"^(\*|[a-z]+:[a-z]+)$(?!\n)", max_length=50)]


class CustomerIn(In):
    email: Email
    first_name: Text
    last_name: Text
    phone: Annotated[str, Meta(max_length=30)] | None = None


class CustomerOut(Out):
    id: UUID
    email: str
    first_name: str
    last_name: str
    phone: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class CustomersQuery(PageQuery):
    email: str | None = None


class KeyIn(In):
    name: Text
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=50)]


class KeyOut(Out):
    id: UUID
    name: str
    hint: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKeyOut(Out):
    """`secret` is shown this once."""

    key: KeyOut
    secret: str


class KeysOut(Out):
    items: list[KeyOut]


@routes.write(
    "POST",
    "/customers",
    body=CustomerIn,
    answer=CustomerOut,
    status=201,
    problems=[EmailTaken],
    example={"email": "ada@example.com", "firstName": "Ada", "lastName": "Lovelace"},
)
async def create_customer(call: Call, tx: Tx, body: CustomerIn) -> Answer:
    """Create a customer."""
    if not body.first_name.strip():
        raise invalid("/firstName", "required", "is empty")
    draft = CustomerDraft(body.email, body.first_name.strip(), body.last_name.strip(), body.phone)
    (customer_id,) = await store.insert_customers(tx, call.actor.store_id, [draft])
    await publish(tx, CustomerCreated(), actor=call.actor, subject_id=customer_id)
    customer = await store.get_customer(tx, call.actor.store_id, customer_id)
    location = ("location", f"/api/v1/customers/{customer_id}")
    return call.json(_customer_out(customer), status=201, headers=[location, etag(customer.version)])


@routes.get("/customers", query=CustomersQuery, answer=PageOut[CustomerOut])
async def list_customers(call: Call, query: CustomersQuery) -> Answer:
    """List customers, newest first."""
    async with call.db.read() as db:
        page = await store.page_of_customers(db, call.actor.store_id, email=query.email, window=window(call, query))
    return call.json(page_out(call, query, page, _customer_out))


@routes.get("/customers/{customer_id}", answer=CustomerOut, problems=[NotFound])
async def read_customer(call: Call) -> Answer:
    """Read one customer."""
    async with call.db.read() as db:
        customer = await store.get_customer(db, call.actor.store_id, call.id("customer_id"))
    return call.json(_customer_out(customer), headers=[etag(customer.version)])


@routes.act(
    "POST",
    "/api-keys",
    body=KeyIn,
    answer=NewKeyOut,
    status=201,
    problems=[PrivilegeEscalation],
    keyed=False,
    example={"name": "warehouse", "scopes": ["orders:read", "stock:adjust"]},
)
async def create_api_key(call: Call, body: KeyIn) -> Answer:
    """Create an API key.

    The secret is in this answer and nowhere else. For that reason no idempotency key is honoured here: a lost answer
    means a new key.
    """
    async with call.db.transaction() as tx:
        key, secret = await create_key(tx, name=body.name, scopes=body.scopes, actor=call.actor)
    return call.json(NewKeyOut(_key_out(key), secret), status=201)


@routes.get("/api-keys", answer=KeysOut)
async def list_api_keys(call: Call) -> Answer:
    """List the store's API keys, without their secrets."""
    async with call.db.read() as db:
        found = await store.keys(db, call.actor.store_id)
    return call.json(KeysOut([_key_out(key) for key in found]))


@routes.write("DELETE", "/api-keys/{key_id}", status=204, problems=[NotFound])
async def revoke_api_key(call: Call, tx: Tx) -> Answer:
    """Revoke an API key; it stops working within two seconds."""
    await revoke_key(tx, call.id("key_id"), actor=call.actor)
    return Answer(204)


def _customer_out(customer: Customer) -> CustomerOut:
    return CustomerOut(
        id=customer.id,
        email=customer.email,
        first_name=customer.first_name,
        last_name=customer.last_name,
        phone=customer.phone,
        version=customer.version,
        created_at=customer.created_at,
        updated_at=customer.updated_at,
    )


def _key_out(key: ApiKey) -> KeyOut:
    return KeyOut(
        id=key.id,
        name=key.name,
        hint=key.hint,
        scopes=key.scopes,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )
