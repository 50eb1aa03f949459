"""UPS, over a real connection to a server that speaks like it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.parcels import (
    ABROAD,
    BOX,
    BUYER,
    SHOP,
    Seconds,
    consignment,
    table,
    ups_carrier,
)
from tests.ups_stub import (
    ACCOUNT,
    CLIENT_ID,
    CLIENT_SECRET,
    GARBAGE,
    GIF,
    HANG,
    HUGE,
    RESET,
    STALL,
    Ups,
    ups_stub,
)
from tradepost.shipping import carriers
from tradepost.shipping.carriers import (
    CarrierRefused,
    CarrierUnavailable,
    Consignment,
    Dimensions,
    Parcel,
    TrackingStatus,
    UpsAccount,
)
from tradepost.shipping.carriers.ups import units

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ups() -> AsyncIterator[Ups]:
    async with ups_stub() as stub:
        yield stub


@given(st.integers(0, 10**8))
def test_a_parcel_is_never_announced_lighter_or_smaller_than_it_is(size: int) -> None:
    pound, inch = Fraction("453.59237"), Fraction("25.4")
    for steps, step, least in (
        (units.tenths_of_pounds(size), pound / 10, 1),
        (units.tenths_of_kilograms(size), Fraction(100), 1),
        (units.hundredths_of_inches(size), inch / 100, 0),
    ):
        assert steps * step >= size
        assert steps == least or (steps - 1) * step < size


async def test_units_are_those_of_the_senders_country(ups: Ups) -> None:
    async with ups_carrier(ups) as carrier:
        await carrier.rates(consignment(BUYER, Parcel(454, 1, "USD", Dimensions(254, 100, 300))))
        (package,) = ups.last["RateRequest"]["Shipment"]["Package"]
        assert package["PackageWeight"] == {"UnitOfMeasurement": {"Code": "LBS"}, "Weight": "1.1"}
        sides = {"Length": "11.82", "Width": "10.00", "Height": "3.94"}
        assert package["Dimensions"] == {"UnitOfMeasurement": {"Code": "IN"}} | sides
        await carrier.rates(Consignment(ABROAD, BUYER, (Parcel(1, 1, "EUR", Dimensions(1, 2, 3)),), "T-1"))
        shipment = ups.last["RateRequest"]["Shipment"]
        (package,) = shipment["Package"]
        assert package["PackageWeight"] == {"UnitOfMeasurement": {"Code": "KGS"}, "Weight": "0.1"}
        assert package["Dimensions"]["Length"] == "0.30"
        assert shipment["InvoiceLineTotal"] == {"CurrencyCode": "EUR", "MonetaryValue": "0.01"}


async def test_the_rates_of_ups_are_exact_and_the_accounts_own(ups: Ups) -> None:
    async with ups_carrier(ups) as carrier:
        rates = {rate.service: rate for rate in await carrier.rates(consignment())}
        assert {code: rate.amount for code, rate in rates.items()} == {"03": 1240, "02": 3105, "01": 5800}
        assert (rates["03"].latest, rates["02"].latest, rates["03"].name) == (None, 2, "UPS Ground")
        ups.negotiates = True
        assert {rate.amount for rate in await carrier.rates(consignment())} == {999}
        assert (await carrier.label(consignment(), service="03", key="k")).amount == 999


async def test_a_label_of_ups_is_the_image_that_it_sent(ups: Ups) -> None:
    async with ups_carrier(ups) as carrier:
        label = await carrier.label(consignment(), service="03", key="key-1")
        (document,) = label.documents
        assert (document.content, document.media_type) == (GIF, "image/gif")
        request = ups.last["ShipmentRequest"]
        assert request["Request"]["TransactionReference"]["CustomerContext"] == "key-1"
        assert request["Shipment"]["Package"][0]["ReferenceNumber"]["Value"] == "T-1001"
        await carrier.label(consignment(ABROAD), service="03", key="key-2")
        shipment = ups.last["ShipmentRequest"]["Shipment"]
        assert shipment["ReferenceNumber"]["Value"] == "T-1001"
        assert "ReferenceNumber" not in shipment["Package"][0]


async def test_a_long_line_is_broken_and_never_cut(ups: Ups) -> None:
    async with ups_carrier(ups) as carrier:
        line = "The very long named institute for the study of long names"
        await carrier.rates(consignment(lines=(line, "12 Main St")))
        lines = ups.last["RateRequest"]["Shipment"]["ShipTo"]["Address"]["AddressLine"]
        assert " ".join(lines) == f"{line} 12 Main St"
        with pytest.raises(CarrierRefused) as refused:
            await carrier.rates(consignment(lines=(line, line)))
        assert refused.value.errors[0].pointer == "/recipient/lines"


async def test_refusals_of_ups_point_at_what_it_names(ups: Ups) -> None:
    async with ups_carrier(ups) as carrier:
        for sent, pointer, code in (
            (consignment(state="Ny"), "/recipient/state", "unknown_state"),
            (consignment(phone=None), "/recipient/phone", "invalid_phone"),
            (consignment(BUYER, Parcel(90_000, 1, "USD")), "/parcels", "out_of_range"),
            (_from(phone=None), "/sender/phone", "invalid_phone"),
            (_from(postal_code="3030"), "/sender/postalCode", "invalid_postal_code"),
        ):
            with pytest.raises(CarrierRefused) as refused:
                await carrier.label(sent, service="03", key="k")
            assert [(error.pointer, error.code) for error in refused.value.errors] == [(pointer, code)]


def _from(**changes: Any) -> Consignment:
    return Consignment(msgspec.structs.replace(SHOP, **changes), BUYER, (BOX,), "T-1")


async def test_a_returned_parcel_and_a_held_one_are_told_apart(ups: Ups) -> None:
    async with ups_carrier(ups) as carrier:
        number = (await carrier.label(consignment(), service="03", key="k")).tracking_number
        ups.scan(number, "X", "48", "Held")
        ups.scan(number, "RS", "RS", "Returned to shipper")
        updates = await carrier.track(number)
    assert [update.status for update in updates][1:] == [TrackingStatus.EXCEPTION, TrackingStatus.RETURNED]
    assert updates[1].at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert updates[1].place == "Louisville, KY, US"


@pytest.mark.parametrize("trouble", [429, 500, 502, 503, 301, 403, RESET, GARBAGE, HUGE])
async def test_whatever_ups_does_it_is_unavailable_and_then_well_again(ups: Ups, trouble: int | str) -> None:
    async with ups_carrier(ups) as carrier:
        ups.next.append(trouble)
        with pytest.raises(CarrierUnavailable):
            await carrier.rates(consignment())
        assert await carrier.rates(consignment())


@pytest.mark.parametrize("trouble", [HANG, STALL])
async def test_a_ups_that_says_nothing_more_is_not_waited_for(ups: Ups, trouble: str) -> None:
    async with ups_carrier(ups) as carrier:
        await carrier.rates(consignment())
    ups.next.append(trouble)
    async with ups_carrier(ups, seconds=0.2) as carrier:
        with pytest.raises(CarrierUnavailable):
            await carrier.rates(consignment())
    assert not ups.released.is_set()


@pytest.mark.parametrize("trouble", [429, 500, RESET, GARBAGE, HUGE])
async def test_trouble_with_the_token_is_trouble_with_ups(ups: Ups, trouble: int | str) -> None:
    async with ups_carrier(ups) as carrier:
        ups.next_token.append(trouble)
        with pytest.raises(CarrierUnavailable):
            await carrier.rates(consignment())
        assert await carrier.rates(consignment())


async def test_twenty_calls_at_once_ask_for_one_token(ups: Ups) -> None:
    async with ups_carrier(ups) as carrier:
        await asyncio.gather(*(carrier.rates(consignment()) for _ in range(20)))
        assert ups.tokens_given == 1
        ups.forget_tokens()
        await asyncio.gather(*(carrier.rates(consignment()) for _ in range(20)))
        assert ups.tokens_given == 2


async def test_a_token_is_renewed_shortly_before_it_runs_out(ups: Ups) -> None:
    clock = Seconds()
    ups.token_seconds = "3600"
    async with ups_carrier(ups, clock=clock) as carrier:
        for now, given in ((0, 1), (3539, 1), (3541, 2), (3541 + 3539, 2), (3541 + 3541, 3)):
            clock.now = 1000.0 + now
            await carrier.rates(consignment())
            assert ups.tokens_given == given


async def test_wrong_credentials_are_loud_and_never_shown(ups: Ups, capfd: pytest.CaptureFixture[str]) -> None:
    async with ups_carrier(ups, secret="wr0ng-secret") as carrier:
        with pytest.raises(CarrierUnavailable, match="TRADEPOST_UPS_CLIENT_ID"):
            await carrier.rates(consignment())
    async with ups_carrier(ups) as carrier:
        ups.next += [401, 401]
        with pytest.raises(CarrierUnavailable, match="does not let us in"):
            await carrier.rates(consignment())
        assert ups.tokens_given == 2
    said = capfd.readouterr().out
    assert said.count("carrier_credentials_refused") == 2
    account = UpsAccount(ups.url, ACCOUNT, CLIENT_ID, CLIENT_SECRET)
    for secret in ("wr0ng-secret", CLIENT_SECRET, "token-1", BUYER.name):
        assert secret not in f"{said}{account!r}"


async def test_a_ups_that_stays_down_is_left_alone_for_a_while(ups: Ups) -> None:
    clock = Seconds()
    async with ups_carrier(ups, clock=clock) as carrier:
        ups.next += [500] * 5
        for _ in range(7):
            with pytest.raises(CarrierUnavailable):
                await carrier.rates(consignment())
        assert (len(ups.next), len(ups.asked)) == (0, 0)
        clock.now += 31
        assert await carrier.rates(consignment())


async def test_refusals_are_answers_and_do_not_open_the_breaker(ups: Ups) -> None:
    async with ups_carrier(ups) as carrier:
        for _ in range(10):
            with pytest.raises(CarrierRefused):
                await carrier.rates(consignment(postal_code="00000"))
        assert await carrier.rates(consignment())


async def test_nobody_listening_is_unavailable() -> None:
    async with ups_stub() as gone:
        pass
    async with ups_carrier(gone) as carrier:
        with pytest.raises(CarrierUnavailable):
            await carrier.rates(consignment())


async def test_ups_that_hangs_opens_its_breaker_by_being_given_up(ups: Ups) -> None:
    async with ups_carrier(ups) as carrier:
        await carrier.rates(consignment())
        ups.next += [HANG] * 100
        for _ in range(100):
            found = await carriers.rates([carrier], table(), consignment(), within=0.05)
            assert [rate.carrier for rate in found.rates] == ["table", "table"]
            if "down a moment ago" in found.notes[0].detail:
                break
        else:
            pytest.fail("it was asked again and again")
