"""Shoppers find what is on sale, as it is, about a second after it changed."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from typing_extensions import override

from tests.searching import default_store, follow, found, marked, names, opened, search
from tests.shop import Shop, open_shop, same_problem, statements
from tradepost import stores
from tradepost.app import operating, rebuilding
from tradepost.app.settings import Settings
from tradepost.core.ids import uuid7
from tradepost.events import newest
from tradepost.search import Follower, PostgresEngine
from tradepost.search.engine import Changes
from tradepost.stores import Store

pytestmark = pytest.mark.anyio


async def category(shop: Shop, name: str, **fields: Any) -> dict[str, Any]:
    answer = await shop.staff("POST", "/categories", json={"name": name} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_an_item_is_the_product_as_lists_show_it_with_its_name_in_parts(shop: Shop) -> None:
    shirt = await shop.product(name="Linen <i>shirt</i>", price="49.90")
    (item,) = (await search(shop, "linen"))["items"]
    assert marked(item.pop("highlight")) == "[Linen] <i>shirt</i>"
    (listed,) = (await shop.guest("GET", "/products")).json()["items"]
    assert item == listed
    assert item["id"] == shirt["id"]


async def test_price_and_stock_shown_are_those_of_the_moment(shop: Shop) -> None:
    lamp = await shop.product(name="Lamp", price="10.00", inventoryQuantity=3)
    await follow(shop)
    await shop.order((lamp, 2))
    await shop.staff("PATCH", f"/products/{lamp['id']}", json={"price": "12.00"})
    (item,) = (await found(shop, "lamp"))["items"]
    assert (item["price"], item["inventoryQuantity"]) == ("12.00", 1)
    await shop.staff("DELETE", f"/products/{lamp['id']}")
    assert (await found(shop, "lamp"))["items"] == []


async def test_a_new_product_is_found_and_a_changed_one_by_its_new_words(shop: Shop) -> None:
    lamp = await shop.product(name="Lamp", sku="L-1")
    assert names(await search(shop, "lamp")) == ["Lamp"]
    await shop.staff(
        "PATCH", f"/products/{lamp['id']}", json={"name": "Torch", "sku": "T-9", "barcode": "4006381333931"}
    )
    assert names(await search(shop, "lamp")) == []
    for text in ("torch", "t-9", "4006381333931"):
        assert names(await found(shop, text)) == ["Torch"]


@pytest.mark.parametrize("status", ["DRAFT", "ARCHIVED"])
async def test_only_what_is_on_sale_is_found_also_by_staff(shop: Shop, status: str) -> None:
    lamp = await shop.product(name="Lamp")
    await shop.product(name="Lamp that waits", status="DRAFT")
    assert names(await search(shop, "lamp")) == ["Lamp"]
    await shop.staff("PATCH", f"/products/{lamp['id']}", json={"status": status})
    await follow(shop)
    for who in (shop.guest, shop.staff):
        assert (await who("GET", "/products/search?q=lamp")).json()["total"] == 0
    await shop.staff("PATCH", f"/products/{lamp['id']}", json={"status": "ACTIVE"})
    assert names(await search(shop, "lamp")) == ["Lamp"]


async def test_staff_see_what_it_costs_the_shop_and_shoppers_do_not(shop: Shop) -> None:
    await shop.product(name="Lamp", costPrice="4.00")
    assert "costPrice" not in (await search(shop, "lamp"))["items"][0]
    answer = await shop.staff("GET", "/products/search?q=lamp")
    assert answer.json()["items"][0]["costPrice"] == "4.00"
    assert answer.headers["cache-control"] == "no-store"


async def test_categories_count_for_what_is_inside_them_wherever_they_are_moved(shop: Shop) -> None:
    home, garden = await category(shop, "Home"), await category(shop, "Garden")
    kitchen = await category(shop, "Kitchen", parentId=home["id"])
    pan = await shop.product(name="Pan", categoryId=kitchen["id"], categoryIds=[garden["id"]])
    assert names(await search(shop, category="home")) == ["Pan"]
    assert names(await found(shop, "kitchen")) == ["Pan"]
    await shop.staff("PATCH", "/categories/kitchen", json={"parentId": garden["id"], "name": "Cooking"})
    assert names(await search(shop, category="home")) == []
    assert names(await found(shop, category="garden")) == ["Pan"]
    assert names(await found(shop, "kitchen")) == []
    assert names(await found(shop, "cooking")) == ["Pan"]
    counts = {one["slug"]: one["count"] for one in (await found(shop))["facets"]["categories"]}
    assert counts == {"garden": 1, "kitchen": 1}
    await shop.staff("PATCH", f"/products/{pan['id']}", json={"categoryId": None, "categoryIds": []})
    assert (await search(shop))["facets"]["categories"] == []


async def test_a_category_that_is_not_active_finds_nothing_and_its_products_are_found_without_it(shop: Shop) -> None:
    home = await category(shop, "Home")
    kitchen = await category(shop, "Kitchen", parentId=home["id"])
    await shop.product(name="Pan", categoryId=kitchen["id"])
    assert (await search(shop, category="kitchen"))["total"] == 1
    await shop.staff("PATCH", "/categories/home", json={"isActive": False})
    assert (await search(shop, category="kitchen"))["total"] == 0
    assert (await found(shop, "kitchen"))["total"] == 0
    assert (await found(shop, "pan"))["facets"]["categories"] == []
    assert (await shop.guest("GET", "/products/suggest?q=kit")).json()["categories"] == []
    await shop.staff("PATCH", "/categories/home", json={"isActive": True})
    assert (await search(shop, category="home"))["total"] == 1


async def test_products_of_a_deleted_category_are_found_where_they_went(shop: Shop) -> None:
    await category(shop, "Home")
    kitchen = await category(shop, "Kitchen")
    await shop.product(name="Pan", categoryId=kitchen["id"])
    await follow(shop)
    await shop.staff("DELETE", "/categories/kitchen?moveTo=home")
    assert names(await search(shop, category="home")) == ["Pan"]
    assert (await found(shop, category=kitchen["id"]))["total"] == 0


async def test_what_sells_out_is_out_of_stock_and_what_is_given_back_is_in_stock(shop: Shop) -> None:
    lamp = await shop.product(name="Lamp", inventoryQuantity=2)
    assert (await search(shop, inStock=True))["total"] == 1
    order = (await shop.order((lamp, 2))).json()
    sold_out = await search(shop, inStock=True)
    assert (sold_out["total"], sold_out["facets"]["availability"]) == (0, {"inStock": 0, "outOfStock": 1})
    await shop.staff("POST", f"/orders/{order['id']}/cancel", json={})
    assert (await search(shop, inStock=True))["total"] == 1
    await shop.staff("POST", f"/products/{lamp['id']}/inventory", json={"quantity": -2, "reason": "broken"})
    assert (await search(shop, inStock=True))["total"] == 0


async def test_an_order_writes_no_words_again(shop: Shop) -> None:
    lamp = await shop.product(name="Lamp", inventoryQuantity=1)
    await follow(shop)
    words = "select xmin::text from search_document"
    before = await shop.rows(words)
    await shop.order((lamp, 1))
    assert (await search(shop, inStock=True))["total"] == 0
    await shop.staff("PATCH", f"/products/{lamp['id']}", json={"price": "99.00"})
    assert (await search(shop, minPrice="99.00"))["total"] == 1
    assert await shop.rows(words) == before


async def test_what_sold_best_comes_first_and_cancelled_orders_do_not_count(shop: Shop) -> None:
    lamp, torch = await shop.product(name="Lamp"), await shop.product(name="Torch")
    await shop.order((lamp, 2), (torch, 1))
    assert names(await search(shop, sort="bestSelling")) == ["Lamp", "Torch"]
    cancelled = (await shop.order((torch, 5))).json()
    assert names(await search(shop, sort="bestSelling")) == ["Torch", "Lamp"]
    await shop.staff("POST", f"/orders/{cancelled['id']}/cancel", json={})
    assert names(await search(shop, sort="bestSelling")) == ["Lamp", "Torch"]
    await rebuilding.rebuild(shop.url, store=None)
    assert await _sold(shop) == [1, 2]


async def test_options_of_variants_that_went_off_sale_find_nothing(shop: Shop) -> None:
    shirt = await shop.product(
        name="Shirt", variants=[{"name": size, "options": {"size": size}, "price": "9.00"} for size in ("S", "M")]
    )
    assert (await search(shop, **{"option[size]": "M"}))["total"] == 1
    gone = next(variant for variant in shirt["variants"] if variant["name"] == "M")
    await shop.staff("DELETE", f"/products/{shirt['id']}/variants/{gone['id']}")
    answer = await search(shop, **{"option[size]": "M"})
    assert answer["total"] == 0
    assert (await found(shop))["facets"]["options"] == [{"name": "size", "values": [{"value": "S", "count": 1}]}]


async def test_several_values_of_an_option_are_alternatives(shop: Shop) -> None:
    for size in ("S", "M", "L"):
        await shop.product(name=size, variants=[{"name": size, "options": {"the size": size}}])
    answer = await search(shop, **{"option[the size]": ["S", "L"]}, sort="name")
    assert names(answer) == ["L", "S"]
    assert [one["count"] for one in answer["facets"]["options"][0]["values"]] == [1, 1, 1]


async def test_price_ranges_are_good_as_filters(shop: Shop) -> None:
    for price in ("0.00", "9.99", "10.00", "19.99", "20.00", "123456.00"):
        await shop.product(name="Thing", price=price)
    answer = await search(shop, "thing")
    ranges = answer["facets"]["prices"]
    assert sum(one["count"] for one in ranges) == answer["total"] == 6
    for one in ranges:
        assert (await found(shop, "thing", minPrice=one["minPrice"], maxPrice=one["maxPrice"]))["total"] == one["count"]


async def test_a_misspelt_search_says_what_it_looked_for_and_its_cursor_goes_on(shop: Shop) -> None:
    for number in range(3):
        await shop.product(name=f"Linen shirt {number}")
    answer = await search(shop, "linnen shrit", limit=2)
    assert (answer["correctedQuery"], answer["total"], len(answer["items"])) == ("linen shirt", 3, 2)
    rest = await found(shop, "linnen shrit", limit=2, cursor=answer["nextCursor"])
    assert len({item["id"] for item in answer["items"] + rest["items"]}) == 3
    assert (await found(shop, "linen shirt"))["correctedQuery"] is None


async def test_a_filter_that_leaves_nothing_is_no_typing_error(shop: Shop) -> None:
    await shop.product(name="Shirt", price="10.00")
    await shop.product(name="Skirt", price="99.00")
    answer = await search(shop, "shirt", minPrice="50.00")
    assert (answer["total"], answer["correctedQuery"]) == (0, None)
    assert [one["count"] for one in answer["facets"]["prices"]] == [1]


async def test_typing_suggests_products_and_categories(shop: Shop) -> None:
    await category(shop, "Shirts")
    await shop.product(name="Linen shirt", description="not shoes")
    await follow(shop)
    answer = (await shop.guest("GET", "/products/suggest?q=SHI")).json()
    assert [marked(one["highlight"]) for one in answer["products"]] == ["Linen [shirt]"]
    assert [(one["name"], one["slug"]) for one in answer["categories"]] == [("Shirts", "shirts")]
    for text in ("", " ", "%", "shoe"):
        empty = await shop.guest("GET", "/products/suggest", params={"q": text})
        assert empty.json() == {"products": [], "categories": []}


async def test_no_text_finds_everything_and_text_without_words_finds_nothing(shop: Shop) -> None:
    await shop.product(name="Lamp")
    for text in ("", "   "):
        assert (await search(shop, text))["total"] == 1
    for text in ("%", "'", "---", "\U0001f600"):
        assert (await found(shop, text))["total"] == 0


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("q=" + "x" * 10_240, "?q", "out_of_range"),
        ("q=a%00b", "?q", "invalid_character"),
        ("q=%E2%80%AEabc", "?q", "invalid_character"),
        ("q=%FF", "?", "invalid_query"),
        ("q=a&q=b", "?q", "repeated_parameter"),
        ("minPrice=ten", "?minPrice", "invalid_type"),
        ("minPrice=-1", "?minPrice", "out_of_range"),
        ("minPrice=1.001", "?minPrice", "too_many_digits"),
        ("maxPrice=" + "9" * 29, "?maxPrice", "amount_out_of_range"),
        ("minPrice=2&maxPrice=1.99", "?minPrice", "out_of_range"),
        ("inStock=perhaps", "?inStock", "invalid_type"),
        ("sort=random()", "?sort", "invalid_value"),
        ("sort=name;drop", "?sort", "invalid_value"),
        ("category=", "?category", "out_of_range"),
        ("cursor=abc", "?cursor", "invalid_cursor"),
        ("limit=101", "?limit", "out_of_range"),
        ("option=M", "?option", "invalid_type"),
        ("option[size]=M&option=M", "?option", "repeated_parameter"),
        ("option[size]=", "?option//0", "out_of_range"),
        ("option[]=M", "?option[]", "unknown_parameter"),
        ("option[a%00b]=M", "?option[a\x00b]", "invalid_character"),
        ("options[size]=M", "?options[size]", "unknown_parameter"),
        ("q[size]=M", "?q[size]", "unknown_parameter"),
        ("&".join(f"option[n{at}]=M" for at in range(6)), "?option", "out_of_range"),
        ("&".join(f"option[size]={at}" for at in range(21)), "?option/", "out_of_range"),
        ("option[" + "x" * 51 + "]=M", "?option", "out_of_range"),
        ("&".join(f"option[size]={at}" for at in range(60)), "?", "invalid_query"),
        ("colour=Red", "?colour", "unknown_parameter"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_place(shop: Shop, query: str, pointer: str, code: str) -> None:
    assert same_problem(await shop.guest("GET", f"/products/search?{query}"), 422, code, pointer)


@pytest.mark.parametrize(
    "text", ["' or '1'='1", "'); drop table product; --", "a' & 'b", ":* | !", "$1 %s %(q)s {rank}", "\\' \\", "red:A"]
)
async def test_every_text_is_data_wherever_it_stands(shop: Shop, text: str) -> None:
    await shop.product(name="Lamp", variants=[{"name": "M", "options": {"size": "M"}}])
    await follow(shop)
    for params in ({"q": text}, {"category": text}, {f"option[{text}]": "M"}, {"option[size]": text}):
        answer = await shop.guest("GET", "/products/search", params=params)
        assert (answer.status_code, answer.json()["total"]) == (200, 0), params
    assert (await shop.guest("GET", "/products/suggest", params={"q": text})).status_code == 200


async def test_a_cursor_is_good_for_its_own_search_only(shop: Shop) -> None:
    for number in range(3):
        await shop.product(name=f"Lamp {number}")
    cursor = (await search(shop, "lamp", limit=1))["nextCursor"]
    for other in ({"q": "lamps"}, {"q": "lamp", "option[size]": "M"}, {"q": "lamp", "sort": "name"}):
        answer = await shop.guest("GET", "/products/search", params=other | {"cursor": cursor})
        assert same_problem(answer, 422, "invalid_cursor", "?cursor")


async def test_another_stores_products_are_never_found(shop: Shop) -> None:
    await _other_store(shop, "other.example")
    key = await operating.create_key(shop.url, name="other", scopes=["*"], store="other")
    body = {"name": "Linen shirt", "price": "10.00", "status": "ACTIVE"}
    made = await shop.staff("POST", "/products", json=body, headers={"X-API-Key": key})
    assert made.status_code == 201, made.text
    await shop.product(name="Linen towel")
    assert names(await search(shop, "linen")) == ["Linen towel"]
    assert (await found(shop, "shrit"))["correctedQuery"] is None
    assert [one["name"] for one in (await shop.guest("GET", "/products/suggest?q=li")).json()["products"]] == [
        "Linen towel"
    ]
    theirs = await shop.guest("GET", "/products/search?q=linen", headers={"X-API-Key": key})
    assert names(theirs.json()) == ["Linen shirt"]


async def test_words_are_understood_in_the_language_of_the_store(shop: Shop) -> None:
    await shop.change("update store set locale = 'de-DE'")
    await shop.product(name="Bunte Häuser")
    await follow(shop)
    async with open_shop(shop.url, Settings(unsafe_database=True, search_seconds=0)) as german:
        answer = await found(german, "buntes haus")
    assert [marked(item["highlight"]) for item in answer["items"]] == ["[Bunte] [Häuser]"]


async def test_a_search_is_two_statements_and_a_misspelt_one_a_few_more(shop: Shop) -> None:
    for number in range(15):
        await shop.product(name=f"Linen shirt {number}", variants=[{"name": "M", "options": {"size": "M"}}])
    await search(shop, "linen shrit")
    for query, most in (
        ("q=linen+shirt&limit=100", 2),
        ("q=lin&inStock=true&minPrice=1&maxPrice=50&option[size]=M&sort=bestSelling&page=2&limit=5", 3),
        ("", 2),
        ("q=shirts", 3),
        ("q=xylophone", 4),
        ("q=linen+shrit", 5),
    ):
        before = statements()
        assert (await shop.guest("GET", f"/products/search?{query}")).status_code == 200
        assert 1 <= statements() - before <= most, query
    before = statements()
    await shop.guest("GET", "/products/suggest?q=lin")
    assert statements() - before <= 2


async def test_a_follower_that_dies_in_the_middle_goes_on_where_it_was(shop: Shop) -> None:
    """Before it writes or after it wrote: what was sold is counted once all the same."""
    lamp = await shop.product(name="Lamp", inventoryQuantity=1000)
    for _ in range(20):
        assert (await shop.order((lamp, 3))).status_code == 201
    async with opened(shop.url) as db:
        for cut in range(1, 12):
            follower = Follower(db, _Dying(db, after=cut % 3))
            await follower.run_once()
    await follow(shop)
    assert await _sold(shop) == [60]
    assert names(await found(shop, "lamp")) == ["Lamp"]


async def test_a_write_that_fails_after_its_last_statement_has_written_nothing(shop: Shop) -> None:
    lamp = await shop.product(name="Lamp")
    await follow(shop)
    async with opened(shop.url) as db:
        store, engine = await default_store(db), PostgresEngine(db)
        position = await engine.position(store.id)
        await shop.change("alter table search_position add constraint stuck check (position <> 'broken') not valid")
        changes = Changes(sold={UUID(lamp["id"]): 5}, gone=[UUID(lamp["id"])])
        with pytest.raises(psycopg.errors.CheckViolation):
            await engine.write(store, changes, after=position, upto="broken")
        assert await engine.position(store.id) == position
    assert await _sold(shop) == []
    assert names(await found(shop, "lamp")) == ["Lamp"]


async def test_two_followers_at_once_take_every_event_in_once(shop: Shop) -> None:
    lamp = await shop.product(name="Lamp", inventoryQuantity=1000)
    async with opened(shop.url) as one, opened(shop.url) as two:
        followers = [Follower(db, PostgresEngine(db)) for db in (one, two, one, two)]

        async def order() -> None:
            for _ in range(15):
                assert (await shop.order((lamp, 1))).status_code == 201

        async def look(follower: Follower) -> None:
            for _ in range(40):
                await follower.run_once()

        await asyncio.gather(*(order() for _ in range(4)), *(look(follower) for follower in followers))
    await follow(shop)
    assert await _sold(shop) == [60]


async def test_two_that_write_the_same_page_do_it_once(shop: Shop) -> None:
    """Both believe that it is their turn, as after a split of the network."""
    lamp = await shop.product(name="Lamp")
    await follow(shop)
    async with opened(shop.url) as db:
        store, engine = await default_store(db), PostgresEngine(db)
        position = await engine.position(store.id)
        changes = Changes(sold={UUID(lamp["id"]): 1})
        done = await asyncio.gather(
            *(engine.write(store, changes, after=position, upto="9-x") for _ in range(4)), return_exceptions=True
        )
    assert sum(outcome is None for outcome in done) == 1
    assert await _sold(shop) == [1]


async def test_a_store_that_had_products_before_there_was_search_is_fed_from_the_feeds_start(shop: Shop) -> None:
    lamp = await shop.product(name="Lamp")
    await shop.order((lamp, 2))
    assert names(await found(shop, "lamp")) == []
    assert names(await search(shop, "lamp")) == ["Lamp"]
    assert await _sold(shop) == [2]


async def test_a_rebuild_mends_everything_while_searches_go_on(shop: Shop) -> None:
    home = await category(shop, "Home")
    lamp = await shop.product(name="Lamp", categoryId=home["id"])
    await shop.product(name="Gone")
    await shop.order((lamp, 3))
    await follow(shop)
    await shop.change("update product set name = 'Torch' where name = 'Lamp'")
    await shop.change("update product set status = 'ARCHIVED' where name = 'Gone'")
    await shop.change("update search_standing set price = 1, in_stock = false")
    await shop.change("update search_sold set units = 77")
    await shop.change("delete from search_category")
    rebuilt, answers = await asyncio.gather(rebuilding.rebuild(shop.url, store=None), _keep_searching(shop))
    assert sum(rebuilt.values()) == 2
    assert answers == {200}
    assert names(await found(shop, minPrice="10.00", inStock=True)) == ["Torch"]
    assert (await found(shop, category="home"))["total"] == 1
    assert (await found(shop, "trch"))["correctedQuery"] == "torch"
    assert (await found(shop, "lmp"))["correctedQuery"] is None
    assert await _sold(shop) == [3]
    async with opened(shop.url) as db:
        store = await default_store(db)
        async with db.read() as reader:
            assert (await newest(reader))[store.id] == await PostgresEngine(db).position(store.id)


async def test_a_rebuild_names_a_store_that_is_not_there(shop: Shop) -> None:
    with pytest.raises(Exception, match="There is no store 'nowhere'"):
        await rebuilding.rebuild(shop.url, store="nowhere")


class _Dying(PostgresEngine):
    """Writes so many times and no more, as in a process that is killed."""

    def __init__(self, db: Any, *, after: int) -> None:
        super().__init__(db)
        self._left = after

    @override
    async def write(self, store: Store, changes: Changes, *, after: str | None, upto: str | None) -> None:
        if self._left == 0:
            raise ConnectionError
        self._left -= 1
        await super().write(store, changes, after=after, upto=upto)


async def _sold(shop: Shop) -> list[int]:
    """Units of each product that was ever sold, fewest first."""
    rows = await shop.rows("select units from search_sold where units <> 0 order by units")
    return [units for (units,) in rows]


async def _keep_searching(shop: Shop) -> set[int]:
    answers = [await shop.guest("GET", "/products/search?q=lamp") for _ in range(20)]
    return {answer.status_code for answer in answers}


async def _other_store(shop: Shop, host: str) -> None:
    async with opened(shop.url) as db:
        first = await default_store(db)
        other = msgspec.structs.replace(first, id=uuid7(), slug="other", hosts=[host], is_default=False)
        async with db.transaction() as tx:
            await stores.insert(tx, other)
