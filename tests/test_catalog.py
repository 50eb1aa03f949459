import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from tests.shop import Shop, same_problem

pytestmark = pytest.mark.anyio

FULL = {
    "name": "Linen shirt",
    "slug": "linen-shirt",
    "sku": "SHIRT",
    "description": "Washed linen.",
    "shortDescription": "Linen",
    "price": "49.90",
    "comparePrice": "59.90",
    "costPrice": "20.00",
    "trackInventory": True,
    "inventoryQuantity": 12,
    "lowStockThreshold": 3,
    "weight": 220,
    "dimensions": {"length": 300, "width": 200, "height": 20},
    "status": "ACTIVE",
    "isFeatured": True,
    "seoTitle": "A shirt",
    "seoDescription": "A very good shirt",
}


async def test_a_product_has_all_its_fields(shop: Shop) -> None:
    made = await shop.staff("POST", "/products", json=FULL)
    assert made.status_code == 201
    product = made.json()
    assert {name: product[name] for name in FULL} == FULL
    assert (product["currency"], product["inStock"], product["version"]) == ("USD", True, 1)
    assert len(product["variants"]) == 1
    assert made.headers["location"] == f"/api/v1/products/{product['id']}"
    for ref in (product["id"], "linen-shirt"):
        assert (await shop.staff("GET", f"/products/{ref}")).json() == product


async def test_the_public_does_not_see_what_things_cost_the_shop(shop: Shop) -> None:
    await shop.staff("POST", "/products", json=FULL)
    seen = (await shop.guest("GET", "/products/linen-shirt")).json()
    listed = (await shop.guest("GET", "/products")).json()["items"][0]
    for product in (seen, listed):
        assert not {"costPrice", "lowStockThreshold"} & {*product, *product["variants"][0]}


async def test_slug_and_sku_are_made_of_the_name_and_numbered(shop: Shop) -> None:
    body = {"name": "Blue Mug", "price": "5.00"}
    made = [(await shop.staff("POST", "/products", json=body)).json() for _ in range(3)]
    assert [product["slug"] for product in made] == ["blue-mug", "blue-mug-2", "blue-mug-3"]
    assert len({product["sku"] for product in made}) == 3


async def test_a_slug_or_sku_in_use_is_pointed_at(shop: Shop) -> None:
    await shop.staff("POST", "/products", json=FULL)
    same_slug = await shop.staff("POST", "/products", json=FULL | {"sku": "OTHER"})
    assert same_problem(same_slug, 409, "slug_taken", "/slug")
    same_sku = await shop.staff("POST", "/products", json=FULL | {"slug": "other"})
    assert same_problem(same_sku, 409, "sku_taken", "/sku")
    assert await shop.rows("select count(*) from product") == [(1,)]


async def test_one_of_many_who_want_the_same_sku_gets_it(shop: Shop) -> None:
    bodies = [FULL | {"slug": f"shirt-{number}"} for number in range(12)]
    answers = await asyncio.gather(*(shop.staff("POST", "/products", json=body) for body in bodies))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 11}
    assert await shop.rows("select count(*) from product") == [(1,)]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("price", "-1", "out_of_range"),
        ("price", "1.999", "too_many_digits"),
        ("price", 1.999, "too_many_digits"),
        ("price", "1e3", "invalid_type"),
        ("price", "NaN", "invalid_type"),
        ("price", True, "invalid_type"),
        ("price", "99999999999999999", "amount_out_of_range"),
        ("price", None, "required"),
        ("name", "", "out_of_range"),
        ("name", "   ", "invalid_format"),
        ("name", "a" * 201, "out_of_range"),
        ("name", 5, "invalid_type"),
        ("slug", "Not A Slug", "invalid_format"),
        ("slug", "featured", "slug_reserved"),
        ("status", "active", "invalid_value"),
        ("inventoryQuantity", -1, "out_of_range"),
        ("inventoryQuantity", 1.5, "invalid_type"),
        ("lowStockThreshold", -1, "out_of_range"),
        ("barcode", "no spaces", "invalid_format"),
        ("weight", "heavy", "invalid_type"),
        ("isFeatured", "yes", "invalid_type"),
        ("colour", "red", "unknown_field"),
        ("id", "1", "unknown_field"),
        ("storeId", "1", "unknown_field"),
    ],
)
async def test_a_field_that_makes_no_sense_is_pointed_at(shop: Shop, field: str, value: Any, code: str) -> None:
    answer = await shop.staff("POST", "/products", json=FULL | {field: value})
    assert same_problem(answer, 422, code, f"/{field}")
    assert await shop.rows("select count(*) from product") == [(0,)]


async def test_a_price_is_read_exactly_as_written(shop: Shop) -> None:
    raw = '{"name":"Exact","price":1234567890.07,"status":"ACTIVE"}'
    made = await shop.staff("POST", "/products", content=raw, headers={"Content-Type": "application/json"})
    assert made.json()["price"] == "1234567890.07"


async def test_only_the_fields_given_change(shop: Shop) -> None:
    product = (await shop.staff("POST", "/products", json=FULL)).json()
    changed = await shop.staff("PATCH", "/products/linen-shirt", json={"price": "44.00", "seoTitle": None})
    expected = product | {"price": "44.00", "basePrice": "44.00", "seoTitle": None, "version": 2}
    seen = changed.json()
    assert {**seen, "variants": [], "updatedAt": ""} == {**expected, "variants": [], "updatedAt": ""}
    again = await shop.staff("PATCH", "/products/linen-shirt", json={"price": "44.00"})
    assert again.json()["version"] == 2


async def test_a_change_of_what_somebody_else_changed_meanwhile_is_stale(shop: Shop) -> None:
    made = await shop.staff("POST", "/products", json=FULL)
    tag = {"If-Match": made.headers["etag"]}
    prices = [f"{price}.00" for price in range(50, 58)]
    sent = [shop.staff("PATCH", "/products/linen-shirt", json={"price": price}, headers=tag) for price in prices]
    answers = await asyncio.gather(*sent)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 7}
    stale = next(answer for answer in answers if answer.status_code == 412)
    assert same_problem(stale, 412, "stale_version")
    assert stale.json()["currentVersion"] == 2


async def test_an_archived_product_leaves_the_shop_and_stays_in_the_books(shop: Shop) -> None:
    mug = await shop.product()
    order = (await shop.order((mug, 1))).json()
    for _ in range(2):
        assert (await shop.staff("DELETE", f"/products/{mug['id']}")).status_code == 204
    assert same_problem(await shop.guest("GET", f"/products/{mug['slug']}"), 404, "not_found")
    assert (await shop.staff("GET", f"/products/{mug['slug']}")).json()["status"] == "ARCHIVED"
    assert (await shop.staff("GET", f"/orders/{order['id']}")).json()["items"] == order["items"]
    assert same_problem(await shop.order((mug, 1)), 422, "variant_not_available")


async def test_variants_are_added_and_changed_one_by_one(shop: Shop) -> None:
    shirt = await shop.product(
        name="Shirt",
        inventoryQuantity=0,
        variants=[{"name": "S", "sku": "S", "options": {"size": "S"}, "inventoryQuantity": 2}],
    )
    added = await shop.staff(
        "POST",
        f"/products/{shirt['id']}/variants",
        json={"name": "L", "sku": "L", "price": "12.00", "inventoryQuantity": 3},
    )
    assert added.status_code == 201
    refused = await shop.staff("PATCH", f"/products/{shirt['id']}", json={"weight": 1})
    assert same_problem(refused, 422, "variant_required", "/weight")
    path = f"/products/{shirt['id']}/variants/{added.json()['id']}"
    assert (await shop.staff("PATCH", path, json={"price": "13.00"})).json()["price"] == "13.00"
    seen = (await shop.guest("GET", f"/products/{shirt['id']}")).json()
    assert [(variant["sku"], variant["price"], variant["inventoryQuantity"]) for variant in seen["variants"]] == [
        ("S", "10.00", 2),
        ("L", "13.00", 3),
    ]
    assert seen["inventoryQuantity"] == 5
    assert same_problem(
        await shop.staff("PATCH", f"/products/{shirt['id']}/variants/{uuid4()}", json={}), 404, "not_found"
    )


async def test_drafts_are_for_staff(shop: Shop) -> None:
    await shop.product(name="Public")
    await shop.product(name="Secret", status="DRAFT")
    names = [product["name"] for product in (await shop.guest("GET", "/products")).json()["items"]]
    assert names == ["Public"]
    assert (await shop.staff("GET", "/products?status=DRAFT")).json()["total"] == 1
    assert (await shop.guest("GET", "/products/secret")).status_code == 404
    assert (await shop.guest("GET", "/products?status=DRAFT")).status_code in (200, 422)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?sort=price", ["Cup", "Mug", "Vase"]),
        ("?sort=-price", ["Vase", "Mug", "Cup"]),
        ("?sort=name", ["Cup", "Mug", "Vase"]),
        ("?sort=createdAt", ["Mug", "Vase", "Cup"]),
        ("?featured=true", ["Vase"]),
        ("?inStock=false", ["Cup"]),
        ("?minPrice=9&maxPrice=11", ["Mug"]),
        ("?maxPrice=10.00&sort=price", ["Cup", "Mug"]),
    ],
)
async def test_products_are_filtered_and_sorted(shop: Shop, query: str, found: list[str]) -> None:
    await shop.product(name="Mug", price="10.00")
    await shop.product(name="Vase", price="30.00", isFeatured=True)
    await shop.product(name="Cup", price="5.00", inventoryQuantity=0)
    answer = await shop.guest("GET", f"/products{query}")
    assert [product["name"] for product in answer.json()["items"]] == found


async def test_writing_products_needs_the_right(shop: Shop) -> None:
    made = await shop.staff("POST", "/api-keys", json={"name": "r", "scopes": ["orders:read"]})
    weak = {"X-API-Key": made.json()["secret"]}
    for method, path in (("POST", "/products"), ("PATCH", "/products/x"), ("DELETE", "/products/x")):
        assert same_problem(await shop.guest(method, path, json=FULL), 401, "unauthenticated")
        assert same_problem(await shop.guest(method, path, json=FULL, headers=weak), 403, "forbidden")
    assert await shop.rows("select count(*) from product") == [(0,)]
