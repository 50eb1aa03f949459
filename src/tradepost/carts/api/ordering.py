from uuid import UUID

import msgspec

from tradepost.carts import holding, store
from tradepost.carts.actions import Opened
from tradepost.carts.api.access import CHANGING, opened, owner_of, read, shown
from tradepost.carts.holding import Holds
from tradepost.carts.model import WRITE_ALL, Cart, ReservationLimit, ReservationsOff
from tradepost.carts.wire import (
    CartOut,
    CartTotalOut,
    CheckoutIn,
    FromCartIn,
    total_out,
)
from tradepost.core.actors import ActorKind
from tradepost.core.errors import FieldError, NotFound, ReferenceNotFound, ShopError, Stale
from tradepost.db import Tx
from tradepost.http import Answer, Call, Routes
from tradepost.http.clients import counted_as
from tradepost.http.routes import DryRunQuery
from tradepost.orders import Item as Wanted
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
from tradepost.orders.quoting import Asked, Quotes, Reckoned
from tradepost.orders.shown import PlacedOut
from tradepost.orders.wire import EXAMPLE_ADDRESS
from tradepost.pricing import AmountOutOfRange
from tradepost.promotions import (
    CouponAlreadyUsed,
    CouponDoesNotApply,
    CouponExhausted,
    CouponNotValid,
    TooManyCoupons,
    check_codes,
)
from tradepost.shipping.methods import ShippingMethodNotAvailable
from tradepost.shipping.methods.wire import ShippingOptionsOut, options_out
from tradepost.stores.markets import named_market

routes = Routes("Checkout", "What a cart comes to, and how it becomes an order.")

_ORDERING = [
    *(NotFound, CartAlreadyOrdered, CartEmpty, Stale, VariantNotAvailable, ReferenceNotFound, CurrencyNotSupported),
    *(AmountOutOfRange, InsufficientStock, PriceChanged, ShippingMethodNotAvailable, TooManyCoupons, CouponNotValid),
    *(CouponExhausted, CouponAlreadyUsed, CouponDoesNotApply),
]


@routes.get("/carts/{cart_id}/total", answer=CartTotalOut, problems=[NotFound, AmountOutOfRange])
async def read_cart_total(call: Call) -> Answer:
    """What the cart comes to, and why: subtotal, discount, tax, shipping and total, with their explanation.

    What is not on sale is left out. `messages` tell of it, of coupons that do not apply, and of a shipping method that
    does not suit the cart any more.
    """
    found = await read(call)
    reckoned, why = await _reckoned(call, found)
    return call.json(total_out(found.cart, found.stand, reckoned, why))


@routes.get("/carts/{cart_id}/shipping-options", answer=ShippingOptionsOut, problems=[NotFound])
async def list_cart_shipping_options(call: Call) -> Answer:
    """How what is in the cart can be sent to its address, what that costs, and why it cannot be sent otherwise."""
    found = await read(call)
    options = await call.service(Quotes).options(call.actor.store_id, _asked(found))
    return call.json(options_out(options, found.stand.currency))


@routes.write(
    "POST",
    "/carts/{cart_id}/reservation",
    answer=CartOut,
    problems=[*CHANGING, CartEmpty, ReservationsOff, InsufficientStock, ReservationLimit],
)
async def reserve_cart(call: Call, tx: Tx) -> Answer:
    """Promise everything in the cart for a while, so that nobody else gets it while the shopper pays.

    All or nothing; asked for again, the time begins anew. How long, and how many units for one customer or one
    address, are settings of the shop.
    """
    held_by = f"account:{call.actor.id}" if call.actor.session_id else f"address:{counted_as(call.client)}"
    found, _ = await holding.reserve(tx, await opened(call, tx), call.service(Holds), held_by=held_by)
    return shown(call, found)


@routes.write("DELETE", "/carts/{cart_id}/reservation", answer=CartOut, problems=CHANGING)
async def release_cart(call: Call, tx: Tx) -> Answer:
    """Let go of what is promised to the cart."""
    return shown(call, await holding.release(tx, await opened(call, tx)))


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
    example={"email": "ada@example.com", "shippingAddress": EXAMPLE_ADDRESS},
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
        said = FieldError("/cartId", ReferenceNotFound.code, "is no cart of yours")
        raise ReferenceNotFound(errors=[said]) from None


async def _ordered(call: Call, cart_id: UUID, query: DryRunQuery, body: CheckoutIn) -> Answer:
    owner = owner_of(call, WRITE_ALL)
    check_codes(body.coupon_codes)
    async with call.db.read() as db:
        cart = await store.find(db, owner, cart_id)
    return await ordered(call, await _request(call, cart, body), dry_run=query.dry_run)


async def _request(call: Call, cart: Cart, body: CheckoutIn) -> PlaceOrder:
    expected = call.expected_version()
    to = await addresses_of(call, body, customer_id=cart.customer_id)
    return PlaceOrder(
        actor=call.actor,
        items=[],
        email=body.email,
        customer_id=cart.customer_id,
        market_id=named_market(call),
        currency=body.currency,
        shipping_address=to.shipping,
        billing_address=to.billing,
        shipping_method=body.shipping_method,
        coupon_codes=body.coupon_codes,
        notes=body.notes,
        expected_total=body.expected_total,
        refusal=to.refusal,
        basket=BasketRef(cart.id, cart.version if expected is None else expected),
        words=buyer_words(body.email, to.shipping or to.billing),
    )


def _asked(found: Opened) -> Asked:
    """What is on sale of a cart, as it would be ordered."""
    cart, stand = found.cart, found.stand
    return Asked(
        items=[
            Wanted(ItemKey.VARIANT, item.variant_id, item.quantity)
            for item in cart.items
            if item.variant_id in stand.prices
        ],
        market_id=stand.market.id,
        customer_id=cart.customer_id,
        is_signed_in=found.actor.kind is ActorKind.CUSTOMER,
        email=cart.email,
        address=cart.shipping_address or cart.billing_address,
        coupon_codes=cart.coupon_codes,
        shipping_method=cart.shipping_method,
    )


async def _reckoned(call: Call, found: Opened) -> tuple[Reckoned, ShopError | None]:
    """With why it cannot be sent, where that is so: then without what sending costs."""
    asked, quotes, store_id = _asked(found), call.service(Quotes), call.actor.store_id
    try:
        return await quotes.of(store_id, asked), None
    except ShippingMethodNotAvailable as error:
        return await quotes.of(store_id, msgspec.structs.replace(asked, with_delivery=False)), error
