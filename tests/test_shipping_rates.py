"""What sending costs: by a merchant's table, and by carriers, although one of them is down."""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.parcels import (
    ABROAD,
    ANSWER_SECONDS,
    BUYER,
    TABLE,
    consignment,
    table,
    zone,
)
from tradepost.app import shipping as app_shipping
from tradepost.app.settings import Settings, SettingsInvalid, load
from tradepost.core import money
from tradepost.shipping import carriers
from tradepost.shipping.carriers import (
    CarrierNotReached,
    CarrierRefused,
    Carriers,
    CarrierUnavailable,
    Consignment,
    Label,
    Parcel,
    Place,
    Rate,
    ServiceNotOffered,
    Source,
    TrackingUpdate,
    table_of,
)

pytestmark = pytest.mark.anyio


async def test_a_table_has_a_price_for_each_place_and_weight() -> None:
    async def offers(to: Place, weight: int, value: int) -> dict[str, int]:
        return {
            rate.service: rate.amount for rate in await table().rates(consignment(to, Parcel(weight, value, "USD")))
        }

    assert await offers(BUYER, 1000, 999) == {"standard": 500, "pickup": 0}
    assert await offers(BUYER, 1001, 999) == {"standard": 950, "pickup": 0}
    assert await offers(BUYER, 1001, 10_000) == {"standard": 0, "pickup": 0}
    assert await offers(BUYER, 20_001, 10_000) == {"pickup": 0}
    assert await offers(ABROAD, 20_001, 5000) == {"standard": 3000}
    assert await offers(ABROAD, 20_001, 5001) == {"standard": 2000}


async def test_a_table_of_another_currency_has_no_price() -> None:
    assert await table().rates(consignment(BUYER, Parcel(1, 1, "EUR"))) == []


async def test_labels_of_the_table_are_written_by_hand() -> None:
    for refusing in (table().label(consignment(), service="standard", key="k"), table().track("1"), table().void("1")):
        with pytest.raises(ServiceNotOffered):
            await refusing


amounts = st.integers(0, 10**9)


@given(
    currency=st.sampled_from("USD JPY KWD CLF ISK TND".split()),
    by=st.sampled_from(["weight", "subtotal"]),
    limits=st.sets(st.integers(1, 10**7), min_size=1, max_size=8),
    prices=st.lists(amounts, min_size=9, max_size=9),
    measured=st.integers(0, 10**7),
    free_from=st.none() | st.integers(0, 10**7),
)
def test_every_bracket_has_its_exact_price(
    *, currency: str, by: str, limits: set[int], prices: list[int], measured: int, free_from: int | None
) -> None:
    prices = sorted(prices)
    ends: list[int | None] = [*sorted(limits), None]
    brackets = [{"amount": money.text(price, currency)} for price in prices[: len(ends)]]
    for bracket, end in zip(brackets, ends, strict=True):
        if end is not None:
            bracket["upTo"] = str(end) if by == "weight" else money.text(end, currency)
    made: dict[str, Any] = {"countries": ["*"], "by": by, "brackets": brackets}
    if free_from is not None:
        made["freeFrom"] = money.text(free_from, currency)
    written = {"currency": currency, "services": [{"code": "s", "name": "S", "zones": [made]}]}
    parsed = table_of(json.dumps(written))
    value = measured if by == "subtotal" else 0
    sent = consignment(BUYER, Parcel(measured, value, currency))
    (rate,) = parsed.rates(sent)
    below = sum(end < measured for end in sorted(limits))
    is_free = free_from is not None and value >= free_from
    assert rate.amount == (0 if is_free else prices[below])
    if free_from is None and by == "weight":
        (heavier,) = parsed.rates(consignment(BUYER, Parcel(measured + 1000, 0, currency)))
        assert rate.amount <= heavier.amount


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"currency": "dollars"}, "$.currency"),
        ({"services": []}, "$.services"),
        ({"services": TABLE["services"][:1] * 2}, "$.services"),
        ({"extra": 1}, "extra"),
        (zone(countries=["Germany"]), "$.services[0].zones[0].countries[0]"),
        (zone(countries=["US", "US"]), "$.services[0].zones"),
        (zone(brackets=[{"amount": "5.001"}]), "$.services[0].zones[0].brackets[0].amount"),
        (zone(brackets=[{"amount": "-5"}]), "$.services[0].zones[0].brackets[0].amount"),
        (zone(brackets=[{"amount": "NaN"}]), "$.services[0].zones[0].brackets[0].amount"),
        (zone(brackets=[{"amount": 5, "upTo": 0.5}]), "$.services[0].zones[0].brackets[0].upTo"),
        (zone(brackets=[{"amount": 5, "upTo": "1e999999999"}]), "$.services[0].zones[0].brackets[0].upTo"),
        (zone(brackets=[{"amount": 5, "upTo": 9}, {"amount": 5, "upTo": 9}]), ".zones[0].brackets[1].upTo"),
        (zone(brackets=[{"amount": 5}, {"amount": 5, "upTo": 9}]), ".zones[0].brackets[1].upTo"),
        (zone(freeFrom="x"), "$.services[0].zones[0].freeFrom"),
    ],
)
def test_a_mistake_in_a_table_is_pointed_at(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(ValueError, match=re.escape(place)):
        table_of(json.dumps(TABLE | changes))


class Scripted:
    """A carrier that offers these rates, or raises, or waits for an event that may never come."""

    keeps_keys = True

    def __init__(self, name: str, *offers: tuple[str, int], **how: Any) -> None:
        self.name = name
        self._offers = offers
        self._raises: Exception | None = how.get("raises")
        self._event: asyncio.Event | None = how.get("waits_for")
        self._currency: str = how.get("currency", "USD")
        self.asked = asyncio.Event()

    async def rates(self, consignment: Consignment) -> Sequence[Rate]:
        self.asked.set()
        if self._event:
            await self._event.wait()
        if self._raises:
            raise self._raises
        return [
            Rate(self.name, service, service, amount, self._currency, None, None, Source.CARRIER)
            for service, amount in self._offers
        ]

    async def label(self, consignment: Consignment, *, service: str, key: str) -> Label:
        raise NotImplementedError  # these tests only ask for rates

    async def track(self, tracking_number: str) -> Sequence[TrackingUpdate]:
        raise NotImplementedError  # these tests only ask for rates

    async def void(self, reference: str) -> None:
        raise NotImplementedError  # these tests only ask for rates

    async def close(self) -> None:
        pass


def _offers(found: carriers.Rates) -> list[tuple[str, int]]:
    return [(f"{rate.carrier}/{rate.service}", rate.amount) for rate in found.rates]


def _notes(found: carriers.Rates) -> list[tuple[str, str]]:
    return [(note.carrier, note.code) for note in found.notes]


async def test_all_carriers_are_asked_at_once_and_the_cheapest_comes_first() -> None:
    slow, quick = Scripted("slow", ("a", 300), ("b", 100)), Scripted("quick", ("c", 200))
    slow._event = quick.asked  # noqa: SLF001 - each waits for the other to have been asked
    quick._event = slow.asked  # noqa: SLF001
    found = await carriers.rates([slow, quick], table(), consignment(), within=ANSWER_SECONDS)
    assert _offers(found) == [("slow/b", 100), ("quick/c", 200), ("slow/a", 300)]
    assert found.notes == ()


async def test_a_carrier_that_hangs_costs_no_more_than_the_deadline_and_the_table_stands_in() -> None:
    never = asyncio.Event()
    hanging, quick = Scripted("hanging", ("a", 1), waits_for=never), Scripted("quick", ("c", 700))
    found = await carriers.rates([hanging, quick], table(), consignment(), within=0.05)
    assert _offers(found) == [("table/pickup", 0), ("quick/c", 700), ("table/standard", 950)]
    assert _notes(found) == [("hanging", "carrier_unavailable")]
    assert hanging.asked.is_set()
    assert not never.is_set()


@pytest.mark.parametrize(
    ("error", "code", "stands_in"),
    [
        (CarrierUnavailable("x: down"), "carrier_unavailable", True),
        (CarrierNotReached("x: was down a moment ago"), "carrier_not_reached", True),
        (CarrierRefused("x: no"), "carrier_refused", False),
        (RuntimeError("a mistake of ours"), "carrier_unavailable", True),
    ],
)
async def test_no_error_of_a_carrier_is_ours(error: Exception, code: str, stands_in: bool) -> None:
    broken, fine = Scripted("broken", raises=error), Scripted("fine", ("c", 700))
    found = await carriers.rates([broken, fine], table(), consignment())
    assert _notes(found) == [("broken", code)]
    assert (("table/standard", 950) in _offers(found)) == stands_in
    alone = await carriers.rates([broken], table(), consignment())
    assert _offers(alone) == [("table/pickup", 0), ("table/standard", 950)]
    assert (await carriers.rates([broken], None, consignment())).rates == ()


async def test_prices_of_another_currency_are_not_offered() -> None:
    found = await carriers.rates([Scripted("x", ("a", 1), currency="EUR")], table(), consignment())
    assert _notes(found) == [("x", "currency_not_supported")]
    assert _offers(found) == [("table/pickup", 0), ("table/standard", 950)]


async def test_without_carriers_the_table_is_the_offer() -> None:
    found = await carriers.rates([], table(), consignment())
    assert (_offers(found), found.notes) == ([("table/pickup", 0), ("table/standard", 950)], ())


FROM = json.dumps({"name": "Shop", "lines": ["1 Dock Road"], "city": "Atlanta", "country": "US", "postalCode": "30301"})
UPS_SETTINGS = {
    "TRADEPOST_UPS_CLIENT_ID": "id",
    "TRADEPOST_UPS_CLIENT_SECRET": "s3cret",
    "TRADEPOST_UPS_ACCOUNT": "A1B2C3",
    "TRADEPOST_SHIP_FROM": FROM,
}


async def test_settings_say_who_carries() -> None:
    settings = load(UPS_SETTINGS | {"TRADEPOST_CARRIERS": "ups, fake", "TRADEPOST_SHIPPING_TABLE": json.dumps(TABLE)})
    made = app_shipping.carriers(settings)
    assert list(made.by_name) == ["ups", "fake"]
    assert [carrier.name for carrier in made.by_name.values()] == ["ups", "fake"]
    await made.close()
    assert made.table is not None
    assert made.origin() == Place("Shop", ("1 Dock Road",), "Atlanta", "US", postal_code="30301")
    assert app_shipping.carriers(Settings()) == Carriers({})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"TRADEPOST_CARRIERS": "fake,dhl"}, "TRADEPOST_CARRIERS: 'dhl' is no carrier"),
        ({"TRADEPOST_CARRIERS": "fake"}, "TRADEPOST_SHIP_FROM: is needed"),
        ({"TRADEPOST_CARRIERS": "ups"}, "TRADEPOST_UPS_CLIENT_SECRET: is needed"),
        ({"TRADEPOST_SHIPPING_TABLE": '{"currency": "USD"}'}, "TRADEPOST_SHIPPING_TABLE: Object missing"),
        ({"TRADEPOST_SHIPPING_TABLE": json.dumps(TABLE | zone(by="size"))}, "zones[0].by"),
        ({"TRADEPOST_SHIP_FROM": '{"name": "Shop"}'}, "TRADEPOST_SHIP_FROM: Object missing"),
        ({"TRADEPOST_SHIP_FROM": FROM.replace("US", "USA")}, "$.country"),
        ({"TRADEPOST_UPS_URL": "http://onlinetools.ups.com"}, "TRADEPOST_UPS_URL: is not of the form"),
        ({"TRADEPOST_UPS_URL": "https://onlinetools.ups.com/api"}, "TRADEPOST_UPS_URL: is not of the form"),
    ],
)
def test_wrong_settings_are_told_at_the_start(settings: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load(settings)
    assert said in refused.value.detail
