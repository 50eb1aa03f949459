from typing import Any
from uuid import UUID

from msgspec import UNSET

from tradepost.accounts import FIND_ACCOUNTS, hash_secret
from tradepost.accounts.model import new_secret
from tradepost.carts import actions, store
from tradepost.carts.actions import Opened
from tradepost.carts.api.access import CHANGING, COOKIE, opened, owner_of, read, secret_of, shown
from tradepost.carts.model import READ_ALL, WRITE_ALL, Owner
from tradepost.carts.wire import (
    CartChangesIn,
    CartIn,
    CartItemIn,
    CartOut,
    CheckoutIn,
    CouponIn,
    MergeIn,
    QuantityIn,
)
from tradepost.core.actors import ActorKind
from tradepost.core.errors import FieldError, Forbidden, NotFound, ReferenceNotFound
from tradepost.db import Tx
from tradepost.db.arrays import uuids
from tradepost.http import Answer, Call, Routes
from tradepost.http.cookies import CookieJar
from tradepost.orders import TooManyItems
from tradepost.orders.addressing import addresses_of
from tradepost.orders.model import InsufficientStock, VariantNotAvailable
from tradepost.orders.wire import EXAMPLE_ADDRESS, item_of
from tradepost.stores.markets import markets_now, named_market

routes = Routes("Carts", "Baskets that are kept, and become orders.")

_COOKIE_SECONDS = 30 * 24 * 3600
_FIELDS = {
    "email": "email",
    "shipping_address": "shippingAddress",
    "billing_address": "billingAddress",
    "shipping_method": "shippingMethod",
    "notes": "notes",
}


# Without a key: the answer has a secret, which is not to be kept, and a second empty cart does no harm.
@routes.write(
    "POST",
    "/carts",
    body=CartIn,
    answer=CartOut,
    status=201,
    also=200,
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
    secret = secret_of(call) if body.customer_id is None else None
    token_hash = hash_secret(secret) if secret else None
    owner = Owner(actor.store_id, sees_all=False, customer_id=customer_id, token_hash=token_hash)
    mine = await store.find_open(tx, actor.store_id, customer_id=customer_id, token_hash=None)
    guests = await store.find_open(tx, actor.store_id, customer_id=None, token_hash=token_hash)
    markets = markets_now(call)
    found = {id_: await actions.open_(tx, owner, id_, actor, markets) for id_ in _in_order(mine, guests)}
    match mine, guests:
        case None, None:
            return shown(call, await _created(call, tx, body, customer_id=customer_id), status=201)
        case None, UUID():
            return shown(call, await actions.adopt(tx, found[guests], customer_id), status=201)
        case UUID(), UUID():
            return shown(call, await actions.merge(tx, found[mine], found[guests]))
        case _:
            return shown(call, next(iter(found.values())))


def _in_order(*ids: UUID | None) -> list[UUID]:
    return sorted(id_ for id_ in ids if id_ is not None)


async def _created(
    call: Call, tx: Tx, body: CartIn, *, customer_id: UUID | None = None, token_hash: bytes | None = None
) -> Opened:
    cart = await actions.create(
        tx,
        call.actor,
        customer_id=customer_id,
        token_hash=token_hash,
        session_ref=body.session_id,
        market_id=named_market(call),
    )
    return Opened(cart, await actions.stand_of(tx, call.actor.store_id, cart, markets_now(call)), call.actor)


async def _check_customer(call: Call, tx: Tx, customer_id: UUID) -> None:
    if customer_id != call.actor.id:
        found = await tx.rows(FIND_ACCOUNTS, {"store_id": call.actor.store_id, "ids": uuids([customer_id])})
        if not found:
            raise ReferenceNotFound(errors=[FieldError("/customerId", ReferenceNotFound.code, "is no customer")])


async def _guests_cart(call: Call, tx: Tx, body: CartIn) -> Answer:
    secret = new_secret()
    made = await _created(call, tx, body, token_hash=hash_secret(secret))
    answer = shown(call, made, status=201, token=secret)
    if call.actor.kind is not ActorKind.KEY:
        answer.headers.append(call.service(CookieJar).set(COOKIE, secret, seconds=_COOKIE_SECONDS))
    return answer


@routes.get("/carts/current", answer=CartOut, problems=[NotFound])
async def read_current_cart(call: Call) -> Answer:
    """Read one's own open cart: a customer's, or the one of the token."""
    owner = owner_of(call, READ_ALL)
    async with call.db.read() as db:
        id_ = await store.find_open(db, owner.store_id, customer_id=owner.customer_id, token_hash=owner.token_hash)
        if id_ is None:
            raise NotFound
        cart = await store.find(db, owner, id_)
        stand = await actions.stand_of(db, owner.store_id, cart, markets_now(call))
    return shown(call, Opened(cart, stand, call.actor))


@routes.get("/carts/{cart_id}", answer=CartOut, problems=[NotFound])
async def read_cart(call: Call) -> Answer:
    """Read a cart at the prices and with the stock of this moment.

    `messages` say what is otherwise than when it was put in. Nothing is changed for the shopper.
    """
    return shown(call, await read(call))


@routes.write(
    "POST",
    "/carts/{cart_id}/items",
    body=CartItemIn,
    answer=CartOut,
    status=201,
    problems=[*CHANGING, VariantNotAvailable, InsufficientStock, TooManyItems],
    example={"sku": "DEMO-MUG", "quantity": 1},
)
async def add_cart_item(call: Call, tx: Tx, body: CartItemIn) -> Answer:
    """Put something into the cart. Units of what is there already are added to it.

    Refused where fewer can be sold at this moment; a cart promises nothing, so they may be gone in the next.
    """
    asked = item_of(body)
    found = await opened(call, tx, more=[asked])
    return shown(call, await actions.add(tx, found, asked), status=201)


@routes.write(
    "PATCH",
    "/carts/{cart_id}/items/{item_id}",
    body=QuantityIn,
    answer=CartOut,
    problems=[*CHANGING, InsufficientStock],
    example={"quantity": 2},
)
async def change_cart_item(call: Call, tx: Tx, body: QuantityIn) -> Answer:
    """Say how many of an item there are to be."""
    return shown(call, await actions.change(tx, await opened(call, tx), call.id("item_id"), body.quantity))


@routes.write("DELETE", "/carts/{cart_id}/items/{item_id}", answer=CartOut, problems=CHANGING)
async def remove_cart_item(call: Call, tx: Tx) -> Answer:
    """Take an item out of the cart."""
    return shown(call, await actions.remove(tx, await opened(call, tx), call.id("item_id")))


@routes.write("DELETE", "/carts/{cart_id}/items", answer=CartOut, problems=CHANGING)
async def clear_cart(call: Call, tx: Tx) -> Answer:
    """Take everything out of the cart."""
    return shown(call, await actions.clear(tx, await opened(call, tx)))


@routes.write(
    "PATCH",
    "/carts/{cart_id}",
    body=CartChangesIn,
    answer=CartOut,
    problems=[*CHANGING, ReferenceNotFound],
    example={"email": "ada@example.com", "shippingAddress": EXAMPLE_ADDRESS},
)
async def change_cart(call: Call, tx: Tx, body: CartChangesIn) -> Answer:
    """Say whose the cart is and where it goes: e-mail, addresses, way of sending, notes. `null` takes one away."""
    found = await opened(call, tx)
    changes = await _changes(call, body, found)
    return shown(call, await actions.put(tx, found, changes, [_FIELDS[name] for name in changes]))


@routes.write(
    "POST",
    "/carts/{cart_id}/coupons",
    body=CouponIn,
    answer=CartOut,
    status=201,
    problems=CHANGING,
    example={"code": "SPRING10"},
)
async def add_cart_coupon(call: Call, tx: Tx, body: CouponIn) -> Answer:
    """Remember a coupon. Whether it applies, and why not, the cart's total says."""
    return shown(call, await actions.add_coupon(tx, await opened(call, tx), body.code), status=201)


@routes.write("DELETE", "/carts/{cart_id}/coupons/{code}", answer=CartOut, problems=CHANGING)
async def remove_cart_coupon(call: Call, tx: Tx) -> Answer:
    """Forget a coupon."""
    return shown(call, await actions.remove_coupon(tx, await opened(call, tx), call.param("code")))


@routes.write("POST", "/carts/{cart_id}/accept", answer=CartOut, problems=CHANGING)
async def accept_cart_prices(call: Call, tx: Tx) -> Answer:
    """The shopper has seen what things cost now: what `messages` tell of prices is settled."""
    return shown(call, await actions.accept(tx, await opened(call, tx)))


@routes.write(
    "POST",
    "/carts/{cart_id}/merge",
    body=MergeIn,
    answer=CartOut,
    problems=[*CHANGING, ReferenceNotFound],
    example={"cartId": "01900000-0000-7000-8000-000000000000", "token": "the secret that came with it"},
)
async def merge_carts(call: Call, tx: Tx, body: MergeIn) -> Answer:
    """Put what is in a guest's cart into this one; the guest's cart is no more.

    Units of what is in both are added up, as far as a cart goes.
    """
    into, theirs = call.id("cart_id"), _opened_by(call, body.token)
    if into == body.cart_id:
        raise _no_cart()
    found: dict[UUID, Opened] = {}
    for id_ in _in_order(into, body.cart_id):
        if id_ == into:
            found[id_] = await opened(call, tx)
        else:
            try:
                found[id_] = await actions.open_(tx, theirs, id_, call.actor, markets_now(call))
            except NotFound:
                raise _no_cart() from None
    return shown(call, await actions.merge(tx, found[into], found[body.cart_id]))


def _opened_by(call: Call, token: str) -> Owner:
    return Owner(call.actor.store_id, sees_all=False, customer_id=None, token_hash=hash_secret(token))


def _no_cart() -> ReferenceNotFound:
    said = "is no cart that this token opens"
    return ReferenceNotFound(errors=[FieldError("/cartId", ReferenceNotFound.code, said)])


async def _changes(call: Call, body: CartChangesIn, found: Opened) -> dict[str, Any]:
    """By the names of the cart. ValidationFailed, ReferenceNotFound."""
    given = CheckoutIn(
        shipping_address=body.shipping_address or None,
        billing_address=body.billing_address or None,
        shipping_address_id=body.shipping_address_id,
        billing_address_id=body.billing_address_id,
    )
    to = await addresses_of(call, given, customer_id=found.cart.customer_id)
    if to.refusal:
        raise to.refusal
    said: dict[str, Any] = {
        "email": body.email,
        "notes": body.notes,
        "shipping_method": body.shipping_method,
    }
    said["shipping_address"] = to.shipping or body.shipping_address
    said["billing_address"] = to.billing or body.billing_address
    return {name: value for name, value in said.items() if value is not UNSET}
