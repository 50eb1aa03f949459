"""Placing an order for a caller, and the answer that he gets: the same for whatever asks for it."""

from uuid import UUID

import msgspec

from tradepost.core.actors import ActorKind
from tradepost.http import Answer, Call, Out
from tradepost.http.call import etag
from tradepost.http.routes import replayed
from tradepost.idempotency import StoredAnswer
from tradepost.orders.deciding import Again, Placed
from tradepost.orders.model import Order, PlaceOrder
from tradepost.orders.placing import Desks
from tradepost.orders.receiving import Received, Requests, accepted, id_in
from tradepost.orders.shown import whole
from tradepost.orders.store.requests import RequestState
from tradepost.orders.wire import core_out


class RequestedOut(Out, omit_defaults=True):
    """A wish that is on disk. `accessToken` is for guests only: it shows this one, as `X-Order-Token`."""

    id: UUID
    status: RequestState
    access_token: str | None = None


async def ordered(call: Call, request: PlaceOrder, *, dry_run: bool) -> Answer:
    """What a caller gets who orders: the order, the same of a dry run, or that it will be seen to.

    Raises as `Desks.place`; what the desk would refuse later is then told by the status of the request.
    """
    if dry_run:
        return await _rehearsed(call, request)
    if call.claim is not None and request.market_id is not None:
        call.claim = call.claim.saying(request.market_id.bytes)
    return await (_requested if call.prefers_later else _placed)(call, request)


async def _requested(call: Call, request: PlaceOrder) -> Answer:
    requests = call.service(Requests)
    match await requests.receive(request, call.claim):
        case Received(id_):
            status, headers, _ = accepted(id_)
        case Again(kept):
            answer = replayed(kept)
            status, headers, id_ = answer.status, answer.headers, id_in(kept.body)
    token = requests.token_of(id_) if call.actor.kind is ActorKind.GUEST else None
    return call.json(RequestedOut(id_, RequestState.WAITING, token), status=status, headers=headers)


async def _placed(call: Call, request: PlaceOrder) -> Answer:
    desks = call.service(Desks)
    match await desks.place(msgspec.structs.replace(request, claim=call.claim, keep=keep)):
        case Placed(_, StoredAnswer(status, headers, kept)):
            pass
        case Placed(order):
            status, headers, kept = keep(order)
        case Again(stored):
            answer = replayed(stored)
            status, headers, kept = answer.status, answer.headers, answer.body
    is_guest = call.actor.kind is ActorKind.GUEST
    token = desks.token_of(id_in(kept)) if is_guest else None
    said = whole(kept, call.actor, is_own=_is_own(call, request), access_token=token)
    return Answer(status, said, headers=[("cache-control", "no-store"), *headers])


async def _rehearsed(call: Call, request: PlaceOrder) -> Answer:
    """Its id and number are nobody's."""
    outcome = await call.service(Desks).rehearse(request)
    assert isinstance(outcome, Placed)  # noqa: S101 - it has no key, so it was not answered before
    status, _, core = keep(outcome.order)
    said = whole(core, call.actor, is_own=_is_own(call, request))
    return Answer(status, said, headers=[("cache-control", "no-store")])


def _is_own(call: Call, request: PlaceOrder) -> bool:
    is_guest = call.actor.kind is ActorKind.GUEST
    return is_guest or (request.customer_id is not None and request.customer_id == call.actor.id)


def keep(order: Order) -> tuple[int, list[tuple[str, str]], bytes]:
    """The answer to a placed order, as its idempotency key keeps it: see `shown.whole` for the rest."""
    return 201, [("location", f"/api/v1/orders/{order.id}"), etag(order.version)], msgspec.json.encode(core_out(order))
