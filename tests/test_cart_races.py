"""A cart, a last unit and two who want it: whatever comes first, it is one order, and nobody loses what he had."""

import asyncio

import pytest

from tests.baskets import Basket, basket
from tests.people import registered
from tests.shop import Shop, same_problem
from tradepost.app.verifying import verify

pytestmark = pytest.mark.anyio

_ROUNDS = 25


async def _orders(shop: Shop) -> int:
    ((count,),) = await shop.rows("select count(*) from sales_order")
    return count


async def test_a_cart_in_two_tabs_is_ordered_once(shop: Shop) -> None:
    """A06."""
    mug = await shop.product(inventoryQuantity=1000)
    for number in range(_ROUNDS):
        cart = await basket(shop, (mug, 1))
        answers = await asyncio.gather(
            *(cart.check_out(headers={"Idempotency-Key": f"{number}-{tab}"}) for tab in range(4))
        )
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
        refused = [answer for answer in answers if answer.status_code == 409]
        assert all(same_problem(answer, 409, "cart_already_ordered") for answer in refused)
    assert await _orders(shop) == _ROUNDS
    assert await shop.stock(mug) == 1000 - _ROUNDS
    assert verify(shop.url)


async def test_what_is_put_in_while_it_is_ordered_is_in_the_order_or_not_in_the_cart(shop: Shop) -> None:
    """A07."""
    mug, spoon = await shop.product(inventoryQuantity=1000), await shop.product(inventoryQuantity=1000)
    seen: set[tuple[int, int]] = set()
    for _ in range(_ROUNDS):
        cart = await basket(shop, (mug, 1))
        ordered, added = await asyncio.gather(cart.check_out(), cart.add(spoon))
        seen.add((ordered.status_code, added.status_code))
        if ordered.status_code == 201:
            assert same_problem(added, 409, "cart_already_ordered")
            assert len(ordered.json()["items"]) == 1
        else:
            assert same_problem(ordered, 412, "stale_version")
            assert len((await cart.read())["items"]) == 2
    assert seen <= {(201, 409), (412, 201)}


async def test_the_last_unit_goes_to_one_cart_and_the_others_keep_what_they_have(shop: Shop) -> None:
    """A01."""
    for _ in range(5):
        mug = await shop.product(inventoryQuantity=1)
        several = [await basket(shop, (mug, 1)) for _ in range(8)]
        answers = await asyncio.gather(*(cart.check_out() for cart in several))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
        for cart, answer in zip(several, answers, strict=True):
            if answer.status_code == 409:
                assert same_problem(answer, 409, "insufficient_stock", "/items/0/quantity")
                assert [item["quantity"] for item in (await cart.read())["items"]] == [1]
        assert await shop.stock(mug) == 0
    assert verify(shop.url)


async def test_the_same_variant_put_in_twice_at_once_is_counted_twice(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=1000)
    cart = await basket(shop)
    await asyncio.gather(*(cart.add(mug, 2) for _ in range(10)))
    assert [item["quantity"] for item in (await cart.read())["items"]] == [20]


async def test_two_carts_merged_into_each_other_lose_nothing(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=1000)
    for number in range(5):
        ada = await registered(shop, email=f"ada{number}@example.com")
        mine, guest = await basket(shop, (mug, 1), person=ada), await basket(shop, (mug, 2))
        wanted = {"cartId": guest.id, "token": guest.token}
        answers = await asyncio.gather(
            *(mine.ask("POST", "/merge", json=wanted) for _ in range(3)), _ordered(guest), mine.add(mug)
        )
        assert all(answer.status_code in (200, 201, 404, 409, 412, 422) for answer in answers)
        merged = sum(answer.status_code == 200 for answer in answers[:3])
        ordered = answers[3].status_code == 201
        assert merged + ordered == 1
        assert (await mine.read())["itemCount"] == (4 if merged else 2)


async def _ordered(cart: Basket):  # noqa: ANN202 - an answer
    return await cart.check_out()


async def test_carts_and_direct_orders_share_a_batch(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=30)
    several = [await basket(shop, (mug, 2)) for _ in range(10)]
    answers = await asyncio.gather(*(cart.check_out() for cart in several), *(shop.order((mug, 1)) for _ in range(20)))
    sold = sum(answer.json()["items"][0]["quantity"] for answer in answers if answer.status_code == 201)
    assert sold + await shop.stock(mug) == 30
    assert await shop.stock(mug) in (0, 1)
    assert verify(shop.url)
