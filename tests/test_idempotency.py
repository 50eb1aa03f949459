import asyncio

import pytest

from tests.shop import Shop, open_shop, same_problem
from tradepost.app.settings import Settings

pytestmark = pytest.mark.anyio


async def test_a_double_click_is_one_order(shop: Shop) -> None:
    """A05: two POSTs, one key."""
    mug = await shop.product()
    answers = await asyncio.gather(*(shop.order((mug, 1), headers={"Idempotency-Key": "click"}) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum(answer.headers.get("idempotency-replayed") == "true" for answer in answers) == 19
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert await shop.stock(mug) == 9
    assert await shop.rows("select count(*) from sales_order") == [(1,)]


async def test_a_retry_after_a_restart_gets_the_stored_answer(database_url: str) -> None:
    """B04: the answer was lost after the commit, and the API restarted."""
    settings = Settings(unsafe_database=True)
    async with open_shop(database_url, settings) as shop:
        mug = await shop.product()
        first = await shop.order((mug, 1), headers={"Idempotency-Key": "lost"})
    async with open_shop(database_url, settings) as shop:
        again = await shop.order((mug, 1), headers={"Idempotency-Key": "lost"})
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        assert await shop.stock(mug) == 9


async def test_the_kept_answer_does_not_hold_the_guests_secret(shop: Shop) -> None:
    mug = await shop.product()
    order = (await shop.order((mug, 1), headers={"Idempotency-Key": "guest"})).json()
    (body,) = await shop.rows(
        "select convert_from(body, 'UTF8') from idempotency_answer where status = 201 and body like '%%TP-%%'::bytea"
    )
    assert order["accessToken"] not in body[0]


async def test_a_key_is_not_good_for_another_request(shop: Shop) -> None:
    """B01."""
    mug = await shop.product()
    first = await shop.order((mug, 1), headers={"Idempotency-Key": "one"})
    other = await shop.order((mug, 2), headers={"Idempotency-Key": "one"})
    assert same_problem(other, 422, "idempotency_key_reused")
    again = await shop.order((mug, 1), headers={"Idempotency-Key": "one"})
    assert again.content == first.content
    assert await shop.stock(mug) == 9


async def test_two_buyers_may_happen_on_the_same_key(shop: Shop) -> None:
    mug = await shop.product()
    first = await shop.order((mug, 1), email="a@example.com", headers={"Idempotency-Key": "1"})
    second = await shop.order((mug, 1), email="b@example.com", headers={"Idempotency-Key": "1"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


async def test_a_refusal_is_not_kept(shop: Shop) -> None:
    mug = await shop.product(inventoryQuantity=0)
    assert same_problem(await shop.order((mug, 1), headers={"Idempotency-Key": "k"}), 409, "insufficient_stock")
    await shop.staff("POST", f"/products/{mug['id']}/inventory", json={"quantity": 1, "reason": "found one"})
    assert (await shop.order((mug, 1), headers={"Idempotency-Key": "k"})).status_code == 201


@pytest.mark.parametrize("key", ["", "a" * 256, "a b", "caf\xe9", "tab\there"])
async def test_a_key_is_visible_ascii_of_at_most_255_characters(shop: Shop, key: str) -> None:
    """B03."""
    mug = await shop.product()
    answer = await shop.order((mug, 1), headers={"Idempotency-Key": key.encode("latin-1")})
    assert same_problem(answer, 400, "idempotency_key_invalid")
    longest = await shop.order((mug, 1), headers={"Idempotency-Key": "a" * 255})
    assert longest.status_code == 201


async def test_where_the_setting_demands_a_key_money_and_stock_need_one(database_url: str) -> None:
    """B03."""
    async with open_shop(database_url, Settings(unsafe_database=True, require_idempotency_key=True)) as shop:
        mug = await shop.product()
        assert same_problem(await shop.order((mug, 1)), 400, "idempotency_key_required")
        path, body = f"/products/{mug['id']}/inventory", {"quantity": 1, "reason": "x"}
        assert same_problem(await shop.staff("POST", path, json=body), 400, "idempotency_key_required")
        assert (await shop.order((mug, 1), headers={"Idempotency-Key": "k"})).status_code == 201


@pytest.mark.parametrize("times", [2, 12])
async def test_every_write_happens_once_for_its_key(shop: Shop, times: int) -> None:
    mug = await shop.product()
    writes = [
        ("POST", "/products", {"name": "Lamp", "price": "5.00"}, 201),
        ("PATCH", f"/products/{mug['id']}", {"price": "11.00"}, 200),
        ("POST", f"/products/{mug['id']}/inventory", {"quantity": 5, "reason": "delivery"}, 200),
        ("POST", "/customers", {"email": "x@example.com", "firstName": "X", "lastName": "Y"}, 201),
        ("DELETE", f"/products/{mug['id']}", None, 204),
    ]
    for number, (method, path, body, status) in enumerate(writes):
        headers = {"Idempotency-Key": f"write-{number}"}
        sent = [shop.staff(method, path, json=body, headers=headers) for _ in range(times)]
        answers = await asyncio.gather(*sent)
        done = [answer for answer in answers if answer.status_code == status]
        assert len({answer.content for answer in done}) == 1, path
        for answer in answers:
            assert answer in done or same_problem(answer, 409, "idempotency_in_flight")
        assert (await shop.staff(method, path, json=body, headers=headers)).content == done[0].content
    assert await shop.rows("select count(*) from product where name = 'Lamp'") == [(1,)]
    assert await shop.rows("select sum(on_hand_change) from stock_movement where kind = 'adjustment'") == [(5,)]
