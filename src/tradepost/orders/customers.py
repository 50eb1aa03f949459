"""Customers with what they have ordered: two statements for a page, one of them on each area's own tables."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost.accounts import (
    Account,
    AccountFilter,
    EmailTaken,
    Role,
    create_customer,
    find_accounts,
    page_of_accounts,
)
from tradepost.accounts.api.wire import AccountOut, CustomerIn, account_out, draft_of
from tradepost.core import money
from tradepost.core.errors import NotFound
from tradepost.db import Reader, Tx
from tradepost.http import Answer, Call, PageOut, PageQuery, Routes, page_out, window
from tradepost.http.call import etag
from tradepost.orders import store
from tradepost.stores import store_of

routes = Routes("Customers", "Those who buy, and how much.")


class CustomerOut(AccountOut):
    """`totalSpent`: the totals of his orders, the cancelled ones left out, in the store's currency."""

    order_count: int
    total_spent: str
    currency: str


class CustomersQuery(PageQuery):
    """`search`: words of a name or an e-mail address, or their beginnings; `email`: a whole one."""

    search: str | None = None
    email: str | None = None


@routes.write(
    "POST",
    "/customers",
    body=CustomerIn,
    answer=CustomerOut,
    status=201,
    problems=[EmailTaken],
    example={"email": "ada@example.com", "firstName": "Ada", "lastName": "Lovelace"},
)
async def add_customer(call: Call, tx: Tx, body: CustomerIn) -> Answer:
    """Create a customer, without a password: he gets one by a link to his address."""
    customer = await create_customer(tx, draft_of(body), actor=call.actor)
    shown = await _with_orders(tx, call, [customer])
    location = ("location", f"/api/v1/customers/{customer.id}")
    return call.json(shown[customer.id], status=201, headers=[location, etag(customer.version)])


@routes.get("/customers", query=CustomersQuery, answer=PageOut[CustomerOut])
async def list_customers(call: Call, query: CustomersQuery) -> Answer:
    """List customers, newest first, with how much they have ordered."""
    wanted = AccountFilter(staff=False, search=query.search, email=query.email)
    async with call.db.read() as db:
        page = await page_of_accounts(db, call.actor.store_id, wanted, window=window(call, query))
        shown = await _with_orders(db, call, page.items)
    return call.json(page_out(call, query, page, lambda account: shown[account.id]))


@routes.get("/customers/{customer_id}", answer=CustomerOut, problems=[NotFound])
async def read_customer(call: Call) -> Answer:
    """Read one customer."""
    customer_id = call.id("customer_id")
    async with call.db.read() as db:
        found = await find_accounts(db, call.actor.store_id, [customer_id])
        shown = await _with_orders(db, call, list(found.values()))
    if customer_id not in shown or found[customer_id].role is not Role.CLIENT:
        raise NotFound
    return call.json(shown[customer_id], headers=[etag(found[customer_id].version)])


async def _with_orders(db: Reader, call: Call, accounts: Sequence[Account]) -> dict[UUID, CustomerOut]:
    currency = store_of(call).currency
    bought = await store.totals_of(db, call.actor.store_id, [account.id for account in accounts], currency=currency)
    shown: dict[UUID, CustomerOut] = {}
    for account in accounts:
        count, total = bought.get(account.id, (0, 0))
        known = msgspec.structs.asdict(account_out(account))
        shown[account.id] = CustomerOut(
            **known, order_count=count, total_spent=money.text(total, currency), currency=currency
        )
    return shown
