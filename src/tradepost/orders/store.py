from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import sql

from tradepost.core.errors import NotFound
from tradepost.core.ids import first_of
from tradepost.core.pages import Page
from tradepost.core.texts import prefix_query, words, words_of
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.arrays import bigints, byteas, integers, texts, uuids
from tradepost.db.composing import Window
from tradepost.db.connections import Row, Statement
from tradepost.orders.model import Address, FulfillmentStatus, Line, Order, OrderStatus, PaymentStatus
from tradepost.pricing import TaxLine

_TURN = 0x6F72_6465
_FIRST_NUMBER = 1000
_MOST_WORDS = 200


async def take_turn(tx: Tx, store_id: UUID) -> None:
    """Waits until no other desk places orders for this store; the turn ends with the transaction."""
    await tx.together(
        (
            "select pg_advisory_xact_lock(%(kind)s::int4, hashtext(%(store_id)s::text))",
            {"kind": _TURN, "store_id": str(store_id)},
        )
    )


def facts(store_id: UUID) -> tuple[Statement, dict[str, Any]]:
    """The statement for the last order number given and the time. It runs after the turn has come."""
    return (
        """
        select coalesce((select value from order_counter where store_id = %(store_id)s), %(first)s), clock_timestamp()
        """,
        {"store_id": store_id, "first": _FIRST_NUMBER},
    )


async def exists(tx: Tx, store_id: UUID, order_id: UUID) -> bool:
    ((found,),) = await tx.together(
        (
            "select exists (select from sales_order where store_id = %(store_id)s and id = %(id)s)",
            {"store_id": store_id, "id": order_id},
        )
    )
    return bool(found[0])


async def insert_many(tx: Tx, store_id: UUID, orders: Sequence[Order], *, last_number: int) -> None:
    """The orders of a batch with the number of the last one. Whoever calls has the turn, so numbers have no gaps."""
    shipping = [_json(order.shipping_address) for order in orders]
    billing = [
        sent if order.billing_address is order.shipping_address else _json(order.billing_address)
        for order, sent in zip(orders, shipping, strict=True)
    ]
    await tx.write(
        """
        with counted as (
          insert into order_counter (store_id, value)
          values (%(store_id)s, %(last_number)s)
          on conflict (store_id) do update set value = excluded.value
        )
        insert into sales_order (store_id, id, order_number, status, payment_status, fulfillment_status, customer_id,
                                 email, currency, tax_included, subtotal, discount_amount, tax_amount, shipping_amount,
                                 total_amount, shipping_address, billing_address, notes, token_hash, words, updated_at)
        select %(store_id)s, id, order_number, %(status)s, %(payment)s, %(fulfillment)s, customer_id, email,
               %(currency)s, %(tax_included)s, subtotal, discount_amount, tax_amount, shipping_amount, total_amount,
               shipping_address::jsonb, billing_address::jsonb, notes, token_hash, words::tsvector, %(now)s
        from unnest(%(ids)s, %(numbers)s, %(customer_ids)s, %(emails)s, %(subtotals)s, %(discounts)s, %(taxes)s,
                    %(shipping)s, %(totals)s, %(shipping_addresses)s, %(billing_addresses)s, %(notes)s,
                    %(token_hashes)s, %(words)s)
             as placed (id, order_number, customer_id, email, subtotal, discount_amount, tax_amount, shipping_amount,
                        total_amount, shipping_address, billing_address, notes, token_hash, words)
        """,
        {
            "store_id": store_id,
            "last_number": last_number,
            # New orders of one store and moment have these in common.
            "status": orders[0].status,
            "payment": orders[0].payment_status,
            "fulfillment": orders[0].fulfillment_status,
            "currency": orders[0].currency,
            "tax_included": orders[0].tax_included,
            "now": orders[0].updated_at,
            "ids": uuids([order.id for order in orders]),
            "numbers": texts([order.order_number for order in orders]),
            "customer_ids": uuids([order.customer_id for order in orders]),
            "emails": texts([order.email for order in orders]),
            "subtotals": bigints([order.subtotal for order in orders]),
            "discounts": bigints([order.discount_amount for order in orders]),
            "taxes": bigints([order.tax_amount for order in orders]),
            "shipping": bigints([order.shipping_amount for order in orders]),
            "totals": bigints([order.total_amount for order in orders]),
            "shipping_addresses": texts(shipping),
            "billing_addresses": texts(billing),
            "notes": texts([order.notes for order in orders]),
            "token_hashes": byteas([order.token_hash for order in orders]),
            "words": texts([_words(order) for order in orders]),
        },
    )


async def insert_lines(tx: Tx, store_id: UUID, orders: Sequence[Order]) -> None:
    """Lines and taxes of a batch, in one statement."""
    lines = [(order.id, at, line) for order in orders for at, line in enumerate(order.lines)]
    taxes = [(order.id, at, tax) for order in orders for at, tax in enumerate(order.taxes)]
    await tx.write(
        """
        with taxed as (
          insert into order_tax (store_id, order_id, position, name, rate_ppm, taxable_amount, amount)
          select %(store_id)s, order_id, position, name, rate_ppm, taxable_amount, amount
          from unnest(%(tax_orders)s, %(tax_positions)s, %(tax_names)s, %(tax_rates)s, %(taxable)s, %(tax_amounts)s)
               as tax (order_id, position, name, rate_ppm, taxable_amount, amount)
        )
        insert into order_line (store_id, order_id, id, position, product_id, variant_id, sku, name, options, quantity,
                                price, subtotal, discount_amount, tax_amount, total_amount)
        select %(store_id)s, order_id, id, position, product_id, variant_id, sku, name, options::jsonb, quantity, price,
               subtotal, discount_amount, tax_amount, total_amount
        from unnest(%(orders)s, %(ids)s, %(positions)s, %(products)s, %(variants)s, %(skus)s, %(names)s, %(options)s,
                    %(quantities)s, %(prices)s, %(subtotals)s, %(discounts)s, %(taxes)s, %(totals)s)
             as line (order_id, id, position, product_id, variant_id, sku, name, options, quantity, price, subtotal,
                      discount_amount, tax_amount, total_amount)
        """,
        {
            "store_id": store_id,
            "tax_orders": uuids([order_id for order_id, _, _ in taxes]),
            "tax_positions": integers([at for _, at, _ in taxes]),
            "tax_names": texts([tax.name for _, _, tax in taxes]),
            "tax_rates": integers([tax.rate_ppm for _, _, tax in taxes]),
            "taxable": bigints([tax.taxable for _, _, tax in taxes]),
            "tax_amounts": bigints([tax.amount for _, _, tax in taxes]),
            "orders": uuids([order_id for order_id, _, _ in lines]),
            "ids": uuids([line.id for _, _, line in lines]),
            "positions": integers([at for _, at, _ in lines]),
            "products": uuids([line.product_id for _, _, line in lines]),
            "variants": uuids([line.variant_id for _, _, line in lines]),
            "skus": texts([line.sku for _, _, line in lines]),
            "names": texts([line.name for _, _, line in lines]),
            "options": texts([_json(line.options) if line.options else "{}" for _, _, line in lines]),
            "quantities": integers([line.quantity for _, _, line in lines]),
            "prices": bigints([line.price for _, _, line in lines]),
            "subtotals": bigints([line.subtotal for _, _, line in lines]),
            "discounts": bigints([line.discount_amount for _, _, line in lines]),
            "taxes": bigints([line.tax_amount for _, _, line in lines]),
            "totals": bigints([line.total_amount for _, _, line in lines]),
        },
    )


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _words(order: Order) -> str:
    """The search words of a new order as a tsvector literal: number, buyer, products."""
    found = words(order.order_number).union(order.words)
    for line in order.lines:
        found.update(words_of(line.name), words_of(line.sku))
    return " ".join(sorted(found)[:_MOST_WORDS] if len(found) > _MOST_WORDS else found)


class Visibility(msgspec.Struct, frozen=True):
    """Which orders a caller may see: those of a customer and the one of a token, or, with neither, all of the store."""

    store_id: UUID
    customer_id: UUID | None = None
    token_hash: bytes | None = None

    def filters(self) -> Filters:
        filters = Filters("placed.store_id = %(store_id)s", store_id=self.store_id)
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
           (select coalesce(jsonb_agg(jsonb_build_array(line.id, line.product_id, line.variant_id, line.sku, line.name,
                    line.options, line.quantity, line.price, line.subtotal, line.discount_amount, line.tax_amount,
                    line.total_amount) order by line.position), '[]')
            from order_line as line
            where line.store_id = placed.store_id and line.order_id = placed.id),
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
    notes, version, updated_at, lines, taxes = last
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
    )


def _address(value: dict[str, Any] | None) -> Address | None:
    return None if value is None else msgspec.convert(value, Address)


def _line(fields: Iterable[Any]) -> Line:
    line_id, product_id, variant_id, *rest = fields
    return Line(UUID(line_id), UUID(product_id), UUID(variant_id), *rest)
