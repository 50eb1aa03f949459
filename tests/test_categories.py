import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from tests.shop import Shop, same_problem
from tradepost.app.verifying import verify

pytestmark = pytest.mark.anyio


async def category(shop: Shop, name: str, parent: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    body = {"name": name, "parentId": parent and parent["id"]} | fields
    answer = await shop.staff("POST", "/categories", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def tree(shop: Shop, *, as_staff: bool = False) -> Any:
    """The tree as nested names."""
    answer = await (shop.staff if as_staff else shop.guest)("GET", "/categories")
    assert answer.status_code == 200

    def names(nodes: list[dict[str, Any]]) -> dict[str, Any]:
        return {node["name"]: names(node["children"]) for node in nodes}

    return names(answer.json()["items"])


async def listed(shop: Shop, ref: str, query: str = "", *, as_staff: bool = False) -> list[str]:
    """The names of the products of a category, oldest first."""
    ask = shop.staff if as_staff else shop.guest
    answer = await ask("GET", f"/products?category={ref}&sort=createdAt{query}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == len(answer.json()["items"])
    return [product["name"] for product in answer.json()["items"]]


async def counts(shop: Shop, *, as_staff: bool = False) -> dict[str, tuple[int, int]]:
    """Of each category the number of products in it, and in it or inside it."""
    answer = await (shop.staff if as_staff else shop.guest)("GET", "/categories")
    found: dict[str, tuple[int, int]] = {}

    def collect(nodes: list[dict[str, Any]]) -> None:
        for node in nodes:
            found[node["name"]] = node["productCount"], node["totalProductCount"]
            collect(node["children"])

    collect(answer.json()["items"])
    return found


async def test_a_category_has_all_its_fields(shop: Shop) -> None:
    image = {"url": "https://images.example.com/kitchen.jpg", "alt": "A kitchen"}
    made = await shop.staff(
        "POST",
        "/categories",
        json={"name": "Kitchen", "slug": "cook", "description": "For cooks.", "image": image, "sortOrder": 3},
    )
    assert made.status_code == 201
    kitchen = made.json()
    said = ("name", "slug", "description", "image", "sortOrder", "isActive", "isShown", "parentId", "version")
    assert [kitchen[name] for name in said] == ["Kitchen", "cook", "For cooks.", image, 3, True, True, None, 1]
    assert (kitchen["productCount"], kitchen["totalProductCount"], kitchen["children"]) == (0, 0, [])
    assert made.headers["location"] == f"/api/v1/categories/{kitchen['id']}"
    for ref in (kitchen["id"], "cook"):
        read = await shop.guest("GET", f"/categories/{ref}")
        assert read.json() == kitchen
        assert "public" in read.headers["cache-control"]
        assert (await shop.staff("GET", f"/categories/{ref}")).headers["etag"] == '"v1"'


async def test_the_tree_is_ordered_by_sort_order_then_by_name(shop: Shop) -> None:
    kitchen = await category(shop, "Kitchen", sortOrder=2)
    await category(shop, "Living", sortOrder=1)
    for name, order in (("Mugs", 0), ("Bowls", 0), ("Sale", -1)):
        await category(shop, name, kitchen, sortOrder=order)
    found = await tree(shop)
    assert list(found) == ["Living", "Kitchen"]
    assert list(found["Kitchen"]) == ["Sale", "Bowls", "Mugs"]


async def test_the_breadcrumb_leads_from_the_root_to_the_category(shop: Shop) -> None:
    kitchen = await category(shop, "Kitchen")
    cups = await category(shop, "Cups", await category(shop, "Tableware", kitchen))
    crumbs = (await shop.guest("GET", f"/categories/{cups['id']}")).json()["breadcrumb"]
    assert [crumb["name"] for crumb in crumbs] == ["Kitchen", "Tableware", "Cups"]
    assert crumbs[0] == {"id": kitchen["id"], "slug": "kitchen", "name": "Kitchen"}


async def test_a_slug_is_made_of_the_name_and_numbered(shop: Shop) -> None:
    made = [(await category(shop, "Cups & Mugs"))["slug"] for _ in range(3)]
    assert made == ["cups-mugs", "cups-mugs-2", "cups-mugs-3"]
    assert (await category(shop, "茶碗"))["slug"] == "category"


async def test_a_slug_in_use_is_pointed_at(shop: Shop) -> None:
    await category(shop, "Kitchen")
    bath = await category(shop, "Bath")
    again = await shop.staff("POST", "/categories", json={"name": "Other", "slug": "kitchen"})
    assert same_problem(again, 409, "slug_taken", "/slug")
    changed = await shop.staff("PATCH", f"/categories/{bath['id']}", json={"slug": "kitchen"})
    assert same_problem(changed, 409, "slug_taken", "/slug")
    assert (await shop.guest("GET", "/categories/bath")).json() == bath


async def test_one_of_many_who_want_the_same_slug_gets_it(shop: Shop) -> None:
    sent = [shop.staff("POST", "/categories", json={"name": "Kitchen", "slug": "kitchen"}) for _ in range(8)]
    answers = await asyncio.gather(*sent)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "out_of_range"),
        ("name", "  ", "invalid_format"),
        ("slug", "Not A Slug", "invalid_format"),
        ("slug", "01a1fddb-d410-7000-8def-f878a00ae2d1", "slug_reserved"),
        ("sortOrder", 10**9, "out_of_range"),
        ("sortOrder", "1", "invalid_type"),
        ("isActive", None, "invalid_type"),
        ("parentId", "kitchen", "invalid_type"),
        ("path", [], "unknown_field"),
        ("isShown", True, "unknown_field"),
    ],
)
async def test_a_field_of_a_category_that_makes_no_sense_is_pointed_at(
    shop: Shop, field: str, value: Any, code: str
) -> None:
    answer = await shop.staff("POST", "/categories", json={"name": "Kitchen"} | {field: value})
    assert same_problem(answer, 422, code, f"/{field}")
    assert await shop.rows("select count(*) from category") == [(0,)]


async def test_a_change_of_a_category_counts_its_version_up(shop: Shop) -> None:
    kitchen = await category(shop, "Kitchen")
    path = f"/categories/{kitchen['id']}"
    changed = await shop.staff("PATCH", path, json={"name": "Cooking"}, headers={"If-Match": '"v1"'})
    assert (changed.json()["name"], changed.json()["version"], changed.headers["etag"]) == ("Cooking", 2, '"v2"')
    assert (await shop.staff("PATCH", path, json={"name": "Cooking"})).json()["version"] == 2
    stale = await shop.staff("PATCH", path, json={"name": "Other"}, headers={"If-Match": '"v1"'})
    assert same_problem(stale, 412, "stale_version")
    gone = await shop.staff("DELETE", path, headers={"If-Match": '"v1"'})
    assert same_problem(gone, 412, "stale_version")


async def test_what_is_inside_goes_along_when_a_category_moves(shop: Shop) -> None:
    kitchen, living = await category(shop, "Kitchen"), await category(shop, "Living")
    tableware = await category(shop, "Tableware", kitchen)
    cups = await category(shop, "Cups", tableware)
    await shop.product(name="Mug", categoryId=cups["id"])
    moved = await shop.staff("PATCH", f"/categories/{tableware['id']}", json={"parentId": living["id"]})
    assert [crumb["name"] for crumb in moved.json()["breadcrumb"]] == ["Living", "Tableware"]
    assert await tree(shop) == {"Kitchen": {}, "Living": {"Tableware": {"Cups": {}}}}
    assert await listed(shop, "kitchen") == []
    assert await listed(shop, "living") == ["Mug"]
    crumbs = (await shop.guest("GET", "/categories/cups")).json()["breadcrumb"]
    assert [crumb["name"] for crumb in crumbs] == ["Living", "Tableware", "Cups"]
    rooted = await shop.staff("PATCH", f"/categories/{tableware['id']}", json={"parentId": None})
    assert rooted.json()["parentId"] is None
    assert await tree(shop) == {"Kitchen": {}, "Living": {}, "Tableware": {"Cups": {}}}
    assert verify(shop.url)


async def test_a_category_cannot_be_inside_itself(shop: Shop) -> None:
    kitchen = await category(shop, "Kitchen")
    tableware = await category(shop, "Tableware", kitchen)
    cups = await category(shop, "Cups", tableware)
    for parent in (kitchen, tableware, cups):
        refused = await shop.staff("PATCH", "/categories/kitchen", json={"parentId": parent["id"]})
        assert same_problem(refused, 409, "category_cycle", "/parentId")
    assert await tree(shop) == {"Kitchen": {"Tableware": {"Cups": {}}}}


async def test_two_categories_that_move_into_each_other_do_not_both(shop: Shop) -> None:
    one, other = await category(shop, "One"), await category(shop, "Other")
    for _ in range(10):
        answers = await asyncio.gather(
            shop.staff("PATCH", f"/categories/{one['id']}", json={"parentId": other["id"]}),
            shop.staff("PATCH", f"/categories/{other['id']}", json={"parentId": one["id"]}),
        )
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 1}
        refused = next(answer for answer in answers if answer.status_code == 409)
        assert same_problem(refused, 409, "category_cycle", "/parentId")
        assert len(await tree(shop)) == 1
        for each in (one, other):
            await shop.staff("PATCH", f"/categories/{each['id']}", json={"parentId": None})
    assert verify(shop.url)


async def test_many_moves_at_once_leave_a_tree(shop: Shop) -> None:
    made = [await category(shop, f"C{number}") for number in range(5)]
    moves = [(one, other) for one in made for other in made if one != other]
    answers = await asyncio.gather(
        *(shop.staff("PATCH", f"/categories/{one['id']}", json={"parentId": other["id"]}) for one, other in moves)
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert verify(shop.url)
    assert await shop.rows("select count(*), count(distinct path) from category") == [(5, 5)]


async def test_a_tree_has_an_end(shop: Shop) -> None:
    chain = [await category(shop, "Level 1")]
    for level in range(2, 9):
        chain.append(await category(shop, f"Level {level}", chain[-1]))
    deeper = await shop.staff("POST", "/categories", json={"name": "Level 9", "parentId": chain[-1]["id"]})
    assert same_problem(deeper, 409, "category_too_deep", "/parentId")
    above = await category(shop, "Above")
    moved = await shop.staff("PATCH", f"/categories/{chain[0]['id']}", json={"parentId": above["id"]})
    assert same_problem(moved, 409, "category_too_deep", "/parentId")
    assert (
        await shop.staff("PATCH", f"/categories/{chain[1]['id']}", json={"parentId": above["id"]})
    ).status_code == 200


async def test_an_unknown_parent_is_pointed_at(shop: Shop) -> None:
    kitchen = await category(shop, "Kitchen")
    made = await shop.staff("POST", "/categories", json={"name": "Cups", "parentId": str(uuid4())})
    assert same_problem(made, 422, "reference_not_found", "/parentId")
    moved = await shop.staff("PATCH", f"/categories/{kitchen['id']}", json={"parentId": str(uuid4())})
    assert same_problem(moved, 422, "reference_not_found", "/parentId")


async def test_below_a_category_that_is_not_active_nothing_is_shown(shop: Shop) -> None:
    kitchen = await category(shop, "Kitchen")
    tableware = await category(shop, "Tableware", kitchen)
    cups = await category(shop, "Cups", tableware)
    await shop.product(name="Mug", categoryId=cups["id"])
    await shop.product(name="Pan", categoryId=kitchen["id"])
    off = await shop.staff("PATCH", f"/categories/{tableware['id']}", json={"isActive": False})
    assert off.json()["isShown"] is False
    assert await tree(shop) == {"Kitchen": {}}
    assert await tree(shop, as_staff=True) == {"Kitchen": {"Tableware": {"Cups": {}}}}
    for slug in ("tableware", "cups"):
        assert same_problem(await shop.guest("GET", f"/categories/{slug}"), 404, "not_found")
        assert await listed(shop, slug) == []
    hidden = (await shop.staff("GET", "/categories/cups")).json()
    assert (hidden["isActive"], hidden["isShown"]) == (True, False)
    assert (await listed(shop, "kitchen"), await counts(shop)) == (["Pan"], {"Kitchen": (1, 1)})
    assert await listed(shop, "kitchen", as_staff=True) == ["Mug", "Pan"]
    assert (await shop.guest("GET", "/products/mug")).status_code == 200
    await shop.staff("PATCH", f"/categories/{cups['id']}", json={"parentId": kitchen["id"]})
    assert await tree(shop) == {"Kitchen": {"Cups": {}}}
    await shop.staff("PATCH", f"/categories/{tableware['id']}", json={"isActive": True})
    assert await tree(shop) == {"Kitchen": {"Cups": {}, "Tableware": {}}}
    assert verify(shop.url)


async def test_what_is_not_active_stays_hidden_when_what_is_above_it_is_shown_again(shop: Shop) -> None:
    kitchen = await category(shop, "Kitchen", isActive=False)
    off = await category(shop, "Off", kitchen, isActive=False)
    await category(shop, "Below", off)
    await category(shop, "On", kitchen)
    assert await tree(shop) == {}
    await shop.staff("PATCH", "/categories/kitchen", json={"isActive": True})
    assert await tree(shop) == {"Kitchen": {"On": {}}}


async def test_products_are_counted_once_in_each_category(shop: Shop) -> None:
    kitchen = await category(shop, "Kitchen")
    cups, bowls = await category(shop, "Cups", kitchen), await category(shop, "Bowls", kitchen)
    gifts = await category(shop, "Gifts")
    await shop.product(categoryId=cups["id"], categoryIds=[bowls["id"], gifts["id"]])
    await shop.product(categoryId=cups["id"], categoryIds=[kitchen["id"]])
    await shop.product(categoryId=bowls["id"])
    await shop.product(categoryId=gifts["id"], status="DRAFT")
    expected = {"Kitchen": (1, 3), "Cups": (2, 2), "Bowls": (2, 2), "Gifts": (1, 1)}
    assert await counts(shop) == await counts(shop, as_staff=True) == expected
    one = (await shop.guest("GET", "/categories/kitchen")).json()
    assert (one["productCount"], one["totalProductCount"]) == (1, 3)
    assert {child["name"]: child["totalProductCount"] for child in one["children"]} == {"Cups": 2, "Bowls": 2}


async def test_a_category_that_is_not_empty_is_deleted_only_with_a_place_for_what_it_has(shop: Shop) -> None:
    kitchen = await category(shop, "Kitchen")
    cups = await category(shop, "Cups", kitchen)
    await shop.product(categoryId=cups["id"], status="DRAFT")
    for slug, products, categories in (("kitchen", 0, 1), ("cups", 1, 0)):
        refused = await shop.staff("DELETE", f"/categories/{slug}")
        assert same_problem(refused, 409, "category_not_empty")
        assert (refused.json()["products"], refused.json()["categories"]) == (products, categories)
    await category(shop, "Empty")
    assert (await shop.staff("DELETE", "/categories/empty")).status_code == 204
    assert same_problem(await shop.staff("GET", "/categories/empty"), 404, "not_found")


async def test_what_a_deleted_category_had_goes_where_it_is_said(shop: Shop) -> None:
    old, new = await category(shop, "Old"), await category(shop, "New", isActive=False)
    cups = await category(shop, "Cups", old)
    await category(shop, "Small cups", cups)
    products = [
        await shop.product(name="Main", categoryId=old["id"]),
        await shop.product(name="Other", categoryId=cups["id"], categoryIds=[old["id"]]),
        await shop.product(name="Both", categoryId=old["id"], categoryIds=[new["id"]]),
        await shop.product(name="Both ways", categoryId=new["id"], categoryIds=[old["id"]]),
        await shop.product(name="Neither", categoryId=cups["id"]),
    ]
    assert (await shop.staff("DELETE", "/categories/old?moveTo=new")).status_code == 204
    assert await tree(shop, as_staff=True) == {"New": {"Cups": {"Small cups": {}}}}
    assert await tree(shop) == {}
    seen = [(await shop.staff("GET", f"/products/{product['id']}")).json() for product in products]
    assert [(product["categoryId"], product["categoryIds"], product["version"]) for product in seen] == [
        (new["id"], [], 2),
        (cups["id"], [new["id"]], 2),
        (new["id"], [], 2),
        (new["id"], [], 2),
        (cups["id"], [], 1),
    ]
    told = await shop.rows(
        "select subject_id::text, payload -> 'changed' from event where name = 'product.changed' order by id"
    )
    assert dict(told) == {
        products[0]["id"]: ["categoryId"],
        products[1]["id"]: ["categoryIds"],
        products[2]["id"]: ["categoryId", "categoryIds"],
        products[3]["id"]: ["categoryIds"],
    }
    moved = await shop.rows("select subject_id::text, payload ->> 'toId' from event where name = 'category.moved'")
    assert moved == [(cups["id"], new["id"])]
    assert verify(shop.url)


async def test_nothing_moves_into_what_is_deleted_with_it(shop: Shop) -> None:
    kitchen = await category(shop, "Kitchen")
    await category(shop, "Cups", kitchen)
    for target in ("kitchen", "cups"):
        refused = await shop.staff("DELETE", f"/categories/kitchen?moveTo={target}")
        assert same_problem(refused, 409, "category_cycle", "?moveTo")
    unknown = await shop.staff("DELETE", "/categories/kitchen?moveTo=nowhere")
    assert same_problem(unknown, 422, "reference_not_found", "?moveTo")
    assert await tree(shop) == {"Kitchen": {"Cups": {}}}


async def test_a_product_put_into_a_category_that_is_being_deleted_is_not_lost(shop: Shop) -> None:
    """Either it comes first and the category is not empty, or the category is gone and the product is refused."""
    for number in range(10):
        made = await category(shop, f"Short-lived {number}")
        mug = await shop.product()
        create, change, deletion = await asyncio.gather(
            shop.staff("POST", "/products", json={"name": "New", "price": "1.00", "categoryId": made["id"]}),
            shop.staff("PATCH", f"/products/{mug['id']}", json={"categoryIds": [made["id"]]}),
            shop.staff("DELETE", f"/categories/{made['id']}"),
        )
        came = [create.status_code == 201, change.status_code == 200]
        if deletion.status_code == 204:
            assert came == [False, False]
            assert same_problem(create, 422, "reference_not_found", "/categoryId")
            assert same_problem(change, 422, "reference_not_found", "/categoryIds/0")
        else:
            assert same_problem(deletion, 409, "category_not_empty")
            assert any(came)


async def test_products_that_come_while_a_category_is_emptied_are_in_the_other_one(shop: Shop) -> None:
    new = await category(shop, "New")
    for number in range(5):
        old = await category(shop, f"Old {number}")
        mugs = [await shop.product(categoryId=old["id"]) for _ in range(3)]
        answers = await asyncio.gather(
            shop.staff("DELETE", f"/categories/{old['id']}?moveTo=new"),
            *(shop.staff("PATCH", f"/products/{mug['id']}", json={"name": "Changed"}) for mug in mugs),
            *(shop.staff("PATCH", f"/products/{mug['id']}", json={"categoryIds": [old["id"]]}) for mug in mugs),
        )
        assert answers[0].status_code == 204
        assert {answer.status_code for answer in answers[1:4]} == {200}
        assert {answer.status_code for answer in answers[4:]} <= {200, 422}
        for mug in mugs:
            seen = (await shop.staff("GET", f"/products/{mug['id']}")).json()
            assert (seen["categoryId"], seen["name"]) == (new["id"], "Changed")
    assert verify(shop.url)


async def test_a_product_is_in_one_main_category_and_in_others(shop: Shop) -> None:
    cups, gifts, sale = [await category(shop, name) for name in ("Cups", "Gifts", "Sale")]
    mug = await shop.product(categoryId=cups["id"], categoryIds=[gifts["id"], cups["id"], gifts["id"]])
    assert (mug["categoryId"], mug["categoryIds"]) == (cups["id"], [gifts["id"]])
    path = f"/products/{mug['id']}"
    assert (await shop.guest("GET", path)).json()["categoryId"] == cups["id"]
    changed = (await shop.staff("PATCH", path, json={"categoryId": gifts["id"], "categoryIds": [sale["id"]]})).json()
    assert (changed["categoryId"], changed["categoryIds"], changed["version"]) == (gifts["id"], [sale["id"]], 2)
    again = await shop.staff("PATCH", path, json={"categoryIds": [sale["id"]]})
    assert again.json()["version"] == 2
    assert (await listed(shop, "cups"), await listed(shop, sale["id"])) == ([], [mug["name"]])
    none = (await shop.staff("PATCH", path, json={"categoryId": None, "categoryIds": []})).json()
    assert (none["categoryId"], none["categoryIds"]) == (None, [])


async def test_a_category_of_another_store_is_not_found(shop: Shop) -> None:
    kitchen = await category(shop, "Kitchen")
    await shop.change(
        """
        with other as (
          insert into store (id, slug, name, hosts, currency, locale, time_zone, tax_name, tax_rate_ppm, tax_included,
                             order_prefix)
          select gen_random_uuid(), 'other', 'Other', '{}', currency, locale, time_zone, tax_name, tax_rate_ppm,
                 tax_included, 'O-'
          from store
          returning id
        )
        update category set store_id = other.id from other
        """
    )
    made = await shop.staff("POST", "/products", json={"name": "Mug", "categoryId": kitchen["id"]})
    assert same_problem(made, 422, "reference_not_found", "/categoryId")
    mug = await shop.product()
    put = await shop.staff("PATCH", f"/products/{mug['id']}", json={"categoryIds": [str(uuid4()), kitchen["id"]]})
    assert same_problem(put, 422, "reference_not_found", "/categoryIds/1")
    assert same_problem(await shop.staff("GET", "/categories/kitchen"), 404, "not_found")
    assert await listed(shop, kitchen["id"], as_staff=True) == []
    assert await tree(shop, as_staff=True) == {}


async def test_a_list_of_a_category_has_what_is_inside_it_and_each_product_once(shop: Shop) -> None:
    kitchen = await category(shop, "Kitchen")
    cups = await category(shop, "Cups", kitchen)
    small = await category(shop, "Small", cups)
    await shop.product(name="Pan", categoryId=kitchen["id"], price="30.00")
    await shop.product(name="Mug", categoryId=cups["id"], categoryIds=[kitchen["id"], small["id"]], price="10.00")
    await shop.product(name="Espresso", categoryId=small["id"], price="20.00")
    await shop.product(name="Lamp")
    assert await listed(shop, "kitchen") == await listed(shop, kitchen["id"]) == ["Pan", "Mug", "Espresso"]
    assert await listed(shop, "cups") == ["Mug", "Espresso"]
    assert await listed(shop, "small", "&maxPrice=15") == ["Mug"]
    assert await listed(shop, "nowhere") == await listed(shop, "%25") == []
    by_price = await shop.guest("GET", "/products?category=kitchen&sort=price&limit=2")
    assert [product["name"] for product in by_price.json()["items"]] == ["Mug", "Espresso"]
    cursor = by_price.json()["nextCursor"]
    rest = await shop.guest("GET", f"/products?category=kitchen&sort=price&limit=2&cursor={cursor}")
    assert [product["name"] for product in rest.json()["items"]] == ["Pan"]


async def test_everything_that_happens_to_a_category_is_told(shop: Shop) -> None:
    kitchen, living = await category(shop, "Kitchen"), await category(shop, "Living")
    path = f"/categories/{kitchen['id']}"
    await shop.staff("PATCH", path, json={"isActive": False, "name": "Cooking"})
    await shop.staff("PATCH", path, json={"parentId": living["id"]})
    await shop.staff("DELETE", f"{path}?moveTo=living")
    told = await shop.rows(
        "select name, payload from event where subject_id = %(id)s and actor_kind = 'key' order by sequence",
        {"id": kitchen["id"]},
    )
    assert told == [
        ("category.created", {"slug": "kitchen", "parentId": None}),
        ("category.changed", {"changed": ["name", "isActive"]}),
        ("category.changed", {"changed": ["parentId"]}),
        ("category.moved", {"fromId": None, "toId": living["id"]}),
        ("category.deleted", {"slug": "kitchen", "movedTo": living["id"]}),
    ]
