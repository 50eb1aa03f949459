"""Placing an order for a caller, and the answer that he gets: the same for whatever asks for it."""

from uuid import UUID

import msgspec

from tradepost.core.actors import ActorKind
from tradepost.http import Answer, Call
from tradepost.http.call import etag
from tradepost.http.routes import replayed
from tradepost.idempotency import StoredAnswer
from tradepost.orders.deciding import Again, Placed
from tradepost.orders.model import Order, PlaceOrder
from tradepost.orders.placing import Desks
from tradepost.orders.shown import whole
from tradepost.orders.wire import core_out

_ID_AT = len('{"id":"')


async def placed(call: Call, request: PlaceOrder) -> Answer:
    """Places the order; the answer is kept for the caller's key. Raises as `Desks.place`."""
    desks = call.service(Desks)
    match await desks.place(msgspec.structs.replace(request, claim=call.claim, keep=_keep)):
        case Placed(_, StoredAnswer(status, headers, kept)):
            pass
        case Placed(order):
            status, headers, kept = _keep(order)
        case Again(stored):
            answer = replayed(stored)
            status, headers, kept = answer.status, answer.headers, answer.body
    is_guest = call.actor.kind is ActorKind.GUEST
    token = desks.token_of(_id_in(kept)) if is_guest else None
    said = whole(kept, call.actor, is_own=_is_own(call, request), access_token=token)
    return Answer(status, said, headers=[("cache-control", "no-store"), *headers])


async def rehearsed(call: Call, request: PlaceOrder) -> Answer:
    """The same answer for an order that is not placed: its id and number are nobody's. Raises as `Desks.place`."""
    outcome = await call.service(Desks).rehearse(request)
    assert isinstance(outcome, Placed)  # noqa: S101 - it has no key, so it was not answered before
    status, _, core = _keep(outcome.order)
    said = whole(core, call.actor, is_own=_is_own(call, request))
    return Answer(status, said, headers=[("cache-control", "no-store")])


def _is_own(call: Call, request: PlaceOrder) -> bool:
    is_guest = call.actor.kind is ActorKind.GUEST
    return is_guest or (request.customer_id is not None and request.customer_id == call.actor.id)


def _keep(order: Order) -> tuple[int, list[tuple[str, str]], bytes]:
    """The answer to a placed order, as its idempotency key keeps it: see `shown.whole` for the rest."""
    return 201, [("location", f"/api/v1/orders/{order.id}"), etag(order.version)], msgspec.json.encode(core_out(order))


def _id_in(core: bytes) -> UUID:
    return UUID(core[_ID_AT : _ID_AT + 36].decode())
