"""Carriers: one contract for all of them, and a fake that misbehaves when it is told to."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.parcels import ABROAD, BOX, BUYER, consignment, table, ups_carrier
from tests.ups_stub import (
    Ups,
    ups_stub,
)
from tradepost.core import money
from tradepost.shipping.carriers import (
    Carrier,
    CarrierRefused,
    CarrierUnavailable,
    Consignment,
    Label,
    Parcel,
    Place,
    ServiceNotOffered,
    Source,
    TrackingStatus,
)
from tradepost.shipping.carriers.fake import FakeCarrier, Whim

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 9, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Bench:
    """A carrier to be tested, with the means to move its parcels and to make it fail."""

    def __init__(self, carrier: Carrier, service: str, magic: bytes, ups: Ups | None, clock: Clock) -> None:
        self.carrier, self.service, self.magic, self._ups, self._clock = carrier, service, magic, ups, clock

    def pick_up(self, number: str) -> None:
        self._clock.time += timedelta(hours=7)
        if self._ups:
            self._ups.scan(number, "P", "PU", "Pickup Scan")

    def deliver(self, number: str) -> None:
        self._clock.time += timedelta(days=4)
        if self._ups:
            self._ups.scan(number, "I", "OT", "Out For Delivery Today", status_code="021")
            self._ups.scan(number, "D", "FS", "DELIVERED")

    def down(self) -> Consignment:
        if self._ups:
            self._ups.next += [503] * 2
        return consignment(postal_code=Whim.IS_DOWN, state="AK") if not self._ups else consignment()

    @property
    def bad_address(self) -> Consignment:
        return consignment(postal_code="00000" if self._ups else Whim.REFUSES)


@pytest.fixture(params=["fake", "ups"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    clock = Clock()
    if request.param == "fake":
        yield Bench(FakeCarrier(now=clock.now, sleep=clock.sleep), "ground", b"%PDF-1.4", None, clock)
        return
    async with ups_stub() as ups, ups_carrier(ups) as carrier:
        yield Bench(carrier, "03", b"GIF89a", ups, clock)


@pytest.mark.parametrize("rated_by_table", [False, True])
async def test_a_carrier_says_what_its_services_cost(bench: Bench, rated_by_table: bool) -> None:
    carrier: Carrier = table() if rated_by_table else bench.carrier
    rates = await carrier.rates(consignment())
    assert len({rate.service for rate in rates}) == len(rates) > 1
    for rate in rates:
        assert (rate.carrier, rate.currency) == (carrier.name, "USD")
        assert rate.amount >= 0
        assert (rate.earliest or 0) <= (rate.latest or 0)
        assert rate.name
        assert (rate.source is Source.TABLE) == rated_by_table


async def test_a_label_can_be_stuck_on_each_parcel(bench: Bench) -> None:
    sent = consignment(BUYER, BOX, BOX, BOX)
    label = await bench.carrier.label(sent, service=bench.service, key="k1")
    numbers = [document.tracking_number for document in label.documents]
    assert len(set(numbers)) == 3
    assert label.tracking_number == numbers[0]
    assert label.tracking_number in label.tracking_url
    assert all(document.content.startswith(bench.magic) for document in label.documents)
    assert (label.carrier, label.service, label.currency) == (bench.carrier.name, bench.service, "USD")
    assert label.amount > 0


async def test_a_parcel_is_followed_to_its_door(bench: Bench) -> None:
    label = await bench.carrier.label(consignment(), service=bench.service, key="k1")
    assert await _statuses(bench, label) == [TrackingStatus.LABELLED]
    bench.pick_up(label.tracking_number)
    assert (await _statuses(bench, label))[-1] is TrackingStatus.IN_TRANSIT
    bench.deliver(label.tracking_number)
    updates = await bench.carrier.track(label.tracking_number)
    assert [update.status for update in updates][-2:] == [TrackingStatus.OUT_FOR_DELIVERY, TrackingStatus.DELIVERED]
    assert len({update.reference for update in updates}) == len(updates)
    assert sorted(update.at for update in updates) == [update.at for update in updates]
    assert await bench.carrier.track(label.tracking_number) == updates


async def test_nothing_is_known_of_a_number_that_is_nobodys(bench: Bench) -> None:
    for number in ("1Z00000000000000", "x", "", "../../../ship", "FK00000000000000000", "n" * 300):
        assert list(await bench.carrier.track(number)) == []


async def test_a_label_is_given_back_once_and_again_is_no_error(bench: Bench) -> None:
    label = await bench.carrier.label(consignment(), service=bench.service, key="k1")
    await bench.carrier.void(label.reference)
    await bench.carrier.void(label.reference)


async def test_what_is_on_its_way_or_nobodys_is_not_given_back(bench: Bench) -> None:
    label = await bench.carrier.label(consignment(), service=bench.service, key="k1")
    bench.pick_up(label.tracking_number)
    for reference in (label.reference, "1Z00000000000000"):
        with pytest.raises(CarrierRefused, match=bench.carrier.name):
            await bench.carrier.void(reference)


async def test_a_service_that_is_none_is_not_offered(bench: Bench) -> None:
    with pytest.raises(ServiceNotOffered) as refused:
        await bench.carrier.label(consignment(), service="teleport", key="k1")
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/service", "service_not_offered")]


async def test_a_refusal_points_at_the_postal_code(bench: Bench) -> None:
    sent = bench.bad_address
    for refusing in (bench.carrier.rates(sent), bench.carrier.label(sent, service=bench.service, key="k1")):
        with pytest.raises(CarrierRefused, match="postal code") as refused:
            await refusing
        (error,) = refused.value.errors
        assert (error.pointer, error.code) == ("/recipient/postalCode", "invalid_postal_code")


async def test_a_carrier_that_is_down_is_unavailable(bench: Bench) -> None:
    sent = bench.down()
    with pytest.raises(CarrierUnavailable):
        await bench.carrier.rates(sent)
    with pytest.raises(CarrierUnavailable):
        await bench.carrier.label(sent, service=bench.service, key="k1")


async def _statuses(bench: Bench, label: Label) -> list[TrackingStatus]:
    return [update.status for update in await bench.carrier.track(label.tracking_number)]


def fake() -> tuple[FakeCarrier, Clock]:
    clock = Clock()
    return FakeCarrier(now=clock.now, sleep=clock.sleep), clock


async def test_the_fake_sells_one_label_for_one_key() -> None:
    carrier, clock = fake()
    first = await carrier.label(consignment(), service="ground", key="k1")
    clock.time += timedelta(hours=1)
    assert await carrier.label(consignment(), service="ground", key="k1") == first
    assert await carrier.label(consignment(), service="ground", key="k2") != first


async def test_the_fake_hangs_and_is_slow_when_told_to() -> None:
    carrier, clock = fake()
    with pytest.raises(CarrierUnavailable, match="10 seconds"):
        await carrier.rates(consignment(postal_code=Whim.HANGS))
    assert await carrier.rates(consignment(postal_code=Whim.IS_SLOW))
    assert clock.slept == [10, 2]


async def test_the_fake_loses_an_answer_and_finds_the_label_again() -> None:
    carrier, _ = fake()
    sent = consignment(postal_code=Whim.LOSES_ANSWERS)
    with pytest.raises(CarrierUnavailable):
        await carrier.label(sent, service="ground", key="k1")
    assert (await carrier.label(sent, service="ground", key="k1")).reference


async def test_the_fake_gives_rates_and_no_labels_when_told_to() -> None:
    carrier, _ = fake()
    sent = consignment(postal_code=Whim.REFUSES_LABELS)
    assert await carrier.rates(sent)
    with pytest.raises(CarrierRefused):
        await carrier.label(sent, service="ground", key="k1")


@pytest.mark.parametrize(
    ("whim", "end"),
    [
        (Whim.GETS_STUCK, [TrackingStatus.EXCEPTION, TrackingStatus.OUT_FOR_DELIVERY, TrackingStatus.DELIVERED]),
        (Whim.LOSES_PARCELS, [TrackingStatus.LOST]),
        (Whim.BRINGS_BACK, [TrackingStatus.OUT_FOR_DELIVERY, TrackingStatus.RETURNED]),
    ],
)
async def test_the_fake_mislays_parcels_when_told_to_and_any_process_knows(
    whim: Whim, end: Sequence[TrackingStatus]
) -> None:
    carrier, clock = fake()
    label = await carrier.label(consignment(postal_code=whim), service="ground", key="k1")
    clock.time += timedelta(days=30)
    another_process = FakeCarrier(now=clock.now, sleep=clock.sleep)
    updates = await another_process.track(label.tracking_number)
    assert [update.status for update in updates][2:] == end
    assert all(update.at <= clock.time for update in updates)


async def test_a_mistyped_number_of_the_fake_is_noticed() -> None:
    carrier, _ = fake()
    number = (await carrier.label(consignment(), service="ground", key="k1")).tracking_number
    for at in range(2, len(number)):
        typed = f"{number[:at]}{(int(number[at]) + 1) % 10}{number[at + 1 :]}"
        assert list(await carrier.track(typed)) == []


async def test_the_fakes_label_is_a_pdf_whose_parts_are_where_it_says() -> None:
    carrier, _ = fake()
    sent = consignment(name=r"A) (B \ Ž€ 漢", company="Müller")
    (document,) = (await carrier.label(sent, service="ground", key="k1")).documents
    pdf = document.content
    start = int(pdf.rsplit(b"startxref\n", 1)[1].split()[0])
    table_lines = pdf[start:].split(b"\n")
    assert table_lines[0] == b"xref"
    begins = [int(line.split()[0]) for line in table_lines[3:8]]
    assert [pdf[begin:].split(b"\n")[0] for begin in begins] == [b"%d 0 obj" % number for number in range(1, 6)]
    length = int(pdf.split(b"/Length ")[1].split()[0])
    stream = pdf.split(b"stream\n", 1)[1]
    assert stream[length:].startswith(b"\nendstream")
    assert rb"A\) \(B \\ " in stream
    assert document.tracking_number.encode() in stream


@given(
    st.sampled_from("USD EUR JPY KWD CLF".split()),
    st.integers(0, 30_000),
    st.integers(0, 30_000),
    st.sampled_from([BUYER, ABROAD]),
)
async def test_with_the_fake_more_weight_and_a_longer_way_never_cost_less(
    currency: str, lighter: int, more: int, to: Place
) -> None:
    carrier, _ = fake()
    light = await carrier.rates(consignment(to, Parcel(lighter, 100, currency)))
    heavy = await carrier.rates(consignment(to, Parcel(lighter + more, 100, currency)))
    near = await carrier.rates(consignment(BUYER, Parcel(lighter, 100, currency)))
    for low, high, home in zip(light, heavy, near, strict=True):
        assert 0 < home.amount <= low.amount <= high.amount
        assert money.Money.of(money.text(low.amount, currency), currency).minor == low.amount
