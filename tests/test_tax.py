"""Tax rates and exemptions as staff write them, and what becomes of them."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.server import tradepost
from tests.sheets import imported, parsed, sheet
from tests.shop import Shop, same_problem
from tradepost.app import demo, taxing
from tradepost.app.verifying import verify
from tradepost.catalog.offers import offers, offers_of
from tradepost.core.places import Place
from tradepost.db import Database
from tradepost.tax import Exemptions, Loaded, Rates, exemptions_wanted, wanted

pytestmark = pytest.mark.anyio

NEW_YEAR = "2027-01-01T00:00:00Z"
SPRING = "2027-04-01T00:00:00Z"
FAR = datetime(2027, 2, 1, tzinfo=UTC)


async def written(shop: Shop, country: str = "DE", rate: Any = "19", **fields: Any) -> dict[str, Any]:
    answer = await shop.staff("POST", "/tax-rates", json={"name": "VAT", "country": country, "rate": rate} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def looked_up(shop: Shop, query: str) -> dict[str, Any]:
    answer = await shop.guest("GET", f"/tax-rates/lookup?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def charged(shop: Shop, query: str) -> str:
    return (await looked_up(shop, query))["rate"]


async def store_id(shop: Shop) -> UUID:
    ((id_,),) = await shop.rows("select id from store where is_default")
    return id_


async def rates(shop: Shop, *countries: str) -> Rates:
    """As a batch of orders reads them."""
    statement, params = wanted(await store_id(shop), countries)
    return Rates(await shop.rows(statement, dict(params or {})))


async def test_a_country_without_rates_has_the_stores_own_tax(shop: Shop) -> None:
    await written(shop, "FR", "20")
    assert await looked_up(shop, "country=DE&postalCode=10115") == {
        "country": "DE",
        "state": None,
        "postalCode": "10115",
        "taxClass": "standard",
        "taxIncluded": False,
        "rate": "8",
        "rates": [{"name": "Sales tax", "rate": "8"}],
        "source": "table",
    }


async def test_a_states_and_a_citys_tax_add_up_and_other_states_have_none(shop: Shop) -> None:
    await written(shop, "US", "7.25", name="California", state="california")
    await written(shop, "US", "2.125", name="Beverly Hills", postalPrefix="90-210", layer=1)
    there = await looked_up(shop, "country=US&state=CA&postalCode=90210-1234")
    assert (there["rate"], [one["name"] for one in there["rates"]]) == ("9.375", ["California", "Beverly Hills"])
    assert (there["state"], there["postalCode"]) == ("CA", "902101234")
    assert await charged(shop, "country=US&state=California&postalCode=94105") == "7.25"
    assert await charged(shop, "country=US&state=OR&postalCode=97201") == "0"


async def test_a_rate_is_read_as_it_was_written(shop: Shop) -> None:
    made = await written(
        shop, "US", 8.875, state="New York", postalPrefix="100", taxClass="books", layer=2, validFrom=NEW_YEAR
    )
    assert (made["rate"], made["state"], made["postalPrefix"], made["validTo"]) == ("8.875", "NY", "100", None)
    assert (made["validFrom"], made["source"], made["version"]) == ("2027-01-01T00:00:00.000Z", "staff", 1)
    answer = await shop.staff("GET", f"/tax-rates/{made['id']}")
    assert answer.json() == made
    assert answer.headers["etag"] == '"v1"'


async def test_rates_are_found_by_country_class_and_moment(shop: Shop) -> None:
    old = await written(shop, validTo=NEW_YEAR)
    new = await written(shop, rate="20", validFrom=NEW_YEAR)
    books = await written(shop, rate="7", taxClass="books")
    other = await written(shop, "AT", "20")

    async def found(query: str) -> list[str]:
        return [one["id"] for one in (await shop.staff("GET", f"/tax-rates?{query}")).json()["items"]]

    assert await found("") == [one["id"] for one in (other, books, new, old)]
    assert await found("country=DE&taxClass=standard") == [new["id"], old["id"]]
    assert await found(f"country=DE&taxClass=standard&activeAt={NEW_YEAR}") == [new["id"]]
    assert await found("country=DE&taxClass=standard&activeAt=2026-12-31T23:59:59.999999Z") == [old["id"]]
    page = (await shop.staff("GET", "/tax-rates?limit=3")).json()
    rest = (await shop.staff("GET", f"/tax-rates?limit=3&cursor={page['nextCursor']}")).json()
    assert (page["total"], [one["id"] for one in rest["items"]]) == (4, [old["id"]])


async def test_at_the_instant_in_which_rates_change_there_is_exactly_one(shop: Shop) -> None:
    await written(shop, name="old", validTo=NEW_YEAR)
    await written(shop, name="new", rate="20", validFrom=NEW_YEAR)
    table = await rates(shop, "DE")
    change = datetime(2027, 1, 1, tzinfo=UTC)
    assert [tax.name for tax in table.of(Place("DE"), "standard", change)] == ["new"]
    before = change.replace(year=2026, month=12, day=31, hour=23, minute=59, second=59, microsecond=999_999)
    assert [tax.name for tax in table.of(Place("DE"), "standard", before)] == ["old"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({"validTo": SPRING}, {"validFrom": NEW_YEAR}),
        ({"validFrom": NEW_YEAR}, {"validTo": SPRING}),
        ({"validFrom": NEW_YEAR, "validTo": SPRING}, {}),
        ({"state": "Berlin", "postalPrefix": "10 1"}, {"state": "BERLIN", "postalPrefix": "101"}),
    ],
)
async def test_two_equally_specific_rates_do_not_overlap(
    shop: Shop, first: dict[str, Any], second: dict[str, Any]
) -> None:
    one = await written(shop, **first)
    answer = await shop.staff("POST", "/tax-rates", json={"name": "VAT", "country": "DE", "rate": "20"} | second)
    assert same_problem(answer, 409, "tax_rate_overlaps", "/validFrom")
    assert answer.json()["taxRateId"] == one["id"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"validTo": NEW_YEAR}, {"validFrom": NEW_YEAR}),
        ({}, {"country": "AT"}),
        ({}, {"taxClass": "books"}),
        ({}, {"layer": 1}),
        ({}, {"state": "Berlin"}),
        ({"postalPrefix": "10"}, {"postalPrefix": "101"}),
    ],
)
async def test_rates_that_differ_or_follow_each_other_stand_side_by_side(
    shop: Shop, first: dict[str, Any], second: dict[str, Any]
) -> None:
    await written(shop, **first)
    await written(shop, **second)


async def test_a_change_does_not_make_rates_overlap(shop: Shop) -> None:
    old = await written(shop, validTo=NEW_YEAR)
    await written(shop, rate="20", validFrom=NEW_YEAR)
    path = f"/tax-rates/{old['id']}"
    for valid_to in (None, SPRING):
        answer = await shop.staff("PATCH", path, json={"validTo": valid_to})
        assert same_problem(answer, 409, "tax_rate_overlaps")
    assert (await shop.staff("GET", path)).json() == old


async def test_of_many_who_write_the_same_rate_at_once_one_does(shop: Shop) -> None:
    for round_ in range(3):
        body = {"name": "VAT", "country": "DE", "rate": "19", "taxClass": f"class-{round_}"}
        answers = await asyncio.gather(*(shop.staff("POST", "/tax-rates", json=body) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert await shop.rows("select count(*) from tax_rate") == [(3,)]


async def test_of_many_who_move_rates_to_one_place_at_once_one_does(shop: Shop) -> None:
    paths = [f"/tax-rates/{(await written(shop, taxClass=f'class-{at}'))['id']}" for at in range(8)]
    for target in ("one", "two", "three"):
        answers = await asyncio.gather(*(shop.staff("PATCH", path, json={"taxClass": target}) for path in paths))
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


async def test_a_store_has_so_many_rates_and_no_more(shop: Shop) -> None:
    await shop.change(
        """
        insert into tax_rate (store_id, id, name, country, tax_class, postal_prefix, rate_ppm, layer, valid_to, source)
        select store.id, gen_random_uuid(), 'VAT', 'DE', 'standard', number, 0, 0, ended.at, 'staff'
        from store, generate_series(1, 4999) as number, (values (null), (now())) as ended (at)
        """
    )
    await written(shop)
    again = await shop.staff("POST", "/tax-rates", json={"name": "VAT", "country": "FR", "rate": "20"})
    assert same_problem(again, 409, "too_many_tax_rates")


async def test_rates_that_overlap_all_the_same_are_found(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await written(shop, state="Berlin", validTo=NEW_YEAR)
    await written(shop, state="Berlin", validFrom=NEW_YEAR)
    assert verify(shop.url)
    await shop.change("update tax_rate set valid_to = '2027-01-01T00:00:00.000001Z' where valid_from is null")
    assert not verify(shop.url)
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("BROKEN I19")]


async def test_a_rate_that_is_ended_holds_no_longer_and_makes_room(shop: Shop) -> None:
    rate = await written(shop)
    assert await charged(shop, "country=DE") == "19"
    path = f"/tax-rates/{rate['id']}"
    assert (await shop.staff("DELETE", path)).status_code == 204
    assert await charged(shop, "country=DE") == "8"
    ended = (await shop.staff("GET", path)).json()
    assert ended["validTo"] is not None
    assert (await shop.staff("DELETE", path)).status_code == 204
    assert (await shop.staff("GET", path)).json() == ended
    again = await written(shop, rate="20", validFrom=ended["validTo"].replace("Z", "999Z"))
    assert await charged(shop, "country=DE") == "20", again


async def test_a_rate_that_is_ended_before_it_begins_was_never_valid(shop: Shop) -> None:
    rate = await written(shop, validFrom=NEW_YEAR)
    assert (await shop.staff("DELETE", f"/tax-rates/{rate['id']}")).status_code == 204
    assert (await rates(shop, "DE")).of(Place("DE"), "standard", FAR) == ()
    await written(shop, rate="20")
    renamed = await shop.staff("PATCH", f"/tax-rates/{rate['id']}", json={"name": "Never"})
    assert renamed.status_code == 200, renamed.text


async def test_a_change_needs_the_version_that_was_read(shop: Shop) -> None:
    rate = await written(shop)
    path, stale = f"/tax-rates/{rate['id']}", {"If-Match": '"v2"'}
    for method, body in (("PATCH", {"json": {"rate": "20"}}), ("DELETE", dict[str, Any]())):
        assert same_problem(await shop.staff(method, path, headers=stale, **body), 412, "stale_version")
    changed = await shop.staff("PATCH", path, json={"rate": "20"}, headers={"If-Match": '"v1"'})
    assert (changed.json()["rate"], changed.headers["etag"]) == ("20", '"v2"')
    same = await shop.staff("PATCH", path, json={"rate": "20.0"})
    assert same.json()["version"] == 2


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"country": "XX"}, "/country", "unknown_country"),
        ({"country": "US", "state": "Bavaria"}, "/state", "unknown_state"),
        ({"rate": "100.0001"}, "/rate", "out_of_range"),
        ({"rate": "-1"}, "/rate", "out_of_range"),
        ({"rate": "19.00001"}, "/rate", "too_many_digits"),
        ({"rate": "7.00000000000000000000000000001"}, "/rate", "too_many_digits"),
        ({"rate": "a fifth"}, "/rate", "invalid_type"),
        ({"taxClass": "Reduced"}, "/taxClass", "invalid_format"),
        ({"postalPrefix": " - "}, "/postalPrefix", "invalid_format"),
        ({"layer": 10}, "/layer", "out_of_range"),
        ({"validFrom": NEW_YEAR, "validTo": NEW_YEAR}, "/validTo", "out_of_range"),
        ({"validFrom": "2026-02-30T00:00:00Z"}, "/validFrom", "invalid_value"),
        ({"appliesToShipping": True}, "/appliesToShipping", "unknown_field"),
    ],
)
async def test_a_rate_that_makes_no_sense_is_refused(
    shop: Shop, fields: dict[str, Any], pointer: str, code: str
) -> None:
    answer = await shop.staff("POST", "/tax-rates", json={"name": "VAT", "country": "DE", "rate": "19"} | fields)
    assert same_problem(answer, 422, code, pointer)
    assert await shop.rows("select from tax_rate") == []


async def test_bad_questions_are_refused(shop: Shop) -> None:
    for query, pointer in (("", "?country"), ("country=XX", "?country"), ("country=US&state=Utopia", "?state")):
        assert same_problem(await shop.guest("GET", f"/tax-rates/lookup?{query}"), 422, "validation_failed", pointer)
    answer = await shop.staff("GET", "/tax-rates?activeAt=2026-13-01T00:00:00Z")
    assert same_problem(answer, 422, "invalid_value", "?activeAt")


async def test_what_is_done_to_a_rate_is_told(shop: Shop) -> None:
    rate = await written(shop)
    await shop.staff("PATCH", f"/tax-rates/{rate['id']}", json={"rate": "20", "name": "MwSt"})
    await shop.staff("DELETE", f"/tax-rates/{rate['id']}")
    told = await shop.rows("select name, payload from event where subject_type = 'tax_rate' order by sequence")
    assert told == [
        ("tax_rate.created", {"country": "DE", "taxClass": "standard", "ratePpm": 190_000}),
        ("tax_rate.changed", {"changed": ["name", "ratePpm"], "ratePpm": 200_000}),
        ("tax_rate.ended", {"country": "DE", "taxClass": "standard"}),
    ]


# Exemptions


async def customer(shop: Shop, email: str = "ada@example.com") -> str:
    body = {"email": email, "firstName": "Ada", "lastName": "Lovelace"}
    answer = await shop.staff("POST", "/customers", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def exempted(shop: Shop, customer_id: str, **fields: Any) -> dict[str, Any]:
    body = {"customerId": customer_id, "reason": "Embassy"} | fields
    answer = await shop.staff("POST", "/tax-exemptions", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def exemptions(shop: Shop, *customer_ids: str) -> Exemptions:
    """As a batch of orders reads them."""
    statement, params = exemptions_wanted(await store_id(shop), [UUID(id_) for id_ in customer_ids])
    return Exemptions(await shop.rows(statement, dict(params or {})))


async def test_an_exemption_is_kept_changed_and_ended(shop: Shop) -> None:
    ada, grace = await customer(shop), await customer(shop, "grace@example.com")
    made = await exempted(shop, ada, country="NL", vatNumber=" nl 0044.95445 b01 ", certificate="C-1")
    assert (made["vatNumber"], made["country"], made["certificate"]) == ("NL004495445B01", "NL", "C-1")
    other = await exempted(shop, grace)
    listed = (await shop.staff("GET", f"/tax-exemptions?customerId={ada}")).json()
    assert [one["id"] for one in listed["items"]] == [made["id"]]
    both = (await shop.staff("GET", "/tax-exemptions")).json()
    assert [one["id"] for one in both["items"]] == [other["id"], made["id"]]
    path = f"/tax-exemptions/{made['id']}"
    changed = await shop.staff("PATCH", path, json={"certificate": None, "reason": "Trader"})
    assert (changed.json()["certificate"], changed.json()["version"]) == (None, 2)
    assert (await shop.staff("PATCH", path, json={"reason": "Trader"})).json()["version"] == 2
    found = (await exemptions(shop, ada, grace)).of(UUID(ada), Place("NL"), FAR)
    assert found is not None
    assert found.reason == "Trader"
    assert (await exemptions(shop, ada)).of(UUID(ada), Place("DE"), FAR) is None
    for _ in range(2):
        assert (await shop.staff("DELETE", path)).status_code == 204
    assert (await exemptions(shop, ada)).of(UUID(ada), Place("NL"), FAR) is None
    assert (await shop.staff("GET", path)).json()["validTo"] is not None
    told = await shop.rows(
        "select name, payload from event where subject_id = %(id)s order by sequence", {"id": made["id"]}
    )
    assert told == [
        ("tax_exemption.created", {"customerId": ada, "country": "NL"}),
        ("tax_exemption.changed", {"customerId": ada, "changed": ["reason", "certificate"]}),
        ("tax_exemption.ended", {"customerId": ada}),
    ]


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"customerId": str(uuid4())}, "/customerId", "reference_not_found"),
        ({"vatNumber": "NL004495446B01"}, "/vatNumber", "invalid_vat_number"),
        ({"vatNumber": "DE123456789"}, "/vatNumber", "invalid_vat_number"),
        ({"vatNumber": "US1"}, "/vatNumber", "invalid_vat_number"),
        ({"country": "XX"}, "/country", "unknown_country"),
        ({"reason": "  "}, "/reason", "invalid_format"),
        ({"validFrom": SPRING, "validTo": NEW_YEAR}, "/validTo", "out_of_range"),
    ],
)
async def test_an_exemption_that_makes_no_sense_is_refused(
    shop: Shop, fields: dict[str, Any], pointer: str, code: str
) -> None:
    body = {"customerId": await customer(shop), "reason": "Embassy"} | fields
    assert same_problem(await shop.staff("POST", "/tax-exemptions", json=body), 422, code, pointer)


async def test_a_change_of_an_exemption_needs_the_version_that_was_read(shop: Shop) -> None:
    made = await exempted(shop, await customer(shop))
    path, stale = f"/tax-exemptions/{made['id']}", {"If-Match": '"v2"'}
    assert same_problem(await shop.staff("PATCH", path, json={"reason": "x"}, headers=stale), 412, "stale_version")
    assert same_problem(await shop.staff("DELETE", path, headers=stale), 412, "stale_version")
    backwards = {"validFrom": SPRING, "validTo": NEW_YEAR}
    assert same_problem(await shop.staff("PATCH", path, json=backwards), 422, "out_of_range", "/validTo")


# Classes of products


async def test_a_product_has_a_tax_class_that_staff_see(shop: Shop) -> None:
    plain, book = await shop.product(), await shop.product(taxClass="reduced")
    assert (plain["taxClass"], book["taxClass"]) == ("standard", "reduced")
    assert "taxClass" not in (await shop.guest("GET", f"/products/{book['id']}")).json()
    changed = await shop.staff("PATCH", f"/products/{plain['id']}", json={"taxClass": "zero"})
    assert (changed.json()["taxClass"], changed.json()["version"]) == ("zero", 2)
    wrong = await shop.staff("PATCH", f"/products/{plain['id']}", json={"taxClass": "No Class"})
    assert same_problem(wrong, 422, "invalid_format", "/taxClass")


async def test_an_order_reads_the_tax_class_with_the_offer(shop: Shop) -> None:
    book = await shop.product(taxClass="reduced")
    statement, params = offers_of(await store_id(shop), variant_ids=[], product_ids=[UUID(book["id"])], skus=[])
    (offer,) = offers(await shop.rows(statement, params))
    assert offer.tax_class == "reduced"


async def test_tax_classes_come_in_and_go_out_by_spreadsheets(shop: Shop) -> None:
    kept = await shop.product(name="Kept", taxClass="zero")
    file = sheet(
        ["sku", "name", "price", "Tax Class"],
        ["BOOK", "Book", "10", "reduced"],
        ["PEN", "Pen", "2", ""],
        ["BAD", "Bad", "2", "No Class"],
        [kept["sku"], "Kept", "10", ""],
    )
    run = await imported(shop, file)
    assert run["state"] == "FINISHED"
    answer = await shop.staff("GET", "/exports/products.csv", headers={"Accept": "text/csv"})
    classes = {row["sku"]: row["taxClass"] for row in parsed(answer.content)}
    assert classes == {"BOOK": "reduced", "PEN": "standard", kept["sku"]: "zero"}
    await imported(shop, sheet(["sku", "taxClass"], ["BOOK", "zero"]))
    assert (await shop.staff("POST", f"/imports/{run['id']}/undo")).status_code in (200, 202, 409)
    answer = await shop.staff("GET", "/exports/products.csv", headers={"Accept": "text/csv"})
    assert {row["sku"]: row["taxClass"] for row in parsed(answer.content)}["BOOK"] == "zero"


# The European Union's rates


async def test_the_unions_rates_are_loaded_once(shop: Shop) -> None:
    first = await taxing.load_europe(shop.url, slug=None)
    assert (first.replaced, first.same, first.kept) == (0, 0, 0)
    ((count, countries),) = await shop.rows("select count(*), count(distinct country) from tax_rate")
    assert (count, countries) == (first.created, 27)
    assert await taxing.load_europe(shop.url, slug=None) == Loaded(0, 0, first.created, 0, first.dated)
    ((events,),) = await shop.rows("select count(*) from event where name = 'tax_rate.created'")
    assert events == first.created
    assert await charged(shop, "country=DE") == "19"
    assert await charged(shop, "country=DE&taxClass=reduced") == "7"
    assert await charged(shop, "country=FR&taxClass=reduced") == "5.5"
    assert await charged(shop, "country=DK&taxClass=reduced") == "25"
    assert await charged(shop, "country=CH") == "8"


async def test_what_staff_have_touched_stays(shop: Shop) -> None:
    own = await written(shop, "DE", "18.5", name="Ours")
    first = await taxing.load_europe(shop.url, slug=None)
    assert first.kept == 1

    async def loaded(country: str, tax_class: str) -> dict[str, Any]:
        query = f"/tax-rates?country={country}&taxClass={tax_class}"
        (one,) = (await shop.staff("GET", query)).json()["items"]
        return one

    assert await loaded("DE", "standard") == own
    french, reduced = await loaded("FR", "standard"), await loaded("FR", "reduced")
    assert french["source"] == "eu"
    changed = await shop.staff("PATCH", f"/tax-rates/{french['id']}", json={"rate": "21"})
    assert changed.json()["source"] == "staff"
    await shop.staff("DELETE", f"/tax-rates/{reduced['id']}")
    again = await taxing.load_europe(shop.url, slug=None)
    assert (again.created, again.replaced, again.kept) == (0, 0, 3)
    assert await charged(shop, "country=FR&taxClass=reduced") == "21"


async def test_a_rate_that_has_changed_ends_and_the_new_one_begins(shop: Shop) -> None:
    first = await taxing.load_europe(shop.url, slug=None)
    await shop.change("update tax_rate set rate_ppm = 160000 where country = 'DE' and tax_class = 'standard'")
    assert await charged(shop, "country=DE") == "16"
    again = await taxing.load_europe(shop.url, slug=None)
    assert again == Loaded(0, 1, first.created - 1, 0, first.dated)
    assert await charged(shop, "country=DE") == "19"
    items = (await shop.staff("GET", "/tax-rates?country=DE&taxClass=standard")).json()["items"]
    assert [(one["rate"], one["source"]) for one in items] == [("19", "eu"), ("16", "eu")]
    assert items[0]["validFrom"] == items[1]["validTo"]
    assert await taxing.load_europe(shop.url, slug=None) == Loaded(0, 0, first.created, 0, first.dated)


async def test_who_load_the_unions_rates_at_once_load_them_once(shop: Shop) -> None:
    runs = await asyncio.gather(*(taxing.load_europe(shop.url, slug=None) for _ in range(4)))
    assert sorted(run.created > 0 for run in runs) == [False, False, False, True]


def test_the_command_says_what_it_did(database_url: str) -> None:
    asyncio.run(demo.create_store(database_url))
    on: dict[str, Any] = {"database_url": database_url, "unsafe_database": True}
    done = tradepost("tax", "load-eu", **on)
    assert done.returncode == 0, done.stderr
    assert "rates created, 0 replaced, 0 as they were, 0 left to staff; data of 20" in done.stdout
    assert "0 rates created" in tradepost("tax", "load-eu", **on).stdout
    absent = tradepost("tax", "load-eu", "--store", "none", **on)
    assert absent.returncode == 1
    assert "There is no store 'none'" in absent.stderr


async def test_a_statement_for_no_country_finds_nothing(shop: Shop) -> None:
    await written(shop)
    db = Database(shop.url, size=2)
    await db.open()
    try:
        async with db.read() as reader:
            found = await reader.together(wanted(await store_id(shop), []), exemptions_wanted(await store_id(shop), []))
    finally:
        await db.close()
    assert found == [[], []]
