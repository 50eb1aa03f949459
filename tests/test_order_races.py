"""Two things happen to one order at once: what comes of it is what would have come of one after the other."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from tests.shop import Shop
from tests.test_order_life import moved, placed
from tests.test_paying import expired, pay, sweeper
from tests.test_returns import items
from tradepost.app.sweeping import Sweeper
from tradepost.app.verifying import verify

pytestmark = pytest.mark.anyio
_RACES = 3

Deed = Callable[[Shop, dict[str, Any]], Awaitable[int]]


def _staff(method: str, path: str, **body: Any) -> Deed:
    async def deed(shop: Shop, order: dict[str, Any]) -> int:
        json: dict[str, Any] = {} if method == "DELETE" else {"json": body}
        return (await shop.staff(method, f"/orders/{order['id']}{path}", **json)).status_code

    return deed


async def _pay(shop: Shop, order: dict[str, Any]) -> int:
    return (await pay(shop, order)).status_code


async def _edit(shop: Shop, order: dict[str, Any]) -> int:
    return (await shop.staff("POST", f"/orders/{order['id']}/edits", json={"items": items(order, 1)})).status_code


async def _return(shop: Shop, order: dict[str, Any]) -> int:
    return (await shop.staff("POST", f"/orders/{order['id']}/returns", json={"items": items(order, 1)})).status_code


async def _expire(shop: Shop, _order: dict[str, Any]) -> int:
    await expired(shop)
    return 200


_DEEDS: dict[str, Deed] = {
    "pay": _pay,
    "capture": _staff("POST", "/captures"),
    "cancel": _staff("POST", "/cancel"),
    "ship": _staff("PATCH", "/status", status="SHIPPED"),
    "edit": _edit,
    "refund": _staff("POST", "/refunds", amount="1.00"),
    "return": _return,
    "expire": _expire,
    "delete": _staff("DELETE", ""),
}


async def _placed(shop: Shop) -> tuple[dict[str, Any], dict[str, Any]]:
    order, (mug,) = await placed(shop, 3)
    return order, mug


async def _set_aside(shop: Shop) -> tuple[dict[str, Any], dict[str, Any]]:
    order, mug = await _placed(shop)
    await pay(shop, order, capture="manual")
    return order, mug


async def _paid(shop: Shop) -> tuple[dict[str, Any], dict[str, Any]]:
    order, mug = await _placed(shop)
    await pay(shop, order)
    return order, mug


async def _shipped(shop: Shop) -> tuple[dict[str, Any], dict[str, Any]]:
    order, mug = await _paid(shop)
    await moved(shop, order, "SHIPPED")
    return order, mug


Beginning = Callable[[Shop], Awaitable[tuple[dict[str, Any], dict[str, Any]]]]
_BEGINNINGS: dict[str, Beginning] = {"placed": _placed, "set aside": _set_aside, "paid": _paid, "shipped": _shipped}


class Rest:
    """Brings everything to rest, and tells how an order and its goods and money stand then."""

    def __init__(self, sweeper: Sweeper, connection: psycopg.AsyncConnection[Any]) -> None:
        self._sweeper = sweeper
        self._connection = connection

    async def end(self, order: dict[str, Any], mug: dict[str, Any]) -> tuple[Any, ...]:
        for _ in range(6):
            due = "update payment_operation set next_try_at = now() where state = 'started'"
            if not (await self._connection.execute(due)).rowcount:
                break
            await self._sweeper.run_once()
        found = await self._connection.execute(
            """
            select placed.status, placed.payment_status, placed.fulfillment_status, placed.total_amount,
                   placed.deleted_at is not null, level.on_hand, level.reserved,
                   (select coalesce(sum(entry.amount) filter (where kind = 'capture'), 0)::int8
                           - coalesce(sum(entry.amount) filter (where kind = 'refund'), 0)::int8
                    from payment join payment_entry as entry on entry.payment_id = payment.id
                    where payment.order_id = placed.id),
                   (select count(*) from order_return as back where back.order_id = placed.id)
            from sales_order as placed
            join stock_level as level on level.variant_id = %(variant_id)s
            where placed.id = %(id)s
            """,
            {"id": order["id"], "variant_id": mug["variants"][0]["id"]},
        )
        (row,) = await found.fetchall()
        return row


@pytest.mark.parametrize("beginning", _BEGINNINGS)
async def test_two_deeds_at_once_are_one_after_the_other(shop: Shop, beginning: str) -> None:
    """Each pair is first done in both orders, and each alone, and then at once: nothing else may come of it.

    Alone, as one may be refused because a provider is just being asked for the other.
    """
    begin = _BEGINNINGS[beginning]
    async with sweeper(shop) as one, await psycopg.AsyncConnection.connect(shop.url, autocommit=True) as connection:
        rest = Rest(one, connection)
        for pair in itertools.combinations(_DEEDS, 2):
            orders = (pair, pair[::-1], pair[:1], pair[1:])
            possible = [await _in_turn(shop, rest, begin, pair, turns) for turns in orders]
            for _ in range(_RACES):
                order, mug = await begin(shop)
                codes = await asyncio.gather(*(_DEEDS[name](shop, order) for name in pair))
                assert max(codes) < 500, (pair, codes)
                came = ([code < 300 for code in codes], await rest.end(order, mug))
                assert came in possible, (beginning, pair, codes, came, possible)
    assert verify(shop.url)


async def _in_turn(
    shop: Shop, rest: Rest, begin: Beginning, pair: tuple[str, str], turns: tuple[str, ...]
) -> tuple[list[bool], tuple[Any, ...]]:
    order, mug = await begin(shop)
    codes = {name: await _DEEDS[name](shop, order) for name in turns}
    return [codes.get(name, 409) < 300 for name in pair], await rest.end(order, mug)
