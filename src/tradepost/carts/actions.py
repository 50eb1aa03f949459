"""The verbs of a cart: open it, put things in, say where it goes, let it become part of another one."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost import inventory
from tradepost.carts import store
from tradepost.carts.events import CartChanged, CartCreated, CartMerged
from tradepost.carts.model import (
    MOST_COUPONS,
    MOST_ITEMS,
    Cart,
    Item,
    Owner,
    Stand,
    State,
    check_quantity,
    merged,
    not_enough,
)
from tradepost.catalog.offers import Offer, offers
from tradepost.core.actors import Actor
from tradepost.core.clock import now
from tradepost.core.errors import FieldError, NotFound, check_version, invalid
from tradepost.core.ids import uuid7
from tradepost.db import Reader, Tx
from tradepost.events import publish
from tradepost.inventory import InsufficientStock
from tradepost.orders import Item as Wanted
from tradepost.orders import TooManyItems
from tradepost.orders.baskets import already_ordered
from tradepost.orders.model import ItemKey
from tradepost.orders.quoting import Shelf, wanted
from tradepost.stores import Market, Markets


class Opened(msgspec.Struct, frozen=True):
    """A locked cart, how things stand with what is in it, and for whom it was opened."""

    cart: Cart
    stand: Stand
    actor: Actor


async def create(
    tx: Tx,
    actor: Actor,
    *,
    customer_id: UUID | None,
    token_hash: bytes | None,
    session_ref: str | None,
    market_id: UUID | None,
) -> Cart:
    """A new, empty cart: a customer's, or that of whoever has the secret."""
    at = now()
    cart = Cart(
        id=uuid7(),
        state=State.OPEN,
        customer_id=customer_id,
        token_hash=token_hash,
        session_ref=session_ref,
        market_id=market_id,
        email=None,
        shipping_address=None,
        billing_address=None,
        shipping_method=None,
        coupon_codes=(),
        notes=None,
        hold_id=None,
        held_until=None,
        order_id=None,
        version=1,
        created_at=at,
        updated_at=at,
    )
    await store.insert(tx, actor.store_id, cart)
    await publish(tx, CartCreated(customer_id), actor=actor, subject_id=cart.id)
    return cart


async def open_(
    tx: Tx,
    owner: Owner,
    cart_id: UUID,
    actor: Actor,
    markets: Markets,
    *,
    expected: int | None = None,
    more: Sequence[Wanted] = (),
) -> Opened:
    """A locked cart that can be changed. `more`: what is about to be put in, found with the rest.

    Raises NotFound, CartAlreadyOrdered, Stale.
    """
    cart = await store.lock(tx, owner, cart_id)
    if cart.state is not State.OPEN:
        raise already_ordered(cart.order_id)
    check_version(cart.version, expected)
    return Opened(cart, await stand_of(tx, owner.store_id, cart, markets, more), actor)


async def stand_of(db: Reader, store_id: UUID, cart: Cart, markets: Markets, more: Sequence[Wanted] = ()) -> Stand:
    """Offers and stock at this moment, in two statements. What is held for the cart can be promised to it."""
    market = market_of(cart, markets)
    asked = [*(Wanted(ItemKey.VARIANT, item.variant_id, item.quantity) for item in cart.items), *more]
    if not asked:
        return Stand(market)
    statement, params = wanted(store_id, asked, market_ids=[market.id], locales=market.locales)
    found = {offer.variant_id: offer for offer in offers(await db.rows(statement, params))}
    left = await inventory.left(db, store_id, sorted(found))
    held = {item.variant_id: item.held for item in cart.items}
    at = now()
    prices = {id_: offer.price_in(market, market.rate, at) for id_, offer in found.items()}
    return Stand(
        market,
        found,
        {id_: priced for id_, priced in prices.items() if priced is not None},
        {
            offer.variant_id: left.get(offer.variant_id, 0) + held.get(offer.variant_id, 0)
            for offer in found.values()
            if offer.track_inventory
        },
    )


def market_of(cart: Cart, markets: Markets) -> Market:
    """The one that it was opened in, while that is active; else that of the country that it goes to, or home."""
    known = next((one for one in markets.all if one.id == cart.market_id and one.is_active), None)
    if known is not None:
        return known
    address = cart.shipping_address or cart.billing_address
    return markets.home if address is None else markets.for_country(address.country)


async def add(tx: Tx, opened: Opened, asked: Wanted) -> Opened:
    """Puts units of a variant in; one that is there already becomes more, at the price of this moment.

    Raises VariantNotAvailable, InsufficientStock, TooManyItems, ValidationFailed.
    """
    stand = opened.stand
    offer = Shelf([offer for id_, offer in stand.offers.items() if id_ in stand.prices]).one(asked)
    known = opened.cart.item_of(offer.variant_id)
    quantity = asked.quantity + (known.quantity if known else 0)
    check_quantity(quantity)
    _check_enough(opened.stand, offer.variant_id, quantity)
    if known is None and len(opened.cart.items) >= MOST_ITEMS:
        raise TooManyItems(errors=[FieldError("", "too_many_items", f"{MOST_ITEMS} are in the cart already")])
    item = _item(offer, quantity, stand, known)
    others = [other for other in opened.cart.items if known is None or other.id != known.id]
    return await _save(tx, opened, ["items"], items=_in_order([*others, item]))


async def change(tx: Tx, opened: Opened, item_id: UUID, quantity: int) -> Opened:
    """So many units of an item, from now on. NotFound, InsufficientStock, ValidationFailed."""
    known = opened.cart.item(item_id)
    if known is None:
        raise NotFound
    check_quantity(quantity)
    if quantity > known.quantity:
        _check_enough(opened.stand, known.variant_id, quantity)
    await _let_go(tx, opened, {known.variant_id: known.held - quantity})
    item = msgspec.structs.replace(known, quantity=quantity, held=min(known.held, quantity))
    return await _save(tx, opened, ["items"], items=_with(opened.cart, item))


async def remove(tx: Tx, opened: Opened, item_id: UUID) -> Opened:
    """Takes an item out. NotFound."""
    known = opened.cart.item(item_id)
    if known is None:
        raise NotFound
    await _let_go(tx, opened, {known.variant_id: known.held})
    return await _save(tx, opened, ["items"], items=tuple(item for item in opened.cart.items if item.id != item_id))


async def clear(tx: Tx, opened: Opened) -> Opened:
    """Takes everything out."""
    await _let_go(tx, opened, {item.variant_id: item.held for item in opened.cart.items})
    return await _save(tx, opened, ["items"], items=(), hold_id=None, held_until=None)


async def put(tx: Tx, opened: Opened, changes: dict[str, object], fields: list[str]) -> Opened:
    """E-mail, addresses, shipping method, notes: `changes` by the names of `Cart`, `fields` in wire names."""
    return await _save(tx, opened, fields, **changes)


async def accept(tx: Tx, opened: Opened) -> Opened:
    """The shopper has seen what things cost now."""
    prices, currency = opened.stand.prices, opened.stand.currency
    items = tuple(
        msgspec.structs.replace(item, price=prices[item.variant_id].amount, currency=currency)
        if item.variant_id in prices
        else item
        for item in opened.cart.items
    )
    return await _save(tx, opened, ["items"], items=items)


async def add_coupon(tx: Tx, opened: Opened, code: str) -> Opened:
    """Remembers a coupon; whether it applies, the total says. ValidationFailed for one too many."""
    codes = opened.cart.coupon_codes
    if code.casefold() in (known.casefold() for known in codes):
        return opened
    if len(codes) >= MOST_COUPONS:
        raise invalid("/code", "too_many_coupons", f"a cart takes {MOST_COUPONS} coupons")
    return await _save(tx, opened, ["couponCodes"], coupon_codes=(*codes, code))


async def remove_coupon(tx: Tx, opened: Opened, code: str) -> Opened:
    """Forgets a coupon. NotFound where it is not in the cart."""
    left = tuple(known for known in opened.cart.coupon_codes if known.casefold() != code.casefold())
    if len(left) == len(opened.cart.coupon_codes):
        raise NotFound
    return await _save(tx, opened, ["couponCodes"], coupon_codes=left)


async def adopt(tx: Tx, opened: Opened, customer_id: UUID) -> Opened:
    """A guest's cart is a customer's from now on; its secret opens it no more."""
    return await _save(tx, opened, ["customerId"], customer_id=customer_id, token_hash=None)


async def merge(tx: Tx, into: Opened, other: Opened) -> Opened:
    """Puts what is in another cart into this one; the other is no more. Both are locked."""
    await _let_go(tx, other, {item.variant_id: item.held for item in other.cart.items})
    gone = msgspec.structs.replace(other.cart, state=State.MERGED, items=(), hold_id=None, held_until=None)
    await store.save(tx, other.actor.store_id, other.cart, gone)
    await publish(tx, CartMerged(into.cart.id), actor=other.actor, subject_id=other.cart.id)
    mine, theirs = into.cart, other.cart
    items = [
        item if mine.item_of(item.variant_id) else msgspec.structs.replace(item, id=uuid7())
        for item in merged(mine.items, theirs.items)
    ]
    codes = dict.fromkeys([*mine.coupon_codes, *theirs.coupon_codes])
    stand = Stand(
        into.stand.market,
        {**other.stand.offers, **into.stand.offers},
        {**other.stand.prices, **into.stand.prices},
        {**other.stand.left, **into.stand.left},
    )
    saved = await _save(
        tx,
        into,
        ["items", "couponCodes"],
        items=_in_order(items),
        coupon_codes=tuple(codes)[:MOST_COUPONS],
        email=mine.email or theirs.email,
        shipping_address=mine.shipping_address or theirs.shipping_address,
        billing_address=mine.billing_address or theirs.billing_address,
        notes=mine.notes or theirs.notes,
    )
    return msgspec.structs.replace(saved, stand=stand)


async def _save(tx: Tx, opened: Opened, fields: list[str], **changes: object) -> Opened:
    after = msgspec.structs.replace(opened.cart, **changes)
    if after == opened.cart:
        return opened
    saved = await store.save(tx, opened.actor.store_id, opened.cart, after)
    await publish(tx, CartChanged(fields), actor=opened.actor, subject_id=saved.id)
    return msgspec.structs.replace(opened, cart=saved)


async def _let_go(tx: Tx, opened: Opened, units: dict[UUID, int]) -> None:
    """Gives back what is held for a cart of some variants."""
    given = {variant_id: count for variant_id, count in units.items() if count > 0}
    if given and opened.cart.hold_id is not None:
        await inventory.release(tx, opened.cart.hold_id, given, actor=opened.actor)


def _item(offer: Offer, quantity: int, stand: Stand, known: Item | None) -> Item:
    return Item(
        id=known.id if known else uuid7(),
        product_id=offer.product_id,
        variant_id=offer.variant_id,
        quantity=quantity,
        price=stand.prices[offer.variant_id].amount,
        currency=stand.currency,
        held=known.held if known else 0,
    )


def _with(cart: Cart, changed: Item) -> tuple[Item, ...]:
    return tuple(changed if item.id == changed.id else item for item in cart.items)


def _in_order(items: Sequence[Item]) -> tuple[Item, ...]:
    return tuple(sorted(items, key=lambda item: item.id))


def _check_enough(stand: Stand, variant_id: UUID, quantity: int) -> None:
    left = stand.left.get(variant_id, quantity)
    if left < quantity:
        raise InsufficientStock(errors=[not_enough("/quantity", max(0, left))], extra={"available": max(0, left)})
