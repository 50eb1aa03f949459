"""Who reaches which cart, and how it is shown to him."""

from collections.abc import Sequence
from http import HTTPStatus

from tradepost.accounts import hash_secret
from tradepost.carts import actions, store
from tradepost.carts.actions import Opened
from tradepost.carts.model import READ_ALL, WRITE_ALL, Owner
from tradepost.carts.wire import cart_out
from tradepost.core.actors import ActorKind
from tradepost.core.errors import NotFound, Stale
from tradepost.db import Tx
from tradepost.http import Answer, Call, cookies
from tradepost.http.call import etag
from tradepost.http.cookies import CookieJar
from tradepost.http.csrf import Csrf
from tradepost.orders import Item as Wanted
from tradepost.orders.baskets import CartAlreadyOrdered
from tradepost.stores.markets import markets_now

COOKIE = "tradepost_cart"
CHANGING = [NotFound, CartAlreadyOrdered, Stale]
"""What may come in the way of a change."""


def owner_of(call: Call, permission: str) -> Owner:
    """Whose carts the caller reaches."""
    actor = call.actor
    secret = secret_of(call)
    return Owner(
        actor.store_id,
        sees_all=actor.may(permission),
        customer_id=actor.id if actor.session_id else None,
        token_hash=hash_secret(secret) if secret else None,
    )


def secret_of(call: Call) -> str | None:
    """The secret that a request shows. One that a browser shows by itself has to come from a page of ours.

    A caller with a key is no browser: its cookies open nothing.
    """
    shown = call.header(b"x-cart-token", most=200)
    if shown is not None or call.actor.kind is ActorKind.KEY:
        return shown
    kept = cookies.read(call.headers, call.service(CookieJar).name(COOKIE))
    if kept is not None and not call.is_safe:
        call.service(Csrf).check_site(call.headers)
    return kept


async def opened(call: Call, tx: Tx, *, more: Sequence[Wanted] = ()) -> Opened:
    """The cart of the path, locked, to be changed. NotFound, CartAlreadyOrdered, Stale."""
    owner, expected = owner_of(call, WRITE_ALL), call.expected_version()
    markets = markets_now(call)
    return await actions.open_(tx, owner, call.id("cart_id"), call.actor, markets, expected=expected, more=more)


async def read(call: Call) -> Opened:
    """The cart of the path. NotFound."""
    owner = owner_of(call, READ_ALL)
    async with call.db.read() as db:
        cart = await store.find(db, owner, call.id("cart_id"))
        return Opened(cart, await actions.stand_of(db, owner.store_id, cart, markets_now(call)), call.actor)


def shown(call: Call, found: Opened, *, status: int = 200, token: str | None = None) -> Answer:
    cart = found.cart
    headers = [etag(cart.version)]
    if status == HTTPStatus.CREATED:
        headers.append(("location", f"/api/v1/carts/{cart.id}"))
    return call.json(cart_out(cart, found.stand, token=token), status=status, headers=headers)
