"""What one person may give back of one order, in all his parts and by all his ways."""

import asyncio
from collections import Counter
from typing import Any

import httpx2
import pytest

from tests.people import Person
from tests.shop import Shop, same_problem
from tests.test_order_life import done, moved
from tests.test_paying import paid, read, swept
from tests.test_returns import items
from tests.test_staff import GRACE, works_here
from tradepost.app.verifying import verify

pytestmark = pytest.mark.anyio
_GIVES_BACK = ["orders:read", "orders:refund", "orders:return", "orders:edit", "orders:cancel", "keys:write"]


async def role(shop: Shop, limit: str | None, *permissions: str, name: str = "Support") -> dict[str, Any]:
    body = {"name": name, "permissions": permissions or _GIVES_BACK, "refundLimit": limit}
    made = await shop.staff("POST", "/staff-roles", json=body)
    assert made.status_code == 201, made.text
    return made.json()


@pytest.fixture
async def grace(shop: Shop, capfd: pytest.CaptureFixture[str]) -> Person:
    """Somebody who may give back 10.00 of an order."""
    return (await works_here(shop, capfd, staffRoleId=(await role(shop, "10.00"))["id"]))[0]


async def key_of(person: Person) -> dict[str, str]:
    made = await person.ask("POST", "/api-keys", json={"name": "hers", "scopes": ["orders:refund", "keys:write"]})
    return {"X-API-Key": made.json()["secret"]}


async def refund(person: Person, order: dict[str, Any], amount: str | None = None) -> httpx2.Response:
    body: dict[str, str] = {} if amount is None else {"amount": amount}
    return await person.ask("POST", f"/orders/{order['id']}/refunds", json=body)


async def written(shop: Shop) -> Any:
    return await shop.rows(
        """
        select (select count(*) from event), (select count(*) from payment_operation),
               (select count(*) from fake_payment_object), (select sum(version) from sales_order),
               (select sum(version) from order_return), (select count(*) from order_revision)
        """
    )


def over(answer: httpx2.Response, left: str) -> bool:
    assert same_problem(answer, 403, "refund_limit_exceeded")
    assert (answer.json()["limit"], answer.json()["left"]) == ("10.00", left)
    return True


async def test_all_parts_of_one_person_count_together(shop: Shop, grace: Person) -> None:
    order, _ = await paid(shop, 2)
    assert (await refund(grace, order, "6.00")).status_code == 200
    before = await written(shop)
    assert over(await refund(grace, order, "4.01"), "4.00")
    assert over(await refund(grace, order), "4.00")
    assert await written(shop) == before
    assert (await refund(grace, order, "4.00")).status_code == 200
    assert over(await refund(grace, order, "0.01"), "0.00")
    other, _ = await paid(shop, 1)
    assert (await refund(grace, other, "10.00")).status_code == 200
    rest = await done(shop, "POST", order, "/refunds")
    assert rest["order"]["paymentStatus"] == "REFUNDED"
    assert verify(shop.url)


async def test_a_persons_keys_have_the_persons_limit(shop: Shop, grace: Person) -> None:
    order, _ = await paid(shop, 2)
    hers = await key_of(grace)
    body = {"name": "of hers", "scopes": ["orders:refund"]}
    of_hers = {"X-API-Key": (await shop.guest("POST", "/api-keys", json=body, headers=hers)).json()["secret"]}
    path = f"/orders/{order['id']}/refunds"
    assert (await refund(grace, order, "3.00")).status_code == 200
    for key, left in ((hers, "7.00"), (of_hers, "4.00")):
        assert over(await shop.guest("POST", path, json={"amount": "8.00"}, headers=key), left)
        assert (await shop.guest("POST", path, json={"amount": "3.00"}, headers=key)).status_code == 200
    assert over(await refund(grace, order, "2.00"), "1.00")


async def test_of_many_refunds_at_once_those_within_the_limit_are_made(shop: Shop, grace: Person) -> None:
    order, _ = await paid(shop, 4)
    hers = await key_of(grace)
    path = f"/orders/{order['id']}/refunds"
    answers = await asyncio.gather(
        *(refund(grace, order, "1.50") for _ in range(10)),
        *(shop.guest("POST", path, json={"amount": "1.50"}, headers=hers) for _ in range(10)),
    )
    assert Counter(answer.status_code for answer in answers) == {200: 6, 403: 14}
    await swept(shop)
    assert await shop.rows("select sum(amount)::int8 from payment_entry where kind = 'refund'") == [(900,)]
    assert verify(shop.url)


async def test_a_return_is_settled_within_the_limit(shop: Shop, grace: Person) -> None:
    order, _ = await paid(shop, 2)
    order |= await moved(shop, order, "SHIPPED")
    back = await done(shop, "POST", order, "/returns", items=items(order, 1))
    await done(shop, "POST", order, f"/returns/{back['id']}/receive")
    path = f"/orders/{order['id']}/returns/{back['id']}/refund"
    before = await written(shop)
    assert over(await grace.ask("POST", path, json={}), "10.00")
    assert await written(shop) == before
    assert (await grace.ask("POST", path, json={"fee": "0.80"})).status_code == 200
    assert over(await refund(grace, order, "0.01"), "0.00")


async def test_an_edit_gives_back_within_the_limit(shop: Shop, grace: Person) -> None:
    order, (mug,) = await paid(shop, 3)
    path = f"/orders/{order['id']}/edits"
    before = await written(shop)
    for fewer in (path, f"{path}?dryRun=true"):
        assert over(await grace.ask("POST", fewer, json={"items": items(order, 2)}), "10.00")
    assert (await written(shop), await shop.stock(mug)) == (before, 7)
    assert (await grace.ask("POST", path, json={"discountAmount": "5.00"})).status_code == 200
    await swept(shop)
    assert over(await grace.ask("POST", path, json={"discountAmount": "10.00"}), "4.60")
    assert (await read(shop, order))["refundedAmount"] == "5.40"
    assert verify(shop.url)


async def test_cancelling_before_shipping_gives_all_back(shop: Shop, grace: Person) -> None:
    order, _ = await paid(shop, 3)
    assert (await grace.ask("POST", f"/orders/{order['id']}/cancel", json={})).status_code == 200
    await swept(shop)
    assert (await read(shop, order))["paymentStatus"] == "REFUNDED"
    other, _ = await paid(shop, 1)
    assert (await refund(grace, other, "5.00")).status_code == 200


async def test_an_order_says_how_much_one_may_give_back(shop: Shop, grace: Person) -> None:
    def limits(order: dict[str, Any]) -> dict[str, str]:
        return {action["name"]: action["limit"] for action in order["actions"] if "limit" in action}

    mug = await shop.product()
    body = {"email": "ada@example.com", "items": [{"productId": mug["id"], "quantity": 1}]}
    placed = (await grace.ask("POST", "/orders", json=body)).json()
    assert limits(placed) == {"refund": "10.00"}
    assert (await grace.ask("GET", f"/orders/{placed['id']}")).json() == placed
    assert limits(await read(shop, placed)) == {}


async def test_nobody_gives_a_higher_limit_than_his_own(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    """C19."""
    mine = await role(shop, "10.00", "users:read", "users:write", "orders:refund", "stock:read", name="Heads")
    theirs = await role(shop, None, "orders:refund", name="Without limit")
    grace, user = await works_here(shop, capfd, staffRoleId=mine["id"])
    wanted = {"name": "Desk", "permissions": ["orders:refund"]}
    for limit in ("10.01", None):
        more = {"refundLimit": limit}
        refused = [
            await grace.ask("POST", "/staff-roles", json=wanted | more),
            await grace.ask("PUT", f"/staff-roles/{mine['id']}", json=wanted | more),
        ]
        assert all(same_problem(answer, 403, "privilege_escalation") for answer in refused)
    for method, path, body in [
        ("PATCH", f"/users/{user['id']}", {"staffRoleId": theirs["id"]}),
        ("PUT", f"/staff-roles/{theirs['id']}", wanted | {"refundLimit": "1.00"}),
        ("POST", "/users", GRACE | {"email": "friend@example.com", "staffRoleId": theirs["id"]}),
        ("POST", "/staff-roles", {"name": "Stock", "permissions": ["stock:read"], "refundLimit": "10.01"}),
    ]:
        assert same_problem(await grace.ask(method, path, json=body), 403, "privilege_escalation"), path
    for fine in (wanted | {"refundLimit": "10.00"}, {"name": "Stock", "permissions": ["stock:read"]}):
        assert (await grace.ask("POST", "/staff-roles", json=fine)).status_code == 201


async def test_a_limit_is_an_amount_of_the_store(shop: Shop) -> None:
    made = await role(shop, "10.00")
    assert made["refundLimit"] == "10.00"
    body = {"name": "Support", "permissions": _GIVES_BACK}
    for wrong, code in (("-1.00", "out_of_range"), ("1.005", "too_many_digits")):
        refused = await shop.staff("PUT", f"/staff-roles/{made['id']}", json=body | {"refundLimit": wrong})
        assert same_problem(refused, 422, code, "/refundLimit")
    changed = await shop.staff("PUT", f"/staff-roles/{made['id']}", json=body)
    assert changed.json()["refundLimit"] is None
    (fact,) = (await shop.rows("select payload from event where name = 'staff_role.changed' order by sequence"))[:1]
    assert fact[0]["refundLimit"] == 1000


async def test_who_may_give_back_less_signs_in_again(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    made = await role(shop, "10.00")
    grace, user = await works_here(shop, capfd, staffRoleId=made["id"])
    order, _ = await paid(shop, 1)
    body = {"name": "Support", "permissions": _GIVES_BACK}
    path = f"/staff-roles/{made['id']}"
    assert (await shop.staff("PUT", path, json=body | {"refundLimit": "10.50"})).status_code == 200
    assert (await refund(grace, order, "10.50")).status_code == 200
    assert (await shop.staff("PUT", path, json=body | {"refundLimit": "0"})).status_code == 200
    assert same_problem(await refund(grace, order, "0.10"), 401, "session_revoked")
    await grace.sign_in(user["email"])
    assert same_problem(await refund(grace, order, "0.10"), 403, "refund_limit_exceeded")
