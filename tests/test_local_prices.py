"""What a variant costs in a market: its own price there, or one that is converted, or less in a sale."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import uuid4

import pytest

from tests.shop import Shop, open_shop, same_problem
from tests.trading import PRICES, market, price_of, put_price, rate, seen
from tradepost.app.settings import Settings
from tradepost.app.verifying import verify
from tradepost.catalog.local import Base, LocalPrice, Priced, priced
from tradepost.core import money
from tradepost.stores import Market, Rate, Rounding

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def some_market(currency: str = "EUR", **fields: Any) -> Market:
    known: dict[str, Any] = {"locale": "de", "tax_included": True, "home_currency": "USD"}
    return Market(id=uuid4(), slug="m", name="Euro", currency=currency, **known | fields)


def rate_of(value: str) -> Rate:
    return Rate(Decimal(value), date(2026, 11, 20), "ecb")


def convert(amount: int, value: str, **fields: Any) -> int | None:
    found = priced(Base(amount), some_market(**fields), None, rate_of(value), NOW)
    return found.amount if found else None


# The rule, by itself


@pytest.mark.parametrize(
    ("amount", "value", "fields", "expected"),
    [
        (1000, "0.9", {}, 900),
        (1000, "1.0843", {"margin_ppm": 20_000}, 1106),  # 11.05986
        (1000, "1.0843", {"margin_ppm": 20_000, "rounding": Rounding.WHOLE}, 1100),
        (1000, "1.0843", {"margin_ppm": 20_000, "rounding": Rounding.STEP, "round_to": 5}, 1105),
        (1000, "1.0843", {"margin_ppm": 20_000, "rounding": Rounding.ENDING, "round_to": 99}, 1099),
        (1000, "1.15", {"rounding": Rounding.ENDING, "round_to": 99}, 1199),  # 11.50 is nearer to 11.99
        (1149, "1", {"rounding": Rounding.ENDING, "round_to": 99}, 1199),  # half way goes up
        (1148, "1", {"rounding": Rounding.ENDING, "round_to": 99}, 1099),
        (1500, "1", {"rounding": Rounding.ENDING, "round_to": 999}, 1999),
        (1000, "162.5", {"currency": "JPY"}, 1625),
        (1999, "162.5", {"currency": "JPY", "rounding": Rounding.ENDING, "round_to": 80}, 3280),
        (1999, "0.3072", {"currency": "KWD", "rounding": Rounding.STEP, "round_to": 250}, 6250),
        (1, "0.0001", {}, 1),
        (1, "1", {"rounding": Rounding.WHOLE}, 100),
        (1, "1", {"rounding": Rounding.ENDING, "round_to": 99}, 99),
        (0, "1.5", {"rounding": Rounding.ENDING, "round_to": 99}, 0),
        (250, "0.01", {}, 3),  # 2.5 goes up
        (10**14, "100", {}, None),
    ],
)
def test_a_price_is_converted_and_rounded_once(
    amount: int, value: str, fields: dict[str, Any], expected: int | None
) -> None:
    assert convert(amount, value, **fields) == expected


def test_a_converted_price_is_the_nearest_one_that_the_rule_allows() -> None:
    """Against a model that looks for it among the amounts around the exact one."""
    dice = random.Random(17)
    for _ in range(3000):
        currency, unit = dice.choice([("EUR", 100), ("JPY", 1), ("KWD", 1000)])
        rounding = dice.choice(list(Rounding))
        round_to = dice.randrange(1, unit * 3 + 1) if rounding in (Rounding.STEP, Rounding.ENDING) else None
        margin, amount = dice.choice([0, 25_000, -100_000]), dice.randrange(1, 5_000_000)
        value = Decimal(dice.randrange(1, 10**6)).scaleb(-dice.randrange(7))
        found = convert(amount, str(value), currency=currency, margin_ppm=margin, rounding=rounding, round_to=round_to)
        exact = Fraction(amount, 100) * Fraction(value) * Fraction(1_000_000 + margin, 1_000_000) * unit
        apart, end = 1, 0
        if rounding is Rounding.WHOLE:
            apart = unit
        elif round_to and rounding is Rounding.STEP:
            apart = round_to
        elif round_to:
            end = round_to
            apart = next(ten for ten in (10**power for power in range(20)) if ten > end and ten >= unit)
        start = int(exact) - int(exact) % apart + end
        possible = [one for step in range(-3, 4) if (one := start + step * apart) > 0] or [end or apart]
        nearest = min(possible, key=lambda one: (abs(one - exact), -one))
        assert found == nearest, (amount, value, currency, rounding, round_to, float(exact))


def test_the_market_s_own_price_goes_before_the_converted_one() -> None:
    there = some_market()
    row = LocalPrice(uuid4(), there.id, price=2000, compare_price=2500)
    found = priced(Base(1000, 1200), there, row, rate_of("0.9"), NOW)
    assert found == Priced(2000, 2500, "the price in Euro")
    assert priced(Base(1000), there, row, None, NOW) == found


def test_what_has_neither_a_price_nor_a_rate_is_not_for_sale_there() -> None:
    there = some_market()
    assert priced(Base(1000), there, None, None, NOW) is None
    assert priced(Base(None), there, None, rate_of("0.9"), NOW) is None
    only_sale = LocalPrice(uuid4(), there.id, sale_price=500)
    assert priced(Base(1000), there, only_sale, None, NOW) is None


def test_a_price_says_how_it_came_about() -> None:
    there = some_market(margin_ppm=20_000, rounding=Rounding.ENDING, round_to=99)
    found = priced(Base(1000, 1500), there, None, rate_of("1.0843"), NOW)
    assert found == Priced(1099, 1699, "converted at 1.0843, plus 2 %, rounded to .99", rate_of("1.0843"))
    sale = LocalPrice(uuid4(), there.id, price=2000, sale_price=900, sale_to=datetime(2026, 12, 1, tzinfo=UTC))
    assert priced(Base(1000), there, sale, None, NOW) == Priced(900, 2000, "sale until 2026-12-01")
    home = some_market("USD", is_home=True)
    assert priced(Base(1000, 1500), home, None, None, NOW) == Priced(1000, 1500)


@pytest.mark.parametrize(
    ("begins", "ends", "is_on"),
    [
        (None, None, True),
        (NOW, None, True),
        (NOW + timedelta(microseconds=1), None, False),
        (None, NOW, False),
        (None, NOW + timedelta(microseconds=1), True),
        (NOW - DAY, NOW + DAY, True),
    ],
)
def test_a_sale_is_on_from_its_first_moment_and_not_at_its_last(
    begins: datetime | None, ends: datetime | None, is_on: bool
) -> None:
    home = some_market("USD", is_home=True)
    row = LocalPrice(uuid4(), home.id, sale_price=900, sale_from=begins, sale_to=ends)
    found = priced(Base(1000), home, row, None, NOW)
    assert found is not None
    assert (found.amount, found.compare) == ((900, 1000) if is_on else (1000, None))


def test_a_sale_that_is_not_cheaper_changes_nothing() -> None:
    home = some_market("USD", is_home=True)
    row = LocalPrice(uuid4(), home.id, sale_price=1000)
    assert priced(Base(1000, 1100), home, row, None, NOW) == Priced(1000, 1100)


# In the shop


async def test_shoppers_see_what_a_product_costs_in_their_market(shop: Shop) -> None:
    mug = await shop.product(price="10.00", comparePrice="12.00", isFeatured=True)
    await market(shop, conversion={"rounding": "ENDING", "roundTo": "0.99"})
    await rate(shop, value="0.8")
    shown = (await seen(shop, f"/products/{mug['id']}")).json()
    variant = shown["variants"][0]
    assert (shown["price"], shown["comparePrice"], shown["currency"]) == ("7.99", "9.99", "EUR")
    assert (variant["price"], variant["comparePrice"]) == ("7.99", "9.99")
    for path in ("/products", "/products/featured"):
        assert (await seen(shop, path)).json()["items"][0]["price"] == "7.99", path
    assert await price_of(shop, mug, None) == ("10.00", "12.00", "USD")


async def test_the_cheapest_variant_is_the_cheapest_of_the_market(shop: Shop) -> None:
    variants = [{"name": "S", "price": "10.00"}, {"name": "L", "price": "20.00"}]
    shirt = await shop.product(variants=variants)
    await market(shop)
    await rate(shop, value="1")
    small, large = shirt["variants"]
    await shop.staff("PUT", PRICES.format(shirt["id"], large["id"], "euro"), json={"price": "5.00"})
    shown = (await seen(shop, f"/products/{shirt['id']}")).json()
    assert (shown["price"], shown["sku"], [one["price"] for one in shown["variants"]]) == (
        "5.00",
        large["sku"],
        ["10.00", "5.00"],
    )
    assert (await seen(shop, f"/products/{shirt['id']}", None)).json()["sku"] == small["sku"]


async def test_prices_are_listed_for_every_market_with_their_reasons(shop: Shop) -> None:
    mug = await shop.product()
    await market(shop)
    await market(shop, slug="swiss", currency="CHF", countries=["CH"])
    put = await put_price(shop, mug, price="9.50", comparePrice="11.00")
    assert (put.status_code, put.json()["price"], put.json()["because"]) == (200, "9.50", "the price in Euro")
    listed = await shop.staff("GET", f"/products/{mug['id']}/prices")
    assert listed.headers["etag"] == put.headers["etag"]
    shown = [(one["market"], one["price"], one["because"]) for one in listed.json()["items"]]
    assert shown == [
        ("home", "10.00", ""),
        ("euro", "9.50", "the price in Euro"),
        ("swiss", None, "no price, and no rate to convert one"),
    ]
    assert [one["written"] is None for one in listed.json()["items"]] == [True, False, True]
    gone = await shop.staff("DELETE", PRICES.format(mug["id"], mug["variants"][0]["id"], "euro"))
    assert gone.status_code == 204
    again = await shop.staff("DELETE", PRICES.format(mug["id"], mug["variants"][0]["id"], "euro"))
    assert same_problem(again, 404, "not_found")


async def test_a_price_is_a_version_of_its_product_and_an_event(shop: Shop) -> None:
    mug = await shop.product()
    await market(shop)
    path = PRICES.format(mug["id"], mug["variants"][0]["id"], "euro")
    first = await shop.staff("PUT", path, json={"price": "9.00"}, headers={"If-Match": '"v1"'})
    assert (first.status_code, first.headers["etag"]) == (200, '"v2"')
    same = await shop.staff("PUT", path, json={"price": "9.00"})
    assert same.headers["etag"] == '"v2"'
    stale = await shop.staff("PUT", path, json={"price": "8.00"}, headers={"If-Match": '"v1"'})
    assert same_problem(stale, 412, "stale_version")
    emptied = await shop.staff("PUT", path, json={})
    assert (emptied.headers["etag"], emptied.json()["written"]) == ('"v3"', None)
    changes = await shop.rows("select payload -> 'changed' from event where name = 'product.changed'")
    assert changes == [(["prices"],), (["prices"],)]


@pytest.mark.parametrize(
    ("slug", "body", "pointer"),
    [
        ("euro", {"price": "-1.00"}, "/price"),
        ("euro", {"price": "1.001"}, "/price"),
        ("euro", {"price": "1e3"}, "/price"),
        ("euro", {"price": "10000000000000.00"}, "/price"),
        ("euro", {"salePrice": "-0.01"}, "/salePrice"),
        ("euro", {"price": "5.00", "salePrice": "5.00"}, "/salePrice"),
        ("euro", {"price": "5.00", "salePrice": "5.01"}, "/salePrice"),
        ("euro", {"comparePrice": "5.00"}, "/price"),
        ("euro", {"price": "5.00", "saleFrom": "2026-11-21T00:00:00Z"}, "/saleFrom"),
        ("euro", {"price": "5.00", "saleTo": "2026-11-21T00:00:00Z"}, "/saleTo"),
        ("euro", {"salePrice": "5.00", "saleFrom": "2026-11-22"}, "/saleFrom"),
        ("euro", {"salePrice": "5.00", "saleFrom": "2026-02-30T00:00:00Z"}, "/saleFrom"),
        (
            "euro",
            {"salePrice": "5.00", "saleFrom": "2026-11-22T00:00:00Z", "saleTo": "2026-11-22T00:00:00Z"},
            "/saleTo",
        ),
        ("home", {"price": "5.00"}, "/price"),
        ("home", {"comparePrice": "5.00"}, "/comparePrice"),
        ("home", {"salePrice": "10.00"}, "/salePrice"),
        ("euro", {"cost": "1.00"}, "/cost"),
    ],
)
async def test_a_price_that_makes_no_sense_is_refused(
    shop: Shop, slug: str, body: dict[str, Any], pointer: str
) -> None:
    mug = await shop.product()
    await market(shop)
    assert same_problem(await put_price(shop, mug, slug, **body), 422, "validation_failed", pointer)
    assert await shop.rows("select count(*) from variant_price") == [(0,)]


async def test_a_price_needs_a_market_and_a_variant_of_the_product(shop: Shop) -> None:
    mug, cup = await shop.product(), await shop.product()
    await market(shop)
    assert same_problem(await put_price(shop, mug, "nowhere", price="1.00"), 404, "not_found")
    wrong = PRICES.format(mug["id"], cup["variants"][0]["id"], "euro")
    assert same_problem(await shop.staff("PUT", wrong, json={"price": "1.00"}), 404, "not_found")


async def test_a_sale_is_what_shoppers_see_and_pay(shop: Shop) -> None:
    mug = await shop.product(price="10.00")
    assert (await put_price(shop, mug, "home", salePrice="8.00")).status_code == 200
    shown = (await shop.guest("GET", f"/products/{mug['id']}")).json()
    assert (shown["price"], shown["comparePrice"]) == ("8.00", "10.00")
    items = {"items": [{"productId": mug["id"], "quantity": 2}]}
    assert (await shop.guest("POST", "/orders/quote", json=items)).json()["subtotal"] == "16.00"
    order = (await shop.order((mug, 2))).json()
    assert (order["subtotal"], order["items"][0]["price"]) == ("16.00", "8.00")
    other = await shop.product(price="5.00")
    await put_price(shop, other, "home", salePrice="1.00")
    add = {"add": [{"productId": other["id"], "quantity": 1}]}
    edited = await shop.staff("POST", f"/orders/{order['id']}/edits", json=add)
    assert edited.status_code == 200, edited.text
    after = (await shop.staff("GET", f"/orders/{order['id']}")).json()
    assert after["subtotal"] == "17.00"
    assert verify(shop.url)


async def test_a_page_that_is_kept_forgets_when_a_sale_begins_and_ends(database_url: str) -> None:
    """Nothing is written when a sale begins: time alone changes what is shown."""
    settings = Settings(unsafe_database=True, sweep_seconds=0)
    async with open_shop(database_url, settings, keep_seconds=0.000_001) as shop:
        mug = await shop.product(price="10.00")
        page = f"/products/{mug['id']}"

        async def cost() -> str:
            return (await shop.guest("GET", page)).json()["price"]

        times = {"saleFrom": "2126-01-01T00:00:00Z", "saleTo": "2126-02-01T00:00:00Z"}
        assert (await put_price(shop, mug, "home", salePrice="8.00", **times)).status_code == 200
        found = [await cost()]
        for time_passes in (
            "update variant_price set sale_from = sale_from - interval '110 years'",
            "update variant_price set sale_to = now()",
        ):
            await shop.change(time_passes)
            found.append(await cost())
        assert found == ["10.00", "8.00", "10.00"]


async def test_a_page_that_is_kept_forgets_when_a_rate_changes(database_url: str) -> None:
    settings = Settings(unsafe_database=True, sweep_seconds=0)
    async with open_shop(database_url, settings, keep_seconds=3600.0) as shop:
        mug = await shop.product(price="10.00")
        await market(shop)
        for value, price in (("0.5", "5.00"), ("0.9", "9.00")):
            await rate(shop, value=value)
            for path in (f"/products/{mug['id']}", "/products"):
                async with asyncio.timeout(30):
                    while True:
                        answer = await shop.guest("GET", path, headers={"X-Market": "euro"})
                        shown = answer.json()
                        if shown.get("items", [shown])[0].get("price") == price:
                            break
                        await asyncio.sleep(0.05)


async def test_staff_see_no_amounts_of_two_currencies_in_one_document(shop: Shop) -> None:
    mug = await shop.product(price="10.00", costPrice="4.00")
    await market(shop)
    await rate(shop)
    read = await shop.staff("GET", f"/products/{mug['id']}?country=US")
    assert (read.json()["basePrice"], read.json()["costPrice"]) == ("10.00", "4.00")
    there = (await seen(shop, f"/products/{mug['id']}", headers={"X-API-Key": shop.key})).json()
    assert (there["price"], there["currency"]) == ("5.00", "EUR")
    assert not {"basePrice", "costPrice"} & there.keys()
    assert not {"ownPrice", "costPrice"} & there["variants"][0].keys()


async def test_lists_go_by_home_prices_whatever_the_market(shop: Shop) -> None:
    cheap, dear = await shop.product(price="1.00"), await shop.product(price="100.00")
    await market(shop)
    await rate(shop, value="0.5")
    await put_price(shop, cheap, price="500.00")
    found = (await seen(shop, "/products?sort=price&maxPrice=100")).json()["items"]
    assert [(one["id"], one["price"]) for one in found] == [(cheap["id"], "500.00"), (dear["id"], "50.00")]


async def test_a_price_put_by_many_at_once_is_one_of_theirs(shop: Shop) -> None:
    mug = await shop.product()
    await market(shop)
    bodies = [{"price": f"{number}.00", "salePrice": f"{number - 1}.00"} for number in range(2, 12)]
    answers = await asyncio.gather(*(put_price(shop, mug, **body) for body in bodies))
    assert {answer.status_code for answer in answers} == {200}
    listed = (await shop.staff("GET", f"/products/{mug['id']}/prices")).json()
    written = listed["items"][1]["written"]
    assert {"price": written["price"], "salePrice": written["salePrice"]} in bodies
    assert listed["version"] == 1 + len(bodies)


def test_no_amount_is_written_with_more_digits_than_its_currency_has() -> None:
    assert money.text(convert(1999, "162.5", currency="JPY") or 0, "JPY") == "3248"
