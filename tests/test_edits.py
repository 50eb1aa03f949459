"""What was agreed changes: previewed, confirmed whole, kept as versions, and the money made even."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.shop import ADDRESS, Shop, same_problem
from tests.test_order_life import allowed, confirmed, done, moved, placed, story
from tests.test_paying import paid, pay, read, swept
from tests.test_returns import items
from tradepost.app.verifying import verify

pytestmark = pytest.mark.anyio


async def test_an_item_fewer_gives_stock_and_money_back(shop: Shop) -> None:
    order, (mug, cup) = await paid(shop, 3, 1)
    assert (await done(shop, "GET", order, "/edits"))["items"] == []
    edited = await done(shop, "POST", order, "/edits", items=items(order, 1), reason="One will do")
    assert (edited["revision"], edited["difference"], edited["refundAmount"]) == (2, "-21.60", "21.60")
    assert [(one["name"], one["before"], one["after"]) for one in edited["changes"]] == [
        (order["items"][0]["name"], "3", "1"),
        ("taxAmount", "3.20", "1.60"),
        ("totalAmount", "43.20", "21.60"),
    ]
    assert await shop.stock(mug) == 9
    await swept(shop)
    after = await read(shop, order)
    assert (after["totalAmount"], after["refundedAmount"], after["paymentStatus"]) == (
        "21.60",
        "21.60",
        "PARTIALLY_REFUNDED",
    )
    (kept,) = (await done(shop, "GET", order, "/edits"))["items"]
    assert (kept["revision"], kept["reason"]) == (2, "One will do")
    assert kept["changes"] == edited["changes"]
    assert await shop.stock(cup) == 9
    assert verify(shop.url)


async def test_an_item_more_takes_stock_and_can_be_paid(shop: Shop) -> None:
    order, (mug,) = await paid(shop, 1)
    lamp = await shop.product(price="5.00")
    edited = await done(
        shop, "POST", order, "/edits", items=items(order, 2), add=[{"productId": lamp["id"], "quantity": 2}]
    )
    assert edited["difference"] == "21.60"
    assert [await shop.stock(product) for product in (mug, lamp)] == [8, 8]
    assert edited["order"]["paymentStatus"] == "PENDING"
    assert "pay" in allowed(edited["order"])
    rest = await pay(shop, order)
    assert (rest.json()["payments"][0]["amount"], rest.json()["order"]["paymentStatus"]) == ("21.60", "PAID")
    found = (await shop.staff("GET", "/orders", params={"search": lamp["sku"]})).json()["items"]
    assert [one["id"] for one in found] == [order["id"]]
    assert verify(shop.url)


async def test_a_preview_is_the_edit_with_nothing_written(shop: Shop) -> None:
    order, (mug,) = await placed(shop, 2)
    path, body = f"/orders/{order['id']}/edits", {"items": items(order, 5), "shippingAmount": "4.00"}
    before = await shop.rows("select count(*), sum(version) from event, sales_order")
    preview = await shop.staff("POST", f"{path}?dryRun=true", json=body, headers={"Idempotency-Key": "edit"})
    assert await shop.rows("select count(*), sum(version) from event, sales_order") == before
    assert await shop.stock(mug) == 8
    real = await shop.staff("POST", path, json=body, headers={"Idempotency-Key": "edit"})
    assert real.status_code == preview.status_code == 200
    assert preview.json()["order"] | {"updatedAt": real.json()["order"]["updatedAt"]} == real.json()["order"]
    assert preview.json()["changes"] == real.json()["changes"]
    assert await shop.stock(mug) == 5
    assert verify(shop.url)


async def test_an_edit_sends_it_elsewhere_until_something_is_packed(shop: Shop) -> None:
    order, _ = await placed(shop, 2, shippingAddress=ADDRESS)
    await moved(shop, order, "CONFIRMED")
    there = ADDRESS | {"line1": "1 Savile Row", "postalCode": "W1S 3JP"}
    edited = await done(shop, "POST", order, "/edits", items=items(order, 1), shippingAddress=there)
    assert [(one["what"], one["name"]) for one in edited["changes"]][-1] == ("address", "shippingAddress")
    assert "1 Savile Row" in edited["changes"][-1]["after"]
    assert "12 St James's Square" in edited["changes"][-1]["before"]
    assert edited["order"]["shippingAddress"]["line1"] == "1 Savile Row"
    (kept,) = (await done(shop, "GET", order, "/edits"))["items"]
    assert kept["changes"] == edited["changes"]
    assert {"order.edited", "order.address_changed"} <= set(await story(shop, order))
    await done(shop, "POST", order, "/shipments")
    refused = await shop.staff("POST", f"/orders/{order['id']}/edits", json={"shippingAddress": ADDRESS})
    assert same_problem(refused, 409, "invalid_transition")
    wrong = await shop.staff("POST", f"/orders/{order['id']}/edits", json={"billingAddress": there | {"country": "XX"}})
    assert same_problem(wrong, 422, "validation_failed", "/billingAddress/country")
    assert verify(shop.url)


async def test_an_edit_is_refused_whole(shop: Shop) -> None:
    order, (mug, cup) = await confirmed(shop, 4, 2)
    first, second = (item["id"] for item in order["items"])
    packed = await done(shop, "POST", order, "/shipments", items=[{"itemId": first, "quantity": 3}])
    draft = await shop.product(status="DRAFT")
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"items": [{"itemId": first, "quantity": 2}]}, "out_of_range", "/items/0/quantity"),
        ({"items": [{"itemId": order["id"], "quantity": 2}]}, "reference_not_found", "/items/0/itemId"),
        ({"items": [{"itemId": second, "quantity": 2}] * 2}, "ambiguous", "/items/1/itemId"),
        ({"items": [{"itemId": second, "quantity": -1}]}, "out_of_range", "/items/0/quantity"),
        ({"add": [{"productId": draft["id"], "quantity": 1}]}, "variant_not_available", "/add/0/productId"),
        ({"add": [{"quantity": 1}]}, "required", "/add/0"),
        ({"discountAmount": "1.001"}, "too_many_digits", "/discountAmount"),
        ({"price": "1.00"}, "unknown_field", "/price"),
    ]
    for body, code, pointer in wrong:
        answer = await shop.staff("POST", f"/orders/{order['id']}/edits", json=body)
        assert same_problem(answer, 422, code, pointer), body
    path = f"/orders/{order['id']}/edits"
    much = await shop.staff("POST", path, json={"items": [{"itemId": second, "quantity": 99}]})
    assert same_problem(much, 409, "insufficient_stock")
    other = await shop.staff("POST", path, json={"items": [{"itemId": second, "quantity": 1}], "expectedTotal": "1.00"})
    assert same_problem(other, 409, "price_changed", "/expectedTotal")
    assert [await shop.stock(product) for product in (mug, cup)] == [6, 8]
    assert (await read(shop, order))["revision"] == 1
    await shop.staff("DELETE", f"/orders/{order['id']}/shipments/{packed['shipment']['id']}")
    none = [{"itemId": one, "quantity": 0} for one in (first, second)]
    nothing = await shop.staff("POST", path, json={"items": none})
    assert same_problem(nothing, 422, "nothing_left")
    assert verify(shop.url)


async def test_what_was_unpacked_can_be_taken_out(shop: Shop) -> None:
    order, (mug, cup) = await confirmed(shop, 1, 1)
    packed = await done(shop, "POST", order, "/shipments")
    await shop.staff("DELETE", f"/orders/{order['id']}/shipments/{packed['shipment']['id']}")
    edited = await done(shop, "POST", order, "/edits", items=[{"itemId": order["items"][0]["id"], "quantity": 0}])
    assert [item["sku"] for item in edited["order"]["items"]] == [order["items"][1]["sku"]]
    assert [await shop.stock(product) for product in (mug, cup)] == [10, 9]
    assert verify(shop.url)


async def test_of_edits_at_once_the_last_unit_goes_to_one(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=3)
    orders = [(await shop.order((mug, 1))).json() for _ in range(2)]
    for _ in range(10):
        answers = await asyncio.gather(
            *(shop.staff("POST", f"/orders/{one['id']}/edits", json={"items": items(one, 2)}) for one in orders)
        )
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 1}
        winner = next(one for one, answer in zip(orders, answers, strict=True) if answer.status_code == 200)
        await done(shop, "POST", winner, "/edits", items=items(winner, 1))
    assert await shop.stock(mug) == 1
    assert verify(shop.url)


async def test_cancelling_can_be_tried_out(shop: Shop) -> None:
    order, (mug,) = await paid(shop, 2)
    tried = await shop.staff("POST", f"/orders/{order['id']}/cancel?dryRun=true", json={})
    assert tried.json()["status"] == "CANCELLED"
    assert (await read(shop, order))["status"] == "CONFIRMED"
    assert await shop.stock(mug) == 8
    await swept(shop)
    assert (await read(shop, order))["refundedAmount"] == "0.00"
