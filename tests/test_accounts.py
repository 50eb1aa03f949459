import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from tests.shop import Shop, same_problem

pytestmark = pytest.mark.anyio
ADA = {"email": "Ada@Example.com", "firstName": "Ada", "lastName": "Lovelace", "phone": "+44 20 7946 0000"}


async def test_a_customer_is_created_found_and_listed(shop: Shop) -> None:
    made = await shop.staff("POST", "/customers", json=ADA)
    assert made.status_code == 201, made.text
    customer = made.json()
    assert {name: customer[name] for name in ADA} == ADA
    assert (await shop.staff("GET", f"/customers/{customer['id']}")).json() == customer
    for query in ("", "?email=ADA@example.COM"):
        assert (await shop.staff("GET", f"/customers{query}")).json()["items"] == [customer]
    assert (await shop.staff("GET", "/customers?email=grace@example.com")).json()["total"] == 0


async def test_one_address_is_one_customer_however_it_is_written(shop: Shop) -> None:
    """A14, D03."""
    spelled = ["ada@example.com", "ADA@example.com", "Ada@EXAMPLE.com", "ada@Example.com"]
    answers = await asyncio.gather(
        *(shop.staff("POST", "/customers", json=ADA | {"email": email}) for email in spelled)
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert same_problem(refused, 409, "email_taken", "/email")


async def test_a_refused_customer_leaves_no_event(shop: Shop) -> None:
    await shop.staff("POST", "/customers", json=ADA)
    await shop.staff("POST", "/customers", json=ADA)
    assert await shop.rows("select count(*) from event where subject_type = 'customer'") == [(1,)]


async def test_customers_are_for_staff(shop: Shop) -> None:
    assert same_problem(await shop.guest("GET", "/customers"), 401, "unauthenticated")
    assert same_problem(await shop.guest("POST", "/customers", json=ADA), 401, "unauthenticated")
    assert same_problem(await shop.staff("GET", f"/customers/{uuid4()}"), 404, "not_found")
