"""A second store in one installation, made on the command line."""

import asyncio
from typing import Any

import psycopg
import pytest

from tests.server import tradepost
from tests.shop import Shop, open_again, same_problem
from tests.trading import EURO, market
from tradepost.app import demo, operating, selling
from tradepost.app.verifying import verify
from tradepost.core.errors import ShopError, ValidationFailed
from tradepost.stores import HostTaken, StoreDraft, StoreTaken

pytestmark = pytest.mark.anyio
OTHER: dict[str, Any] = {
    "slug": "other",
    "name": "Other",
    "currency": "EUR",
    "locale": "de",
    "hosts": ["other.example"],
}


def draft(**fields: Any) -> StoreDraft:
    return StoreDraft(**OTHER | fields)


async def test_a_second_store_sells_for_itself(shop: Shop) -> None:
    mug = await shop.product(name="Mug")
    said = await selling.create_store(shop.url, draft())
    assert "home market in EUR (de)" in said[0]
    key = await operating.create_key(shop.url, name="k", scopes=["*"], store="other")
    theirs = {"X-API-Key": key}
    async with open_again(shop) as both:
        made = await both.guest(
            "POST",
            "/products",
            headers=theirs,
            json={"name": "Tasse", "price": "5.00", "status": "ACTIVE", "inventoryQuantity": 3},
        )
        assert (made.status_code, made.json()["currency"]) == (201, "EUR")
        at_other = {"Host": "other.example"}
        listed = (await both.guest("GET", "/products", headers=at_other)).json()["items"]
        assert [one["name"] for one in listed] == ["Tasse"]
        assert [one["name"] for one in (await both.guest("GET", "/products")).json()["items"]] == ["Mug"]
        body = {"email": "a@example.com", "items": [{"productId": made.json()["id"], "quantity": 1}]}
        order = await both.guest("POST", "/orders", headers=at_other, json=body)
        assert (order.status_code, order.json()["currency"]) == (201, "EUR")
        assert order.json()["orderNumber"].startswith("OTHER-")
        (own,) = (await both.guest("GET", "/stores", headers=theirs)).json()["items"]
        assert (own["slug"], own["hosts"], own["isDefault"]) == ("other", ["other.example"], False)
        wrong = await both.guest("GET", f"/products/{mug['id']}", headers=theirs)
        assert same_problem(wrong, 404, "not_found")
    assert verify(shop.url)


async def test_what_one_store_sets_the_other_does_not_see(shop: Shop) -> None:
    """Slugs, countries and rates are each store's own, also where they are the same words."""
    await market(shop)
    await shop.staff("PUT", "/exchange-rates/EUR", json={"rate": "0.5"})
    await selling.create_store(shop.url, draft(currency="USD", hosts=[]))
    theirs = {"X-API-Key": await operating.create_key(shop.url, name="k", scopes=["*"], store="other")}
    async with open_again(shop) as both:
        assert (await both.guest("GET", "/exchange-rates", headers=theirs)).json()["items"] == []
        for method, path in (
            ("GET", "/markets/euro"),
            ("PATCH", "/markets/euro"),
            ("DELETE", "/markets/euro"),
            ("DELETE", "/exchange-rates/EUR"),
        ):
            body = {"json": {"name": "Mine"}} if method == "PATCH" else dict[str, Any]()
            assert same_problem(await both.guest(method, path, headers=theirs, **body), 404, "not_found")
        refused = await both.guest("GET", "/products", headers=theirs | {"X-Market": "euro"})
        assert same_problem(refused, 422, "market_not_found", "#X-Market")
        assert (await both.guest("POST", "/markets", headers=theirs, json=EURO)).status_code == 201
        put = await both.guest("PUT", "/exchange-rates/EUR", headers=theirs, json={"rate": "0.9"})
        assert put.status_code == 200
    assert (await shop.staff("GET", "/exchange-rates")).json()["items"][0]["rate"] == "0.5"
    assert (await shop.staff("GET", "/markets/euro")).json()["version"] == 1


async def test_a_slug_or_a_host_is_one_stores(shop: Shop) -> None:
    await selling.create_store(shop.url, draft())
    refusals: list[tuple[dict[str, Any], type[ShopError], str]] = [
        ({"hosts": []}, StoreTaken, "/slug"),
        ({"slug": "third", "hosts": ["third.example", "other.example"]}, HostTaken, "/hosts/1"),
        ({"slug": "Third"}, ValidationFailed, "/slug"),
        ({"slug": "third", "currency": "euro"}, ValidationFailed, "/currency"),
        ({"slug": "third", "locale": "german"}, ValidationFailed, "/locale"),
        ({"slug": "third", "name": " "}, ValidationFailed, "/name"),
        ({"slug": "third", "time_zone": "Mars/Olympus"}, ValidationFailed, "/timeZone"),
        ({"slug": "third", "hosts": ["https://third.example"]}, ValidationFailed, "/hosts/0"),
        ({"slug": "third", "order_prefix": "a b"}, ValidationFailed, "/orderPrefix"),
    ]
    for fields, refusal, pointer in refusals:
        with pytest.raises(refusal) as raised:
            await selling.create_store(shop.url, draft(**fields))
        assert [error.pointer for error in raised.value.errors] == [pointer]
    assert await shop.rows("select count(*) from store") == [(2,)]


async def test_two_who_make_a_store_with_one_host_do_not_both(shop: Shop) -> None:
    made = await asyncio.gather(
        *(selling.create_store(shop.url, draft(slug=f"store-{number}")) for number in range(6)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in made) == ["HostTaken"] * 5 + ["list"]


def _on(url: str) -> dict[str, Any]:
    return {"database_url": url, "unsafe_database": True}


def test_the_first_store_is_the_default_one_and_the_commands_say_what_they_did(database_url: str) -> None:
    create = ("stores", "create", "--slug", "shop", "--name", "Shop", "--currency", "EUR", "--locale", "de-AT")
    done = tradepost(*create, "--tax-included", **_on(database_url))
    assert done.returncode == 0, done.stderr
    assert "The store shop is there, with its home market in EUR (de-AT)." in done.stdout
    again = tradepost(*create, **_on(database_url))
    assert (again.returncode, "There is a store 'shop'" in again.stderr) == (1, True), again.stderr
    assert "Traceback" not in again.stderr
    listed = tradepost("stores", "list", **_on(database_url))
    assert "shop" in listed.stdout
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select is_default, tax_included from store").fetchone()
    assert row == (True, True)


def test_rates_are_refreshed_and_listed_on_the_command_line(database_url: str) -> None:
    asyncio.run(demo.create_store(database_url))
    done = tradepost("rates", "refresh", "--provider", "seed", **_on(database_url))
    assert done.returncode == 0, done.stderr
    assert "30 rates of 2025-01-02 for 1 EUR; 31 were new" in done.stdout
    listed = tradepost("rates", "list", **_on(database_url))
    assert "USD" in listed.stdout
    assert "seed" in listed.stdout
