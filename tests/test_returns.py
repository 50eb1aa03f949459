"""Goods that come back, and their money."""

from typing import Any

import pytest

from tests.people import registered
from tests.shop import Shop, same_problem
from tests.test_order_life import done, moved, placed
from tests.test_paying import pay, swept
from tradepost.app.verifying import verify

pytestmark = pytest.mark.anyio


async def shipped(shop: Shop, *quantities: int, **fields: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A paid order that has left."""
    order, products = await placed(shop, *quantities, **fields)
    assert (await pay(shop, order)).status_code == 200
    return order | await moved(shop, order, "SHIPPED"), products


def items(order: dict[str, Any], *quantities: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"itemId": item["id"], "quantity": quantity} | more
        for item, quantity in zip(order["items"], quantities, strict=False)
        if quantity
    ]


async def test_one_item_comes_back_and_its_money_goes(shop: Shop) -> None:
    order, (mug, _) = await shipped(shop, 3, 1)
    back = await done(shop, "POST", order, "/returns", items=items(order, 2, reason="UNWANTED"))
    assert back["status"] == "APPROVED"
    await done(
        shop, "POST", order, f"/returns/{back['id']}/receive", items=[{"itemId": order["items"][0]["id"], "restock": 1}]
    )
    assert await shop.stock(mug) == 8
    refunded = await done(shop, "POST", order, f"/returns/{back['id']}/refund", fee="1.60")
    assert refunded["order"]["refundedAmount"] == "20.00"
    (listed,) = (await done(shop, "GET", order, "/returns"))["items"]
    assert (listed["status"], listed["refundAmount"], listed["items"][0]["restocked"]) == ("REFUNDED", "20.00", 1)
    told = await done(shop, "GET", order, "/timeline")
    assert [event["name"] for event in told["items"]][-9:] == [
        "return.requested",
        "return.approved",
        "shipment.delivered",
        "order.status_changed",
        "return.received",
        "return.refunded",
        "payment.refund_requested",
        "payment.refunded",
        "order.status_changed",
    ]
    assert verify(shop.url)


async def test_all_returns_of_a_line_give_back_exactly_its_total(shop: Shop) -> None:
    """Three for 10.00 each and 8 % tax come to 32.40; the parts add up, whatever they are."""
    mug = await shop.product(price="3.33")
    order = (await shop.order((mug, 7))).json()
    await pay(shop, order)
    order |= await moved(shop, order, "SHIPPED")
    for quantity in (2, 1, 4):
        back = await done(shop, "POST", order, "/returns", items=items(order, quantity))
        await done(shop, "POST", order, f"/returns/{back['id']}/receive")
        after = await done(shop, "POST", order, f"/returns/{back['id']}/refund")
    assert after["order"]["refundedAmount"] == order["totalAmount"]
    assert after["order"]["status"] == "REFUNDED"
    assert await shop.stock(mug) == 10
    assert verify(shop.url)


async def test_the_buyer_asks_and_staff_agree(shop: Shop) -> None:
    order, _ = await shipped(shop, 2)
    own = {"X-Order-Token": order["accessToken"]}
    path = f"/orders/{order['id']}/returns"
    asked = await shop.guest("POST", path, json={"items": items(order, 1), "note": "Too blue"}, headers=own)
    assert (asked.status_code, asked.json()["status"]) == (201, "REQUESTED")
    one = f"{path}/{asked.json()['id']}"
    for what in ("approve", "receive", "refund"):
        json: dict[str, Any] = {} if what == "approve" else {"json": {}}
        assert same_problem(await shop.guest("POST", f"{one}/{what}", headers=own, **json), 401, "unauthenticated")
    early = await shop.staff("POST", f"{one}/receive", json={})
    assert same_problem(early, 409, "invalid_transition")
    assert (await shop.staff("POST", f"{one}/reject")).json()["status"] == "REJECTED"
    again = await shop.guest("POST", path, json={"items": items(order, 2)}, headers=own)
    assert again.status_code == 201
    ada = await registered(shop)
    assert same_problem(await ada.ask("POST", path, json={"items": items(order, 1)}), 404, "not_found")


async def test_more_than_was_shipped_does_not_come_back(shop: Shop) -> None:
    order, _ = await shipped(shop, 2)
    path = f"/orders/{order['id']}/returns"
    await done(shop, "POST", order, "/returns", items=items(order, 1))
    wrong: list[tuple[list[dict[str, Any]], str]] = [
        (items(order, 2), "/items/0/quantity"),
        ([{"itemId": order["id"], "quantity": 1}], "/items/0/itemId"),
        ([*items(order, 1), *items(order, 1)], "/items/1/itemId"),
        ([], "/items"),
    ]
    for body, pointer in wrong:
        answer = await shop.staff("POST", path, json={"items": body})
        assert same_problem(answer, 422, answer.json()["errors"][0]["code"], pointer)
    fresh, _ = await placed(shop, 1)
    early = await shop.staff("POST", f"/orders/{fresh['id']}/returns", json={"items": items(fresh, 1)})
    assert same_problem(early, 409, "invalid_transition")
    assert early.json()["reason"] == "nothing_shipped"


async def test_a_fee_is_no_more_than_the_goods_are_worth(shop: Shop) -> None:
    order, _ = await shipped(shop, 1)
    back = await done(shop, "POST", order, "/returns", items=items(order, 1))
    await done(shop, "POST", order, f"/returns/{back['id']}/receive")
    path = f"/orders/{order['id']}/returns/{back['id']}/refund"
    assert same_problem(await shop.staff("POST", path, json={"fee": "99.00"}), 422, "fee_exceeds_value", "/fee")
    assert same_problem(await shop.staff("POST", path, json={"fee": "-1.00"}), 422, "out_of_range", "/fee")
    more = await shop.staff("POST", path, json={"shipping": "5.00"})
    assert same_problem(more, 409, "refund_exceeds_captured")
    key = {"Idempotency-Key": "refund-once"}
    first, again = [await shop.staff("POST", path, json={}, headers=key) for _ in range(2)]
    assert again.json() == first.json()
    await swept(shop)
    assert await shop.rows("select sum(amount)::int8 from payment_entry where kind = 'refund'") == [(1080,)]
    assert verify(shop.url)


async def test_what_the_buyer_sent_back_does_not_come_back_with_its_parcel_too(shop: Shop) -> None:
    order, (mug,) = await shipped(shop, 1)
    (parcel,) = (await done(shop, "GET", order, "/shipments"))["items"]
    back = await done(shop, "POST", order, "/returns", items=items(order, 1))
    await done(shop, "POST", order, f"/returns/{back['id']}/receive")
    assert (await done(shop, "GET", order, ""))["status"] == "DELIVERED"
    again = await shop.staff("POST", f"/orders/{order['id']}/shipments/{parcel['id']}/return")
    assert same_problem(again, 409, "invalid_transition")
    assert await shop.stock(mug) == 10
    assert verify(shop.url)


async def test_what_came_back_with_its_parcel_is_not_received_once_more(shop: Shop) -> None:
    order, (mug,) = await shipped(shop, 2)
    (parcel,) = (await done(shop, "GET", order, "/shipments"))["items"]
    back = await done(shop, "POST", order, "/returns", items=items(order, 1))
    await done(shop, "POST", order, f"/shipments/{parcel['id']}/return")
    again = await shop.staff("POST", f"/orders/{order['id']}/returns/{back['id']}/receive", json={})
    assert same_problem(again, 409, "invalid_transition")
    (listed,) = (await done(shop, "GET", order, "/returns"))["items"]
    assert listed["status"] == "APPROVED"
    assert await shop.stock(mug) == 8
    assert verify(shop.url)
