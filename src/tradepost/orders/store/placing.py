"""What the desk reads and writes in its turn."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from tradepost.core.texts import words, words_of
from tradepost.db import Tx
from tradepost.db.arrays import bigints, byteas, integers, texts, uuids
from tradepost.db.connections import Statement
from tradepost.orders.model import PLAIN, Order

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
    shipping = [json_of(order.shipping_address) for order in orders]
    billing = [
        sent if order.billing_address is order.shipping_address else json_of(order.billing_address)
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
                                 total_amount, shipping_address, billing_address, notes, token_hash, words, updated_at,
                                 basis)
        select %(store_id)s, id, order_number, %(status)s, %(payment)s, %(fulfillment)s, customer_id, email,
               currency, tax_included = 1, subtotal, discount_amount, tax_amount, shipping_amount, total_amount,
               shipping_address::jsonb, billing_address::jsonb, notes, token_hash, words::tsvector, %(now)s,
               basis::jsonb
        from unnest(%(ids)s, %(numbers)s, %(customer_ids)s, %(emails)s, %(subtotals)s, %(discounts)s, %(taxes)s,
                    %(shipping)s, %(totals)s, %(shipping_addresses)s, %(billing_addresses)s, %(notes)s,
                    %(token_hashes)s, %(words)s, %(currencies)s, %(tax_included)s, %(bases)s)
             as placed (id, order_number, customer_id, email, subtotal, discount_amount, tax_amount, shipping_amount,
                        total_amount, shipping_address, billing_address, notes, token_hash, words, currency,
                        tax_included, basis)
        """,
        {
            "store_id": store_id,
            "last_number": last_number,
            # New orders of one store and moment have these in common.
            "status": orders[0].status,
            "payment": orders[0].payment_status,
            "fulfillment": orders[0].fulfillment_status,
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
            "words": texts([words_literal(order) for order in orders]),
            "currencies": texts([order.currency for order in orders]),
            "tax_included": integers([order.tax_included for order in orders]),
            "bases": texts([basis_of(order) for order in orders]),
        },
    )


async def insert_lines(tx: Tx, store_id: UUID, orders: Sequence[Order], *, first: int = 0) -> None:
    """Lines and taxes of a batch, in one statement. `first`: the position of the first line."""
    lines = [(order.id, at, line) for order in orders for at, line in enumerate(order.lines, first)]
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
                                price, subtotal, discount_amount, tax_amount, total_amount, image_url, taxes)
        select %(store_id)s, order_id, id, position, product_id, variant_id, sku, name, options::jsonb, quantity, price,
               subtotal, discount_amount, tax_amount, total_amount, image_url, taxes::jsonb
        from unnest(%(orders)s, %(ids)s, %(positions)s, %(products)s, %(variants)s, %(skus)s, %(names)s, %(options)s,
                    %(quantities)s, %(prices)s, %(subtotals)s, %(discounts)s, %(taxes)s, %(totals)s, %(images)s,
                    %(line_taxes)s)
             as line (order_id, id, position, product_id, variant_id, sku, name, options, quantity, price, subtotal,
                      discount_amount, tax_amount, total_amount, image_url, taxes)
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
            "options": texts([json_of(line.options) if line.options else "{}" for _, _, line in lines]),
            "quantities": integers([line.quantity for _, _, line in lines]),
            "prices": bigints([line.price for _, _, line in lines]),
            "subtotals": bigints([line.subtotal for _, _, line in lines]),
            "discounts": bigints([line.discount_amount for _, _, line in lines]),
            "taxes": bigints([line.tax_amount for _, _, line in lines]),
            "totals": bigints([line.total_amount for _, _, line in lines]),
            "images": texts([line.image_url for _, _, line in lines]),
            "line_taxes": texts([json_of(line.taxes) for _, _, line in lines]),
        },
    )


def json_of(value: object) -> str | None:
    """A value for a column of JSON."""
    return None if value is None else msgspec.json.encode(value).decode()


def basis_of(order: Order) -> str | None:
    """As it is kept; null for a plain order."""
    return None if order.basis == PLAIN else json_of(order.basis)


def words_literal(order: Order) -> str:
    """The search words of a new order as a tsvector literal: number, buyer, products."""
    found = words(order.order_number).union(order.words)
    for line in order.lines:
        found.update(words_of(line.name), words_of(line.sku))
    return " ".join(sorted(found)[:_MOST_WORDS] if len(found) > _MOST_WORDS else found)
