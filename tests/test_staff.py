"""Those who work here, and what they may do."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.people import PASSWORD, Person, links
from tests.shop import Shop, same_problem

pytestmark = pytest.mark.anyio
GRACE = {"email": "grace@example.com", "firstName": "Grace", "lastName": "Hopper"}


async def role(shop: Shop, *permissions: str, name: str = "Helpers") -> str:
    made = await shop.staff("POST", "/staff-roles", json={"name": name, "permissions": permissions})
    assert made.status_code == 201, made.text
    return made.json()["id"]


async def works_here(shop: Shop, capfd: pytest.CaptureFixture[str], **fields: Any) -> tuple[Person, dict[str, Any]]:
    """Somebody who was let in, chose a password by the link, and has signed in."""
    made = await shop.staff("POST", "/users", json=GRACE | fields)
    assert made.status_code == 201, made.text
    (token,) = await links(capfd)
    chosen = await shop.guest("POST", "/auth/password/reset", json={"token": token, "password": PASSWORD})
    assert chosen.status_code == 204, chosen.text
    person = Person(shop)
    assert (await person.sign_in(made.json()["email"])).status_code == 200
    return person, made.json()


async def test_staff_do_what_their_role_says(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    grace, _ = await works_here(shop, capfd, staffRoleId=await role(shop, "orders:read", "stock:read"))
    mug = await shop.product()
    await shop.order((mug, 1))
    assert (await grace.ask("GET", "/orders")).json()["total"] == 1
    assert (await grace.ask("GET", "/products/low-stock")).status_code == 200
    for method, path, body in [
        ("POST", f"/products/{mug['id']}/inventory", {"quantity": 5, "reason": "found"}),
        ("POST", "/products", {"name": "Cup"}),
        ("GET", "/customers", None),
        ("POST", "/users", GRACE | {"email": "x@example.com", "role": "ADMIN"}),
    ]:
        assert same_problem(await grace.ask(method, path, json=body), 403, "forbidden")
    assert await shop.stock(mug) == 9


async def test_losing_the_role_ends_the_session(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    """C03."""
    wide, narrow = await role(shop, "orders:read", "stock:read"), await role(shop, "stock:read", name="Few")
    grace, user = await works_here(shop, capfd, staffRoleId=wide)
    await shop.staff("PATCH", f"/users/{user['id']}", json={"staffRoleId": narrow})
    assert same_problem(await grace.ask("GET", "/orders"), 401, "session_revoked")
    assert (await grace.sign_in(GRACE["email"])).status_code == 200
    less = {"name": "Few", "permissions": ["orders:read"]}
    assert (await shop.staff("PUT", f"/staff-roles/{narrow}", json=less)).status_code == 200
    assert same_problem(await grace.ask("GET", "/products/low-stock"), 401, "session_revoked")
    await grace.sign_in(GRACE["email"])
    await shop.staff("PATCH", f"/users/{user['id']}", json={"isActive": False})
    assert same_problem(await grace.ask("GET", "/auth/me"), 401, "session_revoked")
    assert same_problem(await grace.sign_in(GRACE["email"]), 401, "invalid_credentials")


async def test_nobody_gives_more_than_he_has(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    """C19."""
    mine = await role(shop, "users:read", "users:write")
    grace, user = await works_here(shop, capfd, staffRoleId=mine)
    admin = (await shop.staff("POST", "/users", json=GRACE | {"email": "boss@example.com", "role": "ADMIN"})).json()
    for method, path, body in [
        ("PATCH", f"/users/{user['id']}", {"role": "ADMIN"}),
        ("POST", "/users", GRACE | {"email": "friend@example.com", "role": "ADMIN"}),
        ("POST", "/staff-roles", {"name": "Mighty", "permissions": ["*"]}),
        ("PUT", f"/staff-roles/{mine}", {"name": "Helpers", "permissions": ["users:write", "orders:read"]}),
        ("PATCH", f"/users/{admin['id']}", {"isActive": False}),
    ]:
        answer = await grace.ask(method, path, json=body)
        assert same_problem(answer, 403, "privilege_escalation"), path
    assert (await shop.staff("GET", f"/users/{admin['id']}")).json()["isActive"]


async def test_of_two_administrators_who_show_each_other_out_one_stays(shop: Shop) -> None:
    made = [
        (await shop.staff("POST", "/users", json=GRACE | {"email": f"{name}@example.com", "role": "ADMIN"})).json()
        for name in ("one", "two")
    ]
    answers = await asyncio.gather(
        *(shop.staff("PATCH", f"/users/{user['id']}", json={"isActive": False}) for user in made)
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 1}
    assert "last_admin" in [answer.json().get("code") for answer in answers]


async def test_a_role_that_somebody_has_stays(shop: Shop) -> None:
    taken = await role(shop, "orders:read")
    await shop.staff("POST", "/users", json=GRACE | {"staffRoleId": taken})
    assert same_problem(await shop.staff("DELETE", f"/staff-roles/{taken}"), 409, "role_in_use")
    spare = await role(shop, "orders:read", name="Spare")
    assert (await shop.staff("DELETE", f"/staff-roles/{spare}")).status_code == 204
    again = {"name": "Helpers", "permissions": ["orders:read"]}
    assert same_problem(await shop.staff("POST", "/staff-roles", json=again), 409, "role_name_taken", "/name")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"role": "STAFF"}, "/staffRoleId"),
        ({"staffRoleId": "01a1fcc7-f477-7000-a95e-da9cde12b4a1"}, "/staffRoleId"),
        ({"role": "ADMIN", "staffRoleId": "01a1fcc7-f477-7000-a95e-da9cde12b4a1"}, "/staffRoleId"),
        ({"role": "OWNER"}, "/role"),
        ({"role": "ADMIN", "email": "nobody"}, "/email"),
        ({"role": "ADMIN", "isAdmin": True}, "/isAdmin"),
    ],
)
async def test_a_user_that_makes_no_sense_is_refused(shop: Shop, fields: dict[str, Any], pointer: str) -> None:
    """C16."""
    answer = await shop.staff("POST", "/users", json=GRACE | fields)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert (await shop.staff("GET", "/users")).json()["total"] == 0
