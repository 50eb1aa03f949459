"""Products and categories in other languages than the store's."""

from typing import Any

import pytest

from tests.searching import follow
from tests.shop import Shop, same_problem, statements
from tests.trading import market, opened_in, put_price, rate, seen
from tradepost.catalog.offers import Offer, offers, offers_of
from tradepost.db import Database
from tradepost.stores import markets

pytestmark = pytest.mark.anyio


async def _say(shop: Shop, path: str, locale: str, **fields: Any) -> None:
    answer = await shop.staff("PUT", f"{path}/texts/{locale}", json=fields)
    assert answer.status_code == 200, answer.text


async def test_shoppers_read_their_language_and_what_it_lacks_in_the_next(shop: Shop) -> None:
    mug = await shop.product(
        name="Mug", description="Holds tea.", shortDescription="A mug", seoTitle="Mugs", isFeatured=True
    )
    await market(shop)
    await market(shop, slug="german", locale="de", countries=[], currency="CHF")
    await market(shop, slug="dutch", locale="nl", countries=[], currency="CHF")
    page = f"/products/{mug['id']}"
    await _say(shop, page, "de", name="Becher", description="Für Tee.", shortDescription="Ein Becher")
    await _say(shop, page, "de-AT", name="Häferl")

    async def words(slug: str | None) -> list[Any]:
        shown = (await seen(shop, page, slug)).json()
        return [shown[name] for name in ("name", "description", "shortDescription", "seoTitle", "seoDescription")]

    assert await words("euro") == ["Häferl", "Für Tee.", "Ein Becher", "Mugs", None]
    assert await words("german") == ["Becher", "Für Tee.", "Ein Becher", "Mugs", None]
    assert await words("dutch") == await words(None) == ["Mug", "Holds tea.", "A mug", "Mugs", None]
    await follow(shop)
    for path in ("/products", "/products/featured", "/products/search?q=mug"):
        assert [one["name"] for one in (await seen(shop, path)).json()["items"]] == ["Häferl"], path
    (hit,) = (await seen(shop, "/products/search?q=mug")).json()["items"]
    assert hit["highlight"] == [{"text": "Häferl", "matched": False}]


async def test_words_are_put_listed_and_removed_with_their_product_s_version(shop: Shop) -> None:
    mug = await shop.product(name="Mug")
    page = f"/products/{mug['id']}"
    put = await shop.staff("PUT", f"{page}/texts/de", json={"name": "Becher"}, headers={"If-Match": '"v1"'})
    assert (put.status_code, put.headers["etag"], put.json()["name"]) == (200, '"v2"', "Becher")
    same = await shop.staff("PUT", f"{page}/texts/de", json={"name": "Becher"})
    assert same.headers["etag"] == '"v2"'
    stale = await shop.staff("PUT", f"{page}/texts/de", json={"name": "Tasse"}, headers={"If-Match": '"v1"'})
    assert same_problem(stale, 412, "stale_version")
    listed = await shop.staff("GET", f"{page}/texts")
    assert ([one["locale"] for one in listed.json()["items"]], listed.json()["version"]) == (["de"], 2)
    assert (await shop.staff("DELETE", f"{page}/texts/de")).status_code == 204
    assert same_problem(await shop.staff("DELETE", f"{page}/texts/de"), 404, "not_found")
    told = await shop.rows("select payload -> 'changed' from event where name = 'product.changed'")
    assert told == [(["texts"],), (["texts"],)]


@pytest.mark.parametrize("what", ["products", "categories"])
@pytest.mark.parametrize(
    ("locale", "body", "pointer"),
    [
        ("german", {"name": "Becher"}, ""),
        ("DE", {"name": "Becher"}, ""),
        ("en-US", {"name": "Mug"}, ""),
        ("de", {"name": ""}, "/name"),
        ("de", {"name": "x" * 201}, "/name"),
        ("de", {"title": "Becher"}, "/title"),
    ],
)
async def test_words_that_make_no_sense_are_refused(
    shop: Shop, what: str, locale: str, body: dict[str, Any], pointer: str
) -> None:
    mug = await shop.product()
    home = (await shop.staff("POST", "/categories", json={"name": "Home"})).json()
    path = f"/{what}/{mug['id'] if what == 'products' else home['id']}/texts/{locale}"
    assert same_problem(await shop.staff("PUT", path, json=body), 422, "validation_failed", pointer)


async def test_categories_are_named_in_the_language_of_the_market(shop: Shop) -> None:
    kitchen = (await shop.staff("POST", "/categories", json={"name": "Kitchen", "description": "For cooks."})).json()
    body = {"name": "Cups", "parentId": kitchen["id"]}
    cups = (await shop.staff("POST", "/categories", json=body)).json()
    await shop.staff("POST", "/categories", json={"name": "Garden"})
    await market(shop)
    await _say(shop, f"/categories/{kitchen['id']}", "de", name="Für die Küche", description="Für Köche.")
    await _say(shop, f"/categories/{cups['id']}", "de-AT", name="Häferln")
    tree = (await seen(shop, "/categories")).json()["items"]
    assert [one["name"] for one in tree] == ["Für die Küche", "Garden"]
    assert [one["name"] for one in tree[0]["children"]] == ["Häferln"]
    shown = (await seen(shop, f"/categories/{cups['slug']}")).json()
    assert (shown["name"], [one["name"] for one in shown["breadcrumb"]]) == ("Häferln", ["Für die Küche", "Häferln"])
    assert (await seen(shop, f"/categories/{kitchen['slug']}")).json()["description"] == "Für Köche."
    assert [one["name"] for one in (await shop.guest("GET", "/categories")).json()["items"]] == ["Garden", "Kitchen"]
    listed = (await shop.staff("GET", f"/categories/{kitchen['id']}/texts")).json()["items"]
    assert listed == [{"locale": "de", "name": "Für die Küche", "description": "Für Köche."}]
    assert (await shop.staff("DELETE", f"/categories/{cups['id']}/texts/de-AT")).status_code == 204
    assert (await seen(shop, f"/categories/{cups['slug']}")).json()["name"] == "Cups"


async def test_a_category_goes_with_its_words(shop: Shop) -> None:
    kitchen = (await shop.staff("POST", "/categories", json={"name": "Kitchen"})).json()
    await _say(shop, f"/categories/{kitchen['id']}", "de", name="Küche")
    assert (await shop.staff("DELETE", f"/categories/{kitchen['id']}")).status_code == 204
    assert await shop.rows("select count(*) from category_text") == [(0,)]


async def test_a_page_in_another_market_costs_no_more_statements(shop: Shop) -> None:
    mug = await shop.product()
    await market(shop)
    await rate(shop)
    await put_price(shop, mug, price="7.00")
    await _say(shop, f"/products/{mug['id']}", "de", name="Becher")
    await opened_in(shop, "euro")
    for path, most in ((f"/products/{mug['id']}", 1), ("/products", 2), ("/categories", 1)):
        before = statements()
        assert (await shop.guest("GET", path, headers={"X-Market": "euro"})).status_code == 200
        assert 1 <= statements() - before <= most, path


async def test_an_order_reads_the_prices_and_names_of_several_markets_in_one_statement(shop: Shop) -> None:
    mug, cup = await shop.product(name="Mug", price="10.00"), await shop.product(name="Cup", price="20.00")
    euro, swiss = await market(shop), await market(shop, slug="swiss", currency="CHF", countries=["CH"], locale="fr")
    await rate(shop, value="0.5")
    await put_price(shop, mug, "swiss", price="11.00")
    await put_price(shop, mug, "home", salePrice="8.00")
    await _say(shop, f"/products/{mug['id']}", "de", name="Becher")
    db = Database(shop.url, size=2)
    await db.open()
    try:
        async with db.read() as reader:
            store_id, at = (await reader.rows("select id, now() from store"))[0]
            known = markets.markets(await reader.rows(*markets.markets_of(store_id)))
            ids = [one.id for one in known.all]
            before = statements()
            rows = await reader.rows(
                *offers_of(
                    store_id,
                    variant_ids=[],
                    product_ids=[],
                    skus=[mug["sku"], cup["sku"]],
                    market_ids=ids,
                    locales=known.by_slug("euro").locales,
                )
            )
            assert statements() - before == 1
    finally:
        await db.close()
    found: dict[str, Offer] = {offer.sku: offer for offer in offers(rows)}
    assert [euro["id"], swiss["id"]] == [str(known.by_slug(slug).id) for slug in ("euro", "swiss")]

    def costs(sku: str, slug: str) -> int | None:
        there = known.by_slug(slug)
        priced = found[sku].price_in(there, there.rate, at)
        return priced.amount if priced else None

    assert [costs(mug["sku"], slug) for slug in ("home", "euro", "swiss")] == [800, 500, 1100]
    assert [costs(cup["sku"], slug) for slug in ("home", "euro", "swiss")] == [2000, 1000, None]
    assert found[mug["sku"]].name_in(known.by_slug("euro")) == "Becher"
    assert found[mug["sku"]].name_in(known.by_slug("swiss")) == found[mug["sku"]].name == "Mug"
    assert known.for_country("AT").slug == "euro"
    assert known.for_country("CH").slug == "swiss"
    assert known.for_country("US").slug == "home"
