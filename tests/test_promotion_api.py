"""Promotions and coupons as staff keep them."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tests.people import registered
from tests.redeeming import TEN, made, open_till, orders, with_code
from tests.shop import Shop, same_problem
from tradepost.promotions.rules import Action, Condition

pytestmark = pytest.mark.anyio

DOCUMENT = (Path(__file__).parent.parent / "docs" / "promotions.md").read_text()
FULL = {
    "name": "10 % off",
    "description": "For the spring.",
    "trigger": "COUPON",
    "isActive": True,
    "validFrom": "2026-03-01T00:00:00.000Z",
    "validTo": "2090-06-01T00:00:00.000Z",
    "priority": 5,
    "stacking": "EXCLUSIVE",
    "condition": {
        "type": "all",
        "of": [
            {"type": "subtotal", "min": {"USD": "20.00", "JPY": "2000"}, "max": None, "lines": None},
            {"type": "not", "of": {"type": "signed_in"}},
        ],
    },
    "actions": [{"type": "percent_off", "percent": "12.5", "lines": None, "upTo": {"USD": "50.00"}}],
    "maxUses": 100,
    "maxUsesPerCustomer": 1,
    "budget": "500.00",
}


async def test_a_promotion_has_all_its_fields(shop: Shop) -> None:
    answer = await shop.staff("POST", "/promotions", json=FULL)
    assert answer.status_code == 201, answer.text
    promotion = answer.json()
    assert {name: promotion[name] for name in FULL} == FULL
    said = ("state", "currency", "uses", "spent", "version")
    assert [promotion[name] for name in said] == ["ACTIVE", "USD", 0, "0.00", 1]
    path = f"/promotions/{promotion['id']}"
    assert answer.headers["location"] == f"/api/v1{path}"
    read = await shop.staff("GET", path)
    assert read.json() == promotion
    assert read.headers["etag"] == '"v1"'


async def test_amounts_may_be_numbers_and_are_kept_with_their_currencys_digits(shop: Shop) -> None:
    actions = [{"type": "amount_off", "amounts": {"USD": 5.1, "JPY": 300, "KWD": "1.5"}}]
    promotion = await made(shop, actions=actions)
    assert promotion["actions"][0]["amounts"] == {"USD": "5.10", "JPY": "300", "KWD": "1.500"}


async def test_a_change_counts_the_version_up_and_one_that_changes_nothing_does_not(shop: Shop) -> None:
    promotion = await made(shop, maxUses=5, validTo="2090-01-01T00:00:00Z")
    path = f"/promotions/{promotion['id']}"
    changed = await shop.staff("PATCH", path, json={"maxUses": None, "validTo": None, "name": "Ten"})
    assert (changed.json()["maxUses"], changed.json()["validTo"], changed.json()["version"]) == (None, None, 2)
    again = await shop.staff("PATCH", path, json={"name": "Ten", "actions": TEN})
    assert again.headers["etag"] == '"v2"'
    stale = await shop.staff("PATCH", path, json={"name": "Eleven"}, headers={"If-Match": '"v1"'})
    assert same_problem(stale, 412, "stale_version")
    ((changes,),) = await shop.rows("select payload -> 'changed' from event where name = 'promotion.changed'")
    assert sorted(changes) == ["maxUses", "name", "validTo"]


async def test_a_deleted_promotion_is_switched_off_and_stays(shop: Shop) -> None:
    promotion = await made(shop)
    path = f"/promotions/{promotion['id']}"
    for _ in range(2):
        assert (await shop.staff("DELETE", path)).status_code == 204
    assert (await shop.staff("GET", path)).json()["state"] == "INACTIVE"
    assert (await shop.staff("PATCH", path, json={"isActive": True})).json()["state"] == "ACTIVE"
    names = [name for (name,) in await shop.rows("select name from event where subject_type = 'promotion' order by id")]
    assert names == ["promotion.created", "promotion.changed", "promotion.changed"]


async def test_promotions_are_listed_by_state_and_trigger(shop: Shop) -> None:
    await made(shop, name="Now")
    await made(shop, name="Later", validFrom="2090-01-01T00:00:00Z")
    await made(shop, name="Over", validTo="2020-01-01T00:00:00Z")
    await made(shop, name="Off", isActive=False)
    await made(shop, name="Coupon", trigger="COUPON")
    found = {
        query: [one["name"] for one in (await shop.staff("GET", f"/promotions?{query}")).json()["items"]]
        for query in ("state=ACTIVE", "state=SCHEDULED", "state=ENDED", "state=INACTIVE", "trigger=COUPON", "limit=2")
    }
    assert found == {
        "state=ACTIVE": ["Coupon", "Now"],
        "state=SCHEDULED": ["Later"],
        "state=ENDED": ["Over"],
        "state=INACTIVE": ["Off"],
        "trigger=COUPON": ["Coupon"],
        "limit=2": ["Coupon", "Off"],
    }
    first = (await shop.staff("GET", "/promotions?limit=3")).json()
    rest = await shop.staff("GET", f"/promotions?limit=3&cursor={first['nextCursor']}")
    assert [one["name"] for one in rest.json()["items"]] == ["Later", "Now"]


_SUBTOTAL = {"type": "subtotal", "min": {"USD": "1.00"}}


def _deep(levels: int) -> dict[str, Any]:
    condition: dict[str, Any] = {"type": "signed_in"}
    for _ in range(levels - 1):
        condition = {"type": "not", "of": condition}
    return condition


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"name": " "}, "invalid_format", "/name"),
        ({"actions": []}, "out_of_range", "/actions"),
        ({"actions": [{"type": "gift"}]}, "invalid_value", "/actions/0/type"),
        ({"actions": [{"type": "percent_off", "percent": "0"}]}, "out_of_range", "/actions/0/percent"),
        ({"actions": [{"type": "percent_off", "percent": "100.1"}]}, "out_of_range", "/actions/0/percent"),
        ({"actions": [{"type": "percent_off", "percent": "NaN"}]}, "out_of_range", "/actions/0/percent"),
        ({"actions": [{"type": "percent_off", "percent": "1.00001"}]}, "too_many_digits", "/actions/0/percent"),
        (
            {"actions": [{"type": "amount_off", "amounts": {"USD": "1.001"}}]},
            "too_many_digits",
            "/actions/0/amounts/USD",
        ),
        ({"actions": [{"type": "amount_off", "amounts": {"USD": "-1"}}]}, "out_of_range", "/actions/0/amounts/USD"),
        ({"actions": [{"type": "amount_off", "amounts": {"USD": "NaN"}}]}, "not_a_number", "/actions/0/amounts/USD"),
        (
            {"actions": [{"type": "amount_off", "amounts": {"USD": "1e30"}}]},
            "amount_out_of_range",
            "/actions/0/amounts/USD",
        ),
        ({"actions": [{"type": "amount_off", "amounts": {}}]}, "out_of_range", "/actions/0/amounts"),
        ({"actions": [{"type": "amount_off", "amounts": {"usd": "1"}}]}, "invalid_format", "/actions/0/amounts"),
        ({"actions": [TEN[0] | {"lines": {}}]}, "required", "/actions/0/lines"),
        ({"actions": [TEN[0] | {"upto": {}}]}, "unknown_field", "/actions/0/upto"),
        ({"actions": [{"type": "tiers", "steps": [{"fromQuantity": 1}]}]}, "required", "/actions/0/steps/0"),
        ({"actions": [{"type": "tiers", "steps": [{"percent": "1"}]}]}, "required", "/actions/0/steps/0"),
        (
            {
                "actions": [
                    {
                        "type": "tiers",
                        "steps": [
                            {"fromQuantity": 1, "percent": "1"},
                            {"fromSubtotal": {"USD": "1"}, "percent": "1"},
                        ],
                    }
                ]
            },
            "invalid_value",
            "/actions/0/steps",
        ),
        ({"condition": {"type": "subtotal"}}, "required", "/condition"),
        ({"condition": {"type": "time"}}, "required", "/condition"),
        ({"condition": {"type": "time", "from": "10:00:00", "until": "10:00:00"}}, "out_of_range", "/condition/until"),
        (
            {"condition": {"type": "time", "firstDay": "2026-02-02", "lastDay": "2026-02-01"}},
            "out_of_range",
            "/condition/lastDay",
        ),
        ({"condition": {"type": "all", "of": []}}, "out_of_range", "/condition/of"),
        ({"condition": _deep(6)}, "too_deep", "/condition"),
        ({"condition": {"type": "all", "of": [{"type": "any", "of": [_SUBTOTAL] * 30}] * 2}}, "too_many", "/condition"),
        (
            {"condition": {"type": "market", "markets": [str(at) for at in range(1001)]}},
            "too_many",
            "/condition/markets",
        ),
        ({"validFrom": "2026-02-02T00:00:00Z", "validTo": "2026-02-02T00:00:00Z"}, "out_of_range", "/validTo"),
        ({"validTo": "2026-02-30T00:00:00Z"}, "invalid_value", "/validTo"),
        ({"budget": "0"}, "out_of_range", "/budget"),
        ({"budget": "1.001"}, "too_many_digits", "/budget"),
        ({"maxUses": 0}, "out_of_range", "/maxUses"),
        ({"trigger": "SOMETIMES"}, "invalid_value", "/trigger"),
    ],
)
async def test_what_makes_no_sense_is_refused_where_it_stands(
    shop: Shop, fields: dict[str, Any], code: str, pointer: str
) -> None:
    body = {"name": "Ten off", "trigger": "AUTOMATIC", "actions": TEN} | fields
    assert same_problem(await shop.staff("POST", "/promotions", json=body), 422, code, pointer)


async def test_a_condition_may_be_as_deep_as_is_said(shop: Shop) -> None:
    assert (await made(shop, condition=_deep(5)))["version"] == 1


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"condition": {"type": "product", "productIds": ["{id}"]}}, "/condition/productIds"),
        (
            {"condition": {"type": "not", "of": {"type": "category", "categoryIds": ["{id}"]}}},
            "/condition/of/categoryIds",
        ),
        (
            {"condition": {"type": "any", "of": [{"type": "customer", "customerIds": ["{id}"]}]}},
            "/condition/of/0/customerIds",
        ),
        ({"actions": [TEN[0] | {"lines": {"productIds": ["{id}"]}}]}, "/actions/0/lines/productIds"),
        ({"actions": [TEN[0] | {"lines": {"categoryIds": ["{id}"]}}]}, "/actions/0/lines/categoryIds"),
    ],
)
async def test_what_a_promotion_names_is_there(shop: Shop, fields: dict[str, Any], pointer: str) -> None:
    mug = await shop.product()
    home = (await shop.staff("POST", "/categories", json={"name": "Home"})).json()
    ada = await registered(shop)
    me = (await ada.ask("GET", "/auth/me")).json()["account"]["id"]
    right = mug["id"] if "productIds" in str(fields) else home["id"] if "categoryIds" in str(fields) else me
    assert await made(shop, **_filled(fields, right))
    promotion = await made(shop)
    body = {"name": "x", "trigger": "AUTOMATIC", "actions": TEN} | _filled(fields, str(uuid4()))
    assert same_problem(await shop.staff("POST", "/promotions", json=body), 422, "reference_not_found", pointer)
    changes = _filled(fields, str(uuid4()))
    refused = await shop.staff("PATCH", f"/promotions/{promotion['id']}", json=changes)
    assert same_problem(refused, 422, "reference_not_found", pointer)


def _filled(fields: dict[str, Any], id_: str) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(fields).replace(b"{id}", id_.encode()))


async def test_a_store_has_a_hundred_automatic_promotions_at_a_time(shop: Shop) -> None:
    """Each is looked at for each basket. Those that are over, off, or of coupons do not count."""
    last = await made(shop, name="The first", isActive=False)
    await made(shop, validTo="2020-01-01T00:00:00Z")
    await made(shop, trigger="COUPON")
    for _ in range(100):
        await made(shop, validFrom="2090-01-01T00:00:00Z")
    body = {"name": "x", "trigger": "AUTOMATIC", "actions": TEN}
    assert same_problem(await shop.staff("POST", "/promotions", json=body), 409, "too_many_promotions")
    revived = await shop.staff("PATCH", f"/promotions/{last['id']}", json={"isActive": True})
    assert same_problem(revived, 409, "too_many_promotions")
    assert (await shop.staff("POST", "/promotions", json=body | {"isActive": False})).status_code == 201


async def test_a_code_is_unique_in_the_store_without_case(shop: Shop) -> None:
    await with_code(shop, "Spring 10")
    other = await made(shop, trigger="COUPON")
    path = f"/promotions/{other['id']}/coupons"
    assert same_problem(await shop.staff("POST", path, json={"code": "SPRING 10"}), 409, "code_taken", "/code")
    for bad in ("ab", " abc", "a\tb c", "a,b", "x" * 65):
        assert (await shop.staff("POST", path, json={"code": bad})).status_code == 422, bad
    assert same_problem(await shop.staff("POST", path, json={}), 422, "required", "/code")
    assert same_problem(await shop.staff("POST", path, json={"code": "abc", "count": 2}), 422, "required", "/code")
    automatic = await made(shop)
    refused = await shop.staff("POST", f"/promotions/{automatic['id']}/coupons", json={"code": "AUTO"})
    assert same_problem(refused, 409, "no_coupon_promotion")


async def test_ten_thousand_codes_are_generated_that_nobody_can_guess(shop: Shop) -> None:
    promotion = await made(shop, trigger="COUPON")
    path = f"/promotions/{promotion['id']}/coupons"
    assert (await shop.staff("POST", path, json={"count": 10_001})).status_code == 422
    answer = (await shop.staff("POST", path, json={"count": 10_000, "prefix": "GIFT-"})).json()
    codes = answer["codes"]
    assert answer["count"] == len(codes) == len(set(codes)) == 10_000
    assert all(re.fullmatch("GIFT-[A-Z2-7]{26}", code) for code in codes)
    page = (await shop.staff("GET", f"{path}?code={codes[7].lower()}")).json()
    assert [(one["code"], one["maxUses"], one["uses"]) for one in page["items"]] == [(codes[7], 1, 0)]
    assert (await shop.staff("GET", path)).json()["total"] == 10_000
    ((payload,),) = await shop.rows("select payload from event where name = 'promotion.coupons_added'")
    assert payload == {"count": 10_000, "code": None}


async def test_the_same_request_again_makes_no_more_coupons(shop: Shop) -> None:
    promotion = await made(shop, trigger="COUPON")
    path, key = f"/promotions/{promotion['id']}/coupons", {"Idempotency-Key": "coupons-1"}
    first, second = [await shop.staff("POST", path, json={"count": 5}, headers=key) for _ in range(2)]
    assert first.json() == second.json()
    assert (await shop.staff("GET", path)).json()["total"] == 5


async def test_a_coupon_is_switched_off_and_on(shop: Shop) -> None:
    promotion = await with_code(shop, "SPRING")
    path = f"/promotions/{promotion['id']}/coupons"
    coupon = (await shop.staff("GET", path)).json()["items"][0]
    off = await shop.staff("PATCH", f"{path}/{coupon['id']}", json={"isActive": False})
    assert (off.json()["isActive"], off.headers["etag"]) == (False, '"v2"')
    assert (await shop.staff("GET", f"{path}?active=true")).json()["items"] == []
    (order_id,) = await orders(shop, 1)
    async with open_till(shop) as till:
        assert (await till.use(order_id, "SPRING")).refused[0].reason == "coupon_not_valid"
        await shop.staff("PATCH", f"{path}/{coupon['id']}", json={"isActive": True, "maxUses": 3})
        assert (await till.use(order_id, "SPRING")).applied
    shown = (await shop.staff("GET", path)).json()["items"][0]
    assert (shown["uses"], shown["maxUses"], shown["version"]) == (1, 3, 3)
    stale = await shop.staff("PATCH", f"{path}/{coupon['id']}", json={"maxUses": 9}, headers={"If-Match": '"v1"'})
    assert same_problem(stale, 412, "stale_version")
    other = await made(shop, trigger="COUPON")
    strange = await shop.staff("PATCH", f"/promotions/{other['id']}/coupons/{coupon['id']}", json={"maxUses": 9})
    assert same_problem(strange, 404, "not_found")


async def test_a_draft_is_held_against_a_basket_and_nothing_is_written(shop: Shop) -> None:
    home = (await shop.staff("POST", "/categories", json={"name": "Home"})).json()
    mugs = (await shop.staff("POST", "/categories", json={"name": "Mugs", "parentId": home["id"]})).json()
    await shop.product(sku="MUG", price="12.00", categoryId=mugs["id"])
    await shop.product(sku="LAMP", price="40.00")
    draft = {
        "name": "Home week",
        "trigger": "COUPON",
        "isActive": False,
        "actions": [
            {"type": "percent_off", "percent": "25", "lines": {"categoryIds": [home["id"]]}},
            {"type": "free_shipping"},
        ],
    }
    body = {
        "promotion": draft,
        "items": [{"sku": "MUG", "quantity": 2}, {"sku": "LAMP", "quantity": 1, "price": "30.00"}],
        "delivery": {"method": "post", "amount": "4.90"},
    }
    answer = await shop.staff("POST", "/promotions/preview", json=body)
    assert answer.json() == {
        "applies": True,
        "reason": None,
        "currency": "USD",
        "subtotal": "54.00",
        "discount": "6.00",
        "deliveryDiscount": "4.90",
        "discounts": [{"name": "Home week", "amount": "6.00", "items": [0]}],
    }
    assert (await shop.staff("GET", "/promotions")).json()["total"] == 0
    draft["validTo"] = "2026-01-01T00:00:00Z"
    late = (await shop.staff("POST", "/promotions/preview", json=body)).json()
    assert (late["applies"], late["reason"]) == (False, "has not been valid since 2026-01-01T00:00:00.000Z")
    early = (await shop.staff("POST", "/promotions/preview", json=body | {"at": "2025-12-31T00:00:00Z"})).json()
    assert early["applies"]


async def test_a_preview_points_at_what_makes_no_sense(shop: Shop) -> None:
    await shop.product(sku="MUG", price="12.00")
    draft: dict[str, Any] = {
        "name": "x",
        "trigger": "AUTOMATIC",
        "actions": [{"type": "percent_off", "percent": "101"}],
    }
    items: list[dict[str, Any]] = [{"sku": "MUG", "quantity": 1}]

    async def ask(**fields: Any) -> Any:
        return await shop.staff("POST", "/promotions/preview", json={"promotion": draft, "items": items} | fields)

    assert same_problem(await ask(), 422, "out_of_range", "/promotion/actions/0/percent")
    draft["actions"] = TEN
    missing = [{"sku": "NONE", "quantity": 1}]
    assert same_problem(await ask(items=missing), 422, "reference_not_found", "/items/0/sku")
    assert same_problem(await ask(currency="EUR"), 422, "required", "/items/0/price")
    vast = [{"sku": "MUG", "quantity": 1_000_000, "price": "9999999999.99"}]
    assert same_problem(await ask(items=vast), 422, "amount_out_of_range", "/items")
    assert same_problem(await ask(items=items * 101), 422, "out_of_range", "/items")


def _rows(heading: str) -> list[tuple[str, dict[str, Any]]]:
    """The type and the example of each row of a table in the documentation."""
    table = DOCUMENT.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [
        (kind, msgspec.json.decode(example.replace("\\|", "|")))
        for kind, example in re.findall(r"^\| `(\w+)` \|.*\| `(\{.*\})` \|$", table, re.MULTILINE)
    ]


def _types(union: Any) -> set[str]:
    return {kind.__struct_config__.tag for kind in union.__args__}


def test_the_documentation_has_an_example_of_every_condition_and_of_every_action() -> None:
    assert {kind for kind, _ in _rows("Conditions")} == _types(Condition)
    assert {kind for kind, _ in _rows("Actions")} == _types(Action)
    assert all(example["type"] == kind for kind, example in _rows("Conditions") + _rows("Actions"))


async def test_the_examples_of_the_documentation_are_promotions(shop: Shop) -> None:
    """Ids in them are those of things that are there."""
    mug = await shop.product()
    home = (await shop.staff("POST", "/categories", json={"name": "Home"})).json()
    ada = await registered(shop)
    ids = {
        "productIds": [mug["id"]],
        "categoryIds": [home["id"]],
        "customerIds": [(await ada.ask("GET", "/auth/me")).json()["account"]["id"]],
    }

    def real(value: Any) -> Any:
        match value:
            case dict():
                return {name: ids.get(name) or real(inner) for name, inner in value.items()}
            case list():
                return [real(inner) for inner in value]
            case _:
                return value

    for _, condition in _rows("Conditions"):
        assert await made(shop, condition=real(condition), trigger="COUPON")
    for _, action in _rows("Actions"):
        assert await made(shop, actions=[real(action)], trigger="COUPON")


async def test_the_tour_of_the_documentation_goes_as_it_says(shop: Shop) -> None:
    """Each request of the page, against the shop of its items, and what it says is answered."""
    await shop.product(sku="DEMO-MUG", price="15.00")
    blocks = re.findall(r"^(POST) (/\S+)\n```json\n(.*?)```\n\n```json\n(.*?)```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 3
    for method, path, asked, answered in blocks:
        answer = await shop.staff(method, path, json=msgspec.json.decode(asked))
        assert answer.status_code < 300, answer.text
        said = msgspec.json.decode(answered)
        assert {name: answer.json()[name] for name in said} == said, path
