import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shop import Shop, same_problem
from tradepost.core.ids import uuid7
from tradepost.inventory import Level, allocate

pytestmark = pytest.mark.anyio


async def _adjust(shop: Shop, product: dict[str, Any], quantity: Any, **fields: Any) -> Any:
    body = {"quantity": quantity, "reason": "count"} | fields
    return await shop.staff("POST", f"/products/{product['id']}/inventory", json=body)


async def test_stock_comes_and_goes_with_a_reason(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=10)
    assert (await _adjust(shop, mug, 5)).json()["inventoryQuantity"] == 15
    assert (await _adjust(shop, mug, -15)).json()["inventoryQuantity"] == 0
    ledger = await shop.rows("select kind, on_hand_change, reason, actor_kind from stock_movement order by id")
    assert ledger == [
        ("opening", 10, None, "key"),
        ("adjustment", 5, "count", "key"),
        ("adjustment", -15, "count", "key"),
    ]


async def test_what_is_promised_to_orders_cannot_be_taken(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=10)
    await shop.order((mug, 8))
    assert same_problem(await _adjust(shop, mug, -3), 409, "insufficient_stock", "/quantity")
    assert (await _adjust(shop, mug, -2)).status_code == 200
    assert await shop.rows("select on_hand, reserved from stock_level") == [(8, 8)]


async def test_taking_and_ordering_at_once_never_goes_below_zero(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=20)
    answers = await asyncio.gather(
        *(_adjust(shop, mug, -1) for _ in range(20)), *(shop.order((mug, 1)) for _ in range(20))
    )
    done = Counter(answer.status_code for answer in answers)
    assert done[200] + done[201] == 20
    assert done[409] == 20
    ((on_hand, reserved),) = await shop.rows("select on_hand, reserved from stock_level")
    assert (on_hand, reserved) == (20 - done[200], done[201])


@pytest.mark.parametrize(
    ("quantity", "code"),
    [
        (0, "out_of_range"),
        (1.5, "invalid_type"),
        ("1", "invalid_type"),
        (True, "invalid_type"),
        (10**12, "out_of_range"),
    ],
)
async def test_an_adjustment_is_a_whole_number_that_is_not_zero(shop: Shop, quantity: Any, code: str) -> None:
    mug = await shop.product()
    assert same_problem(await _adjust(shop, mug, quantity), 422, code, "/quantity")


async def test_an_adjustment_needs_a_reason_and_the_right(shop: Shop) -> None:
    mug = await shop.product()
    assert same_problem(await _adjust(shop, mug, 1, reason=""), 422, "out_of_range", "/reason")
    body = {"quantity": 1, "reason": "x"}
    assert same_problem(await shop.guest("POST", f"/products/{mug['id']}/inventory", json=body), 401, "unauthenticated")
    assert same_problem(await _adjust(shop, {"id": str(uuid4())}, 1), 404, "not_found")
    elsewhere = await _adjust(shop, mug, 1, locationId=str(uuid4()))
    assert same_problem(elsewhere, 422, "reference_not_found", "/locationId")


async def test_stock_of_several_variants_is_adjusted_by_variant(shop: Shop) -> None:
    shirt = await shop.product(inventoryQuantity=0, variants=[{"name": "S", "sku": "S"}, {"name": "L", "sku": "L"}])
    assert same_problem(await _adjust(shop, shirt, 1), 422, "required", "/variantId")
    large = shirt["variants"][1]["id"]
    assert (await _adjust(shop, shirt, 4, variantId=large)).json()["inventoryQuantity"] == 4
    assert same_problem(await _adjust(shop, shirt, 1, variantId=str(uuid4())), 422, "reference_not_found", "/variantId")


async def test_what_runs_low_is_reported_the_fewest_first(shop: Shop) -> None:
    await shop.product(name="Plenty", inventoryQuantity=100)
    await shop.product(name="Few", inventoryQuantity=4)
    await shop.product(name="None", inventoryQuantity=0)
    await shop.product(name="Endless", inventoryQuantity=0, trackInventory=False)
    low = (await shop.staff("GET", "/products/low-stock")).json()
    assert [(item["name"], item["available"]) for item in low["items"]] == [("None", 0), ("Few", 4)]
    assert same_problem(await shop.guest("GET", "/products/low-stock"), 401, "unauthenticated")


async def test_the_database_has_the_last_word_on_overselling(shop: Shop) -> None:
    await shop.product(inventoryQuantity=3)
    with psycopg.connect(shop.url) as connection, pytest.raises(psycopg.errors.CheckViolation, match="never_oversold"):
        connection.execute("update stock_level set reserved = 4")


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=6), st.data())
def test_an_allocation_takes_exactly_what_is_wanted_and_nowhere_too_much(
    shelves: list[tuple[int, int]], data: st.DataObject
) -> None:
    levels = [Level(uuid7(), uuid7(), on_hand + reserved, reserved) for on_hand, reserved in shelves]
    total = sum(level.available for level in levels)
    quantity = data.draw(st.integers(0, total))
    shares = allocate(levels, quantity)
    assert sum(share for _, share in shares) == quantity
    assert all(level.available >= 0 for level in levels)
    assert len(shares) == 1 or all(on_hand < quantity for on_hand, _ in shelves)
