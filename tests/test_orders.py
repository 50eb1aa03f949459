import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from tests.shop import ADDRESS, Shop, same_problem, statements

pytestmark = pytest.mark.anyio


async def test_a_guest_orders_several_products_and_sees_his_order_with_its_token(shop: Shop) -> None:
    mug, spoon = await shop.product(price="14.50"), await shop.product(price="3.00")
    placed = await shop.order((mug, 2), (spoon, 1), shippingAddress=ADDRESS, notes="Ring twice")
    assert placed.status_code == 201
    order = placed.json()
    assert (order["subtotal"], order["taxAmount"], order["totalAmount"]) == ("32.00", "2.56", "34.56")
    assert order["orderNumber"] == "TP-1001"
    assert (order["status"], order["paymentStatus"], order["fulfillmentStatus"]) == (
        "PENDING",
        "PENDING",
        "UNFULFILLED",
    )
    assert [item["quantity"] for item in order["items"]] == [2, 1]
    assert order["billingAddress"] == order["shippingAddress"] == ADDRESS
    token = order.pop("accessToken")
    found = await shop.guest("GET", f"/orders/{order['id']}", headers={"X-Order-Token": token})
    assert found.json() == order
    assert await shop.stock(mug) == 8


async def test_a_token_shows_one_order_and_no_other(shop: Shop) -> None:
    mug = await shop.product()
    mine, other = (await shop.order((mug, 1))).json(), (await shop.order((mug, 1))).json()
    for path in ("", "/timeline", "/explain"):
        foreign = await shop.guest(
            "GET", f"/orders/{other['id']}{path}", headers={"X-Order-Token": mine["accessToken"]}
        )
        absent = await shop.guest("GET", f"/orders/{uuid4()}{path}", headers={"X-Order-Token": mine["accessToken"]})
        anonymous = await shop.guest("GET", f"/orders/{other['id']}{path}")
        for answer in (foreign, absent, anonymous):
            assert same_problem(answer, 404, "not_found")
        alike = [{**answer.json(), "instance": "", "requestId": ""} for answer in (foreign, absent, anonymous)]
        assert alike[0] == alike[1] == alike[2]


async def test_the_price_and_the_name_are_those_of_the_moment_of_purchase(shop: Shop) -> None:
    mug = await shop.product(name="Old name", price="10.00")
    order = (await shop.order((mug, 1))).json()
    changed = await shop.staff("PATCH", f"/products/{mug['id']}", json={"name": "New name", "price": "99.00"})
    assert changed.status_code == 200
    again = (await shop.staff("GET", f"/orders/{order['id']}")).json()
    assert (again["items"][0]["name"], again["items"][0]["price"]) == ("Old name", "10.00")


async def test_the_last_unit_is_sold_once(shop: Shop) -> None:
    """A01: 200 buyers, last unit, same instant."""
    mug = await shop.product(inventoryQuantity=1)
    answers = await asyncio.gather(*(shop.order((mug, 1)) for _ in range(200)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 199}
    for answer in answers:
        if answer.status_code == 409:
            assert same_problem(answer, 409, "insufficient_stock", "/items/0/quantity")
    assert await shop.rows("select on_hand, reserved from stock_level") == [(1, 1)]
    assert await shop.stock(mug) == 0


async def test_a_refused_order_leaves_nothing(shop: Shop) -> None:
    mug, rare = await shop.product(), await shop.product(inventoryQuantity=1)
    before = await _everything(shop)
    assert same_problem(await shop.order((mug, 1), (rare, 2)), 409, "insufficient_stock", "/items/1/quantity")
    assert await _everything(shop) == before
    assert (await shop.order((mug, 1), (rare, 1))).status_code == 201


async def _everything(shop: Shop) -> list[tuple[object, ...]]:
    return await shop.rows(
        """
        select (select count(*) from sales_order), (select count(*) from order_line), (select count(*) from event),
               (select count(*) from stock_movement), (select sum(reserved) from stock_level),
               (select count(*) from idempotency_answer), (select coalesce(sum(value), 0) from order_counter)
        """
    )


async def test_the_same_variant_in_two_lines_is_summed_before_the_check(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=3)
    refused = await shop.order((mug, 2), (mug, 2))
    assert same_problem(refused, 409, "insufficient_stock", "/items/0/quantity")
    assert same_problem(refused, 409, "insufficient_stock", "/items/1/quantity")
    assert (await shop.order((mug, 2), (mug, 1))).status_code == 201
    assert await shop.stock(mug) == 0


async def test_an_unknown_product_in_one_line_points_at_that_line(shop: Shop) -> None:
    mug = await shop.product()
    refused = await shop.order((mug, 1), ({"id": str(uuid4())}, 1))
    assert same_problem(refused, 422, "variant_not_available", "/items/1/productId")
    assert await shop.stock(mug) == 10


async def test_draft_archived_and_unknown_products_look_the_same(shop: Shop) -> None:
    """A19: existence is not revealed."""
    draft, archived = await shop.product(status="DRAFT"), await shop.product()
    await shop.staff("DELETE", f"/products/{archived['id']}")
    answers = [await shop.order((product, 1)) for product in (draft, archived, {"id": str(uuid4())})]
    problems = [{**answer.json(), "requestId": ""} for answer in answers]
    assert problems[0] == problems[1] == problems[2]
    assert same_problem(answers[0], 422, "variant_not_available")


async def test_a_product_with_several_variants_is_ordered_by_variant_or_sku(shop: Shop) -> None:
    shirt = await shop.product(
        price="20.00",
        inventoryQuantity=0,
        variants=[
            {"name": "S", "sku": "SHIRT-S", "options": {"size": "S"}, "inventoryQuantity": 4},
            {"name": "L", "sku": "SHIRT-L", "options": {"size": "L"}, "price": "22.00", "inventoryQuantity": 4},
        ],
    )
    assert same_problem(await shop.order((shirt, 1)), 422, "variant_required", "/items/0/productId")
    large = shirt["variants"][1]
    body = {
        "email": "a@example.com",
        "items": [{"sku": "SHIRT-S", "quantity": 1}, {"variantId": large["id"], "quantity": 1}],
    }
    order = (await shop.guest("POST", "/orders", json=body)).json()
    assert [item["options"] for item in order["items"]] == [{"size": "S"}, {"size": "L"}]
    assert order["subtotal"] == "42.00"


async def test_an_order_at_an_unseen_price_is_refused_with_the_new_quote(shop: Shop) -> None:
    """A12."""
    mug = await shop.product(price="10.00")
    await shop.staff("PATCH", f"/products/{mug['id']}", json={"price": "12.00"})
    refused = await shop.order((mug, 1), expectedTotal="10.80")
    assert same_problem(refused, 409, "price_changed", "/expectedTotal")
    assert refused.json()["quote"]["totalAmount"] == "12.96"
    assert (await shop.order((mug, 1), expectedTotal="12.96")).status_code == 201
    assert (await shop.order((mug, 1), expectedTotal=12.96)).status_code == 201


@pytest.mark.parametrize("field", ["price", "total", "discount", "taxExempt", "storeId", "status", "__proto__"])
async def test_what_the_server_decides_is_not_taken_from_a_body(shop: Shop, field: str) -> None:
    """A10, C16."""
    mug = await shop.product()
    assert same_problem(await shop.order((mug, 1), **{field: "0.01"}), 422, "unknown_field", f"/{field}")
    body = {"email": "a@example.com", "items": [{"productId": mug["id"], "quantity": 1, field: "0.01"}]}
    answer = await shop.guest("POST", "/orders", json=body)
    assert same_problem(answer, 422, "unknown_field", f"/items/0/{field}")


@pytest.mark.parametrize(
    ("quantity", "status"),
    [
        *[
            (written, 422)
            for written in ("0", "-1", "-0", "1.5", '"2"', "true", "null", "2147483648", "9007199254740993")
        ],
        ("1" + "0" * 400, 422),
        ("1" + "0" * 5000, 422),
        *[(written, 400) for written in ("NaN", "Infinity", "01", "+1")],
    ],
)
async def test_a_quantity_is_a_whole_number_of_at_least_one(shop: Shop, quantity: str, status: int) -> None:
    """A08."""
    mug = await shop.product()
    raw = f'{{"email":"a@example.com","items":[{{"productId":"{mug["id"]}","quantity":{quantity}}}]}}'
    answer = await shop.guest("POST", "/orders", content=raw, headers={"Content-Type": "application/json"})
    if status == 400:
        assert same_problem(answer, 400, "malformed_json")
    else:
        assert same_problem(answer, 422, "validation_failed", "/items/0/quantity")
    assert await shop.stock(mug) == 10


async def test_a_sum_that_no_amount_may_reach_is_refused(shop: Shop) -> None:
    """A09."""
    gold = await shop.product(price="999999999999.00", inventoryQuantity=10_000)
    assert same_problem(await shop.order((gold, 9999)), 422, "amount_out_of_range", "/items")
    assert await shop.stock(gold) == 10_000


async def test_an_order_in_another_currency_is_refused(shop: Shop) -> None:
    mug = await shop.product()
    assert same_problem(await shop.order((mug, 1), currency="JPY"), 422, "currency_not_supported", "/currency")
    assert (await shop.order((mug, 1), currency="USD")).status_code == 201


async def test_too_many_lines_and_no_lines_are_refused(shop: Shop) -> None:
    """A18."""
    mug = await shop.product(inventoryQuantity=1000)
    assert same_problem(await shop.order(*[(mug, 1)] * 101), 422, "too_many_items", "/items")
    assert same_problem(await shop.order(), 422, "required", "/items")
    assert (await shop.order(*[(mug, 1)] * 100)).status_code == 201


async def test_staff_order_for_a_customer_and_guests_may_not(shop: Shop) -> None:
    ada = {"email": "ada@shop.example", "firstName": "Ada", "lastName": "Lovelace"}
    customer = (await shop.staff("POST", "/customers", json=ada)).json()
    mug = await shop.product()
    body = {"customerId": customer["id"], "items": [{"productId": mug["id"], "quantity": 1}]}
    assert same_problem(await shop.guest("POST", "/orders", json=body), 403, "forbidden")
    order = (await shop.staff("POST", "/orders", json=body)).json()
    assert (order["customerId"], order["email"]) == (customer["id"], "ada@shop.example")
    assert "accessToken" not in order
    unknown = await shop.staff("POST", "/orders", json=body | {"customerId": str(uuid4())})
    assert same_problem(unknown, 422, "reference_not_found", "/customerId")


async def test_a_guest_has_to_give_an_email_address(shop: Shop) -> None:
    mug = await shop.product()
    body = {"items": [{"productId": mug["id"], "quantity": 1}]}
    assert same_problem(await shop.guest("POST", "/orders", json=body), 422, "required", "/email")
    for address in ("ada", "ada@", "@example.com", "a b@example.com", "ada@example"):
        assert same_problem(await shop.order((mug, 1), email=address), 422, "invalid_format", "/email")


async def test_a_product_whose_stock_is_not_tracked_never_runs_out(shop: Shop) -> None:
    download = await shop.product(trackInventory=False, inventoryQuantity=0)
    assert (download["inventoryQuantity"], download["inStock"]) == (None, True)
    assert (await shop.order((download, 500))).status_code == 201
    assert await shop.rows("select count(*) from stock_movement where order_id is not null") == [(0,)]


async def test_a_quote_costs_what_the_order_will_and_promises_nothing(shop: Shop) -> None:
    mug = await shop.product(price="19.99")
    items = [{"productId": mug["id"], "quantity": 3}]
    before = await _everything(shop)
    quote = (await shop.guest("POST", "/orders/quote", json={"items": items})).json()
    assert await _everything(shop) == before
    order = (await shop.order((mug, 3), expectedTotal=quote["totalAmount"])).json()
    assert {name: order[name] for name in ("subtotal", "taxAmount", "totalAmount")} == {
        name: quote[name] for name in ("subtotal", "taxAmount", "totalAmount")
    }
    explained = (await shop.staff("GET", f"/orders/{order['id']}/explain")).json()
    assert explained["explanation"] == quote["explanation"]
    assert [step["amount"] for step in quote["explanation"]] == ["59.97", "4.80", "64.77"]


async def test_an_order_takes_at_most_twelve_statements_a_batch(shop: Shop) -> None:
    mugs = [await shop.product() for _ in range(3)]
    await shop.order((mugs[0], 1))
    before = statements()
    answer = await shop.order((mugs[0], 1), (mugs[1], 1), headers={"Idempotency-Key": "one"})
    assert answer.status_code == 201
    assert statements() - before <= 12
    before = statements()
    answers = await asyncio.gather(
        *(shop.order((mug, 1), headers={"Idempotency-Key": f"k{at}"}) for at, mug in enumerate(mugs * 2))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert statements() - before <= 2 * 13


async def test_reading_orders_takes_few_statements(shop: Shop) -> None:
    mug = await shop.product()
    order = (await shop.order((mug, 1))).json()
    await shop.staff("GET", "/orders")
    for path, most in ((f"/orders/{order['id']}", 5), ("/orders?search=ada&sort=-totalAmount", 4)):
        before = statements()
        assert (await shop.staff("GET", path)).status_code == 200
        assert statements() - before <= most


async def test_the_timeline_tells_who_did_what(shop: Shop) -> None:
    mug = await shop.product()
    order = (await shop.staff("POST", "/orders", json=_body(mug))).json()
    (event,) = (await shop.staff("GET", f"/orders/{order['id']}/timeline")).json()["items"]
    assert (event["name"], event["sequence"], event["actor"]["kind"]) == ("order.placed", 1, "key")
    assert event["payload"]["orderNumber"] == order["orderNumber"]


def _body(product: dict[str, object]) -> dict[str, object]:
    return {"email": "a@example.com", "items": [{"productId": product["id"], "quantity": 1}]}


async def test_order_numbers_have_no_gaps_even_among_refusals(shop: Shop) -> None:
    mug, rare = await shop.product(inventoryQuantity=100), await shop.product(inventoryQuantity=5)
    answers = await asyncio.gather(*(shop.order((mug, 1), (rare, 1)) for _ in range(40)))
    numbers = sorted(answer.json()["orderNumber"] for answer in answers if answer.status_code == 201)
    assert numbers == [f"TP-{number}" for number in range(1001, 1006)]


async def test_stock_is_taken_from_the_first_location_that_has_it_all(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=3)
    await shop.rows(
        """
        with place as (
          insert into stock_location (store_id, id, name, priority)
          select id, gen_random_uuid(), 'Outlet', 2 from store returning store_id, id
        ), level as (
          insert into stock_level (store_id, variant_id, location_id, on_hand, reserved)
          select place.store_id, variant.id, place.id, 5, 0 from place join product_variant as variant using (store_id)
          returning *
        )
        select 1 from level
        """
    )
    assert (await shop.order((mug, 4))).status_code == 201
    assert (await shop.order((mug, 4))).status_code == 201
    assert sorted(await shop.rows("select on_hand, reserved from stock_level")) == [(3, 3), (5, 5)]
    assert same_problem(await shop.order((mug, 1)), 409, "insufficient_stock")
