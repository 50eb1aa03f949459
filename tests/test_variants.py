import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from tests.shop import Shop, same_problem
from tradepost.app.verifying import verify

pytestmark = pytest.mark.anyio

SIZES = {"name": "size", "values": ["S", "M", "L"]}
COLOURS = {"name": "colour", "values": ["Red", "Blue"]}


async def shirt(shop: Shop, **fields: Any) -> dict[str, Any]:
    """A product with two variants, of which the larger has a price of its own."""
    variants = [
        {"name": "S", "sku": "S", "options": {"size": "S"}},
        {"name": "L", "sku": "L", "options": {"size": "L"}, "price": "12.00"},
    ]
    return await shop.product(**{"name": "Shirt", "variants": variants} | fields)


async def generate(shop: Shop, product: dict[str, Any], *options: dict[str, Any], **fields: Any) -> Any:
    body = ({"options": list(options)} if options else {}) | fields
    return await shop.staff("POST", f"/products/{product['id']}/variants/generate", json=body)


def prices(product: dict[str, Any]) -> dict[str, str | None]:
    return {variant["sku"]: variant["price"] for variant in product["variants"]}


async def change(shop: Shop, product: dict[str, Any], **fields: Any) -> Any:
    return await shop.staff("PATCH", f"/products/{product['id']}", json=fields)


async def change_variant(shop: Shop, product: dict[str, Any], at: int, **fields: Any) -> Any:
    return await shop.staff("PATCH", f"/products/{product['id']}/variants/{product['variants'][at]['id']}", json=fields)


# Prices


async def test_a_variant_costs_what_its_product_does_unless_it_has_a_price_of_its_own(shop: Shop) -> None:
    product = await shirt(shop, price="10.00")
    assert prices(product) == {"S": "10.00", "L": "12.00"}
    assert [variant["ownPrice"] for variant in product["variants"]] == [None, "12.00"]
    dearer = (await change(shop, product, price="11.00")).json()
    assert (prices(dearer), dearer["basePrice"], dearer["price"]) == ({"S": "11.00", "L": "12.00"}, "11.00", "11.00")
    own = (await change_variant(shop, product, 0, price="9.00")).json()
    assert (own["price"], own["ownPrice"]) == ("9.00", "9.00")
    inherited = (await change_variant(shop, product, 1, price=None)).json()
    assert (inherited["price"], inherited["ownPrice"]) == ("11.00", None)
    seen = (await shop.guest("GET", "/products/shirt")).json()
    assert (prices(seen), seen["price"]) == ({"S": "9.00", "L": "11.00"}, "9.00")
    assert "ownPrice" not in seen["variants"][0]
    assert "basePrice" not in seen
    assert verify(shop.url)


async def test_an_order_pays_the_price_that_a_variant_has_from_its_product(shop: Shop) -> None:
    product = await shirt(shop, price="10.00")
    await change(shop, product, price="11.00")
    for sku, price in (("S", "11.00"), ("L", "12.00")):
        body = {"email": "ada@example.com", "items": [{"sku": sku, "quantity": 1}]}
        order = (await shop.guest("POST", "/orders", json=body)).json()
        assert order["items"][0]["price"] == price


async def test_a_product_with_one_variant_and_its_variant_have_one_price(shop: Shop) -> None:
    mug = await shop.product(price="10.00")
    await change_variant(shop, mug, 0, price="12.00")
    assert (await shop.guest("GET", f"/products/{mug['id']}")).json()["price"] == "12.00"
    changed = (await change(shop, mug, price="11.00")).json()
    assert (changed["price"], changed["variants"][0]["price"]) == ("11.00", "11.00")


async def test_a_new_price_says_which_variants_it_changed(shop: Shop) -> None:
    product = await shirt(shop, price="10.00")
    await change(shop, product, price="11.00")
    told = await shop.rows("select payload from event where name = 'product.changed'")
    assert told == [({"changed": ["price"], "variantIds": [product["variants"][0]["id"]]},)]


@pytest.mark.parametrize("price", ["-0.01", "1.999", "99999999999999999"])
async def test_a_price_that_cannot_be_is_pointed_at_wherever_it_is_said(shop: Shop, price: str) -> None:
    product = await shirt(shop)
    said = [
        (change(shop, product, price=price), "/price"),
        (change_variant(shop, product, 0, price=price), "/price"),
        (change_variant(shop, product, 0, comparePrice=price), "/comparePrice"),
        (generate(shop, product, SIZES, price=price), "/price"),
        (shop.staff("POST", "/products", json={"name": "A", "variants": [{"name": "B", "price": price}]}), None),
    ]
    for answer, pointer in said:
        problem = await answer
        assert same_problem(problem, 422, "validation_failed", pointer or "/variants/0/price")
    assert (await shop.staff("GET", "/products/shirt")).json() == product


# Drafts, and what they lack


async def test_a_draft_may_lack_a_price_and_is_not_sold_without(shop: Shop) -> None:
    draft = (await shop.staff("POST", "/products", json={"name": "Idea", "sku": "IDEA"})).json()
    assert (draft["status"], draft["price"], draft["variants"][0]["price"]) == ("DRAFT", None, None)
    refused = await change(shop, draft, status="ACTIVE")
    assert same_problem(refused, 422, "product_incomplete", "/price")
    assert (await change(shop, draft, status="ACTIVE", price="5.00")).status_code == 200
    assert prices((await shop.guest("GET", "/products/idea")).json()) == {"IDEA": "5.00"}
    again = await change(shop, draft, price=None)
    assert same_problem(again, 422, "product_incomplete", "/price")


async def test_the_list_of_what_is_missing_names_each_variant_without_a_price(shop: Shop) -> None:
    variants = [{"name": name, "options": {"size": name}} for name in "SML"]
    body = {"name": "Shirt", "variants": [*variants[:1], variants[1] | {"price": "5.00"}, *variants[2:]]}
    refused = await shop.staff("POST", "/products", json=body | {"status": "ACTIVE"})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/variants/0/price", "/variants/2/price"]
    product = (await shop.staff("POST", "/products", json=body)).json()
    refused = await change(shop, product, status="ACTIVE")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/variants/0/price", "/variants/2/price"]
    assert {error["code"] for error in refused.json()["errors"]} == {"required"}
    for at in (0, 2):
        assert (await change_variant(shop, product, at, isActive=False)).status_code == 200
    assert (await change(shop, product, status="ACTIVE")).status_code == 200
    on_sale = await change_variant(shop, product, 0, isActive=True)
    assert same_problem(on_sale, 422, "product_incomplete", "/price")
    added = await shop.staff("POST", f"/products/{product['id']}/variants", json={"name": "XL"})
    assert same_problem(added, 422, "product_incomplete", "/price")
    assert verify(shop.url)


async def test_what_has_no_price_comes_last_by_price(shop: Shop) -> None:
    await shop.staff("POST", "/products", json={"name": "Idea"})
    await shop.product(name="Vase", price="30.00")
    await shop.product(name="Cup", price="5.00")
    for sort, expected in (("price", ["Cup", "Vase", "Idea"]), ("-price", ["Idea", "Vase", "Cup"])):
        names: list[str] = []
        query = ""
        while True:
            page = (await shop.staff("GET", f"/products?limit=1&sort={sort}{query}")).json()
            names += [product["name"] for product in page["items"]]
            if page["nextCursor"] is None:
                break
            query = f"&cursor={page['nextCursor']}"
        assert names == expected
    priced = (await shop.staff("GET", "/products?minPrice=1&sort=price")).json()
    assert [product["name"] for product in priced["items"]] == ["Cup", "Vase"]


async def test_one_who_takes_the_price_away_and_one_who_puts_on_sale_do_not_both(shop: Shop) -> None:
    for _ in range(10):
        draft = await shop.product(status="DRAFT")
        answers = await asyncio.gather(change(shop, draft, price=None), change(shop, draft, status="ACTIVE"))
        assert Counter(answer.status_code for answer in answers) == {200: 1, 422: 1}
    assert verify(shop.url)


# Options and their combinations


async def test_a_product_keeps_the_order_of_its_options_and_values(shop: Shop) -> None:
    product = await shirt(shop, options=[COLOURS, SIZES])
    assert product["options"] == [COLOURS, SIZES]
    turned = [{"name": "size", "values": ["L", "S"]}, COLOURS]
    assert (await change(shop, product, options=turned)).json()["options"] == turned
    seen = (await shop.guest("GET", "/products/shirt")).json()
    assert seen["options"] == [{"name": "size", "values": ["L", "S"]}]
    emptied = (await change(shop, product, options=[])).json()
    assert emptied["options"] == [{"name": "size", "values": ["S", "L"]}]


async def test_a_product_has_the_options_of_its_variants(shop: Shop) -> None:
    product = await shirt(shop)
    assert product["options"] == [{"name": "size", "values": ["S", "L"]}]
    body = {"name": "Red", "options": {"size": "XL", "colour": "Red"}}
    added = await shop.staff("POST", f"/products/{product['id']}/variants", json=body)
    assert added.json()["options"] == {"size": "XL", "colour": "Red"}
    seen = (await shop.guest("GET", "/products/shirt")).json()
    assert [option["values"] for option in seen["options"]] == [["S", "L", "XL"], ["Red"]]
    assert list(seen["variants"][2]["options"]) == ["size", "colour"]


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ([SIZES, SIZES], "/options/1/name"),
        ([{"name": "size", "values": ["S", "M", "S"]}], "/options/0/values/2"),
    ],
)
async def test_options_that_repeat_themselves_are_pointed_at(
    shop: Shop, options: list[dict[str, Any]], pointer: str
) -> None:
    product = await shirt(shop)
    for answer in (
        await shop.staff("POST", "/products", json={"name": "A", "options": options}),
        await change(shop, product, options=options),
        await generate(shop, product, *options),
    ):
        assert same_problem(answer, 422, "repeated", pointer)


async def test_the_same_combination_is_on_a_product_once(shop: Shop) -> None:
    product = await shirt(shop)
    same = await shop.staff("POST", f"/products/{product['id']}/variants", json={"name": "X", "options": {"size": "S"}})
    assert same_problem(same, 409, "combination_taken", "/options")
    assert same_problem(
        await change_variant(shop, product, 1, options={"size": "S"}), 409, "combination_taken", "/options"
    )
    assert (await change_variant(shop, product, 1, options={"size": "L"})).status_code == 200
    variants = [
        {"name": "A", "options": {"size": "S", "colour": "Red"}},
        {"name": "B", "options": {"colour": "Red", "size": "S"}},
    ]
    created = await shop.staff("POST", "/products", json={"name": "Twice", "price": "1.00", "variants": variants})
    assert same_problem(created, 409, "combination_taken", "/variants/1/options")
    await change_variant(shop, product, 0, isActive=False)
    still = await shop.staff(
        "POST", f"/products/{product['id']}/variants", json={"name": "X", "options": {"size": "S"}}
    )
    assert same_problem(still, 409, "combination_taken", "/options")


async def test_of_many_who_add_the_same_combination_one_does(shop: Shop) -> None:
    product = await shirt(shop)
    body = {"name": "M", "options": {"size": "M"}}
    sent = [shop.staff("POST", f"/products/{product['id']}/variants", json=body) for _ in range(8)]
    answers = await asyncio.gather(*sent)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}


async def test_the_missing_combinations_of_a_matrix_are_made(shop: Shop) -> None:
    product = await shop.product(
        name="Linen shirt",
        price="40.00",
        variants=[{"name": "Old", "sku": "OLD", "options": {"size": "M", "colour": "Red"}, "inventoryQuantity": 3}],
    )
    answer = await generate(shop, product, SIZES, COLOURS, inventoryQuantity=5, weight=200)
    assert answer.status_code == 200, answer.text
    made = answer.json()["product"]
    assert answer.headers["etag"] == f'"v{made["version"]}"'
    assert made["options"] == [SIZES, COLOURS]
    assert [(variant["name"], variant["sku"], variant["inventoryQuantity"]) for variant in made["variants"]] == [
        ("Old", "OLD", 3),
        ("S / Red", "LINEN-SHIRT-S-RED", 5),
        ("S / Blue", "LINEN-SHIRT-S-BLUE", 5),
        ("M / Blue", "LINEN-SHIRT-M-BLUE", 5),
        ("L / Red", "LINEN-SHIRT-L-RED", 5),
        ("L / Blue", "LINEN-SHIRT-L-BLUE", 5),
    ]
    assert answer.json()["created"] == [variant["id"] for variant in made["variants"][1:]]
    assert {variant["price"] for variant in made["variants"]} == {"40.00"}
    told = await shop.rows("select payload from event where name = 'product.changed'")
    assert told == [({"changed": ["options", "variants"], "variantIds": answer.json()["created"]},)]
    assert verify(shop.url)
    again = await generate(shop, product)
    assert (again.json()["created"], again.json()["product"]["version"]) == ([], made["version"])


async def test_a_matrix_takes_what_has_no_options_off_sale(shop: Shop) -> None:
    shirt = await shop.product(name="Shirt")
    made = (await generate(shop, shirt, SIZES)).json()["product"]
    assert [variant["isActive"] for variant in made["variants"]] == [False, True, True, True]
    seen = (await shop.guest("GET", "/products/shirt")).json()
    assert [variant["name"] for variant in seen["variants"]] == ["S", "M", "L"]
    assert same_problem(await shop.order((shirt, 1)), 422, "variant_required", "/items/0/productId")


async def test_a_matrix_of_an_unpriced_product_on_sale_is_refused_whole(shop: Shop) -> None:
    variants = [{"name": "S", "options": {"size": "S"}, "price": "5.00"}]
    product = await shop.product(price=None, variants=variants)
    refused = await generate(shop, product, SIZES)
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/variants/1/price", "/variants/2/price"]
    assert len((await shop.staff("GET", f"/products/{product['id']}")).json()["variants"]) == 1
    assert len((await generate(shop, product, SIZES, price="6.00")).json()["created"]) == 2


async def test_a_matrix_is_not_larger_than_a_product_may_be(shop: Shop) -> None:
    product = await shop.product()
    most = {"name": "number", "values": [f"{number}" for number in range(100)]}
    huge = [{"name": f"option {number}", "values": most["values"]} for number in range(10)]
    for options in ([most, SIZES], huge, [most]):
        assert same_problem(await generate(shop, product, *options), 409, "too_many_variants")
    most["values"].pop()
    assert len((await generate(shop, product, most)).json()["product"]["variants"]) == 100
    assert same_problem(await generate(shop, await shop.product()), 422, "required", "/options")


async def test_a_matrix_that_many_ask_for_is_made_once(shop: Shop) -> None:
    product = await shop.product()
    answers = await asyncio.gather(*(generate(shop, product, SIZES, COLOURS) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert sorted(len(answer.json()["created"]) for answer in answers) == [0, 0, 0, 0, 0, 6]


async def test_a_sku_that_is_in_use_gets_a_number_in_a_matrix(shop: Shop) -> None:
    await shop.product(name="Other", sku="SHIRT-M")
    made = (await generate(shop, await shop.product(name="Shirt"), SIZES)).json()["product"]
    assert [variant["sku"] for variant in made["variants"]] == ["SHIRT", "SHIRT-S", "SHIRT-M-2", "SHIRT-L"]


# SKU, barcode, and the end of a variant


async def test_a_barcode_is_there_once_in_a_store(shop: Shop) -> None:
    mug = await shop.product(barcode="4006381333931")
    assert mug["barcode"] == mug["variants"][0]["barcode"] == "4006381333931"
    cup, bowl = await shop.product(), await shirt(shop)
    said = [
        (change(shop, cup, barcode="4006381333931"), "/barcode"),
        (change_variant(shop, bowl, 1, barcode="4006381333931"), "/barcode"),
        (shop.staff("POST", "/products", json={"name": "A", "barcode": "4006381333931"}), "/barcode"),
    ]
    for answer, pointer in said:
        assert same_problem(await answer, 409, "barcode_taken", pointer)
    twice = [{"name": "A", "barcode": "X-1"}, {"name": "B", "barcode": "X-2"}, {"name": "C", "barcode": "X-1"}]
    made = await shop.staff("POST", "/products", json={"name": "Twice", "variants": twice})
    assert same_problem(made, 409, "barcode_taken", "/variants/2/barcode")
    assert (await change(shop, mug, barcode=None)).status_code == 200
    assert (await change(shop, cup, barcode="4006381333931")).status_code == 200


async def test_one_of_many_who_want_the_same_barcode_gets_it(shop: Shop) -> None:
    bodies = [{"name": "Mug", "variants": [{"name": "A", "barcode": "1"}, {"name": "B"}]} for _ in range(8)]
    answers = await asyncio.gather(*(shop.staff("POST", "/products", json=body) for body in bodies))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
    for answer in answers:
        assert answer.status_code == 201 or same_problem(answer, 409, "barcode_taken", "/variants/0/barcode")


async def test_a_variant_is_taken_off_sale_and_not_deleted(shop: Shop) -> None:
    product = await shirt(shop, inventoryQuantity=5)
    paths = [f"/products/{product['id']}/variants/{variant['id']}" for variant in product["variants"]]
    for _ in range(2):
        assert (await shop.staff("DELETE", paths[0])).status_code == 204
    assert [variant["sku"] for variant in (await shop.guest("GET", "/products/shirt")).json()["variants"]] == ["L"]
    kept = (await shop.staff("GET", "/products/shirt")).json()
    assert [variant["isActive"] for variant in kept["variants"]] == [False, True]
    body = {"email": "ada@example.com", "items": [{"sku": "S", "quantity": 1}]}
    assert same_problem(await shop.guest("POST", "/orders", json=body), 422, "variant_not_available")
    assert same_problem(await shop.staff("DELETE", paths[1]), 409, "active_variant_required")
    assert same_problem(await shop.staff("DELETE", f"/products/shirt/variants/{uuid4()}"), 404, "not_found")
    stale = await shop.staff("DELETE", paths[1], headers={"If-Match": '"v1"'})
    assert same_problem(stale, 412, "stale_version")
