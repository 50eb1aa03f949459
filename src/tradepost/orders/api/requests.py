from datetime import datetime
from typing import Any
from uuid import UUID

from tradepost.core.actors import ActorKind
from tradepost.core.errors import NotFound
from tradepost.http import Answer, Call, Out, Routes
from tradepost.orders import store
from tradepost.orders.life import opened_all, visible
from tradepost.orders.placing import Desks
from tradepost.orders.shown import PlacedOut, placed_out
from tradepost.orders.store.reading import Visibility
from tradepost.orders.store.requests import RequestState

routes = Routes("Order requests", "Wishes to order that were taken in at once.")


class OrderRequestOut(Out):
    """`order` is there once it is placed, `problem` once it was refused: the one that `POST /orders` would answer."""

    id: UUID
    status: RequestState
    order_id: UUID | None
    order: PlacedOut | None
    problem: dict[str, Any] | None
    created_at: datetime
    ended_at: datetime | None


@routes.get("/orders/requests/{request_id}", answer=OrderRequestOut, problems=[NotFound])
async def read_order_request(call: Call) -> Answer:
    """See what has become of a wish to order that was answered 202."""
    actor = call.actor
    async with call.db.read() as db:
        found = await store.find_request(db, visible(actor), call.id("request_id"))
        order = None
        if found.order_id is not None:
            (opened,) = await opened_all(db, [await store.find(db, Visibility(actor.store_id), found.order_id)], actor)
            token = call.service(Desks).token_of(found.order_id) if actor.kind is ActorKind.GUEST else None
            order = placed_out(opened, access_token=token)
    shown = OrderRequestOut(
        found.id, found.state, found.order_id, order, found.problem, found.created_at, found.ended_at
    )
    waits = [] if found.ended_at else [("retry-after", "1")]
    return call.json(shown, headers=waits)
