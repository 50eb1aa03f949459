"""Those who work here, and what they may do."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.people import PASSWORD, Person, links, registered
from tests.shop import ADDRESS, Shop, same_problem
from tradepost.app import operating

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
    await shop.change("update account set password_hash = 'a hash'")
    answers = await asyncio.gather(
        *(shop.staff("PATCH", f"/users/{user['id']}", json={"isActive": False}) for user in made)
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 1}
    assert "last_admin" in [answer.json().get("code") for answer in answers]


async def test_an_administrator_who_has_no_password_yet_is_not_the_last(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    """The address may be misspelt, so that nobody ever could sign in."""
    _, only = await works_here(shop, capfd, role="ADMIN")
    typo = {"email": "typo@example.cmo", "role": "ADMIN"}
    assert (await shop.staff("POST", "/users", json=GRACE | typo)).status_code == 201
    refused = await shop.staff("PATCH", f"/users/{only['id']}", json={"isActive": False})
    assert same_problem(refused, 409, "last_admin")


async def test_who_only_claims_an_address_does_not_work_here(shop: Shop) -> None:
    """Anybody may register with the chief's address; he is found by it only when he has proved that it is his."""
    impostor = await registered(shop, email="boss@example.com")
    me = (await impostor.ask("GET", "/auth/me")).json()["account"]
    assert me["isPending"]
    assert (await shop.staff("GET", "/customers?email=boss@example.com")).json()["items"] == []
    refused = await shop.staff("PATCH", f"/users/{me['id']}", json={"role": "ADMIN"})
    assert same_problem(refused, 422, "not_allowed", "/role")


async def test_changes_that_make_no_sense_are_refused(shop: Shop) -> None:
    role_id = await role(shop, "orders:read")
    customer = (await shop.staff("POST", "/customers", json=GRACE)).json()
    path = f"/users/{customer['id']}"
    assert same_problem(await shop.staff("PATCH", path, json={"staffRoleId": role_id}), 422, "not_allowed")
    assert same_problem(await shop.staff("PATCH", path, json={"firstName": "  "}), 422, "required", "/firstName")


async def test_staff_and_customers_are_kept_by_those_who_may(shop: Shop) -> None:
    admin = (await shop.staff("POST", "/users", json=GRACE | {"email": "boss@example.com", "role": "ADMIN"})).json()
    customer = (await shop.staff("POST", "/customers", json=GRACE)).json()
    desk, office = [
        {"X-API-Key": await operating.create_key(shop.url, name="k", scopes=scopes, store=None)}
        for scopes in (["customers:read", "customers:write"], ["users:write", "users:read"])
    ]
    for path in ("", "/addresses"):
        assert same_problem(await shop.guest("GET", f"/customers/{admin['id']}{path}", headers=desk), 404, "not_found")
    planted = ADDRESS | {"type": "SHIPPING"}
    refused = await shop.guest("POST", f"/customers/{admin['id']}/addresses", json=planted, headers=desk)
    assert same_problem(refused, 404, "not_found")
    refused = await shop.guest("PATCH", f"/users/{customer['id']}", json={"isActive": False}, headers=office)
    assert same_problem(refused, 403, "forbidden")


async def test_a_key_cannot_end_one_that_may_more(shop: Shop) -> None:
    """C19: nobody takes what he could not give."""
    weak = {"X-API-Key": await operating.create_key(shop.url, name="weak", scopes=["keys:write"], store=None)}
    keys = (await shop.staff("GET", "/api-keys")).json()["items"]
    strong = next(key["id"] for key in keys if key["scopes"] == ["*"])
    refused = await shop.guest("DELETE", f"/api-keys/{strong}", headers=weak)
    assert same_problem(refused, 403, "privilege_escalation")
    assert (await shop.staff("GET", "/orders")).status_code == 200


@pytest.mark.parametrize("end", ["shown out", "other role", "smaller role"])
async def test_a_key_may_no_more_than_the_person_who_made_it(
    shop: Shop, capfd: pytest.CaptureFixture[str], end: str
) -> None:
    mine = await role(shop, "keys:write", "orders:read")
    grace, user = await works_here(shop, capfd, staffRoleId=mine)
    body = {"name": "hers", "scopes": ["keys:write", "orders:read"]}
    hers = {"X-API-Key": (await grace.ask("POST", "/api-keys", json=body)).json()["secret"]}
    made = await shop.guest("POST", "/api-keys", json=body, headers=hers)
    of_hers = {"X-API-Key": made.json()["secret"]}
    for key in (hers, of_hers):
        assert (await shop.guest("GET", "/orders", headers=key)).status_code == 200
    if end == "shown out":
        await shop.staff("PATCH", f"/users/{user['id']}", json={"isActive": False})
    elif end == "other role":
        other = {"staffRoleId": await role(shop, "stock:read", name="Other")}
        assert (await shop.staff("PATCH", f"/users/{user['id']}", json=other)).status_code == 200
    else:
        smaller = {"name": "Smaller", "permissions": ["orders:read"]}
        assert (await shop.staff("PUT", f"/staff-roles/{mine}", json=smaller)).status_code == 200
    for key in (hers, of_hers):
        assert same_problem(await shop.guest("GET", "/orders", headers=key), 401, "invalid_credentials")


async def test_a_role_that_goes_while_somebody_gets_it(shop: Shop) -> None:
    """He has it, or the role is gone: raced on real connections."""
    for number in range(15):
        role_id = await role(shop, "orders:read", name=f"Role {number}")
        user = GRACE | {"email": f"grace{number}@example.com", "staffRoleId": role_id}
        made, deleted = await asyncio.gather(
            shop.staff("POST", "/users", json=user), shop.staff("DELETE", f"/staff-roles/{role_id}")
        )
        assert (made.status_code, deleted.status_code) in {(201, 409), (422, 204)}


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
        ({"role": "CLIENT"}, "/role"),
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
