import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.people import Person, registered
from tests.shop import ADDRESS, Shop, same_problem
from tradepost.accounts import addresses
from tradepost.accounts.addresses import AddressChanges, AddressDraft, AddressType
from tradepost.core.actors import Actor, ActorKind
from tradepost.core.errors import NotFound
from tradepost.db import Database

pytestmark = pytest.mark.anyio
HOME = ADDRESS | {"type": "SHIPPING"}
SAN_FRANCISCO = HOME | {"city": "San Francisco", "state": "CA", "postalCode": "94103", "country": "US"}
_BODILESS: dict[str, Any] = {}
_numbers = itertools.count(1)


async def _customer(shop: Shop) -> str:
    body = {"email": f"buyer{next(_numbers)}@example.com", "firstName": "Ada", "lastName": "Lovelace"}
    return (await shop.staff("POST", "/customers", json=body)).json()["id"]


@pytest.fixture
async def ada(shop: Shop) -> str:
    """The path of a customer's addresses."""
    return f"/customers/{await _customer(shop)}/addresses"


async def _add(shop: Shop, path: str, **fields: Any) -> dict[str, Any]:
    answer = await shop.staff("POST", path, json=HOME | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def _defaults(shop: Shop, path: str) -> dict[str, str]:
    """The default of each type; there are never two."""
    found = (await shop.staff("GET", f"{path}?limit=100")).json()["items"]
    defaults = [(address["type"], address["id"]) for address in found if address["isDefault"]]
    assert len(dict(defaults)) == len(defaults)
    return dict(defaults)


async def test_an_address_is_added_read_listed_changed_and_removed(shop: Shop, ada: str) -> None:
    made = await shop.staff("POST", ada, json=HOME | {"company": "", "phone": "020 7946 0000"})
    address = made.json()
    assert (made.status_code, made.headers["etag"]) == (201, '"v1"')
    assert made.headers["location"] == f"/api/v1{ada}/{address['id']}"
    assert {name: address[name] for name in HOME} == HOME
    assert (address["company"], address["phone"], address["isDefault"]) == (None, "+442079460000", True)
    one = f"{ada}/{address['id']}"
    assert (await shop.staff("GET", one)).json() == address
    assert (await shop.staff("GET", ada)).json()["items"] == [address]
    changed = await shop.staff("PATCH", one, json={"line2": "Second floor"}, headers={"If-Match": '"v1"'})
    assert (changed.status_code, changed.headers["etag"], changed.json()["version"]) == (200, '"v2"', 2)
    assert changed.json()["line2"] == "Second floor"
    assert (await shop.staff("PATCH", one, json={"line2": "Second floor"})).json() == changed.json()
    assert (await shop.staff("DELETE", one)).status_code == 204
    assert same_problem(await shop.staff("GET", one), 404, "not_found")
    facts = "select name, payload from event where subject_type = 'address' order by sequence"
    says = {"customerId": ada.split("/")[2]}
    assert await shop.rows(facts) == [(f"address.{verb}", says) for verb in ("added", "changed", "removed")]


async def test_a_stale_change_is_refused(shop: Shop, ada: str) -> None:
    one = f"{ada}/{(await _add(shop, ada))['id']}"
    await shop.staff("PATCH", one, json={"city": "Oxford"})
    for method, kwargs in (("PATCH", {"json": {"city": "Bath"}}), ("DELETE", _BODILESS)):
        answer = await shop.staff(method, one, headers={"If-Match": '"v1"'}, **kwargs)
        assert same_problem(answer, 412, "stale_version")
        assert answer.json()["currentEtag"] == '"v2"'


async def test_an_address_sent_twice_with_one_key_is_there_once(shop: Shop, ada: str) -> None:
    sent = [await shop.staff("POST", ada, json=HOME, headers={"Idempotency-Key": "home"}) for _ in range(2)]
    assert sent[0].json() == sent[1].json()
    assert sent[1].headers["idempotency-replayed"] == "true"
    assert (await shop.staff("GET", ada)).json()["total"] == 1


async def test_lists_are_of_a_type_and_of_pages(shop: Shop, ada: str) -> None:
    ids = [(await _add(shop, ada, type=kind))["id"] for kind in ("SHIPPING", "BILLING", "SHIPPING")]
    billing = (await shop.staff("GET", f"{ada}?type=BILLING")).json()
    assert [address["id"] for address in billing["items"]] == [ids[1]]
    first = (await shop.staff("GET", f"{ada}?limit=2")).json()
    rest = (await shop.staff("GET", f"{ada}?limit=2&cursor={first['nextCursor']}")).json()
    assert [address["id"] for address in first["items"] + rest["items"]] == ids[::-1]


async def test_each_type_has_one_default(shop: Shop, ada: str) -> None:
    first, second, bill = [(await _add(shop, ada, type=kind))["id"] for kind in ("SHIPPING", "SHIPPING", "BILLING")]
    assert await _defaults(shop, ada) == {"SHIPPING": first, "BILLING": bill}
    third = (await _add(shop, ada, isDefault=True))["id"]
    assert await _defaults(shop, ada) == {"SHIPPING": third, "BILLING": bill}
    assert (await shop.staff("GET", f"{ada}/{first}")).json()["version"] == 2
    await shop.staff("PATCH", f"{ada}/{first}", json={"isDefault": True})
    assert await _defaults(shop, ada) == {"SHIPPING": first, "BILLING": bill}
    await shop.staff("DELETE", f"{ada}/{first}")
    assert await _defaults(shop, ada) == {"SHIPPING": third, "BILLING": bill}
    await shop.staff("PATCH", f"{ada}/{third}", json={"isDefault": False})
    assert await _defaults(shop, ada) == {"SHIPPING": second, "BILLING": bill}
    await shop.staff("PATCH", f"{ada}/{second}", json={"type": "BILLING"})
    assert await _defaults(shop, ada) == {"SHIPPING": third, "BILLING": bill}
    assert (await shop.staff("PATCH", f"{ada}/{third}", json={"isDefault": False})).json()["isDefault"] is True


async def test_a_default_that_several_ask_for_at_once_is_one(shop: Shop, ada: str) -> None:
    ids = [(await _add(shop, ada))["id"] for _ in range(6)]
    asked = [shop.staff("PATCH", f"{ada}/{id_}", json={"isDefault": True}) for id_ in ids * 3]
    added = [shop.staff("POST", ada, json=HOME | {"isDefault": True}) for _ in range(6)]
    removed = [shop.staff("DELETE", f"{ada}/{ids[0]}")]
    answers = await asyncio.gather(*asked, *added, *removed)
    assert Counter(answer.status_code for answer in answers) - Counter({200: 18, 201: 6, 204: 1, 404: 3}) == Counter()
    assert (await _defaults(shop, ada)).keys() == {"SHIPPING"}


async def test_first_addresses_at_once_make_one_default(shop: Shop, ada: str) -> None:
    answers = await asyncio.gather(*(shop.staff("POST", ada, json=HOME) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert sum(answer.json()["isDefault"] for answer in answers) == 1


async def test_a_customer_has_at_most_50_addresses(shop: Shop, ada: str) -> None:
    answers = await asyncio.gather(*(shop.staff("POST", ada, json=HOME) for _ in range(53)))
    assert Counter(answer.status_code for answer in answers) == {201: 50, 422: 3}
    assert same_problem(await shop.staff("POST", ada, json=HOME), 422, "too_many_addresses")


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"postalCode": " sw1y  4jh "}, {"postalCode": "SW1Y 4JH"}),
        ({"state": "california"}, {"state": "CA"}),
        ({"country": "CA", "state": "québec", "postalCode": "h2x 1y4"}, {"state": "QC", "postalCode": "H2X 1Y4"}),
        ({"country": "CH", "state": None, "postalCode": "CH-8001"}, {"postalCode": "8001"}),
        ({"country": "JP", "state": "Tokyo", "postalCode": "154-0023"}, {"state": "Tokyo"}),
        ({"country": "HK", "state": "九龍", "postalCode": ""}, {"state": "Kowloon", "postalCode": None}),
        ({"country": "DE", "state": "Bayern", "postalCode": "80331"}, {"state": "Bayern"}),
        ({"phone": "(415) 555-2671"}, {"phone": "+14155552671"}),
        ({"phone": "+44 20 7946 0000"}, {"phone": "+442079460000"}),
        ({"firstName": "ada", "city": "san francisco"}, {"firstName": "ada", "city": "san francisco"}),
    ],
)
async def test_an_address_is_kept_as_its_country_writes_it(
    shop: Shop, ada: str, fields: dict[str, Any], kept: dict[str, Any]
) -> None:
    base = HOME if "sw1y" in str(fields.get("postalCode")) else SAN_FRANCISCO
    address = await _add(shop, ada, **(base | fields))
    assert {name: address[name] for name in kept} == kept


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"country": "XX"}, "unknown_country", "/country"),
        ({"country": "us"}, "invalid_format", "/country"),
        ({"state": None}, "required", "/state"),
        ({"state": "Kent"}, "unknown_state", "/state"),
        ({"postalCode": None}, "required", "/postalCode"),
        ({"postalCode": " "}, "required", "/postalCode"),
        ({"postalCode": "SW1Y 4JH"}, "invalid_postal_code", "/postalCode"),
        ({"postalCode": "10001"}, "invalid_postal_code", "/postalCode"),
        ({"postalCode": "٩٤١٠٣"}, "invalid_postal_code", "/postalCode"),
        ({"phone": "12"}, "invalid_phone", "/phone"),
        ({"phone": "555-1234"}, "invalid_phone", "/phone"),
        ({"phone": "415 555 2671 ext. 5"}, "invalid_phone", "/phone"),
        ({"firstName": " "}, "invalid_format", "/firstName"),
        ({"line1": "A\u202eB"}, "invalid_character", "/line1"),
        ({"line1": "A\u0000B"}, "invalid_character", "/line1"),
        ({"type": "HOME"}, "invalid_value", "/type"),
        ({"customerId": str(uuid4())}, "unknown_field", "/customerId"),
        ({"storeId": str(uuid4())}, "unknown_field", "/storeId"),
    ],
)
async def test_an_address_that_cannot_be_is_refused(
    shop: Shop, ada: str, fields: dict[str, Any], code: str, pointer: str
) -> None:
    """C16, D03."""
    assert same_problem(await shop.staff("POST", ada, json=SAN_FRANCISCO | fields), 422, code, pointer)
    one = f"{ada}/{(await _add(shop, ada, **SAN_FRANCISCO))['id']}"
    assert same_problem(await shop.staff("PATCH", one, json=fields), 422, code, pointer)
    assert (await shop.staff("GET", one)).json()["version"] == 1


async def test_everything_wrong_is_said_at_once(shop: Shop, ada: str) -> None:
    answer = await shop.staff("POST", ada, json=SAN_FRANCISCO | {"state": "Kent", "postalCode": "1", "phone": "1"})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/state", "/postalCode", "/phone"]


async def test_an_address_is_found_only_at_its_own_customer(shop: Shop, ada: str) -> None:
    """C12."""
    one = (await _add(shop, ada))["id"]
    grace = f"/customers/{await _customer(shop)}/addresses"
    for address_id in (one, str(uuid4()), "1"):
        for method, kwargs in (("GET", _BODILESS), ("PATCH", {"json": {"city": "Bath"}}), ("DELETE", _BODILESS)):
            answer = await shop.staff(method, f"{grace}/{address_id}", **kwargs)
            assert same_problem(answer, 404, "not_found")
    nobody = f"/customers/{uuid4()}/addresses"
    assert same_problem(await shop.staff("GET", nobody), 404, "not_found")
    assert same_problem(await shop.staff("POST", nobody, json=HOME), 404, "not_found")


async def test_addresses_are_for_customers_and_staff(shop: Shop, ada: str) -> None:
    """A key is nobody who could have addresses: it names the customer."""
    one = (await _add(shop, ada))["id"]
    for path in ("/addresses", ada):
        calls = [("GET", path, _BODILESS), ("POST", path, {"json": HOME}), ("GET", f"{path}/{one}", _BODILESS)]
        calls += [("PATCH", f"{path}/{one}", {"json": {"city": "Bath"}}), ("DELETE", f"{path}/{one}", _BODILESS)]
        for method, at, kwargs in calls:
            assert same_problem(await shop.guest(method, at, **kwargs), 401, "unauthenticated")
            if path == "/addresses":
                assert same_problem(await shop.staff(method, at, **kwargs), 401, "unauthenticated")


@pytest.fixture
async def db(shop: Shop) -> AsyncIterator[Database]:
    database = Database(shop.url, size=4)
    await database.open()
    yield database
    await database.close()


async def _actor(db: Database, customer_id: str) -> Actor:
    async with db.read() as reader:
        store_id = await reader.value("select id from store")
    return Actor(ActorKind.CUSTOMER, store_id, UUID(customer_id))


async def test_the_verbs_know_whose_an_address_is(shop: Shop, db: Database) -> None:
    ada, grace = [await _actor(db, await _customer(shop)) for _ in range(2)]
    assert ada.id is not None
    assert grace.id is not None
    draft = AddressDraft(
        type=AddressType.SHIPPING, first_name="Ada", last_name="L", line1="1 Way", city="Bern", country="CH",
        postal_code="3000",
    )  # fmt: skip
    async with db.transaction() as tx:
        kept = await addresses.add(tx, ada.id, draft, actor=ada)
    async with db.transaction() as tx:
        with pytest.raises(NotFound):
            await addresses.change(tx, grace.id, kept.id, AddressChanges(city="Basel"), actor=grace)
        with pytest.raises(NotFound):
            await addresses.remove(tx, grace.id, kept.id, actor=grace)
        assert await addresses.find_many(tx, grace.store_id, grace.id, [kept.id]) == {}
        assert await addresses.find_many(tx, ada.store_id, ada.id, [kept.id]) == {kept.id: kept}
    happened = "select actor_kind, actor_id from event where subject_type = 'address'"
    assert await shop.rows(happened) == [("customer", ada.id)]


async def _two(shop: Shop) -> tuple[Person, Person]:
    return await registered(shop), await registered(shop, email="grace@example.com")


async def test_customers_see_to_their_own_addresses(shop: Shop) -> None:
    """C12."""
    ada, grace = await _two(shop)
    made = await ada.ask("POST", "/addresses", json=HOME)
    address = made.json()
    assert (made.status_code, made.headers["location"]) == (201, f"/api/v1/addresses/{address['id']}")
    one = f"/addresses/{address['id']}"
    assert (await ada.ask("GET", one)).json() == address
    assert (await grace.ask("GET", "/addresses")).json()["items"] == []
    refused = [
        await grace.ask("GET", one),
        await grace.ask("PATCH", one, json={"city": "Bath"}),
        await grace.ask("DELETE", one),
    ]
    assert all(same_problem(answer, 404, "not_found") for answer in refused)
    assert (await ada.ask("GET", "/addresses")).json()["items"] == [address]
    me = (await ada.ask("GET", "/auth/me")).json()["account"]["id"]
    assert same_problem(await ada.ask("GET", f"/customers/{me}/addresses"), 403, "forbidden")
    assert (await ada.ask("PATCH", one, json={"city": "Bath"})).json()["city"] == "Bath"
    assert (await ada.ask("DELETE", one)).status_code == 204


async def test_a_customer_orders_to_an_address_of_his_own(shop: Shop) -> None:
    """C13."""
    ada, grace = await _two(shop)
    mug = await shop.product()
    home = (await ada.ask("POST", "/addresses", json=HOME)).json()
    body = {"items": [{"productId": mug["id"], "quantity": 1}], "shippingAddressId": home["id"]}
    order = (await ada.ask("POST", "/orders", json=body)).json()
    assert order["shippingAddress"] == ADDRESS
    await ada.ask("DELETE", f"/addresses/{home['id']}")
    assert (await ada.ask("GET", f"/orders/{order['id']}")).json()["shippingAddress"] == ADDRESS
    hers = (await grace.ask("POST", "/addresses", json=HOME)).json()
    foreign = await ada.ask("POST", "/orders", json=body | {"shippingAddressId": hers["id"]})
    assert same_problem(foreign, 422, "reference_not_found", "/shippingAddressId")
    assert await shop.stock(mug) == 9


async def test_staff_order_to_an_address_of_the_customer(shop: Shop) -> None:
    """C13."""
    customer = await _customer(shop)
    path, mug = f"/customers/{customer}/addresses", await shop.product()
    home = await _add(shop, path)
    bill = await _add(shop, path, type="BILLING", company="Engines Ltd", phone="020 7946 0000")
    body = {"customerId": customer, "items": [{"productId": mug["id"], "quantity": 1}]}
    named = {"shippingAddressId": home["id"], "billingAddressId": bill["id"]}
    placed = await shop.staff("POST", "/orders", json=body | named)
    assert placed.status_code == 201, placed.text
    assert placed.json()["shippingAddress"] == ADDRESS
    assert placed.json()["billingAddress"] == ADDRESS | {"company": "Engines Ltd", "phone": "+442079460000"}
    both = await shop.staff("POST", "/orders", json=body | named | {"billingAddress": ADDRESS})
    assert same_problem(both, 422, "ambiguous", "/billingAddressId")
    other = await _add(shop, f"/customers/{await _customer(shop)}/addresses")
    for address_id in (other["id"], str(uuid4())):
        foreign = await shop.staff("POST", "/orders", json=body | named | {"billingAddressId": address_id})
        assert same_problem(foreign, 422, "reference_not_found", "/billingAddressId")
        assert [error["pointer"] for error in foreign.json()["errors"]] == ["/billingAddressId"]
    guest = await shop.order((mug, 1), shippingAddressId=home["id"])
    assert same_problem(guest, 422, "reference_not_found", "/shippingAddressId")
    assert await shop.stock(mug) == 9


async def test_a_placed_order_is_answered_again_also_when_its_address_is_gone(shop: Shop) -> None:
    customer, mug = await _customer(shop), await shop.product()
    path = f"/customers/{customer}/addresses"
    home = await _add(shop, path)
    body = {"customerId": customer, "items": [{"productId": mug["id"], "quantity": 1}], "shippingAddressId": home["id"]}
    placed = await shop.staff("POST", "/orders", json=body, headers={"Idempotency-Key": "once"})
    await shop.staff("DELETE", f"{path}/{home['id']}")
    again = await shop.staff("POST", "/orders", json=body, headers={"Idempotency-Key": "once"})
    assert (again.status_code, again.json()) == (201, placed.json())
    assert same_problem(await shop.staff("POST", "/orders", json=body), 422, "reference_not_found")


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [({"country": "XX"}, "unknown_country", "country"), ({"phone": "12"}, "invalid_phone", "phone")],
)
async def test_an_order_goes_to_a_country_that_there_is(
    shop: Shop, fields: dict[str, str], code: str, pointer: str
) -> None:
    mug = await shop.product()
    for name in ("shippingAddress", "billingAddress"):
        answer = await shop.order((mug, 1), **{name: ADDRESS | fields})
        assert same_problem(answer, 422, code, f"/{name}/{pointer}")


async def test_the_telephone_of_an_order_is_kept_in_one_form(shop: Shop) -> None:
    placed = await shop.order((await shop.product(), 1), shippingAddress=ADDRESS | {"phone": "020 7946 0000"})
    assert placed.json()["shippingAddress"]["phone"] == "+442079460000"


async def test_a_default_that_changes_its_type_leaves_its_place_to_another(shop: Shop) -> None:
    ada = await registered(shop)
    first, second = [
        (await ada.ask("POST", "/addresses", json=ADDRESS | {"type": "SHIPPING", "isDefault": is_default})).json()
        for is_default in (False, True)
    ]
    moved = await ada.ask("PATCH", f"/addresses/{second['id']}", json={"type": "BILLING"})
    assert (moved.status_code, moved.json()["type"], moved.json()["isDefault"]) == (200, "BILLING", True)
    assert (await ada.ask("GET", f"/addresses/{first['id']}")).json()["isDefault"]
