from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from msgspec import UNSET

from tradepost.accounts import FIND_ACCOUNTS, hash_secret
from tradepost.accounts.model import new_secret
from tradepost.carts import actions, holding, store
from tradepost.carts.actions import Opened
from tradepost.carts.holding import Holds
from tradepost.carts.model import (
    READ_ALL,
    WRITE_ALL,
    Owner,
    ReservationLimit,
    ReservationsOff,
    Stand,
)
from tradepost.carts.wire import (
    CartChangesIn,
    CartIn,
    CartItemIn,
    CartOut,
    CartTotalOut,
    CheckoutIn,
    FromCartIn,
    MergeIn,
    QuantityIn,
    cart_out,
    items_out,
)
from tradepost.core import money
from tradepost.core.errors import FieldError, Forbidden, NotFound, ReferenceNotFound, Stale
from tradepost.db import Tx
from tradepost.db.arrays import uuids
from tradepost.http import Answer, Call, Routes, cookies
from tradepost.http.call import etag
from tradepost.http.clients import counted_as
from tradepost.http.cookies import CookieJar
from tradepost.http.csrf import Csrf
from tradepost.http.routes import DryRunQuery
from tradepost.orders import Item as Wanted
from tradepost.orders import TooManyItems
from tradepost.orders.addressing import addresses_of
from tradepost.orders.answering import RequestedOut, ordered
from tradepost.orders.baskets import CartAlreadyOrdered, CartEmpty
from tradepost.orders.model import (
    BasketRef,
    CurrencyNotSupported,
    InsufficientStock,
    ItemKey,
    PlaceOrder,
    PriceChanged,
    VariantNotAvailable,
    buyer_words,
)
from tradepost.orders.quoting import price_items
from tradepost.orders.shown import PlacedOut
from tradepost.orders.wire import item_of
from tradepost.pricing import AmountOutOfRange, explain
from tradepost.stores import store_of

routes = Routes("Carts", "Baskets that are kept, and become orders.")

COOKIE = "tradepost_cart"
_COOKIE_SECONDS = 30 * 24 * 3600
_CHANGING = [NotFound, CartAlreadyOrdered, Stale]
_ORDERING = [
    *(NotFound, CartAlreadyOrdered, CartEmpty, Stale, VariantNotAvailable, ReferenceNotFound, CurrencyNotSupported),
    *(AmountOutOfRange, InsufficientStock, PriceChanged),
]
_EXAMPLE_ADDRESS = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postalCode": "SW1Y 4JH",
    "country": "GB",
}


# Without a key: the answer has a secret, which is not to be kept, and a second empty cart does no harm.
@routes.write(
    "POST",
    "/carts",
    body=CartIn,
    answer=CartOut,
    status=201,
    keyed=False,
    problems=[Forbidden, ReferenceNotFound],
    example={},
)
async def create_cart(call: Call, tx: Tx, body: CartIn) -> Answer:
    """Open a cart.

    A guest gets a new one and its `token`, once, which is also set as a cookie. A customer gets the open one that he
    has, on whatever device; what a guest's cart holds that his request shows the token of is put into it.
    """
    actor = call.actor
    if body.customer_id is not None and not actor.may(WRITE_ALL):
        raise Forbidden("Only staff may open a cart for a customer")
    customer_id = body.customer_id or (actor.id if actor.session_id else None)
    if customer_id is None:
        return await _guests_cart(call, tx, body)
    await _check_customer(call, tx, customer_id)
    await store.take_turn(tx, actor.store_id, f"customer:{customer_id}")
    secret = _secret(call) if body.customer_id is None else None
    token_hash = hash_secret(secret) if secret else None
    owner = Owner(actor.store_id, sees_all=False, customer_id=customer_id, token_hash=token_hash)
    mine = await store.find_open(tx, actor.store_id, customer_id=customer_id, token_hash=None)
    guests = await store.find_open(tx, actor.store_id, customer_id=None, token_hash=token_hash)
    opened = {
        id_: await actions.open_(tx, owner, id_, actor) for id_ in sorted({mine, guests} - {None}, key=str) if id_
    }
    match mine, guests:
        case None, None:
            cart = await actions.create(
                tx, actor, customer_id=customer_id, token_hash=None, session_ref=body.session_id
            )
            return _shown(call, Opened(cart, Stand({}, {}), actor), status=201)
        case None, UUID():
            return _shown(call, await actions.adopt(tx, opened[guests], customer_id), status=201)
        case UUID(), UUID():
            return _shown(call, await actions.merge(tx, opened[mine], opened[guests]))
        case _:
            return _shown(call, next(iter(opened.values())))


async def _check_customer(call: Call, tx: Tx, customer_id: UUID) -> None:
    if customer_id != call.actor.id:
        found = await tx.rows(FIND_ACCOUNTS, {"store_id": call.actor.store_id, "ids": uuids([customer_id])})
        if not found:
            raise ReferenceNotFound(errors=[FieldError("/customerId", ReferenceNotFound.code, "is no customer")])


async def _guests_cart(call: Call, tx: Tx, body: CartIn) -> Answer:
    secret = new_secret()
    cart = await actions.create(
        tx, call.actor, customer_id=None, token_hash=hash_secret(secret), session_ref=body.session_id
    )
    answer = _shown(call, Opened(cart, Stand({}, {}), call.actor), status=201, token=secret)
    answer.headers.append(call.service(CookieJar).set(COOKIE, secret, seconds=_COOKIE_SECONDS))
    return answer


@routes.get("/carts/current", answer=CartOut, problems=[NotFound])
async def read_current_cart(call: Call) -> Answer:
    """Read one's own open cart: a customer's, or the one of the token."""
    owner = _owner(call, READ_ALL)
    async with call.db.read() as db:
        id_ = await store.find_open(db, owner.store_id, customer_id=owner.customer_id, token_hash=owner.token_hash)
        if id_ is None:
            raise NotFound
        cart = await store.find(db, owner, id_)
        stand = await actions.stand_of(db, owner.store_id, cart)
    return _shown(call, Opened(cart, stand, call.actor))


@routes.get("/carts/{cart_id}", answer=CartOut, problems=[NotFound])
async def read_cart(call: Call) -> Answer:
    """Read a cart at the prices and with the stock of this moment.

    `messages` say what is otherwise than when it was put in. Nothing is changed for the shopper.
    """
    return _shown(call, await _read(call))


@routes.get("/carts/{cart_id}/total", answer=CartTotalOut, problems=[NotFound, AmountOutOfRange])
async def read_cart_total(call: Call) -> Answer:
    """What the cart comes to, and why: subtotal, discount, tax, shipping and total, with their explanation."""
    opened = await _read(call)
    cart, stand, shop = opened.cart, opened.stand, store_of(call)
    lines = [item for item in cart.items if item.variant_id in stand.offers]
    picked = [stand.offers[item.variant_id] for item in lines]
    quote = price_items(shop, [Wanted(ItemKey.VARIANT, item.variant_id, item.quantity) for item in lines], picked)
    shown = cart_out(cart, stand, shop.currency)
    written = money.writer(quote.currency)
    total = CartTotalOut(
        cart_id=cart.id,
        currency=quote.currency,
        items=items_out(cart, stand, shop.currency),
        item_count=cart.item_count,
        subtotal=written(quote.subtotal),
        discount=written(quote.discount),
        tax=written(quote.tax),
        tax_included=quote.tax_included,
        shipping=written(quote.shipping),
        total=written(quote.total),
        explanation=explain(quote, [offer.name for offer in picked]),
        messages=shown.messages,
        version=cart.version,
    )
    return call.json(total)


@routes.write(
    "POST",
    "/carts/{cart_id}/items",
    body=CartItemIn,
    answer=CartOut,
    status=201,
    problems=[*_CHANGING, VariantNotAvailable, InsufficientStock, TooManyItems],
    example={"sku": "DEMO-MUG", "quantity": 1},
)
async def add_cart_item(call: Call, tx: Tx, body: CartItemIn) -> Answer:
    """Put something into the cart. Units of what is there already are added to it.

    Refused where fewer can be sold at this moment; a cart promises nothing, so they may be gone in the next.
    """
    asked = item_of(body)
    opened = await _open(call, tx, more=[asked])
    return _shown(call, await actions.add(tx, opened, asked, store_of(call).currency), status=201)


@routes.write(
    "PATCH",
    "/carts/{cart_id}/items/{item_id}",
    body=QuantityIn,
    answer=CartOut,
    problems=[*_CHANGING, InsufficientStock],
    example={"quantity": 2},
)
async def change_cart_item(call: Call, tx: Tx, body: QuantityIn) -> Answer:
    """Say how many of an item there are to be."""
    return _shown(call, await actions.change(tx, await _open(call, tx), call.id("item_id"), body.quantity))


@routes.write("DELETE", "/carts/{cart_id}/items/{item_id}", answer=CartOut, problems=_CHANGING)
async def remove_cart_item(call: Call, tx: Tx) -> Answer:
    """Take an item out of the cart."""
    return _shown(call, await actions.remove(tx, await _open(call, tx), call.id("item_id")))


@routes.write("DELETE", "/carts/{cart_id}/items", answer=CartOut, problems=_CHANGING)
async def clear_cart(call: Call, tx: Tx) -> Answer:
    """Take everything out of the cart."""
    return _shown(call, await actions.clear(tx, await _open(call, tx)))


@routes.write(
    "PATCH",
    "/carts/{cart_id}",
    body=CartChangesIn,
    answer=CartOut,
    problems=[*_CHANGING, ReferenceNotFound],
    example={"email": "ada@example.com", "shippingAddress": _EXAMPLE_ADDRESS},
)
async def change_cart(call: Call, tx: Tx, body: CartChangesIn) -> Answer:
    """Say whose the cart is and where it goes: e-mail, addresses, notes. `null` takes something away."""
    opened = await _open(call, tx)
    changes = await _changes(call, body, opened)
    names = {
        "email": "email",
        "shipping_address": "shippingAddress",
        "billing_address": "billingAddress",
        "notes": "notes",
    }
    return _shown(call, await actions.put(tx, opened, changes, [names[name] for name in changes]))


@routes.write("POST", "/carts/{cart_id}/accept", answer=CartOut, problems=_CHANGING)
async def accept_cart_prices(call: Call, tx: Tx) -> Answer:
    """The shopper has seen what things cost now: what `messages` tell of prices is settled."""
    return _shown(call, await actions.accept(tx, await _open(call, tx), store_of(call).currency))


@routes.write(
    "POST",
    "/carts/{cart_id}/merge",
    body=MergeIn,
    answer=CartOut,
    problems=[*_CHANGING, ReferenceNotFound],
    example={"cartId": "01900000-0000-7000-8000-000000000000", "token": "the secret that came with it"},
)
async def merge_carts(call: Call, tx: Tx, body: MergeIn) -> Answer:
    """Put what is in a guest's cart into this one; the guest's cart is no more.

    Units of what is in both are added up, as far as a cart goes.
    """
    into, theirs = call.id("cart_id"), _opened_by(call, body.token)
    if into == body.cart_id:
        raise _no_cart()
    opened: dict[UUID, Opened] = {}
    for id_ in sorted((into, body.cart_id)):
        if id_ == into:
            opened[id_] = await _open(call, tx)
        else:
            try:
                opened[id_] = await actions.open_(tx, theirs, id_, call.actor)
            except NotFound:
                raise _no_cart() from None
    return _shown(call, await actions.merge(tx, opened[into], opened[body.cart_id]))


def _opened_by(call: Call, token: str) -> Owner:
    return Owner(call.actor.store_id, sees_all=False, customer_id=None, token_hash=hash_secret(token))


def _no_cart() -> ReferenceNotFound:
    said = "is no cart that this token opens"
    return ReferenceNotFound(errors=[FieldError("/cartId", ReferenceNotFound.code, said)])


@routes.write(
    "POST",
    "/carts/{cart_id}/reservation",
    answer=CartOut,
    problems=[*_CHANGING, CartEmpty, ReservationsOff, InsufficientStock, ReservationLimit],
)
async def reserve_cart(call: Call, tx: Tx) -> Answer:
    """Promise everything in the cart for a while, so that nobody else gets it while the shopper pays.

    All or nothing; asked for again, the time begins anew. How long, and how many units for one customer or one
    address, are settings of the shop.
    """
    held_by = f"account:{call.actor.id}" if call.actor.session_id else f"address:{counted_as(call.client)}"
    opened, _ = await holding.reserve(tx, await _open(call, tx), call.service(Holds), held_by=held_by)
    return _shown(call, opened)


@routes.write("DELETE", "/carts/{cart_id}/reservation", answer=CartOut, problems=_CHANGING)
async def release_cart(call: Call, tx: Tx) -> Answer:
    """Let go of what is promised to the cart."""
    return _shown(call, await holding.release(tx, await _open(call, tx)))


@routes.act(
    "POST",
    "/carts/{cart_id}/checkout",
    body=CheckoutIn,
    query=DryRunQuery,
    answer=PlacedOut,
    later=RequestedOut,
    status=201,
    secured=True,
    problems=_ORDERING,
    example={"email": "ada@example.com", "shippingAddress": _EXAMPLE_ADDRESS},
)
async def check_out(call: Call, query: DryRunQuery, body: CheckoutIn) -> Answer:
    """Order what is in the cart, all or nothing; the cart is empty then, and becomes no second order.

    At the prices that the shopper was shown: where one is another now, `409 price_changed` has the new quote. Agree to
    it with `expectedTotal`, or with `POST /carts/{cart_id}/accept`.
    """
    return await _ordered(call, call.id("cart_id"), query, body)


@routes.act(
    "POST",
    "/orders/from-cart",
    body=FromCartIn,
    query=DryRunQuery,
    answer=PlacedOut,
    later=RequestedOut,
    status=201,
    secured=True,
    problems=_ORDERING,
    example={"cartId": "01900000-0000-7000-8000-000000000000", "email": "ada@example.com"},
)
async def order_from_cart(call: Call, query: DryRunQuery, body: FromCartIn) -> Answer:
    """Order what is in a cart: the same as `POST /carts/{cart_id}/checkout`."""
    try:
        return await _ordered(call, body.cart_id, query, body)
    except NotFound:
        raise ReferenceNotFound(errors=[FieldError("/cartId", ReferenceNotFound.code, "is no cart of yours")]) from None


async def _ordered(call: Call, cart_id: UUID, query: DryRunQuery, body: CheckoutIn) -> Answer:
    owner = _owner(call, WRITE_ALL)
    async with call.db.read() as db:
        cart = await store.find(db, owner, cart_id)
    expected = call.expected_version()
    to = await addresses_of(call, body, customer_id=cart.customer_id)
    request = PlaceOrder(
        actor=call.actor,
        items=[],
        email=body.email,
        customer_id=cart.customer_id,
        currency=body.currency,
        shipping_address=to.shipping,
        billing_address=to.billing,
        notes=body.notes,
        expected_total=body.expected_total,
        refusal=to.refusal,
        basket=BasketRef(cart.id, cart.version if expected is None else expected),
        words=buyer_words(body.email, to.shipping or to.billing),
    )
    return await ordered(call, request, dry_run=query.dry_run)


def _owner(call: Call, permission: str) -> Owner:
    """Whose carts the caller reaches. A browser that shows the token by itself has to come from a page of ours."""
    actor = call.actor
    secret = _secret(call)
    return Owner(
        actor.store_id,
        sees_all=actor.may(permission),
        customer_id=actor.id if actor.session_id else None,
        token_hash=hash_secret(secret) if secret else None,
    )


def _secret(call: Call) -> str | None:
    shown = call.header(b"x-cart-token", most=200)
    if shown is not None:
        return shown
    kept = cookies.read(call.headers, call.service(CookieJar).name(COOKIE))
    if kept is not None and not call.is_safe:
        call.service(Csrf).check_site(call.headers)
    return kept


async def _open(call: Call, tx: Tx, *, more: Sequence[Wanted] = ()) -> Opened:
    owner = _owner(call, WRITE_ALL)
    return await actions.open_(tx, owner, call.id("cart_id"), call.actor, expected=call.expected_version(), more=more)


async def _read(call: Call) -> Opened:
    owner = _owner(call, READ_ALL)
    async with call.db.read() as db:
        cart = await store.find(db, owner, call.id("cart_id"))
        return Opened(cart, await actions.stand_of(db, owner.store_id, cart), call.actor)


async def _changes(call: Call, body: CartChangesIn, opened: Opened) -> dict[str, Any]:
    """By the names of the cart. ValidationFailed, ReferenceNotFound."""
    given = CheckoutIn(
        shipping_address=body.shipping_address or None,
        billing_address=body.billing_address or None,
        shipping_address_id=body.shipping_address_id,
        billing_address_id=body.billing_address_id,
    )
    to = await addresses_of(call, given, customer_id=opened.cart.customer_id)
    if to.refusal:
        raise to.refusal
    said: dict[str, Any] = {"email": body.email, "notes": body.notes}
    said["shipping_address"] = to.shipping or body.shipping_address
    said["billing_address"] = to.billing or body.billing_address
    return {name: value for name, value in said.items() if value is not UNSET}


def _shown(call: Call, opened: Opened, *, status: int = 200, token: str | None = None) -> Answer:
    cart = opened.cart
    headers = [etag(cart.version)]
    if status == HTTPStatus.CREATED:
        headers.append(("location", f"/api/v1/carts/{cart.id}"))
    return call.json(cart_out(cart, opened.stand, store_of(call).currency, token=token), status=status, headers=headers)
