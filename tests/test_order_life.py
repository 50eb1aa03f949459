"""What happens to an order after it was placed, and what may not."""

import asyncio
import itertools
from collections import Counter
from typing import Any

import pytest

from tests.people import registered
from tests.shop import ADDRESS, Shop, same_problem
from tests.test_house import ROOT
from tradepost.app import operating
from tradepost.app.verifying import verify
from tradepost.orders import moves

pytestmark = pytest.mark.anyio


async def placed(shop: Shop, *quantities: int, **fields: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A guest's order of so many units of new products, and the products."""
    products = [await shop.product() for _ in quantities]
    answer = await shop.order(*zip(products, quantities, strict=True), **fields)
    assert answer.status_code == 201, answer.text
    return answer.json(), products


async def confirmed(shop: Shop, *quantities: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    order, products = await placed(shop, *quantities)
    return await moved(shop, order, "CONFIRMED"), products


async def moved(shop: Shop, order: dict[str, Any], status: str) -> dict[str, Any]:
    answer = await shop.staff("PATCH", f"/orders/{order['id']}/status", json={"status": status})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def done(shop: Shop, method: str, order: dict[str, Any], what: str, **body: Any) -> dict[str, Any]:
    """Something that staff do to an order, and that works."""
    answer = await shop.staff(
        method, f"/orders/{order['id']}{what}", **({"json": body} if body or method != "GET" else {})
    )
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else {}


def statuses(order: dict[str, Any]) -> tuple[str, str]:
    return order["status"], order["fulfillmentStatus"]


def allowed(order: dict[str, Any]) -> set[str]:
    return {action["name"] for action in order["actions"] if action["allowed"]}


async def story(shop: Shop, order: dict[str, Any]) -> list[str]:
    answer = await shop.staff("GET", f"/orders/{order['id']}/timeline")
    return [event["name"] for event in answer.json()["items"]]


async def test_the_answer_to_a_placement_is_what_reading_shows(shop: Shop) -> None:
    order, _ = await placed(shop, 2)
    token = order.pop("accessToken")
    read = await shop.guest("GET", f"/orders/{order['id']}", headers={"X-Order-Token": token})
    assert read.json() == order


async def test_an_order_goes_from_placement_to_delivery(shop: Shop) -> None:
    order, (mug, cup) = await confirmed(shop, 2, 1)
    assert statuses(order) == ("CONFIRMED", "UNFULFILLED")
    order = await moved(shop, order, "PROCESSING")
    order = await moved(shop, order, "SHIPPED")
    assert statuses(order) == ("SHIPPED", "FULFILLED")
    (parcel,) = order["shipments"]
    assert sorted(item["quantity"] for item in parcel["items"]) == [1, 2]
    order = await moved(shop, order, "DELIVERED")
    assert statuses(order) == ("DELIVERED", "FULFILLED")
    assert [await shop.stock(product) for product in (mug, cup)] == [8, 9]
    assert await story(shop, order) == [
        "order.placed",
        "order.status_changed",
        "order.status_changed",
        "shipment.packed",
        "shipment.shipped",
        "order.status_changed",
        "shipment.delivered",
        "order.status_changed",
    ]
    assert verify(shop.url)


async def test_an_order_travels_in_two_parcels(shop: Shop) -> None:
    order, (mug,) = await confirmed(shop, 3)
    item = order["items"][0]["id"]
    first = await done(shop, "POST", order, "/shipments", items=[{"itemId": item, "quantity": 2}], carrier="UPS")
    assert statuses(first["order"]) == ("PROCESSING", "UNFULFILLED")
    assert await shop.stock(mug) == 7
    sent = await done(
        shop, "POST", order, f"/shipments/{first['shipment']['id']}/ship", trackingNumber="1Z999AA10123456784"
    )
    assert statuses(sent["order"]) == ("PROCESSING", "PARTIAL")
    assert (sent["order"]["trackingCompany"], sent["order"]["trackingNumber"]) == ("UPS", "1Z999AA10123456784")
    second = await done(shop, "POST", order, "/shipments")
    assert [line["quantity"] for line in second["shipment"]["items"]] == [1]
    sent = await done(shop, "POST", order, f"/shipments/{second['shipment']['id']}/ship")
    assert statuses(sent["order"]) == ("SHIPPED", "FULFILLED")
    for parcel in (first, second):
        there = await done(shop, "POST", order, f"/shipments/{parcel['shipment']['id']}/deliver")
    assert statuses(there["order"]) == ("DELIVERED", "FULFILLED")
    assert await shop.stock(mug) == 7
    assert verify(shop.url)


async def test_more_than_was_ordered_is_not_packed(shop: Shop) -> None:
    order, _ = await confirmed(shop, 3)
    item = order["items"][0]["id"]
    wrong: list[tuple[list[dict[str, Any]], str]] = [
        ([{"itemId": item, "quantity": 4}], "/items/0/quantity"),
        ([{"itemId": item, "quantity": 1}, {"itemId": item, "quantity": 1}], "/items/1/itemId"),
        ([{"itemId": order["id"], "quantity": 1}], "/items/0/itemId"),
        ([], "/items"),
    ]
    for items, pointer in wrong:
        answer = await shop.staff("POST", f"/orders/{order['id']}/shipments", json={"items": items})
        assert same_problem(answer, 422, answer.json()["errors"][0]["code"], pointer)
    elsewhere = await shop.staff("POST", f"/orders/{order['id']}/shipments", json={"locationId": order["id"]})
    assert same_problem(elsewhere, 422, "reference_not_found", "/locationId")
    await done(shop, "POST", order, "/shipments")
    again = await shop.staff("POST", f"/orders/{order['id']}/shipments", json={})
    assert same_problem(again, 422, "required", "/items")


async def test_what_came_back_is_the_orders_again_and_what_got_lost_is_replaced(shop: Shop) -> None:
    order, (mug,) = await confirmed(shop, 3)
    item = order["items"][0]["id"]
    parcels = []
    for quantity in (1, 2):
        packed = await done(shop, "POST", order, "/shipments", items=[{"itemId": item, "quantity": quantity}])
        parcels.append(packed["shipment"]["id"])
        await done(shop, "POST", order, f"/shipments/{parcels[-1]}/ship")
    back = await done(shop, "POST", order, f"/shipments/{parcels[0]}/return")
    assert back["order"]["fulfillmentStatus"] == "PARTIAL"
    assert await shop.stock(mug) == 7
    assert verify(shop.url)
    await done(shop, "POST", order, f"/shipments/{parcels[1]}/lose")
    assert verify(shop.url)
    again = await done(shop, "POST", order, "/shipments")
    assert [line["quantity"] for line in again["shipment"]["items"]] == [3]
    await done(shop, "POST", order, f"/shipments/{again['shipment']['id']}/ship")
    assert await shop.stock(mug) == 5
    assert verify(shop.url)


async def test_a_cancelled_order_gives_its_stock_back(shop: Shop) -> None:
    order, (mug,) = await confirmed(shop, 4)
    await done(shop, "PATCH", order, "/shipping", trackingCompany="UPS", trackingNumber="1Z")
    await done(shop, "POST", order, "/shipments")
    order = await done(shop, "POST", order, "/cancel", reason="FRAUD")
    assert (order["status"], order["cancelReason"]) == ("CANCELLED", "FRAUD")
    assert (order["trackingCompany"], order["trackingNumber"]) == (None, None)
    assert [parcel["status"] for parcel in order["shipments"]] == ["CANCELLED"]
    assert await shop.stock(mug) == 10
    again = await shop.staff("PATCH", f"/orders/{order['id']}/cancel", json={})
    assert same_problem(again, 409, "invalid_transition")
    assert (again.json()["reason"], again.json()["currentState"]) == ("ended", "CANCELLED")
    assert verify(shop.url)


async def test_what_has_left_is_not_cancelled(shop: Shop) -> None:
    """A23."""
    order, _ = await confirmed(shop, 2)
    item = order["items"][0]["id"]
    packed = await done(shop, "POST", order, "/shipments", items=[{"itemId": item, "quantity": 1}])
    await done(shop, "POST", order, f"/shipments/{packed['shipment']['id']}/ship")
    for method, path in (("POST", "/cancel"), ("DELETE", "")):
        answer = await shop.staff(method, f"/orders/{order['id']}{path}", **({"json": {}} if path else {}))
        assert same_problem(answer, 409, "invalid_transition")
        assert answer.json()["reason"] == "shipped"


async def test_a_deleted_order_is_in_no_list_and_kept_for_the_books(shop: Shop) -> None:
    order, (mug,) = await placed(shop, 3)
    deleted = await shop.staff("DELETE", f"/orders/{order['id']}")
    assert deleted.status_code == 204
    assert await shop.stock(mug) == 10
    assert same_problem(await shop.staff("GET", f"/orders/{order['id']}"), 404, "not_found")
    assert (await shop.staff("GET", "/orders")).json()["total"] == 0
    assert same_problem(await shop.staff("DELETE", f"/orders/{order['id']}"), 404, "not_found")
    assert await shop.rows("select status from sales_order where deleted_at is not null") == [("CANCELLED",)]
    assert verify(shop.url)


async def test_the_buyer_cancels_until_something_is_packed(shop: Shop) -> None:
    ada = await registered(shop)
    mug = await shop.product()
    body = {"items": [{"productId": mug["id"], "quantity": 1}], "shippingAddress": ADDRESS}
    early, late = [(await ada.ask("POST", "/orders", json=body)).json() for _ in range(2)]
    assert {"cancel", "change_address", "pay"} == allowed(early)
    gone = await ada.ask("POST", f"/orders/{early['id']}/cancel", json={})
    assert (gone.status_code, gone.json()["cancelReason"]) == (200, "CUSTOMER")
    to = ADDRESS | {"line1": "1 Sussex Place", "postalCode": "NW1 4SA"}
    moved_to = await ada.ask("PATCH", f"/orders/{late['id']}/addresses", json={"shippingAddress": to})
    assert moved_to.json()["shippingAddress"]["line1"] == "1 Sussex Place"
    assert moved_to.json()["billingAddress"]["line1"] == ADDRESS["line1"]
    await moved(shop, late, "CONFIRMED")
    await done(shop, "POST", late, "/shipments")
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/cancel", {}),
        ("PATCH", "/addresses", {"shippingAddress": to}),
    ]
    for method, path, change in changes:
        refused = await ada.ask(method, f"/orders/{late['id']}{path}", json=change)
        assert same_problem(refused, 409, "invalid_transition")
        assert refused.json()["reason"] == "packed"


async def test_a_guest_cancels_with_his_token_and_nobody_elses(shop: Shop) -> None:
    order, _ = await placed(shop, 1)
    other, _ = await placed(shop, 1)
    path = f"/orders/{order['id']}/cancel"
    assert same_problem(await shop.guest("POST", path, json={}), 404, "not_found")
    theirs = {"X-Order-Token": other["accessToken"]}
    assert same_problem(await shop.guest("POST", path, json={}, headers=theirs), 404, "not_found")
    own = {"X-Order-Token": order["accessToken"]}
    assert (await shop.guest("POST", path, json={}, headers=own)).json()["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/status", {"status": "CONFIRMED"}),
        ("PATCH", "/status", {"status": "SHIPPED"}),
        ("PATCH", "/shipping", {"trackingCompany": "UPS"}),
        ("PATCH", "/tracking", {"shippingProvider": "UPS"}),
        ("POST", "/hold", {"reason": "why not"}),
        ("POST", "/notes", {"text": "hello"}),
        ("POST", "/shipments", {}),
        ("DELETE", "", None),
    ],
)
async def test_who_may_only_read_changes_nothing(shop: Shop, method: str, path: str, body: Any) -> None:
    """Neither a buyer nor staff without the permission: they see the order, so they are told."""
    ada = await registered(shop)
    mug = await shop.product()
    order = (await ada.ask("POST", "/orders", json={"items": [{"productId": mug["id"], "quantity": 1}]})).json()
    reader = await operating.create_key(shop.url, name="reader", scopes=["orders:read"], store=None)
    asked = f"/orders/{order['id']}{path}"
    json: dict[str, Any] = {} if body is None else {"json": body}
    assert same_problem(await ada.ask(method, asked, **json), 403, "forbidden")
    assert same_problem(await shop.guest(method, asked, headers={"X-API-Key": reader}, **json), 403, "forbidden")
    assert (await shop.staff("GET", f"/orders/{order['id']}")).json()["version"] == 1


async def test_an_order_on_hold_waits(shop: Shop) -> None:
    order, _ = await confirmed(shop, 1)
    order = await done(shop, "POST", order, "/hold", reason="The address looks wrong")
    assert (order["isOnHold"], order["heldBecause"]) == (True, "The address looks wrong")
    assert not {"ship", "process", "hold"} & allowed(order)
    refused = await shop.staff("POST", f"/orders/{order['id']}/shipments", json={})
    assert same_problem(refused, 409, "invalid_transition")
    assert refused.json()["reason"] == "on_hold"
    released = await shop.staff("DELETE", f"/orders/{order['id']}/hold")
    assert "ship" in allowed(released.json())


async def test_notes_are_for_staff(shop: Shop) -> None:
    ada = await registered(shop)
    mug = await shop.product()
    order = (await ada.ask("POST", "/orders", json={"items": [{"productId": mug["id"], "quantity": 1}]})).json()
    await done(shop, "POST", order, "/notes", text="Called: leave it with the neighbours.")
    await done(shop, "POST", order, "/hold", reason="A secret suspicion")
    listed = await done(shop, "GET", order, "/notes")
    assert [note["text"] for note in listed["items"]] == ["Called: leave it with the neighbours."]
    assert same_problem(await ada.ask("GET", f"/orders/{order['id']}/notes"), 403, "forbidden")
    seen = await ada.ask("GET", f"/orders/{order['id']}")
    told = await ada.ask("GET", f"/orders/{order['id']}/timeline")
    assert "neighbours" not in seen.text + told.text
    assert "suspicion" not in seen.text + told.text
    actors = [event["actor"] for event in told.json()["items"]]
    assert [actor["id"] is None for actor in actors] == [False, True, True]


async def test_a_change_to_what_somebody_else_has_changed_is_stale(shop: Shop) -> None:
    order, _ = await placed(shop, 1)
    seen = {"If-Match": '"v1"'}
    path = f"/orders/{order['id']}/shipping"
    first = await shop.staff("PATCH", path, json={"trackingCompany": "UPS"}, headers=seen)
    assert (first.status_code, first.headers["etag"]) == (200, '"v2"')
    assert same_problem(
        await shop.staff("PATCH", path, json={"trackingCompany": "DHL"}, headers=seen), 412, "stale_version"
    )


async def test_the_same_again_changes_nothing(shop: Shop) -> None:
    order, _ = await placed(shop, 1)
    for _ in range(2):
        done_ = await done(shop, "PATCH", order, "/shipping", trackingCompany="UPS", trackingNumber="1Z")
    assert done_["version"] == 2
    key = {"Idempotency-Key": "cancel-once"}
    path = f"/orders/{order['id']}/cancel"
    first, again = [await shop.staff("POST", path, json={}, headers=key) for _ in range(2)]
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (200, first.json(), "true")


@pytest.mark.parametrize("status", ["PENDING", "REFUNDED"])
async def test_some_statuses_only_follow(shop: Shop, status: str) -> None:
    order, _ = await placed(shop, 1)
    answer = await shop.staff("PATCH", f"/orders/{order['id']}/status", json={"status": status})
    assert same_problem(answer, 422, "not_allowed", "/status")


async def test_every_action_that_is_offered_works_and_no_other(shop: Shop) -> None:
    """`actions` and the operations ask the same table: wherever an order stands, they agree."""
    operations: dict[str, tuple[str, str, dict[str, Any] | None]] = {
        "confirm": ("PATCH", "/status", {"status": "CONFIRMED"}),
        "process": ("PATCH", "/status", {"status": "PROCESSING"}),
        "ship": ("PATCH", "/status", {"status": "SHIPPED"}),
        "deliver": ("PATCH", "/status", {"status": "DELIVERED"}),
        "cancel": ("POST", "/cancel", {}),
        "hold": ("POST", "/hold", {"reason": "x"}),
        "release": ("DELETE", "/hold", None),
        "change_tracking": ("PATCH", "/shipping", {"trackingCompany": "UPS"}),
        "change_address": ("PATCH", "/addresses", {"shippingAddress": ADDRESS}),
        "delete": ("DELETE", "", None),
    }
    roads = ["", "confirm", "confirm process", "confirm ship", "confirm ship deliver", "cancel", "confirm hold"]
    for road, (name, (method, path, body)) in itertools.product(roads, operations.items()):
        order, _ = await placed(shop, 1)
        for step in road.split():
            how, where, what = operations[step]
            await done(shop, how, order, where, **(what or {}))
        order = (await shop.staff("GET", f"/orders/{order['id']}")).json()
        json: dict[str, Any] = {} if body is None else {"json": body}
        answer = await shop.staff(method, f"/orders/{order['id']}{path}", **json)
        assert (answer.status_code < 300) == (name in allowed(order)), (road, name, answer.text)
        assert answer.status_code < 300 or answer.json()["reason"] == _reason(order, name)
    assert verify(shop.url)


def _reason(order: dict[str, Any], name: str) -> str:
    return next(action["reason"] for action in order["actions"] if action["name"] == name)


async def test_of_cancelling_and_shipping_at_once_one_wins(shop: Shop) -> None:
    """A21: never cancelled and shipped; the stock comes back once, or leaves once."""
    for _ in range(30):
        order, (mug,) = await confirmed(shop, 3)
        path = f"/orders/{order['id']}"
        cancel, ship = await asyncio.gather(
            shop.staff("POST", f"{path}/cancel", json={}),
            shop.staff("PATCH", f"{path}/status", json={"status": "SHIPPED"}),
        )
        assert Counter([cancel.status_code, ship.status_code]) == {200: 1, 409: 1}
        loser = cancel if cancel.status_code == 409 else ship
        assert loser.json()["code"] == "invalid_transition"
        assert await shop.stock(mug) == (10 if cancel.status_code == 200 else 7)
    assert verify(shop.url)


async def test_a_parcel_is_shipped_once(shop: Shop) -> None:
    order, (mug,) = await confirmed(shop, 5)
    parcel = (await done(shop, "POST", order, "/shipments"))["shipment"]["id"]
    path = f"/orders/{order['id']}/shipments/{parcel}/ship"
    answers = await asyncio.gather(*(shop.staff("POST", path, json={}) for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 9}
    assert await shop.stock(mug) == 5
    assert await shop.rows("select on_hand, reserved from stock_level") == [(5, 0)]


def test_the_drawing_of_the_moves_is_the_table() -> None:
    assert moves.diagram() in (ROOT / "docs" / "order-life.md").read_text()
