"""Races of an order: what can happen to it, by two at once, twenty who want its money back; and of many for a coupon.

What comes of two at once has to be what comes of one after the other, in either order, or of one alone, as the other
may be refused because a provider is just being asked for the first.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from tests.baskets import basket
from tests.shop import Shop, same_problem
from tests.stripe_double import StripeDouble
from tests.test_order_life import moved, placed
from tests.test_paying import expired, pay, sweeper
from tests.test_returns import items
from tradepost.app.sweeping import Sweeper

_REFUNDS = 20
_PART = "1.62"
"""Twenty of them are three times what the order cost, and six of them fit."""

_TEN_OFF = [{"type": "percent_off", "percent": "10"}]

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


DEEDS: dict[str, Deed] = {
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
BEGINNINGS: dict[str, Beginning] = {"placed": _placed, "set aside": _set_aside, "paid": _paid, "shipped": _shipped}


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


PAIRS = list(itertools.combinations(DEEDS, 2))


async def unequal(shop: Shop, beginning: str, pair: tuple[str, str], races: int) -> list[str]:
    """Races two deeds so many times; what came of it that could not have come of one after the other, in words."""
    begin, wrong = BEGINNINGS[beginning], list[str]()
    async with sweeper(shop) as one, await psycopg.AsyncConnection.connect(shop.url, autocommit=True) as connection:
        rest = Rest(one, connection)
        orders = (pair, pair[::-1], pair[:1], pair[1:])
        possible = [await _in_turn(shop, rest, begin, pair, turns) for turns in orders]
        for _ in range(races):
            order, mug = await begin(shop)
            codes = await asyncio.gather(*(DEEDS[name](shop, order) for name in pair))
            came = ([code < 300 for code in codes], await rest.end(order, mug))
            if max(codes) >= 500 or came not in possible:
                wrong.append(f"{beginning}, {pair}: {codes}, {came}; possible are {possible}")
    return wrong


async def _in_turn(
    shop: Shop, rest: Rest, begin: Beginning, pair: tuple[str, str], turns: tuple[str, ...]
) -> tuple[list[bool], tuple[Any, ...]]:
    order, mug = await begin(shop)
    codes = {name: await DEEDS[name](shop, order) for name in turns}
    return [codes.get(name, 409) < 300 for name in pair], await rest.end(order, mug)


async def over_refunded(shop: Shop, double: StripeDouble) -> list[str]:
    """Twenty want a part of an order's money back at once, three times of it together; what is wrong then, in words.

    No more goes back than was taken, by Stripe's books and ours, and Stripe hears of nobody who is refused.
    """
    order, _ = await placed(shop, 1)
    paying = await pay(shop, order)
    before = double.posts("/v1/refunds")
    path = f"/orders/{order['id']}/refunds"
    answers = await asyncio.gather(*(shop.staff("POST", path, json={"amount": _PART}) for _ in range(_REFUNDS)))
    accepted = sum(answer.status_code == 200 for answer in answers)
    asked = double.posts("/v1/refunds") - before
    there, part = double.sums(order["id"]), int(_PART.replace(".", ""))
    fit = there["capture"] // part
    after = (await shop.staff("GET", f"/orders/{order['id']}")).json()
    refunded = int(after["refundedAmount"].replace(".", ""))
    well = accepted == asked == there["refunds"] == fit and refunded == there["refund"] == fit * part
    refused = {answer.status_code for answer in answers} <= {200, 409}
    if paying.status_code == 200 and well and refused:
        return []
    return [f"{accepted} accepted, {asked} asked for, {refunded} refunded here, {dict(there)} there"]


async def used_too_often(shop: Shop, mug: dict[str, Any], carts: int) -> list[str]:
    """Carts are ordered at once with a coupon that can be used once; what is wrong then, in words.

    One of them is ordered. The others keep what they have, and are told why.
    """
    promotion = await _made(shop, "/promotions", name="Once", trigger="COUPON", actions=_TEN_OFF, maxUses=1)
    code = f"ONCE-{promotion['id']}"
    await _made(shop, f"/promotions/{promotion['id']}/coupons", code=code)
    baskets = [await basket(shop, (mug, 1)) for _ in range(carts)]
    for one in baskets:
        await one.ask("POST", "/coupons", json={"code": code})
    answers = await asyncio.gather(*(one.check_out() for one in baskets))
    lost = [answer for answer in answers if answer.status_code != 201]
    told = all(same_problem(answer, 409, "coupon_exhausted", "/couponCodes/0") for answer in lost)
    left = sum([(await one.read())["itemCount"] for one in baskets])
    used = (await shop.staff("GET", f"/promotions/{promotion['id']}")).json()["uses"]
    if told and (len(lost), left, used) == (carts - 1, carts - 1, 1):
        return []
    return [f"{carts - len(lost)} ordered of {carts}, {left} left, used {used} times"]


async def _made(shop: Shop, path: str, **body: Any) -> dict[str, Any]:
    answer = await shop.staff("POST", path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()
