"""Exchange rates: fetched from who may fail or lie, crossed exactly, and overruled by the store."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.rates_double import RATES, Bank, file_of, open_bank
from tests.shop import Shop, same_problem
from tests.trading import market, price_of, rate
from tradepost.core.clock import now
from tradepost.db import Database
from tradepost.stores import rates
from tradepost.stores.rates import Published, RateProvider, RatesUnavailable, RatesUnusable, Refreshed
from tradepost.stores.rates.providers.ecb import Ecb
from tradepost.stores.rates.providers.seed import Seed

pytestmark = pytest.mark.anyio


@pytest.fixture
def bank() -> Iterator[Bank]:
    with open_bank() as opened:
        yield opened


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    db = Database(url, size=2)
    await db.open()
    try:
        yield db
    finally:
        await db.close()


async def _refresh(url: str, provider: RateProvider, *trusted: str) -> Refreshed:
    async with _opened(url) as db:
        return await rates.refresh(db, provider, trusted=frozenset(trusted))


async def _stored(url: str) -> dict[str, tuple[str, str, str]]:
    async with _opened(url) as db, db.read() as reader:
        return {one.quote: (f"{one.rate:f}", one.as_of.isoformat(), one.source) for one in await rates.newest(reader)}


# What every provider promises


@pytest.mark.parametrize("name", ["ecb", "seed"])
async def test_a_provider_gives_positive_rates_of_a_day_for_a_base(bank: Bank, name: str) -> None:
    provider: RateProvider = Ecb(bank.url) if name == "ecb" else Seed()
    said = await provider.fetch()
    assert provider.name == name
    assert said.base == "EUR"
    assert said.as_of <= now().date() + timedelta(days=1)
    assert len(said.rates) >= 3
    assert all(value > 0 and len(quote) == 3 for quote, value in said.rates.items())
    assert said.base not in said.rates
    assert await provider.fetch() == said


async def test_the_banks_rates_are_read_exactly(bank: Bank) -> None:
    said = await Ecb(bank.url).fetch()
    assert said == Published("EUR", date(2026, 11, 20), {quote: Decimal(value) for quote, value in RATES.items()})


# A bank that misbehaves


async def test_a_bank_that_fails_hangs_or_sends_one_elsewhere_is_not_available(bank: Bank) -> None:
    for status in (500, 503, 404, 429):
        bank.status = status
        with pytest.raises(RatesUnavailable, match=str(status)):
            await Ecb(bank.url).fetch()
    with open_bank() as other:
        bank.status, bank.headers = 302, {"Location": other.url}
        with pytest.raises(RatesUnavailable, match="302"):
            await Ecb(bank.url).fetch()
        assert other.asked == []
    bank.hangs = True
    with pytest.raises(RatesUnavailable):
        await Ecb(bank.url, seconds=0.2).fetch()
    with pytest.raises(RatesUnavailable):
        await Ecb("http://127.0.0.1:1/").fetch()


async def test_an_answer_without_end_is_not_read_to_it(bank: Bank) -> None:
    bank.is_endless = True
    with pytest.raises(RatesUnusable, match="without end"):
        await Ecb(bank.url).fetch()


_BOMB = (
    b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>"""
)
_OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>"""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Down for maintenance</html>",
        b"\x00\xff\xfe junk",
        file_of()[:200],
        _BOMB,
        _OUTSIDE,
        file_of(day="2026-02-30"),
        file_of({"US": "1.1"}),
        file_of({"USD": "one"}),
        file_of({"USD": ""}),
        file_of({"USD": "1e999999"}),
        file_of({"USD": "NaN"}),
    ],
    ids=["empty", "html", "bytes", "cut", "bomb", "entity", "day", "currency", "word", "blank", "exponent", "nan"],
)
async def test_junk_stores_nothing(database_url: str, bank: Bank, body: bytes) -> None:
    await _refresh(database_url, Ecb(bank.url))
    before = await _stored(database_url)
    bank.body = body
    with pytest.raises(RatesUnusable):
        await _refresh(database_url, Ecb(bank.url))
    assert await _stored(database_url) == before


async def test_a_file_without_rates_or_of_next_week_stores_nothing(database_url: str, bank: Bank) -> None:
    for body in (file_of({}), file_of(day=(now().date() + timedelta(days=7)).isoformat())):
        bank.body = body
        with pytest.raises(RatesUnusable):
            await _refresh(database_url, Ecb(bank.url))
    assert await _stored(database_url) == {}


@pytest.mark.parametrize("wrong", ["0", "-1.08", "108.43", "0.010843", "6", "0.2"])
async def test_a_rate_that_cannot_be_is_left_out_and_told(database_url: str, bank: Bank, wrong: str) -> None:
    await _refresh(database_url, Ecb(bank.url))
    bank.body = file_of({"USD": wrong, "GBP": "0.8350"}, day="2026-11-21")
    done = await _refresh(database_url, Ecb(bank.url))
    assert [(one.quote, one.rate) for one in done.refused] == [("USD", Decimal(wrong))]
    stored = await _stored(database_url)
    assert stored["USD"] == ("1.0843", "2026-11-20", "ecb")
    assert stored["GBP"] == ("0.8350", "2026-11-21", "ecb")


async def test_an_operator_may_trust_a_rate_that_moved_far(database_url: str, bank: Bank) -> None:
    await _refresh(database_url, Ecb(bank.url))
    bank.body = file_of({"USD": "108.43", "JPY": "0"}, day="2026-11-21")
    done = await _refresh(database_url, Ecb(bank.url), "USD", "JPY")
    assert [one.quote for one in done.refused] == ["JPY"]
    assert (await _stored(database_url))["USD"] == ("108.43", "2026-11-21", "ecb")


async def test_the_newest_day_wins_and_the_same_day_is_stored_once(database_url: str, bank: Bank) -> None:
    first = await _refresh(database_url, Ecb(bank.url))
    assert (first.stored, (await _refresh(database_url, Ecb(bank.url))).stored) == (4, 0)
    await _refresh(database_url, Seed())
    stored = await _stored(database_url)
    assert stored["USD"] == ("1.0843", "2026-11-20", "ecb")
    assert stored["EUR"] == ("1", "2026-11-20", "ecb")
    assert stored["SEK"][2] == "seed"


async def test_refreshing_at_once_stores_each_rate_once(database_url: str, bank: Bank) -> None:
    done = await asyncio.gather(*(_refresh(database_url, Ecb(bank.url)) for _ in range(8)))
    assert sum(one.stored for one in done) == 4


# In the shop


async def _rates(shop: Shop) -> dict[str, dict[str, Any]]:
    return {one["quote"]: one for one in (await shop.staff("GET", "/exchange-rates")).json()["items"]}


async def test_rates_are_crossed_from_the_stores_currency(shop: Shop, bank: Bank) -> None:
    mug = await shop.product(price="1000.00")
    await market(shop)
    await market(shop, slug="japan", currency="JPY", countries=["JP"], locale="ja")
    await _refresh(shop.url, Ecb(bank.url))
    found = await _rates(shop)
    assert {quote: one["rate"] for quote, one in found.items()} == {
        "EUR": "0.922253988749",
        "GBP": "0.769252052015",
        "JPY": "149.912385871",
    }
    assert await price_of(shop, mug) == ("922.25", None, "EUR")
    assert await price_of(shop, mug, "japan") == ("149912", None, "JPY")


async def test_a_rate_of_the_store_goes_before_published_ones_until_it_is_removed(shop: Shop, bank: Bank) -> None:
    mug = await shop.product()
    await market(shop)
    await _refresh(shop.url, Ecb(bank.url))
    put = await shop.staff("PUT", "/exchange-rates/EUR", json={"rate": "0.5"})
    assert (put.status_code, put.json()["source"], put.headers["etag"]) == (200, "MANUAL", '"v1"')
    assert await price_of(shop, mug) == ("5.00", None, "EUR")
    assert ((await _rates(shop))["EUR"]["rate"], (await _rates(shop))["GBP"]["source"]) == ("0.5", "ecb")
    same = await shop.staff("PUT", "/exchange-rates/EUR", json={"rate": "0.5"})
    assert same.json()["version"] == 1
    more = await shop.staff("PUT", "/exchange-rates/EUR", json={"rate": "0.6"}, headers={"If-Match": '"v1"'})
    assert more.json()["version"] == 2
    stale = await shop.staff("PUT", "/exchange-rates/EUR", json={"rate": "0.7"}, headers={"If-Match": '"v1"'})
    assert same_problem(stale, 412, "stale_version")
    assert (await shop.staff("DELETE", "/exchange-rates/EUR")).status_code == 204
    assert same_problem(await shop.staff("DELETE", "/exchange-rates/EUR"), 404, "not_found")
    assert await price_of(shop, mug) == ("9.22", None, "EUR")
    told = await shop.rows("select name from event where subject_type = 'exchange_rate' order by sequence")
    assert told == [("exchange_rate.set",), ("exchange_rate.set",), ("exchange_rate.removed",)]


@pytest.mark.parametrize(
    ("quote", "body", "pointer"),
    [
        ("EUR", {"rate": "0"}, "/rate"),
        ("EUR", {"rate": "0.000"}, "/rate"),
        ("EUR", {"rate": "-1"}, "/rate"),
        ("EUR", {"rate": 0.9}, "/rate"),
        ("EUR", {"rate": "1e3"}, "/rate"),
        ("EUR", {"rate": "0.1234567890123"}, "/rate"),
        ("EUR", {}, "/rate"),
        ("USD", {"rate": "1"}, ""),
        ("eur", {"rate": "1"}, ""),
    ],
)
async def test_a_rate_that_makes_no_sense_is_refused(
    shop: Shop, quote: str, body: dict[str, Any], pointer: str
) -> None:
    answer = await shop.staff("PUT", f"/exchange-rates/{quote}", json=body)
    assert same_problem(answer, 422, "validation_failed", pointer)


async def test_a_rate_set_by_many_at_once_is_numbered_without_gaps(shop: Shop) -> None:
    values = [f"0.{number}" for number in range(11, 21)]
    await asyncio.gather(*(rate(shop, value=value) for value in values))
    found = (await _rates(shop))["EUR"]
    assert (found["rate"] in values, found["version"]) == (True, 10)
    numbers = await shop.rows("select sequence from event where subject_type = 'exchange_rate' order by sequence")
    assert numbers == [(number,) for number in range(1, 11)]
