"""A cart keeps what a shopper wants, tells him what has changed, and becomes one order."""

import asyncio
from typing import Any

import pytest

from tests.baskets import Basket, basket, codes
from tests.people import registered
from tests.shop import ADDRESS, Shop, same_problem, statements

pytestmark = pytest.mark.anyio


async def test_a_guest_opens_a_cart_with_the_secret_that_he_gets_once(shop: Shop) -> None:
    cart = await basket(shop, (await shop.product(), 2))
    assert len(cart.token) >= 43
    assert "token" not in await cart.read()
    assert (await cart.read())["itemCount"] == 2


async def test_the_same_item_becomes_more_and_not_another_line(shop: Shop) -> None:
    mug, spoon = await shop.product(), await shop.product()
    cart = await basket(shop, (mug, 1), (spoon, 1), (mug, 2))
    assert [item["quantity"] for item in (await cart.read())["items"]] == [3, 1]
    assert (await cart.read())["subtotal"] == "40.00"


async def test_items_are_changed_removed_and_cleared(shop: Shop) -> None:
    cart = await basket(shop, (await shop.product(), 1), (await shop.product(), 1), (await shop.product(), 1))
    first, second, _ = [item["id"] for item in (await cart.read())["items"]]
    changed = await cart.ask("PATCH", f"/items/{first}", json={"quantity": 4})
    assert (changed.status_code, changed.json()["items"][0]["quantity"]) == (200, 4)
    removed = await cart.ask("DELETE", f"/items/{second}")
    assert (removed.status_code, len(removed.json()["items"])) == (200, 2)
    assert same_problem(await cart.ask("DELETE", f"/items/{second}"), 404, "not_found")
    assert (await cart.ask("DELETE", "/items")).json()["items"] == []


async def test_each_change_is_a_version_and_a_stale_one_is_refused(shop: Shop) -> None:
    mug = await shop.product()
    cart = await basket(shop, (mug, 1))
    read = await cart.ask("GET")
    assert read.headers["etag"] == '"v2"'
    await cart.add(mug)
    wanted = {"productId": mug["id"], "quantity": 1}
    answer = await cart.ask("POST", "/items", json=wanted, headers={"If-Match": '"v2"'})
    assert same_problem(answer, 412, "stale_version")
    assert (await cart.read())["itemCount"] == 2


@pytest.mark.parametrize("quantity", [0, -1, 10_000, 1.5, "2", True, None, 2**53])
async def test_a_quantity_that_makes_no_sense_is_refused(shop: Shop, quantity: Any) -> None:
    """A08."""
    mug = await shop.product()
    cart = await basket(shop, (mug, 1))
    item = (await cart.read())["items"][0]["id"]
    for method, path, body in (
        ("POST", "/items", {"productId": mug["id"], "quantity": quantity}),
        ("PATCH", f"/items/{item}", {"quantity": quantity}),
    ):
        assert same_problem(await cart.ask(method, path, json=body), 422, "validation_failed", "/quantity")
    assert (await cart.read())["itemCount"] == 1


@pytest.mark.parametrize("field", ["price", "total", "discount", "taxExempt", "storeId"])
async def test_nobody_names_his_own_price(shop: Shop, field: str) -> None:
    """A10."""
    mug = await shop.product()
    cart = await basket(shop)
    wanted = {"productId": mug["id"], "quantity": 1, field: "0.01"}
    assert same_problem(await cart.ask("POST", "/items", json=wanted), 422, "unknown_field")
    assert same_problem(await cart.check_out(**{field: "0.01"}), 422, "unknown_field")


async def test_more_than_there_is_cannot_be_put_in(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=3)
    cart = await basket(shop, (mug, 2))
    answer = await cart.add(mug, 2)
    assert same_problem(answer, 409, "insufficient_stock", "/quantity")
    assert answer.json()["available"] == 3
    item = (await cart.read())["items"][0]["id"]
    assert same_problem(await cart.ask("PATCH", f"/items/{item}", json={"quantity": 4}), 409, "insufficient_stock")


async def test_what_is_not_on_sale_cannot_be_put_in_and_looks_like_what_is_not_there(shop: Shop) -> None:
    """A19."""
    cart = await basket(shop)
    for product in (await shop.product(status="DRAFT"), {"id": "01900000-0000-7000-8000-000000000000"}):
        assert same_problem(await cart.add(product), 422, "variant_not_available", "/productId")


async def test_what_changed_is_told_and_not_applied(shop: Shop) -> None:
    mug, spoon, fork = [await shop.product() for _ in range(3)]
    cart = await basket(shop, (mug, 2), (spoon, 9), (fork, 1))
    await shop.staff("PATCH", f"/products/{mug['id']}", json={"price": "12.00"})
    await shop.order((spoon, 5))
    await shop.staff("DELETE", f"/products/{fork['id']}")
    told = await cart.read()
    assert [(message["code"], message["detail"]) for message in told["messages"]] == [
        ("price_changed", "costs 12.00 now, not 10.00"),
        ("insufficient_stock", "5 are left"),
        ("variant_not_available", "is not on sale any more"),
    ]
    assert [item["quantity"] for item in told["items"]] == [2, 9, 1]
    assert [item["isAvailable"] for item in told["items"]] == [True, False, False]
    assert told["subtotal"] == "114.00"
    accepted = (await cart.ask("POST", "/accept")).json()
    assert codes(accepted) == ["insufficient_stock", "variant_not_available"]


async def test_a_total_says_how_it_came_about(shop: Shop) -> None:
    cart = await basket(shop, (await shop.product(name="Mug"), 2))
    total = await cart.total()
    assert (total["subtotal"], total["shipping"], total["discount"]) == ("20.00", "0.00", "0.00")
    assert total["explanation"][0]["label"] == "2 x Mug at 10.00"
    quoted = await shop.guest("POST", "/orders/quote", json={"items": [{"sku": "none", "quantity": 1}]})
    assert quoted.status_code == 422
    placed = await cart.check_out(expectedTotal=total["total"])
    assert placed.status_code == 201, placed.text
    assert placed.json()["totalAmount"] == total["total"]


async def test_a_cart_becomes_an_order_and_is_empty_then(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=5)
    cart = await basket(shop, (mug, 2))
    await cart.ask("PATCH", json={"email": "grace@example.com", "shippingAddress": ADDRESS, "notes": "Ring twice"})
    placed = await cart.ask("POST", "/checkout", json={})
    assert placed.status_code == 201, placed.text
    order = placed.json()
    assert (order["email"], order["notes"], order["items"][0]["quantity"]) == ("grace@example.com", "Ring twice", 2)
    assert order["shippingAddress"]["city"] == "London"
    assert order["accessToken"]
    ended = await cart.read()
    assert (ended["state"], ended["orderId"], ended["items"]) == ("ORDERED", order["id"], [])
    assert await shop.stock(mug) == 3
    found = await shop.staff("GET", "/orders?search=grace")
    assert [one["id"] for one in found.json()["items"]] == [order["id"]]


async def test_an_order_from_a_cart_by_its_other_name(shop: Shop) -> None:
    cart = await basket(shop, (await shop.product(), 1))
    body = {"cartId": cart.id, "email": "ada@example.com", "shippingAddress": ADDRESS}
    placed = await shop.guest("POST", "/orders/from-cart", json=body, headers={"X-Cart-Token": cart.token})
    assert placed.status_code == 201, placed.text
    without = await shop.guest("POST", "/orders/from-cart", json=body)
    assert same_problem(without, 422, "reference_not_found", "/cartId")


async def test_a_cart_that_was_ordered_takes_nothing_more_and_says_which_order_it_is(shop: Shop) -> None:
    """A06."""
    mug = await shop.product()
    cart = await basket(shop, (mug, 1))
    order = (await cart.check_out()).json()
    for answer in (await cart.check_out(), await cart.add(mug), await cart.ask("DELETE", "/items")):
        assert same_problem(answer, 409, "cart_already_ordered")
        assert answer.json()["orderId"] == order["id"]


async def test_an_empty_cart_is_no_order(shop: Shop) -> None:
    cart = await basket(shop)
    assert same_problem(await cart.check_out(), 422, "cart_empty")


async def test_the_same_key_is_the_same_order(shop: Shop) -> None:
    cart = await basket(shop, (await shop.product(), 1))
    first, again = [await cart.check_out(headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true"
    assert first.json() == again.json()


async def test_a_price_that_the_shopper_has_not_seen_is_refused_until_he_agrees(shop: Shop) -> None:
    """A12."""
    mug = await shop.product()
    cart = await basket(shop, (mug, 2))
    await shop.staff("PATCH", f"/products/{mug['id']}", json={"price": "12.00"})
    refused = await cart.check_out()
    assert same_problem(refused, 409, "price_changed", "/items/0/price")
    assert (await cart.read())["itemCount"] == 2
    assert same_problem(await cart.check_out(expectedTotal="20.00"), 409, "price_changed", "/expectedTotal")
    placed = await cart.check_out(expectedTotal=refused.json()["quote"]["totalAmount"])
    assert placed.status_code == 201, placed.text


async def test_prices_that_were_accepted_are_the_ones_that_were_seen(shop: Shop) -> None:
    mug = await shop.product()
    cart = await basket(shop, (mug, 2))
    await shop.staff("PATCH", f"/products/{mug['id']}", json={"price": "12.00"})
    await cart.ask("POST", "/accept")
    assert (await cart.check_out()).status_code == 201


async def test_a_dry_run_answers_as_in_earnest_and_writes_nothing(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=5)
    cart = await basket(shop, (mug, 2))
    before = await shop.rows("select (select count(*) from event), (select count(*) from sales_order)")
    tried = await cart.ask("POST", "/checkout?dryRun=true", json={"email": "ada@example.com"})
    direct = await shop.guest(
        "POST",
        "/orders?dryRun=true",
        json={"email": "ada@example.com", "items": [{"productId": mug["id"], "quantity": 2}]},
        headers={"Idempotency-Key": "tried"},
    )
    assert (tried.status_code, direct.status_code) == (201, 201), tried.text
    assert tried.json()["totalAmount"] == direct.json()["totalAmount"]
    assert await shop.rows("select (select count(*) from event), (select count(*) from sales_order)") == before
    assert (await cart.read())["state"] == "OPEN"
    assert await shop.stock(mug) == 5
    many = {"email": "ada@example.com", "items": [{"productId": mug["id"], "quantity": 6}]}
    assert same_problem(await shop.guest("POST", "/orders?dryRun=true", json=many), 409, "insufficient_stock")
    assert (await cart.check_out()).status_code == 201


async def test_a_cart_of_somebody_else_is_absent(shop: Shop) -> None:
    """C15."""
    mug = await shop.product()
    ada = await registered(shop)
    hers = await basket(shop, (mug, 1), person=ada)
    stranger = Basket(shop, {"id": hers.id, "token": "x" * 43})
    for answer in (await stranger.ask("GET"), await stranger.add(mug), await stranger.check_out()):
        assert same_problem(answer, 404, "not_found")
    grace = await registered(shop, email="grace@example.com")
    assert same_problem(await grace.ask("GET", f"/carts/{hers.id}"), 404, "not_found")
    assert (await shop.staff("GET", f"/carts/{hers.id}")).status_code == 200


async def test_a_customer_has_one_open_cart_wherever_he_is(shop: Shop) -> None:
    ada = await registered(shop)
    first = await basket(shop, (await shop.product(), 1), person=ada)
    again = await ada.ask("POST", "/carts", json={})
    assert (again.status_code, again.json()["id"]) == (200, first.id)
    assert (await ada.ask("GET", "/carts/current")).json()["itemCount"] == 1
    ordered = await first.check_out()
    assert ordered.json()["customerId"] == (await ada.ask("GET", "/auth/me")).json()["account"]["id"]
    assert (await ada.ask("POST", "/carts", json={})).json()["id"] != first.id


async def test_a_guests_cart_is_the_customers_when_he_signs_in(shop: Shop) -> None:
    mug = await shop.product()
    guest = await basket(shop, (mug, 2))
    ada = await registered(shop)
    taken = await ada.ask("POST", "/carts", json={}, headers={"X-Cart-Token": guest.token})
    assert (taken.json()["id"], taken.json()["itemCount"]) == (guest.id, 2)
    assert same_problem(await guest.ask("GET"), 404, "not_found")


async def test_at_sign_in_what_both_carts_hold_is_together(shop: Shop) -> None:
    mug, spoon = await shop.product(), await shop.product()
    ada = await registered(shop)
    mine = await basket(shop, (mug, 1), person=ada)
    guest = await basket(shop, (mug, 2), (spoon, 1))
    merged = await ada.ask("POST", f"/carts/{mine.id}/merge", json={"cartId": guest.id, "token": guest.token})
    assert merged.status_code == 200, merged.text
    assert sorted(item["quantity"] for item in merged.json()["items"]) == [1, 3]
    assert same_problem(await guest.ask("GET"), 404, "not_found")
    wrong = await ada.ask("POST", f"/carts/{mine.id}/merge", json={"cartId": guest.id, "token": guest.token})
    assert same_problem(wrong, 422, "reference_not_found", "/cartId")


async def test_a_program_with_a_key_is_no_browser(shop: Shop) -> None:
    """It may keep cookies as its library likes: they neither open a cart nor stand in the way."""
    mug = await shop.product()
    async with shop.browser() as guest:
        opened = await guest.post("/api/v1/carts", json={})
        program = {"X-API-Key": shop.key}
        made = await guest.post("/api/v1/carts", json={}, headers=program)
        assert "set-cookie" not in made.headers
        assert made.json()["id"] != opened.json()["id"]
        item = {"productId": mug["id"], "quantity": 1}
        added = await guest.post(f"/api/v1/carts/{made.json()['id']}/items", json=item, headers=program)
        assert added.status_code == 201, added.text


async def test_a_browser_is_known_by_its_cookie_and_only_from_our_pages(shop: Shop) -> None:
    mug = await shop.product()
    async with shop.browser() as browser:
        opened = await browser.post("/api/v1/carts", json={})
        assert "HttpOnly" in opened.headers["set-cookie"]
        assert "SameSite=Lax" in opened.headers["set-cookie"]
        cart = f"/api/v1/carts/{opened.json()['id']}"
        assert (await browser.get(cart)).status_code == 200
        wanted = {"productId": mug["id"], "quantity": 1}
        assert same_problem(await browser.post(f"{cart}/items", json=wanted), 403, "csrf_failed")
        ours = {"Sec-Fetch-Site": "same-origin"}
        assert (await browser.post(f"{cart}/items", json=wanted, headers=ours)).status_code == 201


async def test_staff_open_a_cart_for_a_customer_that_there_is(shop: Shop) -> None:
    ada = await registered(shop)
    me = (await ada.ask("GET", "/auth/me")).json()["account"]["id"]
    opened = await shop.staff("POST", "/carts", json={"customerId": me})
    assert (await ada.ask("GET", "/carts/current")).json()["id"] == opened.json()["id"]
    nobody = await shop.staff("POST", "/carts", json={"customerId": "01900000-0000-7000-8000-000000000000"})
    assert same_problem(nobody, 422, "reference_not_found", "/customerId")
    assert same_problem(await shop.guest("POST", "/carts", json={"customerId": me}), 403, "forbidden")


async def test_addresses_of_the_customer_are_copied_and_others_are_not_there(shop: Shop) -> None:
    """C13."""
    ada, grace = await registered(shop), await registered(shop, email="grace@example.com")
    hers = (await ada.ask("POST", "/addresses", json=ADDRESS | {"type": "SHIPPING"})).json()["id"]
    theirs = (await grace.ask("POST", "/addresses", json=ADDRESS | {"type": "SHIPPING"})).json()["id"]
    cart = await basket(shop, (await shop.product(), 1), person=ada)
    changed = await cart.ask("PATCH", json={"shippingAddressId": hers})
    assert changed.json()["shippingAddress"]["city"] == "London"
    foreign = await cart.ask("PATCH", json={"shippingAddressId": theirs})
    assert same_problem(foreign, 422, "reference_not_found", "/shippingAddressId")
    gone = await cart.ask("PATCH", json={"shippingAddress": None})
    assert gone.json()["shippingAddress"] is None


async def test_a_cart_has_a_hundred_lines_at_most(shop: Shop) -> None:
    """A18."""
    cart = await basket(shop)
    for _ in range(100):
        assert (await cart.add(await shop.product())).status_code == 201
    assert same_problem(await cart.add(await shop.product()), 422, "too_many_items")


async def test_a_cart_of_another_currency_is_refused(shop: Shop) -> None:
    """A11."""
    cart = await basket(shop, (await shop.product(), 1))
    assert same_problem(await cart.check_out(currency="JPY"), 422, "currency_not_supported", "/currency")


async def test_putting_something_in_takes_six_statements(shop: Shop) -> None:
    mug = await shop.product()
    cart = await basket(shop, (mug, 1))
    before = statements()
    await cart.add(mug)
    assert statements() - before <= 6


async def test_a_cart_and_its_history_say_who_did_what(shop: Shop) -> None:
    """I12."""
    ada = await registered(shop)
    cart = await basket(shop, (await shop.product(), 1), person=ada)
    await cart.check_out()
    told = await shop.rows(
        "select name, actor_kind from event where subject_id = %(id)s::uuid order by sequence", {"id": cart.id}
    )
    assert told == [("cart.created", "customer"), ("cart.changed", "customer")]


async def test_two_who_open_a_customers_cart_at_once_have_the_same(shop: Shop) -> None:
    ada = await registered(shop)
    opened = await asyncio.gather(*(ada.ask("POST", "/carts", json={}) for _ in range(10)))
    assert {answer.status_code for answer in opened} <= {200, 201}
    assert len({answer.json()["id"] for answer in opened}) == 1
