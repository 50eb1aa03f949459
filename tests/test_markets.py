"""Where a store sells: markets, their countries, and in which of them a call is made."""

import asyncio
from typing import Any

import pytest

from tests.shop import Shop, open_shop, same_problem
from tests.trading import EURO, market, opened_in, price_of, rate, seen
from tradepost.app import operating
from tradepost.app.settings import Settings
from tradepost.app.verifying import verify

pytestmark = pytest.mark.anyio


async def _slugs(shop: Shop) -> list[str]:
    return [one["slug"] for one in (await shop.staff("GET", "/markets")).json()["items"]]


async def test_every_store_has_its_home_market(shop: Shop) -> None:
    (home,) = (await shop.staff("GET", "/markets")).json()["items"]
    shown = home["slug"], home["currency"], home["locale"], home["taxIncluded"], home["isHome"], home["rate"]
    assert shown == ("home", "USD", "en-US", False, True, None)
    assert verify(shop.url)


async def test_a_market_is_made_read_changed_and_closed(shop: Shop) -> None:
    conversion = {"marginPpm": 20_000, "rounding": "ENDING", "roundTo": "0.99"}
    made = await market(shop, conversion=conversion)
    assert (made["countries"], made["conversion"], made["isActive"], made["version"]) == (
        ["AT", "DE"],
        conversion,
        True,
        1,
    )
    read = await shop.staff("GET", "/markets/euro")
    assert (read.json(), read.headers["etag"]) == (made, '"v1"')
    change = {"name": "Eurozone", "countries": ["FR", "DE"], "conversion": {"rounding": "STEP", "roundTo": "0.05"}}
    changed = await shop.staff("PATCH", "/markets/euro", json=change, headers={"If-Match": '"v1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2"')
    assert (changed.json()["name"], changed.json()["countries"]) == ("Eurozone", ["DE", "FR"])
    assert changed.json()["conversion"] == {"marginPpm": 0, "rounding": "STEP", "roundTo": "0.05"}
    stale = await shop.staff("PATCH", "/markets/euro", json={"name": "E"}, headers={"If-Match": '"v1"'})
    assert same_problem(stale, 412, "stale_version")
    assert (await shop.staff("DELETE", "/markets/euro")).status_code == 204
    assert (await shop.staff("GET", "/markets/euro")).json()["isActive"] is False
    assert await _slugs(shop) == ["home", "euro"]
    told = await shop.rows(
        "select name, payload -> 'changed' from event where subject_type = 'market' order by sequence"
    )
    assert told == [
        ("market.created", None),
        ("market.changed", ["name", "countries", "marginPpm", "rounding", "roundTo"]),
        ("market.changed", ["isActive"]),
    ]


async def test_what_differs_in_nothing_changes_nothing(shop: Shop) -> None:
    await market(shop)
    again = await shop.staff("PATCH", "/markets/euro", json={"name": "Euro", "countries": ["DE", "AT"]})
    assert again.json()["version"] == 1


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"slug": "Euro"}, "/slug"),
        ({"name": " "}, "/name"),
        ({"currency": "eur"}, "/currency"),
        ({"currency": "EUR\n"}, "/currency"),
        ({"locale": "german"}, "/locale"),
        ({"countries": ["at"]}, "/countries/0"),
        ({"countries": ["DE", "AT", "DE"]}, "/countries/2"),
        ({"conversion": {"marginPpm": -900_001}}, "/conversion/marginPpm"),
        ({"conversion": {"rounding": "STEP"}}, "/conversion/roundTo"),
        ({"conversion": {"rounding": "WHOLE", "roundTo": "1.00"}}, "/conversion/roundTo"),
        ({"conversion": {"rounding": "STEP", "roundTo": "0"}}, "/conversion/roundTo"),
        ({"conversion": {"rounding": "STEP", "roundTo": "0.005"}}, "/conversion/roundTo"),
        ({"conversion": {"rounding": "SOMEHOW"}}, "/conversion/rounding"),
    ],
)
async def test_a_market_that_makes_no_sense_is_refused(shop: Shop, fields: dict[str, Any], pointer: str) -> None:
    answer = await shop.staff("POST", "/markets", json=EURO | fields)
    assert same_problem(answer, 422, "validation_failed", pointer)
    assert await _slugs(shop) == ["home"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"countries": ["AT"]}, "/countries"),
        ({"locale": "de"}, "/locale"),
        ({"taxIncluded": True}, "/taxIncluded"),
        ({"isActive": False}, "/isActive"),
        ({"conversion": {"marginPpm": 1}}, "/conversion/marginPpm"),
    ],
)
async def test_the_home_market_is_as_its_store_is(shop: Shop, change: dict[str, Any], pointer: str) -> None:
    answer = await shop.staff("PATCH", "/markets/home", json=change)
    assert same_problem(answer, 422, "not_allowed", pointer)
    assert same_problem(await shop.staff("DELETE", "/markets/home"), 422, "not_allowed", "/isActive")
    assert (await shop.staff("PATCH", "/markets/home", json={"name": "America"})).json()["name"] == "America"


async def test_a_country_is_in_one_market(shop: Shop) -> None:
    await market(shop)
    second = EURO | {"slug": "other", "countries": ["FR", "AT"]}
    assert same_problem(await shop.staff("POST", "/markets", json=second), 409, "country_taken", "/countries/1")
    assert await _slugs(shop) == ["home", "euro"]
    await market(shop, slug="other", countries=["FR"])
    moved = await shop.staff("PATCH", "/markets/other", json={"countries": ["FR", "IT", "DE"]})
    assert same_problem(moved, 409, "country_taken", "/countries/2")
    assert (await shop.staff("GET", "/markets/other")).json()["countries"] == ["FR"]
    same = await shop.staff("POST", "/markets", json=EURO | {"countries": []})
    assert same_problem(same, 409, "market_taken", "/slug")


async def test_two_who_want_the_same_countries_do_not_both_get_them(shop: Shop) -> None:
    countries = ["AT", "BE", "DE", "FR", "IT"]
    for number in range(4):
        await market(shop, slug=f"m{number}", countries=[])
    for _ in range(10):
        wanted = [
            shop.staff("PATCH", f"/markets/m{number}", json={"countries": countries[:: 1 if number % 2 else -1]})
            for number in range(4)
        ]
        answers = await asyncio.gather(*wanted)
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        winner = next(answer.json()["slug"] for answer in answers if answer.status_code == 200)
        await shop.staff("PATCH", f"/markets/{winner}", json={"countries": []})


async def test_a_store_has_a_hundred_markets_at_most_also_when_many_are_made_at_once(shop: Shop) -> None:
    for number in range(95):
        await market(shop, slug=f"m{number}", countries=[])
    bodies = [EURO | {"slug": f"n{number}", "countries": []} for number in range(8)]
    answers = await asyncio.gather(*(shop.staff("POST", "/markets", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201] * 4 + [409] * 4
    assert all(same_problem(one, 409, "too_many_markets") for one in answers if one.status_code == 409)


async def _currency(shop: Shop, path: str = "", **headers: str) -> str:
    """The currency in which a guest, or whose key it is, sees the shop's products."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await seen(shop, f"/products{path}", None, headers=named)
    return answer.json()["items"][0]["currency"]


async def test_a_call_is_made_in_the_market_that_it_names_first(shop: Shop) -> None:
    await shop.product()
    await market(shop)
    await market(shop, slug="swiss", currency="CHF", countries=["CH"], locale="de-CH")
    await market(shop, slug="nordic", currency="SEK", countries=["SE"], locale="sv")
    key = await operating.create_key(shop.url, name="k", scopes=["none:none"], store=None, market="swiss")
    plain = await operating.create_key(shop.url, name="k", scopes=["none:none"], store=None)
    assert await _currency(shop) == "USD"
    assert await _currency(shop, "?country=AT") == "EUR"
    assert await _currency(shop, "?country=US") == "USD"
    assert await _currency(shop, "?country=AT", X_Country="SE") == "SEK"
    assert await _currency(shop, "?country=AT", X_Country="SE", X_API_Key=plain) == "SEK"
    assert await _currency(shop, "?country=AT", X_Country="SE", X_API_Key=key) == "CHF"
    assert await _currency(shop, "?country=AT", X_Country="SE", X_API_Key=key, X_Market="euro") == "EUR"
    assert await _currency(shop, "?country=AT", X_API_Key=key, X_Market="home") == "USD"
    listed = (await shop.staff("GET", "/api-keys")).json()["items"]
    assert {one["market"] for one in listed} == {None, "swiss"}


async def test_a_market_that_is_not_there_is_refused_where_it_was_named(shop: Shop) -> None:
    mug = await shop.product()
    await market(shop)
    made = await shop.staff("POST", "/api-keys", json={"name": "k", "scopes": ["none:none"], "market": "euro"})
    assert (made.status_code, made.json()["key"]["market"]) == (201, "euro")
    await shop.staff("DELETE", "/markets/euro")
    for slug in ("euro", "nowhere"):
        assert same_problem(await seen(shop, f"/products/{mug['id']}", slug), 422, "market_not_found", "#X-Market")
        body = {"name": "k", "scopes": ["none:none"], "market": slug}
        assert same_problem(await shop.staff("POST", "/api-keys", json=body), 422, "market_not_found", "/market")
    by_key = await seen(shop, "/products", None, headers={"X-API-Key": made.json()["secret"]})
    assert same_problem(by_key, 422, "market_not_found", "#X-API-Key")
    assert await _currency(shop, X_Country="AT") == "USD"
    assert same_problem(await shop.guest("GET", "/products", headers={"X-Country": "at"}), 422, "invalid_format")
    assert await _currency(shop, X_Country="T1") == "USD"
    assert same_problem(await shop.guest("GET", "/products?country=AUT"), 422, "invalid_format", "?country")


async def test_a_running_shop_learns_of_a_market_by_itself(shop: Shop) -> None:
    await shop.product()
    await market(shop)
    await opened_in(shop, "euro")


async def test_what_is_kept_for_one_market_is_not_shown_in_another(shop: Shop) -> None:
    mug = await shop.product()
    await market(shop)
    await rate(shop)
    key = await operating.create_key(shop.url, name="k", scopes=["none:none"], store=None, market="euro")
    callers = [None, {"X-Market": "euro"}, {"X-Country": "AT"}, {"X-API-Key": key}, {"X-Country": "US"}, None]
    settings = Settings(unsafe_database=True, sweep_seconds=0)
    async with open_shop(shop.url, settings, keep_seconds=3600) as keeping:
        for path in (f"/products/{mug['id']}", "/products"):
            answers = [await keeping.guest("GET", path, headers=headers) for headers in callers]
            shown = [answer.json() for answer in answers]
            prices = [one.get("items", [one])[0]["price"] for one in shown]
            assert prices == ["10.00", "5.00", "5.00", "5.00", "10.00", "10.00"], path
            assert "X-Market, X-Country" in answers[0].headers["vary"]


async def test_who_may_not_change_a_market_does_not(shop: Shop) -> None:
    key = await operating.create_key(shop.url, name="k", scopes=["markets:read"], store=None)
    answer = await shop.guest("POST", "/markets", json=EURO, headers={"X-API-Key": key})
    assert same_problem(answer, 403, "forbidden")
    assert (await shop.guest("GET", "/markets", headers={"X-API-Key": key})).status_code == 200


async def test_a_market_in_the_stores_own_currency_needs_no_rate(shop: Shop) -> None:
    mug = await shop.product()
    await market(shop, currency="USD", conversion={"marginPpm": 100_000})
    assert await price_of(shop, mug) == ("11.00", None, "USD")
