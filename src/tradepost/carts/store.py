"""Every statement on carts."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from tradepost.carts.model import Cart, Item, Owner, State
from tradepost.core.errors import NotFound
from tradepost.db import Reader, Tx
from tradepost.db.arrays import bigints, integers, texts, uuids
from tradepost.db.connections import Asked, Row
from tradepost.inventory import Holding
from tradepost.orders import Address

_RESERVING = 0x6361_7274
_ADDRESS = msgspec.json.Decoder(Address | None)
_COLUMNS: LiteralString = """
    select cart.id, cart.state, cart.customer_id, cart.token_hash, cart.session_ref, cart.market_id, cart.email,
           coalesce(cart.shipping_address, 'null')::text, coalesce(cart.billing_address, 'null')::text,
           cart.shipping_method, cart.coupon_codes, cart.notes, cart.hold_id, cart.held_until, cart.order_id,
           cart.version, cart.created_at, cart.updated_at
    from cart
"""
_VISIBLE: LiteralString = """
    where cart.store_id = %(store_id)s
      and cart.id = %(id)s
      and cart.state in ('OPEN', 'ORDERED')
      and (%(sees_all)s or cart.customer_id = %(customer_id)s or cart.token_hash = %(token_hash)s)
"""


async def insert(tx: Tx, store_id: UUID, cart: Cart) -> None:
    await tx.run(
        """
        insert into cart (store_id, id, token_hash, customer_id, session_ref, market_id)
        values (%(store_id)s, %(id)s, %(token_hash)s, %(customer_id)s, %(session_ref)s, %(market_id)s)
        """,
        {
            "store_id": store_id,
            "id": cart.id,
            "token_hash": cart.token_hash,
            "customer_id": cart.customer_id,
            "session_ref": cart.session_ref,
            "market_id": cart.market_id,
        },
    )


async def find(db: Reader, owner: Owner, cart_id: UUID) -> Cart:
    """A cart with its items, for somebody who may see it. NotFound."""
    row = await db.row(_COLUMNS + _VISIBLE, _named(owner, cart_id))
    if row is None:
        raise NotFound
    return await _with_items(db, owner.store_id, row)


async def lock(tx: Tx, owner: Owner, cart_id: UUID) -> Cart:
    """The same, locked. Items are read behind the lock, so that they are those of this moment. NotFound."""
    row = await tx.row(_COLUMNS + _VISIBLE + " for update", _named(owner, cart_id))
    if row is None:
        raise NotFound
    return await _with_items(tx, owner.store_id, row)


async def find_open(db: Reader, store_id: UUID, *, customer_id: UUID | None, token_hash: bytes | None) -> UUID | None:
    """The open cart of a customer, or else the one that a token opens."""
    found: UUID | None = await db.value(
        """
        select id
        from cart
        where store_id = %(store_id)s
          and state = 'OPEN'
          and (customer_id = %(customer_id)s or token_hash = %(token_hash)s)
        order by customer_id is null
        limit 1
        """,
        {"store_id": store_id, "customer_id": customer_id, "token_hash": token_hash},
    )
    return found


async def save(tx: Tx, store_id: UUID, before: Cart, after: Cart) -> Cart:
    """Writes what is different of a locked cart, which is a new version of it."""
    gone = {item.id for item in before.items} - {item.id for item in after.items}
    if gone:
        await tx.run(
            "delete from cart_item where store_id = %(store_id)s and cart_id = %(cart_id)s and id = any(%(ids)b)",
            {"store_id": store_id, "cart_id": after.id, "ids": list(gone)},
        )
    known = {item.id: item for item in before.items}
    row = await tx.row(_SAVE, _saved(store_id, after, [item for item in after.items if known.get(item.id) != item]))
    assert row is not None  # noqa: S101 - it is locked
    return msgspec.structs.replace(after, version=row[0], updated_at=row[1])


_SAVE: LiteralString = """
    with written as (
      insert into cart_item (store_id, cart_id, id, product_id, variant_id, quantity, price, currency, held)
      select %(store_id)s, %(id)s, id, product_id, variant_id, quantity, price, currency, held
      from unnest(%(item_ids)s, %(product_ids)s, %(variant_ids)s, %(quantities)s, %(prices)s, %(currencies)s, %(held)s)
           as item (id, product_id, variant_id, quantity, price, currency, held)
      on conflict (store_id, cart_id, id) do update
        set quantity = excluded.quantity,
            price = excluded.price,
            currency = excluded.currency,
            held = excluded.held
    )
    update cart
    set state = %(state)s,
        token_hash = %(token_hash)s,
        customer_id = %(customer_id)s,
        session_ref = %(session_ref)s,
        market_id = %(market_id)s,
        email = %(email)s,
        shipping_address = %(shipping_address)s::text::jsonb,
        billing_address = %(billing_address)s::text::jsonb,
        shipping_method = %(shipping_method)s,
        coupon_codes = %(coupon_codes)s,
        notes = %(notes)s,
        hold_id = %(hold_id)s,
        held_until = %(held_until)s,
        held_by = case when %(hold_id)s::uuid is null then null else held_by end,
        version = version + 1,
        updated_at = now()
    where store_id = %(store_id)s
      and id = %(id)s
    returning version, updated_at
"""


def _saved(store_id: UUID, cart: Cart, items: Sequence[Item]) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "id": cart.id,
        "state": cart.state,
        "token_hash": cart.token_hash,
        "customer_id": cart.customer_id,
        "session_ref": cart.session_ref,
        "market_id": cart.market_id,
        "email": cart.email,
        "shipping_address": _json(cart.shipping_address),
        "billing_address": _json(cart.billing_address),
        "shipping_method": cart.shipping_method,
        "coupon_codes": texts(cart.coupon_codes),
        "notes": cart.notes,
        "hold_id": cart.hold_id,
        "held_until": cart.held_until,
        "item_ids": uuids([item.id for item in items]),
        "product_ids": uuids([item.product_id for item in items]),
        "variant_ids": uuids([item.variant_id for item in items]),
        "quantities": integers([item.quantity for item in items]),
        "prices": bigints([item.price for item in items]),
        "currencies": texts([item.currency for item in items]),
        "held": integers([item.held for item in items]),
    }


def _json(address: Address | None) -> str | None:
    return None if address is None else msgspec.json.encode(address).decode()


async def take_turn(tx: Tx, store_id: UUID, held_by: str) -> None:
    """Waits until nobody else reserves for the same customer or address; to the end of the transaction."""
    await tx.run(
        "select pg_advisory_xact_lock(%(kind)s::int4, hashtext(%(whom)s))",
        {"kind": _RESERVING, "whom": f"{store_id} {held_by}"},
    )


async def held_units(tx: Tx, store_id: UUID, held_by: str, *, but: UUID) -> int:
    """Units that are reserved for a customer or an address in all carts but one."""
    found: int = await tx.value(
        """
        select coalesce(sum(item.held), 0)::bigint
        from cart
        join cart_item as item on item.store_id = cart.store_id and item.cart_id = cart.id
        where cart.store_id = %(store_id)s
          and cart.held_by = %(held_by)s
          and cart.held_until is not null
          and cart.id <> %(but)s
        """,
        {"store_id": store_id, "held_by": held_by, "but": but},
    )
    return found


async def set_hold(tx: Tx, store_id: UUID, cart_id: UUID, hold_id: UUID, *, held_by: str, minutes: int) -> datetime:
    """From now on the cart holds stock; until when."""
    until: datetime = await tx.value(
        """
        update cart
        set hold_id = %(hold_id)s,
            held_by = %(held_by)s,
            held_until = now() + make_interval(mins => %(minutes)s)
        where store_id = %(store_id)s
          and id = %(id)s
        returning held_until
        """,
        {"store_id": store_id, "id": cart_id, "hold_id": hold_id, "held_by": held_by, "minutes": minutes},
    )
    return until


async def lock_next(tx: Tx, *, idle_days: int) -> tuple[UUID, Cart, bool] | None:
    """An open cart, of any store, whose reservation is over, or that nobody has touched for so many days; locked.

    With its store, and whether it is the latter.
    """
    row = await tx.row(
        """
        select cart.store_id, cart.id, cart.updated_at < now() - make_interval(days => %(days)s)
        from cart
        where cart.state = 'OPEN'
          and (cart.held_until < now() or cart.updated_at < now() - make_interval(days => %(days)s))
        limit 1
        for update skip locked
        """,
        {"days": idle_days},
    )
    if row is None:
        return None
    store_id, id_, is_idle = row
    owner = Owner(store_id, sees_all=True, customer_id=None, token_hash=None)
    return store_id, await find(tx, owner, id_), is_idle


def wanted(store_id: UUID, cart_ids: Sequence[UUID]) -> list[Asked]:
    """The statements of a desk: carts, locked in the order of ids, what is in them, and what is promised to them."""
    ids = {"store_id": store_id, "ids": uuids(cart_ids)}
    return [
        (_COLUMNS + " where store_id = %(store_id)s and id = any(%(ids)s) order by id for update", ids),
        _items_of(store_id, cart_ids),
        (
            """
            select cart.id, movement.variant_id, movement.location_id, sum(movement.reserved_change)::int4
            from cart
            join stock_movement as movement
              on movement.store_id = cart.store_id and movement.order_id = cart.hold_id
            where cart.store_id = %(store_id)s
              and cart.id = any(%(ids)s)
            group by cart.id, movement.variant_id, movement.location_id
            having sum(movement.reserved_change) > 0
            """,
            ids,
        ),
    ]


def read(found: Sequence[Sequence[Row]]) -> list[tuple[Cart, list[Holding]]]:
    """The rows of those."""
    carts, items, held = found
    inside: defaultdict[UUID, list[Item]] = defaultdict(list)
    for cart_id, *rest in items:
        inside[cart_id].append(Item(*rest))
    holdings: defaultdict[UUID, list[Holding]] = defaultdict(list)
    for cart_id, *rest in held:
        holdings[cart_id].append(Holding(*rest))
    return [(_cart(row, tuple(inside[row[0]])), holdings[row[0]]) for row in carts]


async def set_ordered(tx: Tx, store_id: UUID, ordered: Sequence[tuple[UUID, UUID]]) -> None:
    """Carts have become orders; nothing is in them any more, and nothing is promised to them."""
    await tx.write(
        """
        with emptied as (
          delete from cart_item
          where store_id = %(store_id)s
            and cart_id = any(%(cart_ids)s)
        )
        update cart
        set state = 'ORDERED',
            order_id = placed.order_id,
            hold_id = null,
            held_until = null,
            held_by = null,
            version = version + 1,
            updated_at = now()
        from unnest(%(cart_ids)s, %(order_ids)s) as placed (cart_id, order_id)
        where cart.store_id = %(store_id)s
          and cart.id = placed.cart_id
        """,
        {
            "store_id": store_id,
            "cart_ids": uuids([cart_id for cart_id, _ in ordered]),
            "order_ids": uuids([order_id for _, order_id in ordered]),
        },
    )


def _named(owner: Owner, cart_id: UUID) -> dict[str, Any]:
    return msgspec.structs.asdict(owner) | {"id": cart_id}


async def _with_items(db: Reader, store_id: UUID, row: Row) -> Cart:
    rows = await db.rows(*_items_of(store_id, [row[0]]))
    return _cart(row, tuple(Item(*rest) for _, *rest in rows))


def _items_of(store_id: UUID, cart_ids: Sequence[UUID]) -> Asked:
    return (
        """
        select cart_id, id, product_id, variant_id, quantity, price, currency, held
        from cart_item
        where store_id = %(store_id)s
          and cart_id = any(%(cart_ids)s)
        order by id
        """,
        {"store_id": store_id, "cart_ids": uuids(cart_ids)},
    )


def _cart(row: Row, items: tuple[Item, ...]) -> Cart:
    (
        id_, state, customer_id, token_hash, session_ref, market_id, email, shipping, billing, method, codes, notes,
        hold_id, held_until, order_id, version, created_at, updated_at,
    ) = row  # fmt: skip
    return Cart(
        id=id_,
        state=State(state),
        customer_id=customer_id,
        token_hash=token_hash,
        session_ref=session_ref,
        market_id=market_id,
        email=email,
        shipping_address=_ADDRESS.decode(shipping),
        billing_address=_ADDRESS.decode(billing),
        shipping_method=method,
        coupon_codes=tuple(codes),
        notes=notes,
        hold_id=hold_id,
        held_until=held_until,
        order_id=order_id,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
        items=items,
    )
