"""Wishes to order that are answered at once: each ends as one order, or as the refusal that it would have got."""

import asyncio
from typing import Any

import httpx2
import pytest

from tests.baskets import basket
from tests.people import registered
from tests.shop import ADDRESS, Shop, open_again, same_problem
from tradepost.app.verifying import verify

pytestmark = pytest.mark.anyio

_LATER = {"Prefer": "respond-async"}


def _wish(product: dict[str, Any], quantity: int = 1, **fields: Any) -> dict[str, Any]:
    items = [{"productId": product["id"], "quantity": quantity}]
    return {"email": "ada@example.com", "items": items} | fields


async def _asked(shop: Shop, wish: dict[str, Any], **headers: str) -> httpx2.Response:
    return await shop.guest("POST", "/orders", json=wish, headers=_LATER | headers)


async def _end(shop: Shop, received: httpx2.Response) -> dict[str, Any]:
    """What has become of it, once something has."""
    path = received.headers["location"].removeprefix("/api/v1")
    headers = {"X-Order-Token": received.json()["accessToken"]}
    async with asyncio.timeout(60):
        while True:
            answer = await shop.guest("GET", path, headers=headers)
            assert answer.status_code == 200, answer.text
            if answer.json()["status"] != "WAITING":
                return answer.json()
            await asyncio.sleep(0.02)


async def test_a_wish_is_taken_in_at_once_and_becomes_an_order(shop: Shop) -> None:
    mug = await shop.product()
    received = await _asked(shop, _wish(mug, 2))
    assert (received.status_code, received.json()["status"]) == (202, "WAITING")
    assert received.headers["preference-applied"] == "respond-async"
    ended = await _end(shop, received)
    assert (ended["status"], ended["problem"]) == ("PLACED", None)
    order = ended["order"]
    assert (order["id"], order["items"][0]["quantity"]) == (ended["orderId"], 2)
    mine = await shop.guest("GET", f"/orders/{order['id']}", headers={"X-Order-Token": order["accessToken"]})
    assert mine.status_code == 200
    assert await shop.stock(mug) == 8


async def test_a_wish_is_kept_with_all_that_it_says(shop: Shop) -> None:
    mug = await shop.product()
    more = {"shippingAddress": ADDRESS, "billingAddress": ADDRESS, "currency": "USD", "notes": "Ring twice"}
    right = await _end(shop, await _asked(shop, _wish(mug, 2, **more, expectedTotal="21.60")))
    order = right["order"]
    assert (order["notes"], order["billingAddress"]["city"], order["totalAmount"]) == ("Ring twice", "London", "21.60")
    wrong = await _end(shop, await _asked(shop, _wish(mug, 2, **more, expectedTotal="19.99")))
    assert (wrong["status"], wrong["problem"]["code"]) == ("REFUSED", "price_changed")


async def test_a_wish_that_cannot_be_is_refused_as_the_order_would_have_been(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=1)
    wish = _wish(mug, 2)
    ended = await _end(shop, await _asked(shop, wish))
    refused = (await shop.guest("POST", "/orders", json=wish)).json()
    assert ended["status"] == "REFUSED"
    told = {name: ended["problem"][name] for name in ("code", "status", "title", "detail", "errors")}
    assert told == {name: refused[name] for name in told}


async def test_what_makes_no_sense_is_refused_at_once(shop: Shop) -> None:
    mug = await shop.product()
    assert same_problem(await _asked(shop, _wish(mug, 0)), 422, "validation_failed", "/items/0/quantity")
    assert same_problem(await _asked(shop, _wish(mug) | {"total": "1"}), 422, "unknown_field")
    foreign = _wish(mug) | {"customerId": "01900000-0000-7000-8000-000000000000"}
    assert same_problem(await _asked(shop, foreign), 403, "forbidden")
    assert await shop.rows("select count(*) from order_request") == [(0,)]


async def test_the_same_key_is_the_same_wish(shop: Shop) -> None:
    mug = await shop.product()
    answers = await asyncio.gather(*(_asked(shop, _wish(mug), **{"Idempotency-Key": "once"}) for _ in range(10)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    again = await _asked(shop, _wish(mug), **{"Idempotency-Key": "once"})
    assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    await _end(shop, again)
    assert await shop.rows("select count(*) from sales_order") == [(1,)]
    other = await _asked(shop, _wish(mug, 2), **{"Idempotency-Key": "once"})
    assert same_problem(other, 422, "idempotency_key_reused")


async def test_a_cart_can_be_ordered_so_too(shop: Shop) -> None:
    cart = await basket(shop, (await shop.product(), 2))
    received = await cart.check_out(headers=_LATER)
    assert received.status_code == 202, received.text
    ended = await _end(shop, received)
    assert (await cart.read())["orderId"] == ended["orderId"]


async def test_nobody_sees_the_wish_of_another(shop: Shop) -> None:
    received = await _asked(shop, _wish(await shop.product()))
    path = received.headers["location"].removeprefix("/api/v1")
    ada = await registered(shop)
    assert same_problem(await ada.ask("GET", path), 404, "not_found")
    assert same_problem(await shop.guest("GET", path, headers={"X-Order-Token": "x" * 43}), 404, "not_found")
    assert (await shop.staff("GET", path)).status_code == 200


async def test_many_wishes_worked_off_by_several_processes_are_placed_once_each(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=60)
    async with open_again(shop) as other:
        received = await asyncio.gather(*(_asked((shop, other)[at % 2], _wish(mug)) for at in range(80)))
        ended = [await _end(shop, one) for one in received]
    assert sorted(one["status"] for one in ended) == ["PLACED"] * 60 + ["REFUSED"] * 20
    assert len({one["orderId"] for one in ended if one["orderId"]}) == 60
    assert await shop.stock(mug) == 0
    assert verify(shop.url)
