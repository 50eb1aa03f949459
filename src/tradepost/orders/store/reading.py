"""Orders as they are found: one, a page, and what a customer has ordered."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import sql

from tradepost.core.errors import NotFound
from tradepost.core.ids import first_of
from tradepost.core.pages import Page
from tradepost.core.texts import prefix_query
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.arrays import uuids
from tradepost.db.composing import Window
from tradepost.db.connections import Asked, Row, Statement
from tradepost.orders.model import (
    PLAIN,
    Address,
    Basis,
    CancelReason,
    FulfillmentStatus,
    Line,
    Order,
    OrderStatus,
    PaymentStatus,
)
from tradepost.pricing import TaxLine, TaxRate


class Visibility(msgspec.Struct, frozen=True):
    """Which orders a caller may see: those of a customer and the one of a token, or, with neither, all of the store.

    Deleted ones only the books see.
    """

    store_id: UUID
    customer_id: UUID | None = None
    token_hash: bytes | None = None
    deleted_too: bool = False

    def filters(self) -> Filters:
        filters = Filters("placed.store_id = %(store_id)s", store_id=self.store_id)
        if not self.deleted_too:
            filters.add("placed.deleted_at is null")
        customer, token = "placed.customer_id = %(visible_customer)s", "placed.token_hash = %(visible_token)s"
        if self.customer_id and self.token_hash:
            filters.add(f"({customer} or {token})", visible_customer=self.customer_id, visible_token=self.token_hash)
            return filters
        filters.add_if(customer, visible_customer=self.customer_id)
        filters.add_if(token, visible_token=self.token_hash)
        return filters


class OrderFilter(msgspec.Struct, frozen=True):
    """What a list of orders is narrowed to. Amounts in minor units; times as [from, to)."""

    search: str | None = None
    status: OrderStatus | None = None
    payment_status: PaymentStatus | None = None
    fulfillment_status: FulfillmentStatus | None = None
    customer_id: UUID | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    min_total: int | None = None
    max_total: int | None = None


SORTS = {
    "-createdAt": Sort("placed.id", descending=True),
    "createdAt": Sort("placed.id"),
    "-totalAmount": Sort("placed.id", by="placed.total_amount", descending=True),
    "totalAmount": Sort("placed.id", by="placed.total_amount"),
}

_SELECT = """
    select placed.id, placed.order_number, placed.status, placed.payment_status, placed.fulfillment_status,
           placed.customer_id, placed.email, placed.currency, placed.tax_included, placed.subtotal,
           placed.discount_amount, placed.tax_amount, placed.shipping_amount, placed.total_amount,
           placed.shipping_address, placed.billing_address, placed.notes, placed.version, placed.updated_at,
           placed.token_hash, placed.held_because, placed.cancelled_because, placed.cancelled_at,
           placed.deleted_at, placed.tracking_company, placed.tracking_number, placed.revision, placed.basis,
           (select coalesce(jsonb_agg(jsonb_build_array(line.id, line.product_id, line.variant_id, line.sku, line.name,
                    line.options, line.quantity, line.price, line.subtotal, line.discount_amount, line.tax_amount,
                    line.total_amount, line.image_url, line.taxes) order by line.position), '[]')
            from order_line as line
            where line.store_id = placed.store_id and line.order_id = placed.id and line.quantity > 0),
           (select coalesce(jsonb_agg(jsonb_build_array(tax.name, tax.rate_ppm, tax.taxable_amount, tax.amount)
                    order by tax.position), '[]')
            from order_tax as tax
            where tax.store_id = placed.store_id and tax.order_id = placed.id)
    from sales_order as placed
"""


async def page(db: Reader, visible: Visibility, wanted: OrderFilter, *, sort: Sort, window: Window) -> Page[Order]:
    """A page of the orders that a caller may see; the filter narrows that, and never widens it."""
    filters = visible.filters()
    filters.add_if("placed.status = %(status)s", status=wanted.status)
    filters.add_if("placed.payment_status = %(payment)s", payment=wanted.payment_status)
    filters.add_if("placed.fulfillment_status = %(fulfillment)s", fulfillment=wanted.fulfillment_status)
    filters.add_if("placed.customer_id = %(customer)s", customer=wanted.customer_id)
    filters.add_if("placed.id >= %(created_from)s", created_from=_moment(wanted.created_from))
    filters.add_if("placed.id < %(created_to)s", created_to=_moment(wanted.created_to))
    filters.add_if("placed.total_amount >= %(min_total)s", min_total=wanted.min_total)
    filters.add_if("placed.total_amount <= %(max_total)s", max_total=wanted.max_total)
    filters.add_if("placed.words @@ %(words)s::tsquery", words=prefix_query(wanted.search) if wanted.search else None)
    by_total = sort.by is not None
    return await fetch_page(
        db,
        select=_SELECT,
        counted="from sales_order as placed",
        filters=filters,
        sort=sort,
        window=window,
        build=_order,
        keys=lambda order: [order.total_amount, order.id] if by_total else [order.id],
    )


def _moment(moment: datetime | None) -> UUID | None:
    """Ids carry the time of placement, so a range of time is a range of ids."""
    return None if moment is None else first_of(max(0, int(moment.timestamp() * 1000)))


async def find(db: Reader, visible: Visibility, order_id: UUID) -> Order:
    """One order with its lines and taxes, in one statement. NotFound where it is absent or somebody else's."""
    filters = visible.filters()
    filters.add("placed.id = %(id)s", id=order_id)
    found = await db.rows(_one(filters), filters.params)
    if not found:
        raise NotFound
    return _order(found[0])


async def lock(tx: Tx, visible: Visibility, order_id: UUID) -> Order:
    """The order, until the transaction ends: whatever changes an order or what hangs on it locks it first. NotFound.

    Two statements: one that had waited for the lock would show the lines as they were before its wait.
    """
    filters = visible.filters()
    filters.add("placed.id = %(id)s", id=order_id)
    statement = sql.SQL("select placed.id from sales_order as placed where {} for no key update of placed")
    if not await tx.rows(statement.format(filters.sql()), filters.params):
        raise NotFound
    return await find(tx, visible, order_id)


async def unpaid(db: Reader, *, before: UUID, most: int) -> list[tuple[UUID, UUID]]:
    """Store and id of some orders, the oldest first, that were placed before, and that nothing was paid for."""
    rows = await db.rows(
        """
        select placed.store_id, placed.id
        from store
        join sales_order as placed on placed.store_id = store.id
        where placed.status = 'PENDING'
          and placed.id < %(before)s
          and placed.held_because is null
          and not exists (
            select from payment
            where payment.store_id = placed.store_id
              and payment.order_id = placed.id
              and payment.status not in ('DECLINED', 'VOIDED')
          )
        order by placed.id
        limit %(most)s
        """,
        {"before": before, "most": most},
    )
    return [(store_id, order_id) for store_id, order_id in rows]


def earlier_orders(store_id: UUID, customer_ids: Collection[UUID]) -> Asked:
    """The statement that counts how many orders customers have placed and not cancelled, in rows of both."""
    return (
        """
        select customer_id, count(*)
        from sales_order
        where store_id = %(store_id)s
          and customer_id = any(%(customer_ids)s)
          and status <> 'CANCELLED'
          and deleted_at is null
        group by customer_id
        """,
        {"store_id": store_id, "customer_ids": uuids(sorted(customer_ids))},
    )


async def totals_of(
    db: Reader, store_id: UUID, customer_ids: Sequence[UUID], *, currency: str
) -> dict[UUID, tuple[int, int]]:
    """How many orders each customer has placed, and their totals in a currency; cancelled ones are left out of both."""
    if not customer_ids:
        return {}
    rows = await db.rows(
        """
        select customer_id, count(*), coalesce(sum(total_amount) filter (where currency = %(currency)s), 0)::bigint
        from sales_order
        where store_id = %(store_id)s
          and customer_id = any(%(customer_ids)s)
          and status <> 'CANCELLED'
          and deleted_at is null
        group by customer_id
        """,
        {"store_id": store_id, "customer_ids": uuids(customer_ids), "currency": currency},
    )
    return {customer_id: (count, total) for customer_id, count, total in rows}


def _one(filters: Filters) -> Statement:
    return sql.SQL("{} where {}").format(sql.SQL(_SELECT), filters.sql())


def _order(row: Row) -> Order:
    order_id, number, status, payment, fulfillment, customer_id, email, currency, tax_included, *rest = row
    subtotal, discount, tax, shipping, total, shipping_address, billing_address, *last = rest
    notes, version, updated_at, token_hash, held, cancelled, cancelled_at, deleted_at, *last = last
    tracking_company, tracking_number, revision, basis, lines, taxes = last
    return Order(
        id=order_id,
        order_number=number,
        status=OrderStatus(status),
        payment_status=PaymentStatus(payment),
        fulfillment_status=FulfillmentStatus(fulfillment),
        customer_id=customer_id,
        email=email,
        currency=currency,
        tax_included=tax_included,
        subtotal=subtotal,
        discount_amount=discount,
        tax_amount=tax,
        shipping_amount=shipping,
        total_amount=total,
        shipping_address=_address(shipping_address),
        billing_address=_address(billing_address),
        notes=notes,
        version=version,
        updated_at=updated_at,
        lines=[_line(fields) for fields in lines],
        taxes=[TaxLine(*fields) for fields in taxes],
        token_hash=token_hash,
        held_because=held,
        cancelled_because=CancelReason(cancelled) if cancelled else None,
        cancelled_at=cancelled_at,
        deleted_at=deleted_at,
        tracking_company=tracking_company,
        tracking_number=tracking_number,
        revision=revision,
        basis=PLAIN if basis is None else msgspec.convert(basis, Basis),
    )


def _address(value: dict[str, Any] | None) -> Address | None:
    return None if value is None else msgspec.convert(value, Address)


def _line(fields: Iterable[Any]) -> Line:
    line_id, product_id, variant_id, *rest, taxes = fields
    known = None if taxes is None else msgspec.convert(taxes, tuple[TaxRate, ...])
    return Line(UUID(line_id), UUID(product_id), UUID(variant_id), *rest, taxes=known)
