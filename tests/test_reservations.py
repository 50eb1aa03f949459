"""Stock is promised to a cart for a while: nobody else gets it meanwhile, and it comes back by itself."""

import asyncio

import pytest

from tests.baskets import Basket, basket
from tests.people import registered
from tests.shop import Shop, open_shop, same_problem
from tradepost import carts
from tradepost.app.settings import Settings
from tradepost.app.verifying import verify
from tradepost.db import Database

pytestmark = pytest.mark.anyio


async def _swept(shop: Shop) -> int:
    """What the sweeper does every few seconds."""
    db = Database(shop.url, size=2)
    await db.open()
    try:
        return await carts.expire(db, idle_days=30)
    finally:
        await db.close()


async def _reserve(cart: Basket) -> int:
    return (await cart.ask("POST", "/reservation")).status_code


async def test_what_is_reserved_nobody_else_can_buy(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=3)
    cart = await basket(shop, (mug, 2))
    reserved = await cart.ask("POST", "/reservation")
    assert reserved.status_code == 200, reserved.text
    assert reserved.json()["reservedUntil"]
    assert await shop.stock(mug) == 1
    assert same_problem(await shop.order((mug, 2)), 409, "insufficient_stock")
    assert (await cart.check_out()).status_code == 201
    assert await shop.stock(mug) == 1
    assert verify(shop.url)


async def test_more_can_be_put_in_while_some_of_it_is_reserved(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=3)
    cart = await basket(shop, (mug, 2))
    await _reserve(cart)
    assert (await cart.add(mug)).status_code == 201
    assert same_problem(await cart.add(mug), 409, "insufficient_stock")
    assert await _reserve(cart) == 200
    assert await shop.stock(mug) == 0
    assert verify(shop.url)


async def test_what_is_taken_out_is_free_again(shop: Shop) -> None:
    mug, spoon = await shop.product(inventoryQuantity=5), await shop.product(inventoryQuantity=5)
    cart = await basket(shop, (mug, 4), (spoon, 3))
    await _reserve(cart)
    first, second = [item["id"] for item in (await cart.read())["items"]]
    await cart.ask("PATCH", f"/items/{first}", json={"quantity": 1})
    assert await shop.stock(mug) == 4
    await cart.ask("DELETE", f"/items/{second}")
    assert await shop.stock(spoon) == 5
    await cart.ask("DELETE", "/items")
    assert await shop.stock(mug) == 5
    assert verify(shop.url)


async def test_a_reservation_is_let_go(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=5)
    cart = await basket(shop, (mug, 4))
    await _reserve(cart)
    freed = await cart.ask("DELETE", "/reservation")
    assert (freed.status_code, freed.json()["reservedUntil"]) == (200, None)
    assert await shop.stock(mug) == 5


async def test_a_reservation_ends_by_itself_and_the_cart_stays(shop: Shop) -> None:
    """A17."""
    mug = await shop.product(inventoryQuantity=5)
    cart = await basket(shop, (mug, 4))
    await _reserve(cart)
    assert await _swept(shop) == 0
    await shop.change("update cart set held_until = now() - interval '1 second'")
    assert await _swept(shop) == 1
    assert await shop.stock(mug) == 5
    read = await cart.read()
    assert (read["reservedUntil"], read["itemCount"]) == (None, 4)
    assert (await cart.check_out()).status_code == 201
    assert verify(shop.url)


async def test_a_cart_that_nobody_touches_is_forgotten_with_whose_it_was(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=5)
    cart = await basket(shop, (mug, 4))
    await cart.ask("PATCH", json={"email": "ada@example.com"})
    await _reserve(cart)
    await shop.change("update cart set updated_at = now() - interval '31 days'")
    assert await _swept(shop) == 1
    assert same_problem(await cart.ask("GET"), 404, "not_found")
    assert await shop.rows("select state, email from cart") == [("EXPIRED", None)]
    assert await shop.stock(mug) == 5


async def test_nobody_hoards(shop: Shop) -> None:
    """A17."""
    mug = await shop.product(inventoryQuantity=1000)
    first, second = await basket(shop, (mug, 60)), await basket(shop, (mug, 60))
    assert await _reserve(first) == 200
    refused = await second.ask("POST", "/reservation")
    assert same_problem(refused, 429, "reservation_limit")
    assert int(refused.headers["retry-after"]) > 0
    ada = await registered(shop)
    hers = await basket(shop, (mug, 60), person=ada)
    assert await _reserve(hers) == 200


async def test_of_many_at_once_no_more_is_reserved_than_one_may(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=1000)
    several = [await basket(shop, (mug, 30)) for _ in range(8)]
    answers = await asyncio.gather(*(_reserve(cart) for cart in several))
    assert sorted(answers) == [200] * 3 + [429] * 5
    assert await shop.stock(mug) == 910


async def test_the_last_units_are_reserved_once(shop: Shop) -> None:
    for _ in range(5):
        mug = await shop.product(inventoryQuantity=2)
        several = [await basket(shop, (mug, 2)) for _ in range(6)]
        answers = await asyncio.gather(*(_reserve(cart) for cart in several))
        assert sorted(answers) == [200] + [409] * 5
        assert await shop.stock(mug) == 0
        (winner,) = [cart for cart, answer in zip(several, answers, strict=True) if answer == 200]
        await winner.ask("DELETE", "/reservation")
    assert verify(shop.url)


async def test_what_is_short_is_said_line_by_line(shop: Shop) -> None:
    mug, spoon = await shop.product(), await shop.product(inventoryQuantity=3)
    cart = await basket(shop, (mug, 1), (spoon, 3))
    await shop.order((spoon, 2))
    refused = await cart.ask("POST", "/reservation")
    assert same_problem(refused, 409, "insufficient_stock", "/items/1/quantity")
    assert await shop.stock(mug) == 10


async def test_an_empty_cart_reserves_nothing(shop: Shop) -> None:
    cart = await basket(shop)
    assert same_problem(await cart.ask("POST", "/reservation"), 422, "cart_empty")


async def test_a_shop_may_reserve_nothing(database_url: str) -> None:
    async with open_shop(database_url, Settings(unsafe_database=True, hold_minutes=0)) as shop:
        cart = await basket(shop, (await shop.product(), 1))
        assert same_problem(await cart.ask("POST", "/reservation"), 409, "reservations_off")


async def test_ordering_and_expiring_at_once_leave_the_books_right(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=100)
    for _ in range(10):
        cart = await basket(shop, (mug, 2))
        await _reserve(cart)
        await shop.change("update cart set held_until = now() - interval '1 second' where held_until is not null")
        await asyncio.gather(cart.check_out(), _swept(shop), _swept(shop))
    await _swept(shop)
    assert await shop.rows("select count(*) from cart where hold_id is not null") == [(0,)]
    assert verify(shop.url)
