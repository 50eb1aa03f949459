"""Labels and parcels when something else happens meanwhile: no label is lost, none is paid for and not used."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta

import psycopg
import pytest
from typing_extensions import override

from tests.shop import Shop, open_shop, same_problem
from tests.test_labels import FAKES, NEW_YORK, Days, buy, label_of, packed, parcel_of, swept, ups_shop
from tests.test_order_life import done
from tests.ups_stub import LATE, RESET, Ups, ups_stub
from tradepost.app.verifying import verify
from tradepost.shipping.carriers import CarrierNotReached, Consignment, Label, TrackingUpdate
from tradepost.shipping.carriers.fake import FakeCarrier

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    """A shop that sends with the fake carrier."""
    async with open_shop(database_url, FAKES) as opened:
        yield opened


@pytest.fixture
async def ups() -> AsyncIterator[Ups]:
    async with ups_stub() as stub:
        yield stub


async def waiting(shop: Shop, many: int) -> None:
    """So many wait for a lock."""
    held = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    while await shop.rows(held) != [(many,)]:  # noqa: ASYNC110 - the database has no event for it
        await asyncio.sleep(0.02)


async def test_an_uncertain_label_can_be_given_up_although_its_parcel_was_unpacked(database_url: str, ups: Ups) -> None:
    async with ups_shop(database_url, ups) as shop:
        order, parcel = await packed(shop, 1)
        ups.next.append(RESET)
        await buy(shop, order, parcel, carrier="ups", service="03")
        await shop.staff("DELETE", f"/orders/{order['id']}/shipments/{parcel['id']}")
        given_up = await shop.staff("DELETE", label_of(order, parcel))
        assert (given_up.status_code, given_up.json()["shipment"]["label"]["state"]) == (200, "GIVEN_UP")
        assert same_problem(await shop.staff("DELETE", label_of(order, parcel)), 409, "invalid_transition")


async def test_of_a_lost_parcel_it_can_be_said_that_it_came_back(shop: Shop) -> None:
    order, parcel = await packed(shop, 1)
    for move, status in (("ship", "SHIPPED"), ("lose", "LOST"), ("return", "RETURNED")):
        told = await shop.staff("POST", f"/orders/{order['id']}/shipments/{parcel['id']}/{move}", json={})
        assert (told.status_code, told.json()["shipment"]["status"]) == (200, status)
    assert verify(shop.url)


@pytest.mark.parametrize("by", ["its carrier", "staff"])
@pytest.mark.parametrize("instead", ["sent again", "refunded"])
async def test_what_comes_back_to_an_order_that_no_longer_needs_it_can_be_sold(
    shop: Shop, instead: str, by: str
) -> None:
    product = await shop.product()
    brought_back = NEW_YORK | {"state": "AK", "city": "Anchorage", "postalCode": "99909"}
    order = (await shop.order((product, 1), shippingAddress=brought_back)).json()
    await done(shop, "POST", order, "/payment", paymentMethodId="cash_on_delivery")
    await done(shop, "POST", order, "/captures")
    parcel = (await done(shop, "POST", order, "/shipments"))["shipment"]
    await buy(shop, order, parcel)
    await done(shop, "POST", order, f"/shipments/{parcel['id']}/ship")
    if instead == "sent again":
        await done(shop, "POST", order, f"/shipments/{parcel['id']}/lose")
        another = (await done(shop, "POST", order, "/shipments"))["shipment"]
        await done(shop, "POST", order, f"/shipments/{another['id']}/ship")
    else:
        refunded = await done(shop, "POST", order, "/refunds")
        assert refunded["order"]["status"] == "REFUNDED"
    if by == "staff":
        await done(shop, "POST", order, f"/shipments/{parcel['id']}/return")
    else:
        clock = Days()
        clock.later = timedelta(days=6)
        await swept(shop, {"fake": FakeCarrier(now=clock)})
    assert await shop.rows("select count(*) from shipment where status = 'RETURNED'") == [(1,)]
    assert await shop.stock(product) == (9 if instead == "sent again" else 10)
    assert verify(shop.url)


async def test_a_label_that_comes_for_a_parcel_that_has_left_goes_back(shop: Shop) -> None:
    """It is on no parcel, and the parcel keeps the number that it travels with."""
    order, parcel = await packed(shop, 1, state="AK", city="Anchorage", postalCode="99906")
    await buy(shop, order, parcel)
    travel = {"carrier": "DHL", "trackingNumber": "X1"}
    await shop.staff("POST", f"/orders/{order['id']}/shipments/{parcel['id']}/ship", json=travel)
    fake = FakeCarrier()
    for _ in range(3):
        await swept(shop, {"fake": fake})
    left = await parcel_of(shop, order)
    assert (left["carrier"], left["trackingNumber"], left["label"]["state"]) == ("DHL", "X1", "VOIDED")


class OutOfReach(FakeCarrier):
    """It cannot even be asked."""

    @override
    async def label(self, consignment: Consignment, *, service: str, key: str) -> Label:
        raise CarrierNotReached("fake: was down a moment ago")


async def test_a_carrier_that_is_out_of_reach_later_may_have_sold_the_label_before(shop: Shop) -> None:
    order, parcel = await packed(shop, 1, state="AK", city="Anchorage", postalCode="99906")
    await buy(shop, order, parcel)
    await swept(shop, {"fake": OutOfReach()})
    assert (await parcel_of(shop, order))["label"]["state"] == "BUYING"
    fake = FakeCarrier()
    for _ in range(2):
        await swept(shop, {"fake": fake})
    assert (await parcel_of(shop, order))["label"]["state"] == "BOUGHT"


async def test_a_carrier_that_is_no_longer_set_up_may_have_sold_the_label(shop: Shop) -> None:
    order, parcel = await packed(shop, 1, state="AK", city="Anchorage", postalCode="99906")
    await buy(shop, order, parcel)
    await swept(shop, {})
    assert (await parcel_of(shop, order))["label"]["state"] == "UNCERTAIN"


@pytest.mark.parametrize("by", ["its carrier", "staff"])
async def test_an_order_travels_with_the_number_of_the_label(shop: Shop, by: str) -> None:
    order, parcel = await packed(shop, 1)
    number = (await buy(shop, order, parcel)).json()["shipment"]["trackingNumber"]
    if by == "staff":
        await shop.staff("PATCH", f"/orders/{order['id']}/status", json={"status": "SHIPPED"})
    else:
        clock = Days()
        clock.later = timedelta(hours=7)
        await swept(shop, {"fake": FakeCarrier(now=clock)})
    read = (await shop.staff("GET", f"/orders/{order['id']}")).json()
    assert (read["status"], read["trackingCompany"], read["trackingNumber"]) == ("SHIPPED", "fake", number)


class Meanwhile(FakeCarrier):
    """Something happens before it has answered where a parcel is."""

    def __init__(self, clock: Days, happens: Callable[[], Awaitable[object]]) -> None:
        super().__init__(now=clock)
        self._happens = happens

    @override
    async def track(self, tracking_number: str) -> Sequence[TrackingUpdate]:
        found = await super().track(tracking_number)
        await self._happens()
        return found


async def test_what_was_asked_of_another_number_says_nothing_of_the_parcel(shop: Shop) -> None:
    order, parcel = await packed(shop, 1)
    await buy(shop, order, parcel)
    clock = Days()
    clock.later = timedelta(days=3)
    path = f"/orders/{order['id']}/shipments/{parcel['id']}/ship"
    carrier = Meanwhile(clock, lambda: shop.staff("POST", path, json={"carrier": "DHL", "trackingNumber": "X1"}))
    await swept(shop, {"fake": carrier})
    left = await parcel_of(shop, order)
    assert (left["status"], left["trackingNumber"]) == ("SHIPPED", "X1")
    assert await shop.rows("select count(*) from shipment_tracking") == [(0,)]


async def test_the_same_request_does_not_give_back_the_label_that_came_after(database_url: str, ups: Ups) -> None:
    async with ups_shop(database_url, ups) as shop:
        order, parcel = await packed(shop, 1)
        wish = {"carrier": "ups", "service": "03"}
        once, twice = {"Idempotency-Key": "once"}, {"Idempotency-Key": "twice"}
        ups.next.append(RESET)
        await buy(shop, order, parcel, **wish)
        given_up = await shop.staff("DELETE", label_of(order, parcel), headers=once)
        await buy(shop, order, parcel, **wish)
        ups.next.append(RESET)
        later = await shop.staff("DELETE", label_of(order, parcel), headers=twice)
        await shop.staff("DELETE", label_of(order, parcel))
        await buy(shop, order, parcel, **wish)
        for key, first in ((once, given_up), (twice, later)):
            again = await shop.staff("DELETE", label_of(order, parcel), headers=key)
            assert again.headers["idempotency-replayed"] == "true"
            assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert (given_up.status_code, later.status_code) == (200, 202)
        assert (await parcel_of(shop, order))["label"]["state"] == "BOUGHT"


async def test_a_label_is_not_lost_where_its_request_is_sent_again_as_it_arrives(database_url: str, ups: Ups) -> None:
    async with ups_shop(database_url, ups) as shop:
        order, parcel = await packed(shop, 1)
        wish = {"carrier": "ups", "service": "03", "key": "once"}
        ups.next.append(LATE)
        first = asyncio.create_task(buy(shop, order, parcel, **wish))
        while ups.next:  # noqa: ASYNC110 - nor has the stub
            await asyncio.sleep(0.02)
        with psycopg.connect(shop.url) as meanwhile:
            meanwhile.execute("select from sales_order for update")
            ups.released.set()
            await waiting(shop, 1)
            again = asyncio.create_task(buy(shop, order, parcel, **wish))
            await waiting(shop, 2)
        assert (await first).status_code == 201
        assert (await again).status_code == 201
        assert (await buy(shop, order, parcel, **wish)).headers["idempotency-replayed"] == "true"
        assert (await parcel_of(shop, order))["label"]["state"] == "BOUGHT"
        assert len(ups.shipments) == 1
