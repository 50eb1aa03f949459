"""Zones and ways of sending: what is offered where, what it costs, and why not otherwise."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from tests.shop import Shop, same_problem
from tradepost.app import demo
from tradepost.app.verifying import verify
from tradepost.core.places import Place
from tradepost.shipping import methods
from tradepost.shipping.methods import (
    Area,
    Basis,
    Methods,
    NotOffered,
    Option,
    Parcel,
    ShippingMethodNotAvailable,
    Step,
    Table,
)

pytestmark = pytest.mark.anyio

FLAT = {"basis": "FLAT", "prices": {"USD": {"steps": [{"amount": "5.00"}]}}}


async def zone(shop: Shop, *places: dict[str, Any] | str, **fields: Any) -> dict[str, Any]:
    listed = [{"country": place} if isinstance(place, str) else place for place in places]
    answer = await shop.staff("POST", "/shipping-zones", json={"name": "Zone", "places": listed} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def method(shop: Shop, where: dict[str, Any], code: str = "parcel", **fields: Any) -> dict[str, Any]:
    body = {"zoneId": where["id"], "code": code, "name": code.title()} | FLAT | fields
    answer = await shop.staff("POST", "/shipping-methods", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def options(shop: Shop, query: str) -> dict[str, Any]:
    answer = await shop.guest("GET", f"/shipping-methods/options?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def offered(shop: Shop, query: str) -> dict[str, str]:
    return {one["code"]: one["amount"] for one in (await options(shop, query))["options"]}


async def refused(shop: Shop, query: str) -> dict[str, str]:
    return {one["code"]: one["reason"] for one in (await options(shop, query))["notOffered"]}


async def test_the_zone_that_says_most_closely_where_it_is_sends_there(shop: Shop) -> None:
    await method(shop, await zone(shop, restOfWorld=True), "world")
    await method(shop, await zone(shop, "US"), "country")
    await method(shop, await zone(shop, {"country": "US", "state": "california"}), "state")
    await method(shop, await zone(shop, {"country": "US", "postalPrefixes": ["9", "100"]}), "short")
    await method(shop, await zone(shop, {"country": "US", "postalPrefixes": ["902"]}), "long")
    for query, code in {
        "country=US&state=CA&postalCode=90210": "long",
        "country=US&state=CA&postalCode=9 1000": "short",
        "country=US&state=CA&postalCode=80000": "state",
        "country=US&state=CA": "state",
        "country=US&state=NY&postalCode=10001": "short",
        "country=US&state=NY&postalCode=80000": "country",
        "country=US": "country",
        "country=DE&postalCode=90210": "world",
    }.items():
        assert list(await offered(shop, query)) == [code], query


async def test_a_zone_without_methods_takes_its_places_away(shop: Shop) -> None:
    france = await zone(shop, "FR")
    await method(shop, france)
    assert await offered(shop, "country=FR&postalCode=20000") == {"parcel": "5.00"}
    corsica = await zone(shop, {"country": "FR", "postalPrefixes": ["20"]})
    assert await offered(shop, "country=FR&postalCode=20000") == {}
    assert await offered(shop, "country=FR&postalCode=69001") == {"parcel": "5.00"}
    assert (await shop.staff("DELETE", f"/shipping-zones/{corsica['id']}")).status_code == 204
    assert await offered(shop, "country=FR&postalCode=20000") == {"parcel": "5.00"}
    assert await options(shop, "country=DE") == {"currency": "USD", "options": [], "notOffered": []}


async def test_prices_by_weight_have_steps_and_ends(shop: Shop) -> None:
    prices = {"steps": [{"upTo": 1000, "amount": "4.90"}, {"upTo": "2000", "amount": "6"}], "perAdditional": "0.50"}
    made = await method(shop, await zone(shop, "DE"), basis="WEIGHT", prices={"USD": prices}, minWeight=10)
    assert made["prices"]["USD"] == {
        "steps": [{"amount": "4.90", "upTo": 1000}, {"amount": "6.00", "upTo": 2000}],
        "perAdditional": "0.50",
        "freeAbove": None,
        "minSubtotal": None,
        "maxSubtotal": None,
    }
    assert await offered(shop, "country=DE&weight=1000") == {"parcel": "4.90"}
    assert await offered(shop, "country=DE&weight=1001") == {"parcel": "6.50"}
    assert await offered(shop, "country=DE&weight=2000") == {"parcel": "6.50"}
    assert await refused(shop, "country=DE&weight=2001") == {"parcel": "has no price for 2001 g"}
    assert await refused(shop, "country=DE&weight=9") == {"parcel": "takes 10 g and more"}
    await shop.staff("PATCH", f"/shipping-methods/{made['id']}", json={"maxWeight": 1500})
    assert await refused(shop, "country=DE&weight=1501") == {"parcel": "takes 1500 g at most"}


async def test_prices_by_items_and_by_subtotal(shop: Shop) -> None:
    where = await zone(shop, "DE")
    by_items = {"USD": {"steps": [{"upTo": 3, "amount": "5"}, {"amount": "4"}], "perAdditional": "1"}}
    await method(shop, where, "items", basis="ITEMS", prices=by_items)
    by_subtotal = {"steps": [{"upTo": "20.00", "amount": "6"}, {"upTo": 50, "amount": "3"}], "freeAbove": "40"}
    limits = {"minSubtotal": "10", "maxSubtotal": "60"}
    await method(shop, where, "value", basis="SUBTOTAL", prices={"USD": by_subtotal | limits})
    assert await offered(shop, "country=DE&items=1&subtotal=20") == {"items": "5.00", "value": "6.00"}
    assert await offered(shop, "country=DE&items=3&subtotal=20.01") == {"items": "7.00", "value": "3.00"}
    found = await options(shop, "country=DE&items=4&subtotal=40")
    assert [(one["amount"], one["freeBecause"]) for one in found["options"]] == [
        ("7.00", None),
        ("0.00", "free from 40.00 USD"),
    ]
    assert await refused(shop, "country=DE&subtotal=50.01") == {"value": "has no price for 50.01 USD"}
    assert await refused(shop, "country=DE&subtotal=9.99") == {"value": "is for orders of 10.00 USD and more"}
    assert await refused(shop, "country=DE&subtotal=60.01") == {"value": "is for orders of 60.00 USD at most"}


async def test_methods_stand_in_the_order_of_the_shop(shop: Shop) -> None:
    where = await zone(shop, "DE")
    for code, place in (("last", 10), ("b", 0), ("a", 0), ("first", -5)):
        await method(shop, where, code, sortOrder=place)
    assert list(await offered(shop, "country=DE")) == ["first", "a", "b", "last"]


async def test_a_pick_up_needs_no_address(shop: Shop) -> None:
    ((location,),) = await shop.rows("select id from stock_location")
    berlin, paris = await zone(shop, "DE"), await zone(shop, "FR")
    await method(shop, berlin, "parcel")
    free = {"basis": "FLAT", "prices": {"USD": {"steps": [{"amount": 0}]}}}
    await method(shop, berlin, "berlin", isPickup=True, locationId=str(location), **free)
    await method(shop, paris, "paris", isPickup=True, **free)
    nowhere = await options(shop, "")
    assert [(one["code"], one["locationId"]) for one in nowhere["options"]] == [
        ("berlin", str(location)),
        ("paris", None),
    ]
    assert [(one["code"], one["reason"]) for one in nowhere["notOffered"]] == [("parcel", "needs an address")]
    assert await offered(shop, "country=DE") == {"berlin": "0.00", "parcel": "5.00"}
    assert [one["freeBecause"] for one in nowhere["options"]] == [None, None]


async def test_what_is_retired_is_offered_no_longer_and_can_come_back(shop: Shop) -> None:
    made = await method(shop, await zone(shop, "DE"))
    path = f"/shipping-methods/{made['id']}"
    for _ in range(2):
        assert (await shop.staff("DELETE", path)).status_code == 204
    assert await offered(shop, "country=DE") == {}
    retired = (await shop.staff("GET", path)).json()
    assert (retired["isActive"], retired["version"]) == (False, 2)
    assert [one["id"] for one in (await shop.staff("GET", "/shipping-methods?isActive=false")).json()["items"]] == [
        made["id"]
    ]
    assert (await shop.staff("GET", "/shipping-methods?isActive=true")).json()["items"] == []
    assert (await shop.staff("PATCH", path, json={"isActive": True})).status_code == 200
    assert await offered(shop, "country=DE") == {"parcel": "5.00"}


async def test_a_change_needs_the_version_that_was_read_and_is_told(shop: Shop) -> None:
    where = await zone(shop, "DE")
    made = await method(shop, where)
    for path in (f"/shipping-zones/{where['id']}", f"/shipping-methods/{made['id']}"):
        stale = {"If-Match": '"v2"'}
        assert same_problem(await shop.staff("PATCH", path, json={"name": "N"}, headers=stale), 412, "stale_version")
        assert same_problem(await shop.staff("DELETE", path, headers=stale), 412, "stale_version")
        changed = await shop.staff("PATCH", path, json={"name": "New name"}, headers={"If-Match": '"v1"'})
        assert (changed.json()["name"], changed.headers["etag"]) == ("New name", '"v2"')
        assert (await shop.staff("PATCH", path, json={"name": "New name"})).json()["version"] == 2
    told = await shop.rows(
        "select name, payload from event where subject_type like 'shipping%%' order by subject_type, sequence"
    )
    assert told == [
        ("shipping_method.created", {"code": "parcel", "zoneId": where["id"]}),
        ("shipping_method.changed", {"code": "parcel", "changed": ["name"]}),
        ("shipping_zone.created", {"name": "Zone"}),
        ("shipping_zone.changed", {"changed": ["name"]}),
    ]


async def test_a_zone_is_read_as_it_was_written(shop: Shop) -> None:
    places = [
        {"country": "FR", "postalPrefixes": ["20", "97 1"]},
        {"country": "US", "state": "California"},
        {"country": "DE"},
    ]
    made = await zone(shop, *places)
    assert made["places"] == [
        {"country": "FR", "state": None, "postalPrefixes": ["20", "971"]},
        {"country": "US", "state": "CA", "postalPrefixes": None},
        {"country": "DE", "state": None, "postalPrefixes": None},
    ]
    assert (await shop.staff("GET", f"/shipping-zones/{made['id']}")).json() == made
    again = await shop.staff("PATCH", f"/shipping-zones/{made['id']}", json={"places": places})
    assert again.json()["version"] == 1


async def test_no_place_is_in_two_zones(shop: Shop) -> None:
    await zone(shop, {"country": "FR", "postalPrefixes": ["20"]}, "DE", {"country": "US", "state": "CA"}, name="First")
    other = await zone(shop, "FR")
    for places, pointer in (
        ([{"country": "AT"}, {"country": "DE"}], "/places/1"),
        ([{"country": "US", "state": "California"}], "/places/0"),
        ([{"country": "FR", "postalPrefixes": [" 2-0"]}], "/places/0"),
    ):
        body = {"name": "Second", "places": places}
        answers = [
            await shop.staff("POST", "/shipping-zones", json=body),
            await shop.staff("PATCH", f"/shipping-zones/{other['id']}", json=body),
        ]
        for answer in answers:
            assert same_problem(answer, 409, "shipping_zone_overlaps", pointer)
            assert "First" in answer.json()["errors"][0]["detail"]


async def test_the_rest_of_the_world_is_there_once(shop: Shop) -> None:
    first = await zone(shop, restOfWorld=True)
    again = await shop.staff("POST", "/shipping-zones", json={"name": "Moon", "restOfWorld": True})
    assert same_problem(again, 409, "shipping_zone_overlaps", "/restOfWorld")
    await shop.staff("DELETE", f"/shipping-zones/{first['id']}")
    await zone(shop, restOfWorld=True)
    back = await shop.staff("PATCH", f"/shipping-zones/{first['id']}", json={"isActive": True})
    assert same_problem(back, 409, "shipping_zone_overlaps", "/restOfWorld")


@pytest.mark.parametrize(
    "body", [{"places": [{"country": "DE"}, {"country": "FR", "postalPrefixes": ["20"]}]}, {"restOfWorld": True}]
)
async def test_of_many_who_claim_a_place_at_once_one_gets_it(shop: Shop, body: dict[str, Any]) -> None:
    answers = await asyncio.gather(
        *(shop.staff("POST", "/shipping-zones", json={"name": f"Z{at}"} | body) for at in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_of_many_who_take_a_code_at_once_one_gets_it(shop: Shop) -> None:
    where = await zone(shop, "DE")
    body = {"zoneId": where["id"], "code": "parcel", "name": "Parcel"} | FLAT
    answers = await asyncio.gather(*(shop.staff("POST", "/shipping-methods", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    lost = next(answer for answer in answers if answer.status_code == 409)
    assert same_problem(lost, 409, "shipping_code_taken", "/code")
    other = await method(shop, where, "other")
    renamed = await shop.staff("PATCH", f"/shipping-methods/{other['id']}", json={"code": "parcel"})
    assert same_problem(renamed, 409, "shipping_code_taken", "/code")


async def test_a_store_has_so_many_zones_and_methods_and_no_more(shop: Shop) -> None:
    where = await zone(shop, "DE")
    await method(shop, where)
    await shop.change(
        """
        insert into shipping_zone (store_id, id, name, places, is_rest_of_world, is_active)
        select store_id, gen_random_uuid(), 'Filled', jsonb_build_array(number), false, true
        from shipping_zone, generate_series(2, 200) as number
        """
    )
    await shop.change(
        """
        insert into shipping_method (store_id, id, zone_id, code, name, description, tax_class, is_pickup, basis,
                                     prices, sort_order, is_active)
        select store_id, gen_random_uuid(), zone_id, number, name, '', tax_class, false, basis, prices, 0, true
        from shipping_method, generate_series(2, 200) as number
        """
    )
    await shop.change("update shipping_zone set places = jsonb_build_array(jsonb_build_object('country', id))")
    more = await shop.staff("POST", "/shipping-zones", json={"name": "More", "places": [{"country": "AT"}]})
    assert same_problem(more, 409, "too_many_shipping_zones")
    body = {"zoneId": where["id"], "code": "more", "name": "More"} | FLAT
    assert same_problem(await shop.staff("POST", "/shipping-methods", json=body), 409, "too_many_shipping_methods")
    kept = await shop.staff("POST", "/shipping-methods", json=body | {"isActive": False})
    back = await shop.staff("PATCH", f"/shipping-methods/{kept.json()['id']}", json={"isActive": True})
    assert same_problem(back, 409, "too_many_shipping_methods")


async def test_zones_and_prices_that_cannot_be_are_found(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = await zone(shop, "DE", "FR"), await zone(shop, "AT")
    await method(shop, one)
    assert verify(shop.url)
    for falsify in (
        sql.SQL("update shipping_zone set places = {} where id = {}").format(
            sql.Literal('[{"country": "FR", "state": null, "postalPrefix": null}]'), sql.Literal(other["id"])
        ),
        "update store set currency = 'EUR'",
    ):
        await shop.change(falsify)
        assert not verify(shop.url)
        assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith("BROKEN I22")]) == 1
        await shop.change("update shipping_zone set is_active = false where name = 'Zone'")


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"places": []}, "/places", "required"),
        ({"places": [{"country": "XX"}]}, "/places/0/country", "unknown_country"),
        ({"places": [{"country": "US", "state": "Bavaria"}]}, "/places/0/state", "unknown_state"),
        ({"places": [{"country": "US", "state": "CA", "postalPrefixes": ["9"]}]}, "/places/0/state", "not_allowed"),
        ({"places": [{"country": "DE"}, {"country": "DE"}]}, "/places/1", "repeated"),
        ({"places": [{"country": "DE", "postalPrefixes": ["1 0", "10"]}]}, "/places/1", "repeated"),
        ({"places": [{"country": "DE", "postalPrefixes": ["-"]}]}, "/places/0/postalPrefixes/0", "invalid_format"),
    ],
)
async def test_a_zone_that_makes_no_sense_is_refused(
    shop: Shop, fields: dict[str, Any], pointer: str, code: str
) -> None:
    answer = await shop.staff("POST", "/shipping-zones", json={"name": "Zone"} | fields)
    assert same_problem(answer, 422, code, pointer)


def usd(*steps: tuple[Any, Any], **fields: Any) -> dict[str, Any]:
    return {"prices": {"USD": {"steps": [{"upTo": up_to, "amount": amount} for up_to, amount in steps]} | fields}}


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"zoneId": str(uuid4())}, "/zoneId", "reference_not_found"),
        ({"isPickup": True, "locationId": str(uuid4())}, "/locationId", "reference_not_found"),
        ({"locationId": str(uuid4())}, "/locationId", "not_allowed"),
        ({"code": "Not a code"}, "/code", "invalid_format"),
        ({"taxClass": "Not a class"}, "/taxClass", "invalid_format"),
        ({"minDays": 3, "maxDays": 2}, "/maxDays", "out_of_range"),
        ({"minWeight": 3, "maxWeight": 2}, "/maxWeight", "out_of_range"),
        ({"basis": "VOLUME"}, "/basis", "invalid_value"),
        ({"prices": {}}, "/prices", "out_of_range"),
        ({"prices": {"EUR": {"steps": [{"amount": "1"}]}}}, "/prices/USD", "required"),
        ({"prices": {"dollars": {"steps": [{"amount": "1"}]}}}, "/prices", "invalid_format"),
        (usd(), "/prices/USD/steps", "out_of_range"),
        (usd((None, "-1")), "/prices/USD/steps/0/amount", "out_of_range"),
        (usd((None, "1.001")), "/prices/USD/steps/0/amount", "too_many_digits"),
        (usd((None, "1"), freeAbove="1.001"), "/prices/USD/freeAbove", "too_many_digits"),
        (usd((None, "1"), minSubtotal="2", maxSubtotal="1"), "/prices/USD/maxSubtotal", "out_of_range"),
        (usd((5, "1")), "/prices/USD/steps", "not_allowed"),
        (usd((None, "1"), perAdditional="1"), "/prices/USD/perAdditional", "not_allowed"),
        (
            {"basis": "SUBTOTAL"} | usd((None, "1"), perAdditional="1"),
            "/prices/USD/perAdditional",
            "not_allowed",
        ),
        ({"basis": "WEIGHT"} | usd((5, "1"), (5, "2")), "/prices/USD/steps/1/upTo", "out_of_range"),
        ({"basis": "WEIGHT"} | usd((9, "1"), (5, "2")), "/prices/USD/steps/1/upTo", "out_of_range"),
        ({"basis": "WEIGHT"} | usd((None, "1"), (5, "2")), "/prices/USD/steps/0/upTo", "required"),
        ({"basis": "WEIGHT"} | usd(("1.5", "1")), "/prices/USD/steps/0/upTo", "out_of_range"),
        ({"basis": "ITEMS"} | usd((0, "1")), "/prices/USD/steps/0/upTo", "out_of_range"),
        ({"basis": "SUBTOTAL"} | usd(("1.001", "1")), "/prices/USD/steps/0/upTo", "too_many_digits"),
    ],
)
async def test_a_method_that_makes_no_sense_is_refused(
    shop: Shop, fields: dict[str, Any], pointer: str, code: str
) -> None:
    where = await zone(shop, "DE")
    body = {"zoneId": where["id"], "code": "parcel", "name": "Parcel"} | FLAT | fields
    assert same_problem(await shop.staff("POST", "/shipping-methods", json=body), 422, code, pointer)
    assert await shop.rows("select from shipping_method") == []


async def test_another_basis_needs_other_prices(shop: Shop) -> None:
    made = await method(shop, await zone(shop, "DE"))
    path = f"/shipping-methods/{made['id']}"
    assert same_problem(await shop.staff("PATCH", path, json={"basis": "WEIGHT"}), 422, "required", "/prices")
    changed = await shop.staff("PATCH", path, json={"basis": "WEIGHT"} | usd((2000, "3")))
    assert changed.json()["prices"]["USD"]["steps"] == [{"amount": "3.00", "upTo": 2000}]


async def test_bad_questions_are_refused(shop: Shop) -> None:
    for query, pointer in (
        ("country=XX", "?country"),
        ("country=US&state=Bavaria", "?state"),
        ("weight=-1", "?weight"),
        ("subtotal=1.001", "?subtotal"),
        ("subtotal=-1", "?subtotal"),
        ("currency=EUR", "?currency"),
    ):
        answer = await shop.guest("GET", f"/shipping-methods/options?{query}")
        assert same_problem(answer, 422, "validation_failed", pointer)


# As orders ask


async def facts(shop: Shop) -> Methods:
    """As a batch of orders reads them."""
    ((store_id,),) = await shop.rows("select id from store where is_default")
    statement, params = methods.wanted(store_id)
    return Methods(await shop.rows(statement, dict(params or {})))


def doubled(amount: int, currency: str) -> int:
    assert currency == "EUR"
    return amount * 2


def parcel(country: str | None = "DE", weight: int = 0, subtotal: int = 0, currency: str = "USD") -> Parcel:
    return Parcel(Place(country) if country else None, weight, subtotal, 1, currency)


async def test_an_order_takes_what_is_offered_and_is_told_why_not(shop: Shop) -> None:
    where = await zone(shop, "DE")
    await method(shop, where, taxClass="reduced", minDays=1, maxDays=3, maxWeight=1000)
    await method(shop, await zone(shop, "FR"), "colis", name="Colis")
    known = await facts(shop)
    chosen = known.choose("parcel", parcel(), doubled)
    assert (chosen.amount, chosen.tax_class, chosen.min_days, chosen.max_days) == (500, "reduced", 1, 3)
    for code, sent, said in (
        ("none", parcel(), "there is no such shipping method"),
        ("colis", parcel(), "Colis does not go there"),
        ("parcel", parcel("FR"), "Parcel does not go there"),
        ("parcel", parcel(None), "Parcel needs an address"),
        ("parcel", parcel(weight=1001), "Parcel takes 1000 g at most"),
    ):
        with pytest.raises(ShippingMethodNotAvailable) as refusal:
            known.choose(code, sent, doubled)
        assert refusal.value.detail == said
        assert [error.pointer for error in refusal.value.errors] == ["/shippingMethod"]


async def test_a_store_without_zones_has_no_methods(shop: Shop) -> None:
    assert not (await facts(shop)).has_methods
    await method(shop, await zone(shop, "DE"))
    assert (await facts(shop)).has_methods


async def test_prices_in_another_currency_are_its_own_or_converted(shop: Shop) -> None:
    where = await zone(shop, "DE")
    prices = {"steps": [{"upTo": "20", "amount": "6"}, {"upTo": "50", "amount": "3"}], "freeAbove": "40"}
    limits = {"minSubtotal": "10", "maxSubtotal": "45"}
    await method(shop, where, "value", basis="SUBTOTAL", prices={"USD": prices | limits})
    own = {"USD": {"steps": [{"amount": "5"}]}, "EUR": {"steps": [{"amount": "4.50"}]}}
    await method(shop, where, "flat", prices=own)
    by_weight = {"USD": {"steps": [{"upTo": 1000, "amount": "1"}], "perAdditional": "1"}}
    await method(shop, where, "weight", basis="WEIGHT", prices=by_weight)
    known = await facts(shop)

    def amounts(subtotal: int, weight: int = 0) -> dict[str, int | str]:
        found = known.options(parcel(weight=weight, subtotal=subtotal, currency="EUR"), doubled)
        return {one.code: one.amount if isinstance(one, Option) else one.reason for one in found}

    assert amounts(4000) == {"flat": 450, "value": 1200, "weight": 200}
    assert amounts(4001)["value"] == 600
    assert amounts(8000)["value"] == 0
    assert amounts(1999)["value"] == "is for orders of 20.00 EUR and more"
    assert amounts(9001)["value"] == "is for orders of 90.00 EUR at most"
    assert amounts(2000, weight=1000)["weight"] == 200
    assert amounts(2000, weight=1001)["weight"] == "has no price for 1001 g"


ZONE = UUID(int=1)


def known_methods(basis: Basis, table: Table, low: int | None, high: int | None) -> Methods:
    places = msgspec.json.encode([Area("DE")]).decode()
    prices = msgspec.json.encode({"USD": table}).decode()
    row = (ZONE, places, False, "USD", "m", "M", "", "standard", False, None, None, None, low, high, str(basis), prices)
    return Methods([row])


maybe = st.none() | st.integers(0, 60)


@given(
    basis=st.sampled_from(Basis),
    limits=st.sets(st.integers(1, 50), max_size=4),
    has_end=st.booleans(),
    amounts=st.lists(st.integers(0, 900), min_size=5, max_size=5),
    additional=st.integers(0, 9),
    bounds=st.tuples(maybe, maybe, maybe, maybe),
    free_above=maybe,
    measured=st.tuples(st.integers(0, 55), st.integers(0, 55), st.integers(1, 55)),
)
def test_any_table_has_the_price_of_a_naive_model(
    *,
    basis: Basis,
    limits: set[int],
    has_end: bool,
    amounts: list[int],
    additional: int,
    bounds: tuple[int | None, ...],
    free_above: int | None,
    measured: tuple[int, int, int],
) -> None:
    kilograms, subtotal, items = measured
    weight, ends = kilograms * 1000, sorted(limits)
    factor = 1000 if basis is Basis.WEIGHT else 1
    steps = [Step(end * factor, amounts[at]) for at, end in enumerate(ends)]
    if basis is Basis.FLAT:
        steps = [Step(None, amounts[-1])]
    elif not has_end or not steps:
        steps.append(Step(None, amounts[-1]))
    extra = additional if basis in (Basis.WEIGHT, Basis.ITEMS) else 0
    lightest, heaviest, least, most = bounds
    table = Table(tuple(steps), extra, free_above, least, most)
    grams = [None if bound is None else bound * 1000 for bound in (lightest, heaviest)]
    (found,) = known_methods(basis, table, *grams).options(Parcel(Place("DE"), weight, subtotal, items, "USD"), doubled)

    size = {Basis.FLAT: 0, Basis.WEIGHT: kilograms, Basis.SUBTOTAL: subtotal, Basis.ITEMS: items}[basis]
    above = [end for end in ends if size <= end] if basis is not Basis.FLAT else []
    open_end = steps[-1].up_to is None
    inside = (
        (lightest is None or kilograms >= lightest)
        and (heaviest is None or kilograms <= heaviest)
        and (least is None or subtotal >= least)
        and (most is None or subtotal <= most)
    )
    if not inside or not (above or open_end):
        assert isinstance(found, NotOffered)
        return
    assert isinstance(found, Option)
    price = amounts[ends.index(above[0])] if above else amounts[-1]
    more = {Basis.WEIGHT: kilograms, Basis.ITEMS: items}.get(basis, 0)
    price += extra * (more - 1) if more > 1 else 0
    is_free = free_above is not None and subtotal >= free_above
    assert found.amount == (0 if is_free else price)
    assert (found.free_because is not None) == (is_free and price > 0)


async def test_the_demo_sends_to_five_countries_by_two_ways(database_url: str, shop: Shop) -> None:
    for _ in range(2):
        await demo.seed(database_url, demo.Size(products=0, customers=0, orders=0))
    for country in ("US", "GB", "NL", "FR", "AT"):
        codes = list(await offered(shop, f"country={country}&weight=500&subtotal=10"))
        assert codes == [f"{country.lower()}-parcel", f"{country.lower()}-express"]
    assert await offered(shop, "country=DE&weight=500") == {}
    assert await offered(shop, "country=US&weight=500&subtotal=50") == {"us-parcel": "0.00", "us-express": "14.90"}
