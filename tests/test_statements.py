"""How many statements a read costs: counted, so that nobody adds one without noticing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.shop import Shop, statements

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def at_most(number: int) -> AsyncIterator[None]:
    """The block sends no more statements than this, and at least one."""
    before = statements()
    yield
    assert 1 <= statements() - before <= number


async def _warm(shop: Shop) -> None:
    """What a process looks up now and then, and keeps for a while: the store, and the key of its staff."""
    assert (await shop.guest("GET", "/products/featured")).status_code == 200
    assert (await shop.staff("GET", "/products/featured")).status_code == 200


async def _homes(shop: Shop) -> list[str]:
    """Categories, each inside the one before it."""
    ids: list[str] = []
    for number in range(4):
        body = {"name": f"Level {number}", "parentId": ids[-1] if ids else None}
        ids.append((await shop.staff("POST", "/categories", json=body)).json()["id"])
    return ids


@pytest.mark.parametrize("by", ["id", "slug"])
async def test_a_product_is_one_statement_whatever_it_has(shop: Shop, by: str) -> None:
    simple = await shop.product()
    homes = await _homes(shop)
    shirt = await shop.product(
        inventoryQuantity=0,
        categoryId=homes[0],
        categoryIds=homes[1:],
        images=[{"url": f"https://images.example.com/{number}.jpg"} for number in range(10)],
        variants=[{"name": f"{size}", "options": {"size": f"{size}"}, "inventoryQuantity": 3} for size in range(30)],
    )
    await _warm(shop)
    for product in (simple, shirt):
        for who in (shop.guest, shop.staff):
            async with at_most(1):
                assert (await who("GET", f"/products/{product[by]}")).json()["id"] == product["id"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?limit=100",
        "?page=2&limit=5",
        "?sort=-price&inStock=true",
        "?minPrice=5&maxPrice=50&featured=false&limit=100",
        "?page=50",
        "?category=level-0&limit=100",
        "?category=level-2&sort=name&inStock=true",
        "?category=nowhere",
    ],
)
async def test_a_page_of_products_is_two_statements_however_long_it_is(shop: Shop, query: str) -> None:
    homes = await _homes(shop)
    for number in range(12):
        await shop.product(
            categoryId=homes[number % 4],
            categoryIds=homes[:2],
            images=[{"url": "https://images.example.com/a.jpg"}],
            variants=[{"name": size, "options": {"size": size}} for size in "SML"],
        )
    await _warm(shop)
    for who in (shop.guest, shop.staff):
        async with at_most(2):
            assert (await who("GET", f"/products{query}")).status_code == 200


async def test_the_tree_of_categories_is_one_statement_and_a_category_three(shop: Shop) -> None:
    homes = await _homes(shop)
    for number in range(6):
        await shop.product(categoryId=homes[number % 4])
    await _warm(shop)
    for who in (shop.guest, shop.staff):
        async with at_most(1):
            assert (await who("GET", "/categories")).json()["items"][0]["totalProductCount"] == 6
        async with at_most(3):
            assert (await who("GET", f"/categories/{homes[1]}")).json()["totalProductCount"] == 4


async def test_the_next_page_by_cursor_costs_no_more(shop: Shop) -> None:
    mugs = [await shop.product() for _ in range(6)]
    for mug in mugs:
        await shop.order((mug, 1))
    for path, most in (("/products", 2), ("/orders", 4)):
        cursor = (await shop.staff("GET", f"{path}?limit=2")).json()["nextCursor"]
        async with at_most(most):
            assert len((await shop.staff("GET", f"{path}?limit=2&cursor={cursor}")).json()["items"]) == 2


async def test_an_order_is_a_few_statements_however_many_lines_it_has(shop: Shop) -> None:
    mugs = [await shop.product() for _ in range(20)]
    small, large = await shop.order((mugs[0], 1)), await shop.order(*((mug, 1) for mug in mugs))
    await _warm(shop)
    for order in (small.json(), large.json()):
        async with at_most(4):
            assert (await shop.staff("GET", f"/orders/{order['id']}")).json()["id"] == order["id"]
        headers = {"X-Order-Token": order["accessToken"]}
        async with at_most(4):
            assert (await shop.guest("GET", f"/orders/{order['id']}", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?limit=100",
        "?search=ada&sort=-totalAmount",
        "?status=PENDING&paymentStatus=PENDING&page=2&limit=3",
        "?createdFrom=2020-01-01T00:00:00Z&minTotal=1&limit=100",
        "?search=nobody",
    ],
)
async def test_a_page_of_orders_is_a_few_statements_however_many_lines_they_have(shop: Shop, query: str) -> None:
    mugs = [await shop.product() for _ in range(5)]
    for number in range(1, 6):
        await shop.order(*((mug, 1) for mug in mugs[:number]))
    await _warm(shop)
    async with at_most(4):
        assert (await shop.staff("GET", f"/orders{query}")).status_code == 200
