"""`tradepost verify`: each invariant is one query that returns the rows that break it. See docs/invariants.md."""

from typing import LiteralString

import msgspec
import psycopg
from psycopg.rows import TupleRow
from rich.console import Console
from rich.table import Table

_SHOWN = 10


class Invariant(msgspec.Struct, frozen=True):
    """`offending` finds the rows for which `promise` does not hold."""

    name: str
    promise: str
    offending: LiteralString


INVARIANTS = [
    Invariant(
        "I1",
        "stock is never below zero, and never less than what is promised",
        """
        select store_id, variant_id, location_id, on_hand, reserved
        from stock_level
        where on_hand < 0 or reserved < 0 or reserved > on_hand
        """,
    ),
    Invariant(
        "I1",
        "every level is the sum of its movements",
        """
        select level.store_id, level.variant_id, level.location_id, level.on_hand, level.reserved, sums.on_hand,
               sums.reserved
        from stock_level as level
        left join (
          select store_id, variant_id, location_id, sum(on_hand_change) as on_hand, sum(reserved_change) as reserved
          from stock_movement
          group by store_id, variant_id, location_id
        ) as sums using (store_id, variant_id, location_id)
        where level.on_hand <> coalesce(sums.on_hand, 0) or level.reserved <> coalesce(sums.reserved, 0)
        """,
    ),
    Invariant(
        "I1",
        "what is promised is what live orders took and has not left, and what carts hold, for each of them and variant",
        """
        select *
        from (
          select line.store_id, line.order_id, line.variant_id,
                 greatest(sum(line.quantity - coalesce(sent.units, 0)), 0) as ordered
          from order_line as line
          join sales_order as placed on placed.store_id = line.store_id and placed.id = line.order_id
          left join (
            select parcel.store_id, parcel.order_id, packed.line_id, sum(packed.quantity) as units
            from shipment as parcel
            join shipment_line as packed on packed.store_id = parcel.store_id and packed.shipment_id = parcel.id
            where parcel.status in ('SHIPPED', 'DELIVERED', 'LOST')
            group by parcel.store_id, parcel.order_id, packed.line_id
          ) as sent on sent.store_id = line.store_id and sent.order_id = line.order_id and sent.line_id = line.id
          where placed.status not in ('CANCELLED', 'REFUNDED')
            and exists (select from stock_level as level
                        where level.store_id = line.store_id and level.variant_id = line.variant_id)
          group by line.store_id, line.order_id, line.variant_id
          union all
          select item.store_id, cart.hold_id, item.variant_id, item.held
          from cart
          join cart_item as item on item.store_id = cart.store_id and item.cart_id = cart.id
          where cart.hold_id is not null
            and item.held > 0
        ) as wanted
        full join (
          select store_id, order_id, variant_id, sum(reserved_change) as promised
          from stock_movement
          where order_id is not null
          group by store_id, order_id, variant_id
        ) as held using (store_id, order_id, variant_id)
        where coalesce(ordered, 0) <> coalesce(promised, 0)
        """,
    ),
    Invariant(
        "I2",
        "units in live orders are not more than ever were on hand",
        """
        select store_id, variant_id, sum(reserved_change) as promised, sum(on_hand_change) as received
        from stock_movement
        group by store_id, variant_id
        having sum(reserved_change) > sum(on_hand_change)
        """,
    ),
    Invariant(
        "I3",
        "every kept answer to a placement has its order, with its total",
        """
        select answer.store_id, encode(answer.key_hash, 'hex') as key, said.body ->> 'orderNumber' as order_number
        from idempotency_answer as answer
        cross join lateral (select convert_from(answer.body, 'UTF8')::jsonb as body) as said
        left join sales_order as placed
          on placed.store_id = answer.store_id and placed.order_number = said.body ->> 'orderNumber'
        where answer.status = 201
          and said.body ? 'orderNumber'
          and (placed.id::text is distinct from said.body ->> 'id'
            or placed.version = 1
               and placed.total_amount::text <> ltrim(replace(said.body ->> 'totalAmount', '.', ''), '0')
               and placed.total_amount <> 0)
        """,
    ),
    Invariant(
        "I3",
        "order numbers have no gaps",
        """
        select counter.store_id, counter.value as last_number, counted.orders
        from order_counter as counter
        cross join lateral (
          select count(*) as orders from sales_order as placed where placed.store_id = counter.store_id
        ) as counted
        where counter.value - 1000 <> counted.orders
        """,
    ),
    Invariant(
        "I4",
        "an order has at most one payment that may still take money",
        """
        select store_id, order_id, count(*) as live
        from payment
        where status in ('STARTING', 'PENDING', 'NEEDS_ACTION', 'AUTHORIZED')
        group by store_id, order_id
        having count(*) > 1
        """,
    ),
    Invariant(
        "I4",
        "no more is taken than was asked for, and a payment's status is what its ledger says",
        """
        select payment.store_id, payment.id, payment.order_id, payment.status, payment.amount, ledger.captured
        from payment
        cross join lateral (
          select coalesce(sum(amount) filter (where kind = 'capture'), 0) as captured,
                 coalesce(sum(amount) filter (where kind = 'authorize'), 0) as authorized,
                 count(*) filter (where kind = 'void') as voids
          from payment_entry as entry
          where entry.store_id = payment.store_id and entry.payment_id = payment.id
        ) as ledger
        where ledger.captured > payment.amount
           or ledger.authorized > payment.amount
           or (payment.status = 'CAPTURED') <> (ledger.captured > 0)
           or payment.status = 'AUTHORIZED' and (ledger.authorized = 0 or ledger.voids > 0)
           or payment.status = 'VOIDED' and ledger.voids = 0
        """,
    ),
    Invariant(
        "I5",
        "no more is given back than was taken, and no more returned than was given back, of any payment and order",
        """
        select payment.store_id, payment.order_id, payment.id as payment_id, sum(ledger.refunded) as refunded,
               sum(ledger.captured) as captured
        from payment
        cross join lateral (
          select coalesce(sum(amount) filter (where kind = 'capture'), 0) as captured,
                 coalesce(sum(amount) filter (where kind = 'refund'), 0)
                 - coalesce(sum(amount) filter (where kind = 'refund_undone'), 0) as refunded
          from payment_entry as entry
          where entry.store_id = payment.store_id and entry.payment_id = payment.id
        ) as ledger
        group by grouping sets ((payment.store_id, payment.order_id), (payment.store_id, payment.order_id, payment.id))
        having sum(ledger.refunded) > sum(ledger.captured) or sum(ledger.refunded) < 0
        """,
    ),
    Invariant(
        "I7",
        "events of a subject are numbered without gaps",
        """
        select store_id, subject_id, count(*) as events, max(sequence) as last
        from event
        group by store_id, subject_id
        having count(*) <> max(sequence)
        """,
    ),
    Invariant(
        "I8",
        "a promotion with limits is used no more than they say, and its counters are what orders have used",
        """
        select promotion.store_id, promotion.id, promotion.name, promotion.uses, promotion.max_uses, promotion.spent,
               promotion.budget, used.times, used.amount
        from promotion
        cross join lateral (
          select count(*) as times, coalesce(sum(amount) filter (where currency = promotion.currency), 0) as amount
          from redemption
          where redemption.store_id = promotion.store_id
            and redemption.promotion_id = promotion.id
            and redemption.given_back_at is null
        ) as used
        where promotion.is_limited
          and (used.times > promotion.max_uses or used.amount > promotion.budget
            or promotion.uses <> used.times or promotion.spent <> used.amount)
        """,
    ),
    Invariant(
        "I8",
        "no customer, by account or by address, uses a promotion more often than he may",
        """
        select promotion.store_id, promotion.id, promotion.name, promotion.max_uses_per_customer, used.account_id,
               used.email_key, count(*) as times
        from promotion
        join redemption as used on used.store_id = promotion.store_id and used.promotion_id = promotion.id
        where promotion.max_uses_per_customer is not null
          and used.given_back_at is null
        group by grouping sets (
          (promotion.store_id, promotion.id, promotion.name, promotion.max_uses_per_customer, used.account_id),
          (promotion.store_id, promotion.id, promotion.name, promotion.max_uses_per_customer, used.email_key)
        )
        having count(*) > promotion.max_uses_per_customer
           and num_nulls(used.account_id, used.email_key) < 2
        """,
    ),
    Invariant(
        "I8",
        "a coupon with a limit is used no more than it says, and its counter is what orders of its promotion have used",
        """
        select coupon.store_id, coupon.id, coupon.code, coupon.uses, coupon.max_uses, used.times, used.strangers
        from coupon
        cross join lateral (
          select count(*) filter (where given_back_at is null) as times,
                 count(*) filter (where promotion_id <> coupon.promotion_id) as strangers
          from redemption
          where redemption.store_id = coupon.store_id
            and redemption.coupon_id = coupon.id
        ) as used
        where used.strangers > 0
           or coupon.max_uses is not null and (used.times > coupon.max_uses or used.times <> coupon.uses)
        """,
    ),
    Invariant(
        "I10",
        "total = lines - discounts + shipping + tax, on every order and line",
        """
        select placed.store_id, placed.id, placed.order_number
        from sales_order as placed
        left join (
          select store_id, order_id, sum(subtotal) as subtotal, sum(discount_amount) as discount,
                 sum(tax_amount) as tax, sum(total_amount) as total
          from order_line group by store_id, order_id
        ) as lines on lines.store_id = placed.store_id and lines.order_id = placed.id
        left join (
          select store_id, order_id, sum(amount) as tax from order_tax group by store_id, order_id
        ) as taxes on taxes.store_id = placed.store_id and taxes.order_id = placed.id
        where placed.subtotal is distinct from lines.subtotal
           or placed.discount_amount is distinct from lines.discount
           or placed.tax_amount <> coalesce(taxes.tax, 0)
           or lines.tax > placed.tax_amount
           or placed.shipping_amount = 0 and (lines.tax <> placed.tax_amount or lines.total <> placed.total_amount)
           or placed.total_amount <> placed.subtotal - placed.discount_amount + placed.shipping_amount
                                     + case when placed.tax_included then 0 else placed.tax_amount end
        """,
    ),
    Invariant(
        "I11",
        "an order's history is a path through the table of moves, and ends at its status",
        """
        with step as (
          select store_id, subject_id, sequence, payload ->> 'from' as from_, payload ->> 'to' as to_,
                 lag(payload ->> 'to', 1, 'PENDING') over history as before,
                 lead(sequence) over history is null as is_last
          from event
          where name = 'order.status_changed'
          window history as (partition by store_id, subject_id order by sequence)
        )
        select placed.store_id, placed.order_number, step.sequence, step.before, step.from_, step.to_, placed.status
        from sales_order as placed
        left join step on step.store_id = placed.store_id and step.subject_id = placed.id
        where step.from_ <> step.before
           or step.from_ <> step.to_ and (step.from_, step.to_) not in (
                ('PENDING', 'CONFIRMED'), ('PENDING', 'CANCELLED'), ('CONFIRMED', 'PROCESSING'),
                ('CONFIRMED', 'SHIPPED'), ('CONFIRMED', 'CANCELLED'), ('PROCESSING', 'SHIPPED'),
                ('PROCESSING', 'CANCELLED'), ('SHIPPED', 'DELIVERED'), ('SHIPPED', 'REFUNDED'),
                ('DELIVERED', 'REFUNDED'), ('CANCELLED', 'CONFIRMED'))
           or coalesce(step.is_last, true) and coalesce(step.to_, 'PENDING') <> placed.status
        """,
    ),
    Invariant(
        "I12",
        "every order and every product has the event of its making, with its actor",
        """
        select store_id, id, 'order' as kind
        from sales_order
        where not exists (select from event where event.store_id = sales_order.store_id
                            and event.subject_id = sales_order.id and event.name = 'order.placed')
        union all
        select store_id, id, 'product'
        from product
        where not exists (select from event where event.store_id = product.store_id
                            and event.subject_id = product.id and event.name = 'product.created')
        union all
        select store_id, subject_id, 'event without an actor'
        from event
        where actor_kind not in ('customer', 'staff', 'key', 'guest', 'system')
        """,
    ),
    Invariant(
        "I14",
        "what belongs to an order or a variant belongs to its store",
        """
        select line.store_id, line.order_id, line.variant_id
        from order_line as line
        left join product_variant as variant on variant.store_id = line.store_id and variant.id = line.variant_id
        where variant.id is null
        """,
    ),
    Invariant(
        "I15",
        "every succeeded payment has a live order, or a refund asked for within five minutes",
        """
        select payment.store_id, placed.order_number, payment.id as payment_id, payment.currency, taken.amount,
               asked.amount as asked_back, due.since
        from payment
        join sales_order as placed on placed.store_id = payment.store_id and placed.id = payment.order_id
        cross join lateral (
          select sum(amount) as amount, max(created_at) as last_at
          from payment_entry as entry
          where entry.store_id = payment.store_id and entry.payment_id = payment.id and entry.kind = 'capture'
        ) as taken
        cross join lateral (select greatest(taken.last_at, placed.cancelled_at) as since) as due
        cross join lateral (
          select coalesce(sum(amount), 0) as amount
          from (
            select amount, created_at
            from payment_operation as operation
            where operation.store_id = payment.store_id and operation.payment_id = payment.id
              and operation.kind = 'refund'
            union all
            select amount, created_at
            from payment_entry as entry
            where entry.store_id = payment.store_id and entry.payment_id = payment.id
              and entry.kind = 'refund' and entry.operation_id is null
          ) as refund
          where refund.created_at <= due.since + interval '5 minutes'
        ) as asked
        where placed.status = 'CANCELLED'
          and asked.amount < taken.amount
          and due.since + interval '5 minutes' < now()
        """,
    ),
    Invariant(
        "I16",
        "of a customer's addresses of a type, one is the default",
        """
        select store_id, account_id, type, count(*) as addresses, count(*) filter (where is_default) as defaults
        from address
        group by store_id, account_id, type
        having count(*) filter (where is_default) <> 1
        """,
    ),
    Invariant(
        "I17",
        "a category's path is its parent's and itself, and it is shown where it and its parent are",
        """
        select category.store_id, category.id, category.slug, category.path, parent.path as of_parent
        from category
        left join category as parent on parent.store_id = category.store_id and parent.id = category.parent_id
        where category.path is distinct from coalesce(parent.path, '{}') || category.id
           or category.is_shown <> (category.is_active and coalesce(parent.is_shown, true))
        """,
    ),
    Invariant(
        "I18",
        "a variant costs what is its own price, or else its product's, and what is on sale has one",
        """
        select variant.store_id, variant.id, variant.sku, variant.price, variant.own_price, product.price as of_product
        from product_variant as variant
        join product on product.store_id = variant.store_id and product.id = variant.product_id
        where variant.price is distinct from coalesce(variant.own_price, product.price)
           or variant.price is null and variant.is_active and product.status = 'ACTIVE'
        """,
    ),
    Invariant(
        "I19",
        "of tax rates of one place, class and layer, no two are valid at the same time",
        """
        select one.store_id, one.country, one.state, one.postal_prefix, one.tax_class, one.layer, one.id, other.id
        from tax_rate as one
        join tax_rate as other on other.store_id = one.store_id
                              and other.id > one.id
                              and other.country = one.country
                              and other.state is not distinct from one.state
                              and other.postal_prefix is not distinct from one.postal_prefix
                              and other.tax_class = one.tax_class
                              and other.layer = one.layer
        where tstzrange(one.valid_from, one.valid_to) && tstzrange(other.valid_from, other.valid_to)
        """,
    ),
    Invariant(
        "I22",
        "no place is in two shipping zones",
        """
        select zone.store_id, place.area::text, count(*) as zones
        from shipping_zone as zone
        cross join lateral jsonb_array_elements(zone.places) as place (area)
        where zone.is_active
        group by zone.store_id, place.area
        having count(*) > 1
        """,
    ),
    Invariant(
        "I22",
        "every shipping method has prices in the currency of its store",
        """
        select method.store_id, method.code, store.currency
        from shipping_method as method
        join store on store.id = method.store_id
        where not method.prices ? store.currency
        """,
    ),
    Invariant(
        "I20",
        "every store has its home market, which is open and as the store is",
        """
        select store.id as store_id, store.slug, market.id as home, market.is_active, market.currency
        from store
        left join market on market.store_id = store.id and market.id = store.id
        where market.id is null
           or not market.is_active
           or num_nonnulls(market.currency, market.locale, market.tax_included) > 0
        """,
    ),
    Invariant(
        "I21",
        "what was written of a variant's price in a market is of its own product",
        """
        select priced.store_id, priced.variant_id, priced.product_id, variant.product_id as of_product
        from variant_price as priced
        left join product_variant as variant
          on variant.store_id = priced.store_id and variant.id = priced.variant_id
        where variant.product_id is distinct from priced.product_id
        """,
    ),
]


def verify(url: str) -> bool:
    """Runs every invariant in one snapshot and prints what it found; whether all hold."""
    console = Console()
    good = True
    with psycopg.connect(url) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        for invariant in INVARIANTS:
            cursor = connection.execute(invariant.offending)
            rows = cursor.fetchall()
            console.print(f"[{'red]BROKEN' if rows else 'green]holds '}[/] {invariant.name:<4}{invariant.promise}")
            if rows:
                good = False
                console.print(_offending([column.name for column in cursor.description or ()], rows))
    console.print("[green]Everything adds up.[/]" if good else "[red]Something does not add up.[/]")
    return good


def _offending(names: list[str], rows: list[TupleRow]) -> Table:
    table = Table(*names, title=f"{len(rows)} rows" + (f", the first {_SHOWN}" if len(rows) > _SHOWN else ""))
    for row in rows[:_SHOWN]:
        table.add_row(*map(str, row))
    return table
