"""From a basket to an order: in a market, with its taxes, coupons and a way of sending, at the price that was shown."""

from typing import Any

import pytest

from tests.baskets import Basket, basket
from tests.people import registered
from tests.races import used_too_often
from tests.shop import ADDRESS, Shop, same_problem
from tests.trading import market, opened_in, rate
from tradepost.app.verifying import verify

pytestmark = pytest.mark.anyio

_TEN_OFF = {
    "name": "10 % off",
    "trigger": "COUPON",
    "actions": [{"type": "percent_off", "percent": "10"}],
}


async def _made(shop: Shop, path: str, **body: Any) -> dict[str, Any]:
    answer = await shop.staff("POST", path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def _coupon(shop: Shop, code: str = "SPRING10", **fields: Any) -> dict[str, Any]:
    promotion = await _made(shop, "/promotions", **(_TEN_OFF | fields))
    await _made(shop, f"/promotions/{promotion['id']}/coupons", code=code)
    return promotion


async def _post(shop: Shop, amount: str = "4.50", **fields: Any) -> None:
    """Everything in Great Britain is sent by post."""
    zone = await _made(shop, "/shipping-zones", name="Britain", places=[{"country": "GB"}])
    prices = {"USD": {"steps": [{"amount": amount}]}}
    method = {"zoneId": zone["id"], "code": "post", "name": "Post", "basis": "FLAT", "prices": prices}
    await _made(shop, "/shipping-methods", **(method | fields))


async def _vat(shop: Shop) -> None:
    await _made(shop, "/tax-rates", name="VAT", country="GB", rate="20")


async def _filled(shop: Shop) -> Basket:
    mug, spoon = await shop.product(name="Mug"), await shop.product(name="Spoon", price="5.00")
    cart = await basket(shop, (mug, 2), (spoon, 1))
    await cart.ask("PATCH", json={"email": "ada@example.com", "shippingAddress": ADDRESS})
    return cart


async def test_a_basket_becomes_an_order_at_the_total_that_was_explained(shop: Shop) -> None:
    await _coupon(shop)
    await _post(shop)
    await _vat(shop)
    cart = await _filled(shop)
    await cart.ask("POST", "/coupons", json={"code": "spring10"})
    options = (await cart.ask("GET", "/shipping-options")).json()["options"]
    assert [(option["code"], option["amount"]) for option in options] == [("post", "4.50")]
    await cart.ask("PATCH", json={"shippingMethod": "post"})
    total = await cart.total()
    assert [(step["label"], step["amount"]) for step in total["explanation"]] == [
        ("2 x Mug at 10.00", "20.00"),
        ("1 x Spoon at 5.00", "5.00"),
        ("spring10: 10 % off", "-2.50"),
        ("Shipping: Post", "4.50"),
        ("VAT, 20 % of 27.00, rounded half up for each line", "5.40"),
        ("Total", "32.40"),
    ]
    assert (total["subtotal"], total["discount"], total["shipping"], total["tax"]) == ("25.00", "2.50", "4.50", "5.40")
    placed = await cart.ask("POST", "/checkout", json={"expectedTotal": total["total"]})
    assert placed.status_code == 201, placed.text
    order = placed.json()
    assert (order["totalAmount"], order["shippingAmount"], order["taxAmount"]) == ("32.40", "4.50", "5.40")
    assert order["discounts"] == [{"name": "spring10: 10 % off", "amount": "2.50"}]
    assert order["delivery"] == {"code": "post", "name": "Post", "amount": "4.50"}
    told = (await shop.staff("GET", f"/orders/{order['id']}/explain")).json()
    assert told["explanation"] == total["explanation"]
    assert verify(shop.url)


async def test_what_is_ordered_without_naming_a_way_goes_the_cheapest(shop: Shop) -> None:
    await _post(shop)
    mug = await shop.product()
    sent = (await shop.order((mug, 1), shippingAddress=ADDRESS)).json()
    assert (sent["shippingAmount"], sent["delivery"]["code"]) == ("4.50", "post")
    nowhere = await shop.order((mug, 1), shippingAddress=ADDRESS | {"country": "FR", "postalCode": "75001"})
    assert same_problem(nowhere, 422, "shipping_method_not_available", "/shippingAddress/country")
    wrong = await shop.order((mug, 1), shippingAddress=ADDRESS, shippingMethod="pigeon")
    assert same_problem(wrong, 422, "shipping_method_not_available", "/shippingMethod")


async def test_a_market_has_its_currency_its_prices_and_its_language(shop: Shop) -> None:
    mug = await shop.product(name="Mug")
    await market(shop, countries=["DE"], locale="de")
    await rate(shop, value="0.9")
    await opened_in(shop)
    await shop.staff("PUT", f"/products/{mug['id']}/texts/de", json={"name": "Becher"})
    await _made(shop, "/tax-rates", name="MwSt", country="DE", rate="19")
    quoted = await shop.guest(
        "POST",
        "/orders/quote",
        json={"items": [{"productId": mug["id"], "quantity": 1}]},
        headers={"X-Market": "euro"},
    )
    assert (quoted.json()["currency"], quoted.json()["totalAmount"]) == ("EUR", "9.00")
    germany = ADDRESS | {"country": "DE", "postalCode": "10115", "city": "Berlin"}
    order = (await shop.order((mug, 1), shippingAddress=germany, currency="EUR")).json()
    assert (order["market"], order["currency"], order["totalAmount"], order["taxAmount"]) == (
        "euro",
        "EUR",
        "9.00",
        "1.44",
    )
    assert order["items"][0]["name"] == "Becher"
    assert order["exchangeRate"]["rate"] == "0.9"
    await rate(shop, value="0.5")
    again = (await shop.staff("GET", f"/orders/{order['id']}")).json()
    assert (again["totalAmount"], again["exchangeRate"]["rate"]) == ("9.00", "0.9")
    now = (await shop.order((mug, 1), shippingAddress=germany)).json()
    assert now["totalAmount"] == "5.00"
    wrong = await shop.order((mug, 1), shippingAddress=germany, currency="USD")
    assert same_problem(wrong, 422, "currency_not_supported", "/currency")


async def test_a_cart_stays_in_the_market_in_which_it_was_opened(shop: Shop) -> None:
    mug = await shop.product()
    await market(shop)
    await rate(shop, value="0.9")
    await opened_in(shop)
    opened = await shop.guest("POST", "/carts", json={}, headers={"X-Market": "euro"})
    shop.client.cookies.clear()
    cart = Basket(shop, opened.json())
    await cart.add(mug, 2)
    read = await cart.read()
    assert (read["market"], read["currency"], read["subtotal"]) == ("euro", "EUR", "18.00")
    await rate(shop, value="0.8")
    assert same_problem(await cart.check_out(), 409, "price_changed", "/items/0/price")
    placed = await cart.check_out(expectedTotal="16.00")
    assert placed.status_code == 201, placed.text
    assert (placed.json()["currency"], placed.json()["totalAmount"]) == ("EUR", "16.00")


async def test_as_much_in_another_currency_is_another_price(shop: Shop) -> None:
    """The cart was filled at home, and is to be sent to where the same number means euros."""
    mug = await shop.product()
    await market(shop)
    await rate(shop, value="1")
    await opened_in(shop)
    cart = await basket(shop, (mug, 1))
    germany = ADDRESS | {"country": "DE", "postalCode": "10115", "city": "Berlin"}
    assert same_problem(await cart.check_out(shippingAddress=germany), 409, "price_changed", "/items/0/price")
    placed = await cart.check_out(shippingAddress=germany, expectedTotal="10.00")
    assert (placed.status_code, placed.json()["currency"]) == (201, "EUR")


async def test_who_is_exempt_pays_the_price_without_the_tax_that_it_contains(shop: Shop) -> None:
    ada = await registered(shop)
    me = (await ada.ask("GET", "/auth/me")).json()["account"]["id"]
    await market(shop)
    await rate(shop, value="1.19")
    await _made(shop, "/tax-rates", name="MwSt", country="DE", rate="19")
    await _made(shop, "/tax-exemptions", customerId=me, reason="Embassy")
    mug = await shop.product()
    germany = ADDRESS | {"country": "DE", "postalCode": "10115"}
    cart = await basket(shop, (mug, 1), person=ada)
    placed = await cart.check_out(shippingAddress=germany, expectedTotal="10.00")
    assert placed.status_code == 201, placed.text
    order = placed.json()
    assert (order["totalAmount"], order["taxAmount"], order["taxExemption"]) == ("10.00", "0.00", "Embassy")


@pytest.mark.parametrize(
    ("code", "status", "problem"), [("NOBODY", 422, "coupon_not_valid"), ("SPRING10", 409, "coupon_exhausted")]
)
async def test_a_coupon_that_does_not_apply_is_told_in_the_total_and_refused_with_the_order(
    shop: Shop, code: str, status: int, problem: str
) -> None:
    await _coupon(shop, maxUses=1)
    mug = await shop.product()
    used = await shop.order((mug, 1), couponCodes=["SPRING10"])
    assert used.json()["discountAmount"] == "1.00"
    cart = await _filled(shop)
    assert (await cart.ask("POST", "/coupons", json={"code": code})).status_code == 201
    total = await cart.total()
    assert total["discount"] == "0.00"
    assert [message["code"] for message in total["messages"]] == [problem]
    assert same_problem(await cart.check_out(), status, problem, "/couponCodes/0")
    assert (await cart.ask("DELETE", f"/coupons/{code}")).status_code == 200
    assert (await cart.check_out()).status_code == 201


async def test_a_coupon_with_one_use_in_many_carts_at_once_is_used_once(shop: Shop) -> None:
    """A13."""
    mug = await shop.product(inventoryQuantity=1000)
    assert [await used_too_often(shop, mug, carts=10) for _ in range(5)] == [[]] * 5
    assert verify(shop.url)


async def test_a_cancelled_order_gives_its_coupon_back(shop: Shop) -> None:
    await _coupon(shop, maxUses=1)
    mug = await shop.product()
    order = (await shop.order((mug, 1), couponCodes=["SPRING10"])).json()
    assert same_problem(await shop.order((mug, 1), couponCodes=["SPRING10"]), 409, "coupon_exhausted")
    await shop.staff("POST", f"/orders/{order['id']}/cancel", json={})
    assert (await shop.order((mug, 1), couponCodes=["SPRING10"])).status_code == 201
    assert verify(shop.url)


async def test_eleven_coupons_are_too_many(shop: Shop) -> None:
    """A18."""
    mug = await shop.product()
    many = [f"C{number}" for number in range(11)]
    assert same_problem(await shop.order((mug, 1), couponCodes=many), 422, "too_many_coupons", "/couponCodes")


async def test_an_edit_keeps_discount_delivery_and_taxes(shop: Shop) -> None:
    await _coupon(shop)
    await _post(shop)
    await _vat(shop)
    mug = await shop.product(name="Mug")
    order = (await shop.order((mug, 2), shippingAddress=ADDRESS, couponCodes=["SPRING10"])).json()
    assert order["totalAmount"] == "27.00"
    items = [{"itemId": order["items"][0]["id"], "quantity": 1}]
    edited = await shop.staff("POST", f"/orders/{order['id']}/edits", json={"items": items})
    assert edited.status_code in (200, 201), edited.text
    now = (await shop.staff("GET", f"/orders/{order['id']}")).json()
    assert (now["discountAmount"], now["shippingAmount"], now["taxAmount"]) == ("2.00", "4.50", "2.50")
    assert now["discounts"] == order["discounts"]
    assert verify(shop.url)


async def test_a_sale_that_ends_during_the_checkout_is_told(shop: Shop) -> None:
    mug = await shop.product()
    variant = mug["variants"][0]["id"]
    path = f"/products/{mug['id']}/variants/{variant}/prices/home"
    await shop.staff("PUT", path, json={"salePrice": "7.00"})
    cart = await basket(shop, (mug, 1))
    assert (await cart.read())["subtotal"] == "7.00"
    await shop.change("update variant_price set sale_to = now()")
    assert same_problem(await cart.check_out(), 409, "price_changed", "/items/0/price")
    assert (await cart.check_out(expectedTotal=(await cart.total())["total"])).status_code == 201


async def test_a_coupon_that_ends_during_the_checkout_is_refused_and_the_cart_stays(shop: Shop) -> None:
    await _coupon(shop)
    cart = await basket(shop, (await shop.product(), 1))
    await cart.ask("POST", "/coupons", json={"code": "SPRING10"})
    assert (await cart.total())["discount"] == "1.00"
    await shop.change("update promotion set valid_to = now()")
    assert same_problem(await cart.check_out(), 409, "coupon_does_not_apply", "/couponCodes/0")
    assert (await cart.read())["itemCount"] == 1
    await cart.ask("DELETE", "/coupons/SPRING10")
    assert (await cart.check_out()).json()["discountAmount"] == "0.00"
