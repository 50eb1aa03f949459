"""Labels are bought once, given back, and parcels go where their carriers say they are."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2
import msgspec
import pytest

from tests.people import registered
from tests.shop import Shop, open_shop, same_problem
from tests.test_order_life import done, moved, placed, statuses, story
from tests.ups_stub import ACCOUNT, CLIENT_ID, CLIENT_SECRET, RESET, Ups, ups_stub
from tradepost import shipping
from tradepost.app import shipping as app_shipping
from tradepost.app.settings import Settings
from tradepost.app.verifying import verify
from tradepost.db import Database
from tradepost.orders import parcels
from tradepost.shipping.carriers import Carrier, Carriers
from tradepost.shipping.carriers.fake import FakeCarrier

pytestmark = pytest.mark.anyio

FROM = {
    "name": "Ann Shipper",
    "lines": ["1 Dock Road"],
    "city": "Atlanta",
    "state": "GA",
    "postalCode": "30301",
    "country": "US",
    "phone": "+14045550100",
}
NEW_YORK = {
    "firstName": "Ada",
    "lastName": "Buyer",
    "line1": "12 Main St",
    "city": "New York",
    "state": "NY",
    "postalCode": "10001",
    "country": "US",
    "phone": "+12125550100",
}
FAKES = Settings(unsafe_database=True, sweep_seconds=0, carriers="fake", ship_from=json.dumps(FROM))


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    """A shop that sends with the fake carrier."""
    async with open_shop(database_url, FAKES) as opened:
        yield opened


@pytest.fixture
async def ups() -> AsyncIterator[Ups]:
    async with ups_stub() as stub:
        yield stub


@asynccontextmanager
async def ups_shop(database_url: str, ups: Ups) -> AsyncIterator[Shop]:
    async with open_shop(database_url, with_ups(ups)) as opened:
        yield opened


def with_ups(ups: Ups) -> Settings:
    return msgspec.structs.replace(
        FAKES,
        carriers="ups",
        ups_url=ups.url,
        ups_client_id=CLIENT_ID,
        ups_client_secret=CLIENT_SECRET,
        ups_account=ACCOUNT,
    )


class Days:
    """A clock for what takes days."""

    def __init__(self) -> None:
        self.later = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.later


async def swept(shop: Shop, carriers: Mapping[str, Carrier]) -> None:
    """What waits comes due, and is swept by another process."""
    db = Database(shop.url, size=4)
    await db.open()
    try:
        sweep = shipping.Sweep(db, Carriers(carriers), partial(parcels.settle_order, db), track_minutes=30)
        await shop.change("update shipment_label set next_try_at = now()")
        await shop.change("update shipment set track_due_at = now() where track_due_at is not null")
        await sweep.run_once()
    finally:
        await db.close()


async def packed(shop: Shop, *quantities: int, **address: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A confirmed order to New York, and its one parcel."""
    order, _ = await placed(shop, *quantities, shippingAddress=NEW_YORK | address)
    await moved(shop, order, "CONFIRMED")
    made = await done(shop, "POST", order, "/shipments", carrier="by hand")
    return made["order"], made["shipment"]


async def buy(
    shop: Shop, order: dict[str, Any], parcel: dict[str, Any], *, key: str | None = None, **wish: Any
) -> httpx2.Response:
    body = {"carrier": "fake", "service": "ground", "weight": 1500} | wish
    headers = {"Idempotency-Key": key} if key else {}
    return await shop.staff("POST", label_of(order, parcel), json=body, headers=headers)


def label_of(order: dict[str, Any], parcel: dict[str, Any]) -> str:
    return f"/orders/{order['id']}/shipments/{parcel['id']}/label"


async def parcel_of(shop: Shop, order: dict[str, Any]) -> dict[str, Any]:
    (parcel,) = (await shop.staff("GET", f"/orders/{order['id']}/shipments")).json()["items"]
    return parcel


async def test_a_label_is_bought_printed_and_given_back(shop: Shop) -> None:
    order, parcel = await packed(shop, 2)
    answer = await buy(shop, order, parcel)
    assert answer.status_code == 201, answer.text
    bought = answer.json()["shipment"]
    assert (bought["carrier"], bought["service"]) == ("fake", "ground")
    assert bought["trackingNumber"] == bought["label"]["trackingNumber"]
    assert (bought["label"]["state"], bought["label"]["amount"], bought["label"]["currency"]) == (
        "BOUGHT",
        "7.30",
        order["currency"],
    )
    printed = (await shop.staff("GET", label_of(order, parcel))).json()
    assert printed["mediaType"] == "application/pdf"
    assert base64.b64decode(printed["content"]).startswith(b"%PDF-")
    assert answer.json()["order"]["version"] > order["version"]
    back = await shop.staff("DELETE", label_of(order, parcel))
    assert back.status_code == 200, back.text
    assert (back.json()["shipment"]["label"]["state"], back.json()["shipment"]["trackingNumber"]) == ("VOIDED", None)
    assert same_problem(await shop.staff("GET", label_of(order, parcel)), 404, "not_found")
    assert same_problem(await shop.staff("DELETE", label_of(order, parcel)), 409, "invalid_transition")
    assert (await buy(shop, order, parcel)).json()["shipment"]["label"]["state"] == "BOUGHT"
    assert (await story(shop, order))[-3:] == [
        "shipment.label_bought",
        "shipment.label_voided",
        "shipment.label_bought",
    ]
    assert verify(shop.url)


async def test_the_buyer_sees_the_number_and_not_what_the_label_cost(shop: Shop) -> None:
    order, _ = await placed(shop, 1, shippingAddress=NEW_YORK)
    token = {"X-Order-Token": order["accessToken"]}
    await moved(shop, order, "CONFIRMED")
    parcel = (await done(shop, "POST", order, "/shipments"))["shipment"]
    await buy(shop, order, parcel)
    seen = (await shop.guest("GET", f"/orders/{order['id']}", headers=token)).json()["shipments"][0]
    assert seen["trackingNumber"].startswith("FK")
    assert seen["label"] is None
    told = (await shop.guest("GET", f"/orders/{order['id']}/timeline", headers=token)).text
    assert "amount" not in told
    for path in ("/rates", f"/shipments/{parcel['id']}/rates", f"/shipments/{parcel['id']}/label"):
        refused = await shop.guest("GET", f"/orders/{order['id']}{path}", headers=token)
        assert same_problem(refused, 401, "unauthenticated")
    tracked = await shop.guest("GET", f"/orders/{order['id']}/shipments/{parcel['id']}/tracking", headers=token)
    assert tracked.json() == {"items": []}


async def test_another_buyer_finds_no_parcel(shop: Shop) -> None:
    order, parcel = await packed(shop, 1)
    stranger = await registered(shop, email="eve@example.com")
    path = f"/orders/{order['id']}/shipments/{parcel['id']}/tracking"
    assert same_problem(await stranger.ask("GET", path), 404, "not_found")


async def test_rates_are_those_of_the_parcel(shop: Shop) -> None:
    order, parcel = await packed(shop, 2)
    light = await shop.staff("GET", f"/orders/{order['id']}/shipments/{parcel['id']}/rates?weight=900")
    assert [(rate["carrier"], rate["service"], rate["amount"]) for rate in light.json()["rates"]] == [
        ("fake", "ground", "6.10"),
        ("fake", "express", "16.00"),
    ]
    unknown = await shop.staff("GET", f"/orders/{order['id']}/shipments/{parcel['id']}/rates")
    assert same_problem(unknown, 422, "validation_failed", "?weight")
    sides = await shop.staff("GET", f"/orders/{order['id']}/shipments/{parcel['id']}/rates?weight=900&length=10")
    assert same_problem(sides, 422, "validation_failed", "?width")
    none_left = await shop.staff("GET", f"/orders/{order['id']}/rates?weight=900")
    assert same_problem(none_left, 409, "nothing_to_ship")


async def test_goods_that_are_known_to_weigh_something_need_no_scales(shop: Shop) -> None:
    heavy = await shop.product(weight=1200)
    answer = await shop.order((heavy, 2), shippingAddress=NEW_YORK)
    rates = await shop.staff("GET", f"/orders/{answer.json()['id']}/rates")
    assert rates.json()["rates"][0]["amount"] == "8.50"


async def test_a_carrier_that_is_down_is_a_note_and_no_label(shop: Shop) -> None:
    order, parcel = await packed(shop, 1, state="AK", city="Anchorage", postalCode="99902")
    rates = (await shop.staff("GET", f"/orders/{order['id']}/shipments/{parcel['id']}/rates?weight=500")).json()
    assert rates["rates"] == []
    assert [(note["carrier"], note["code"]) for note in rates["notes"]] == [("fake", "carrier_unavailable")]
    waiting = await buy(shop, order, parcel)
    assert (waiting.status_code, waiting.json()["shipment"]["label"]["state"]) == (202, "BUYING")
    assert same_problem(await buy(shop, order, parcel), 409, "label_exists")
    assert same_problem(await shop.staff("DELETE", label_of(order, parcel)), 409, "label_under_way")


async def test_a_refusal_points_at_what_is_wrong_and_another_try_is_possible(shop: Shop) -> None:
    order, parcel = await packed(shop, 1, state="AK", city="Anchorage", postalCode="99904")
    refused = await buy(shop, order, parcel, key="once")
    assert same_problem(refused, 422, "carrier_refused", "/shippingAddress/postalCode")
    heavy = await buy(shop, order, parcel, weight=80_000)
    assert same_problem(heavy, 422, "carrier_refused")
    fine, box = await packed(shop, 1)
    assert same_problem(await buy(shop, fine, box, weight=80_000), 422, "carrier_refused", "/weight")
    assert same_problem(await buy(shop, fine, box, service="balloon"), 422, "service_not_offered", "/service")
    assert same_problem(await buy(shop, fine, box, carrier="dhl"), 422, "carrier_not_offered", "/carrier")
    assert (await buy(shop, fine, box)).status_code == 201
    assert (await buy(shop, order, parcel, key="once")).status_code == 422
    assert (await parcel_of(shop, order))["label"]["state"] == "REFUSED"
    assert (await story(shop, order)).count("shipment.label_refused") == 3


async def test_the_same_request_buys_one_label(shop: Shop) -> None:
    order, parcel = await packed(shop, 1)
    answers = await asyncio.gather(*[buy(shop, order, parcel, key="once") for _ in range(8)])
    assert all(
        answer.status_code in (201, 202) or same_problem(answer, 409, "idempotency_in_flight") for answer in answers
    )
    again = await buy(shop, order, parcel, key="once")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["shipment"]["label"]["state"] == "BOUGHT"
    assert await shop.rows("select count(*) from shipment_label") == [(1,)]


async def test_of_many_who_want_a_label_one_buys_it(shop: Shop) -> None:
    order, parcel = await packed(shop, 1)
    answers = await asyncio.gather(*[buy(shop, order, parcel) for _ in range(8)])
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    assert await shop.rows("select state from shipment_label") == [("BOUGHT",)]


async def test_a_lost_answer_is_asked_for_again_by_the_same_key(shop: Shop) -> None:
    order, parcel = await packed(shop, 1, state="AK", city="Anchorage", postalCode="99906")
    lost = await buy(shop, order, parcel, key="once")
    assert (lost.status_code, lost.json()["shipment"]["label"]["state"]) == (202, "BUYING")
    fake = FakeCarrier()
    await swept(shop, {"fake": fake})
    await swept(shop, {"fake": fake})
    assert (await parcel_of(shop, order))["label"]["state"] == "BOUGHT"
    assert (await buy(shop, order, parcel, key="once")).status_code == 201
    assert await shop.rows("select count(*) from shipment_label") == [(1,)]


async def test_an_unpacked_parcel_gives_its_label_back(shop: Shop) -> None:
    order, parcel = await packed(shop, 1)
    carrier = FakeCarrier()
    number = (await buy(shop, order, parcel)).json()["shipment"]["trackingNumber"]
    await shop.staff("DELETE", f"/orders/{order['id']}/shipments/{parcel['id']}")
    assert (await parcel_of(shop, order))["label"]["state"] == "VOIDING"
    await swept(shop, {"fake": carrier})
    assert (await parcel_of(shop, order))["label"]["state"] == "VOIDED"
    assert [update.status for update in await carrier.track(number)] == ["LABELLED"]


async def test_a_label_that_comes_for_an_unpacked_parcel_goes_back(shop: Shop) -> None:
    order, parcel = await packed(shop, 1, state="AK", city="Anchorage", postalCode="99906")
    await buy(shop, order, parcel)
    await shop.staff("DELETE", f"/orders/{order['id']}/shipments/{parcel['id']}")
    fake = FakeCarrier()
    for _ in range(3):
        await swept(shop, {"fake": fake})
    assert (await parcel_of(shop, order))["label"]["state"] == "VOIDED"


async def test_labels_are_for_packed_parcels(shop: Shop) -> None:
    order, parcel = await packed(shop, 1)
    await shop.staff("POST", f"/orders/{order['id']}/shipments/{parcel['id']}/ship", json={})
    assert same_problem(await buy(shop, order, parcel), 409, "invalid_transition")
    nowhere, _ = await placed(shop, 1)
    await moved(shop, nowhere, "CONFIRMED")
    box = (await done(shop, "POST", nowhere, "/shipments"))["shipment"]
    assert same_problem(await buy(shop, nowhere, box), 422, "shipping_address_required")
    assert same_problem(await buy(shop, nowhere, parcel), 404, "not_found")


async def test_a_label_that_left_with_its_parcel_is_not_given_back(shop: Shop) -> None:
    order, parcel = await packed(shop, 1)
    await buy(shop, order, parcel)
    await shop.staff("POST", f"/orders/{order['id']}/shipments/{parcel['id']}/ship", json={})
    assert same_problem(await shop.staff("DELETE", label_of(order, parcel)), 409, "invalid_transition")


async def test_without_carriers_nothing_can_be_asked(database_url: str) -> None:
    async with open_shop(database_url, Settings(unsafe_database=True, sweep_seconds=0)) as shop:
        order, parcel = await packed(shop, 1)
        rates = await shop.staff("GET", f"/orders/{order['id']}/shipments/{parcel['id']}/rates?weight=1")
        assert same_problem(rates, 409, "carriers_not_set_up")
        assert same_problem(await buy(shop, order, parcel), 422, "carrier_not_offered", "/carrier")


async def test_a_carrier_without_keys_is_never_asked_twice(database_url: str, ups: Ups) -> None:
    """Whether UPS sold the label, nobody knows: it is for somebody to look there."""
    async with ups_shop(database_url, ups) as shop:
        order, parcel = await packed(shop, 1)
        ups.next.append(RESET)
        lost = await buy(shop, order, parcel, carrier="ups", service="03", key="once")
        assert (lost.status_code, lost.json()["shipment"]["label"]["state"]) == (202, "UNCERTAIN")
        asked = len(ups.asked)
        again = await buy(shop, order, parcel, carrier="ups", service="03", key="once")
        assert (again.status_code, again.json()["shipment"]["label"]["state"]) == (202, "UNCERTAIN")
        assert same_problem(await buy(shop, order, parcel, carrier="ups", service="03"), 409, "label_exists")
        carriers = app_shipping.carriers(with_ups(ups))
        await swept(shop, carriers.by_name)
        await carriers.close()
        assert len(ups.asked) == asked
        given_up = await shop.staff("DELETE", label_of(order, parcel))
        assert (given_up.status_code, given_up.json()["shipment"]["label"]["state"]) == (200, "GIVEN_UP")
        bought = await buy(shop, order, parcel, carrier="ups", service="03")
        assert bought.json()["shipment"]["label"]["state"] == "BOUGHT"
        assert (await story(shop, order))[-3:] == [
            "shipment.label_uncertain",
            "shipment.label_given_up",
            "shipment.label_bought",
        ]


async def test_who_dies_while_ups_is_asked_leaves_it_uncertain(database_url: str, ups: Ups) -> None:
    async with ups_shop(database_url, ups) as shop:
        order, parcel = await packed(shop, 1)
        ups.next.append(RESET)
        await buy(shop, order, parcel, carrier="ups", service="03")
        await shop.change("update shipment_label set state = 'BUYING'")  # as a process that was killed leaves it
        asked = len(ups.asked)
        carriers = app_shipping.carriers(with_ups(ups))
        await swept(shop, carriers.by_name)
        await carriers.close()
        assert len(ups.asked) == asked
        assert (await parcel_of(shop, order))["label"]["state"] == "UNCERTAIN"


async def test_a_carrier_that_cannot_be_reached_has_sold_nothing(database_url: str, ups: Ups) -> None:
    async with ups_shop(database_url, ups) as shop:
        order, parcel = await packed(shop, 1)
        ups.secret = "changed"
        refused = await buy(shop, order, parcel, carrier="ups", service="03")
        assert same_problem(refused, 503, "carrier_not_reached")
        assert int(refused.headers["retry-after"]) > 0
        assert (await parcel_of(shop, order))["label"]["state"] == "REFUSED"


async def test_a_ups_parcel_is_followed_to_its_door(database_url: str, ups: Ups) -> None:
    async with ups_shop(database_url, ups) as shop:
        order, parcel = await packed(shop, 1)
        answer = await buy(shop, order, parcel, carrier="ups", service="03")
        number = answer.json()["shipment"]["trackingNumber"]
        carriers = app_shipping.carriers(with_ups(ups))
        await swept(shop, carriers.by_name)
        assert (await parcel_of(shop, order))["status"] == "PACKED"
        ups.scan(number, "I", "DP", "Departed from Facility")
        await swept(shop, carriers.by_name)
        assert (await parcel_of(shop, order))["status"] == "SHIPPED"
        ups.scan(number, "D", "FS", "Delivered")
        await swept(shop, carriers.by_name)
        await swept(shop, carriers.by_name)
        await carriers.close()
        read = (await shop.staff("GET", f"/orders/{order['id']}")).json()
        assert statuses(read) == ("DELIVERED", "FULFILLED")
        told = await shop.staff("GET", f"/orders/{order['id']}/shipments/{parcel['id']}/tracking")
        assert [update["status"] for update in told.json()["items"]] == ["LABELLED", "IN_TRANSIT", "DELIVERED"]
        assert (await story(shop, order)).count("shipment.tracked") == 3
        assert verify(shop.url)


@pytest.mark.parametrize(
    ("postal_code", "days", "parcel_is", "order_is"),
    [
        ("99501", 3, "DELIVERED", "FULFILLED"),
        ("99908", 10, "LOST", "UNFULFILLED"),
        ("99909", 6, "RETURNED", "UNFULFILLED"),
    ],
)
async def test_a_parcel_goes_where_its_carrier_says(
    shop: Shop, postal_code: str, days: int, parcel_is: str, order_is: str
) -> None:
    order, (product,) = await placed(
        shop, 1, shippingAddress=NEW_YORK | {"state": "AK", "city": "Anchorage", "postalCode": postal_code}
    )
    await moved(shop, order, "CONFIRMED")
    parcel = (await done(shop, "POST", order, "/shipments"))["shipment"]
    await buy(shop, order, parcel)
    clock = Days()
    carrier = {"fake": FakeCarrier(now=clock)}
    clock.later = timedelta(hours=7)
    await swept(shop, carrier)
    assert (await parcel_of(shop, order))["status"] == "SHIPPED"
    clock.later = timedelta(days=days)
    await swept(shop, carrier)
    assert (await parcel_of(shop, order))["status"] == parcel_is
    read = (await shop.staff("GET", f"/orders/{order['id']}")).json()
    assert read["fulfillmentStatus"] == order_is
    assert await shop.stock(product) == 9
    before = await shop.rows("select count(*) from event")
    await swept(shop, carrier)
    assert await shop.rows("select count(*) from event") == before
    assert verify(shop.url)


async def test_what_staff_said_before_the_carrier_stands(shop: Shop) -> None:
    """Delivered is delivered, also where the carrier says later that it was on its way."""
    order, parcel = await packed(shop, 1)
    await buy(shop, order, parcel)
    for move in ("ship", "deliver"):
        await shop.staff("POST", f"/orders/{order['id']}/shipments/{parcel['id']}/{move}", json={})
    clock = Days()
    clock.later = timedelta(hours=7)
    await swept(shop, {"fake": FakeCarrier(now=clock)})
    assert (await parcel_of(shop, order))["status"] == "DELIVERED"
    assert await shop.rows("select track_due_at from shipment") == [(None,)]


async def test_many_processes_tell_of_a_parcel_once(shop: Shop) -> None:
    order, parcel = await packed(shop, 1)
    await buy(shop, order, parcel)
    clock = Days()
    clock.later = timedelta(days=3)
    await asyncio.gather(*[swept(shop, {"fake": FakeCarrier(now=clock)}) for _ in range(4)])
    assert (await story(shop, order)).count("shipment.tracked") == 4
    assert (await story(shop, order)).count("shipment.delivered") == 1
    assert verify(shop.url)


async def test_a_parcel_that_nobody_hears_of_is_not_asked_for_for_ever(shop: Shop) -> None:
    order, parcel = await packed(shop, 1)
    await buy(shop, order, parcel)
    await shop.change("update shipment set created_at = now() - interval '61 days'")
    await swept(shop, {"fake": FakeCarrier()})
    assert await shop.rows("select track_due_at from shipment") == [(None,)]


async def test_labels_and_unpacking_race_to_a_parcel_with_a_label_or_neither(shop: Shop) -> None:
    for _ in range(5):
        order, parcel = await packed(shop, 1)
        path = f"/orders/{order['id']}/shipments/{parcel['id']}"
        await asyncio.gather(buy(shop, order, parcel), shop.staff("DELETE", path))
        carrier = {"fake": FakeCarrier()}
        for _ in range(2):
            await swept(shop, carrier)
        left = await parcel_of(shop, order)
        state = left["label"]["state"] if left["label"] else None
        assert (left["status"], state) in {("CANCELLED", "VOIDED"), ("CANCELLED", None)}
    assert verify(shop.url)
