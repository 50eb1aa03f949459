"""Nobody keeps the shop busy alone: limits by address, by account and by key (C10)."""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tests.redis import Redis, open_redis
from tests.server import serving, tradepost
from tests.shop import Shop, open_shop, same_problem
from tests.test_keeping import no_marks
from tradepost.app import demo
from tradepost.app.settings import Settings, SettingsInvalid, load
from tradepost.core.actors import Actor, ActorKind
from tradepost.core.pages import CursorSigner
from tradepost.core.rates import Rate
from tradepost.db import Database
from tradepost.http import Answer, Call, In, Routes
from tradepost.http.call import Services
from tradepost.http.clients import Clients
from tradepost.http.counting import MemoryCounter
from tradepost.http.csrf import Csrf
from tradepost.http.edge import Edge
from tradepost.http.keeping import Keeper, MemoryShelf
from tradepost.http.limits import Limits, Policy
from tradepost.http.resources import Router
from tradepost.http.routes import PUBLIC, Gate, resources

pytestmark = pytest.mark.anyio
POLICY = re.compile(r'"(\w+)";q=(\d+);w=(\d+)')
STANDING = re.compile(r'"(\w+)";r=(\d+);t=(\d+)')


def _limited(**settings: Any) -> Settings:
    return Settings(unsafe_database=True, **settings)


@pytest.fixture
def redis() -> Iterator[Redis]:
    with open_redis() as opened:
        yield opened


def _standing(answer: httpx2.Response) -> tuple[str, int, int]:
    """Policy, requests left, seconds."""
    match = STANDING.fullmatch(answer.headers["ratelimit"])
    assert match, answer.headers
    return match[1], int(match[2]), int(match[3])


async def _statuses(shop: Shop, times: int, **headers: str) -> Counter[int]:
    answers = [await shop.guest("GET", "/products", headers=headers) for _ in range(times)]
    return Counter(answer.status_code for answer in answers)


async def test_an_answer_says_how_much_is_left(shop: Shop) -> None:
    first, second = [await shop.guest("GET", "/products") for _ in range(2)]
    assert first.headers["ratelimit-policy"] == '"read";q=6000;w=60'
    assert [_standing(answer)[:2] for answer in (first, second)] == [("read", 5999), ("read", 5998)]
    assert 1 <= _standing(second)[2] <= 60
    refused = await shop.guest("POST", "/orders", json={})
    assert same_problem(refused, 422, "required")
    assert refused.headers["ratelimit-policy"] == '"write";q=600;w=60'


async def test_a_guest_over_his_limit_is_asked_to_come_back_later(database_url: str) -> None:
    async with open_shop(database_url, _limited(rate_limit_write="2/1h")) as shop:
        mug = await shop.product()
        orders = [await shop.order((mug, 1)) for _ in range(4)]
        assert [order.status_code for order in orders] == [201, 201, 429, 429]
        assert same_problem(orders[-1], 429, "rate_limited")
        seconds = int(orders[-1].headers["retry-after"])
        assert 1 <= seconds <= 3600
        assert _standing(orders[-1]) == ("write", 0, seconds)
        assert await shop.stock(mug) == 8
        # Reading is another class, and a key has its own quota.
        assert (await shop.guest("GET", "/products")).status_code == 200
        assert (await shop.staff("POST", "/products", json={"name": "Mug", "price": "1.00"})).status_code == 201


async def test_who_waits_as_long_as_he_was_told_may_come_back(database_url: str) -> None:
    async with open_shop(database_url, _limited(rate_limit_read="3/2s")) as shop:
        for _ in range(3):
            while (answer := await shop.guest("GET", "/products")).status_code == 200:
                pass
            await asyncio.sleep(int(answer.headers["retry-after"]))
            assert (await shop.guest("GET", "/products")).status_code == 200


async def test_a_refused_request_is_not_even_read(database_url: str) -> None:
    async with open_shop(database_url, _limited(rate_limit_write="1/1h")) as shop:
        await shop.guest("POST", "/orders", json={})
        answer = await shop.guest("POST", "/orders", content=b"{" * (2 << 20))
        assert same_problem(answer, 429, "rate_limited")


async def test_of_a_hundred_at_once_no_more_pass_than_may(database_url: str) -> None:
    async with open_shop(database_url, _limited(rate_limit_read="10/1h")) as shop:
        answers = await asyncio.gather(*(shop.guest("GET", "/products") for _ in range(100)))
        assert Counter(answer.status_code for answer in answers) == {200: 10, 429: 90}


async def test_a_key_has_no_limit_unless_it_is_given_one(database_url: str) -> None:
    tight = {"rate_limit_read": "1/1h", "rate_limit_write": "1/1h"}
    async with open_shop(database_url, _limited(**tight)) as shop:
        answers = [await shop.staff("GET", "/orders") for _ in range(5)]
        assert all(answer.status_code == 200 and "ratelimit" not in answer.headers for answer in answers)
    async with open_shop(database_url, _limited(**tight, rate_limit_key="3/1h")) as shop:
        answers = [await shop.staff("GET", "/orders") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert answers[-1].headers["ratelimit-policy"] == '"key";q=3;w=3600'
        assert same_problem(await shop.staff("POST", "/products", json={}), 429, "rate_limited")


async def test_whoever_guesses_keys_is_the_guest_that_he_is(database_url: str) -> None:
    """Wrong keys, whatever their form, count for the address; right ones do not."""
    async with open_shop(database_url, _limited(rate_limit_read="4/1h")) as shop:
        wrong = [{"X-API-Key": "tp_guess"}, {"Authorization": "Bearer tp_guess"}, {"X-API-Key": "a.b.c"}]
        answers = [await shop.guest("GET", "/orders", headers=wrong[number % 3]) for number in range(6)]
        assert [answer.status_code for answer in answers] == [401] * 4 + [429] * 2
        assert same_problem(await shop.guest("GET", "/products"), 429, "rate_limited")
        assert (await shop.staff("GET", "/orders")).status_code == 200


async def test_health_and_documents_are_never_limited(database_url: str) -> None:
    async with open_shop(database_url, _limited(rate_limit_read="1/1h")) as shop:
        for path in ("/health/live", "/openapi.json", "/docs") * 3:
            assert (await shop.client.get(path)).status_code == 200


@pytest.mark.parametrize("forged", ["203.0.113.{}", "{}", "2001:db8::{}", "x{}", "10.0.0.{}, 10.0.0.{}"])
async def test_a_forged_forwarded_for_does_not_help(database_url: str, forged: str) -> None:
    async with open_shop(database_url, _limited(rate_limit_read="5/1h")) as shop:
        for number in range(5):
            await shop.guest("GET", "/products", headers={"X-Forwarded-For": forged.format(number, number)})
        answer = await shop.guest("GET", "/products", headers={"X-Forwarded-For": forged.format(9, 9)})
        assert same_problem(answer, 429, "rate_limited")


async def test_a_listed_proxy_is_believed_and_nobody_behind_it(database_url: str) -> None:
    settings = _limited(rate_limit_read="2/1h", trusted_proxies="127.0.0.1, 10.0.0.0/8")
    async with open_shop(database_url, settings) as shop:
        ann = {"X-Forwarded-For": "198.51.100.7"}
        assert await _statuses(shop, 3, **ann) == {200: 2, 429: 1}
        assert await _statuses(shop, 1, **{"X-Forwarded-For": "198.51.100.8"}) == {200: 1}
        # Ann writes on the left of what the proxies write; two proxies of the house, with ports, change nothing.
        for written in (
            "1.2.3.4, 198.51.100.7",
            "x, 198.51.100.7:4711, 10.0.0.3",
            "10.0.0.9, 198.51.100.7,10.1.1.1:80",
        ):
            assert await _statuses(shop, 1, **{"X-Forwarded-For": written}) == {429: 1}, written


async def test_a_forwarded_for_on_two_lines_is_one_list(database_url: str) -> None:
    settings = _limited(rate_limit_read="1/1h", trusted_proxies="127.0.0.1,10.0.0.0/8")
    async with open_shop(database_url, settings) as shop:
        assert await _statuses(shop, 1, **{"X-Forwarded-For": "198.51.100.7"}) == {200: 1}
        lines = [("X-Forwarded-For", "1.1.1.1, 198.51.100.7"), ("X-Forwarded-For", "10.0.0.1")]
        assert (await shop.client.get("/api/v1/products", headers=lines)).status_code == 429


@pytest.mark.parametrize("garbage", ["", "unknown", "1.2.3", "1.2.3.4.5", "[::1", "1.2.3.999", "é", "::{}%{}", "::{}g"])
async def test_garbage_from_a_listed_proxy_is_counted_for_the_proxy(database_url: str, garbage: str) -> None:
    settings = _limited(rate_limit_read="3/1h", trusted_proxies="127.0.0.1")
    async with open_shop(database_url, settings) as shop:
        said = [f"5.5.5.{number}, {garbage}".format(number, number).encode("latin-1") for number in range(4)]
        answers = [await shop.guest("GET", "/products", headers={b"X-Forwarded-For": one}) for one in said]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


async def test_an_ipv6_subscriber_is_one_whatever_address_he_takes(database_url: str) -> None:
    settings = _limited(rate_limit_read="2/1h", trusted_proxies="127.0.0.1")
    async with open_shop(database_url, settings) as shop:
        for address, status in [
            ("2001:db8:0:1::1", 200),
            ("[2001:DB8:0:1:ffff::2]:443", 200),
            ("2001:db8:0:1:a:b:c:d", 429),
            ("2001:db8:0:2::1", 200),
            ("::ffff:192.0.2.1", 200),
            ("192.0.2.1", 200),
            ("::ffff:192.0.2.1", 429),
            ("::ffff:192.0.2.2", 200),
        ]:
            assert await _statuses(shop, 1, **{"X-Forwarded-For": address}) == {status: 1}, address


class _SignIn(In):
    email: str


routes = Routes("Doors", "A door as sign-in will be.")


@routes.act("POST", "/sign-in", body=_SignIn, limit="auth", keyed=False, example={"email": "ada@example.com"})
async def sign_in(call: Call, body: _SignIn) -> Answer:
    """Try to sign in."""
    return call.json({"client": call.client})


@asynccontextmanager
async def _door(actor: Actor, *, address: str = "192.0.2.1") -> AsyncIterator[httpx2.AsyncClient]:
    """An application of one operation, whose callers are all this one, with the limits of the default settings."""
    clients = Clients(Settings(trusted_proxies="192.0.2.0/24").trusted_networks)
    limits = Limits(MemoryCounter(), clients, Settings().rates)
    services = Services(Database("", size=2), CursorSigner(b"secret"), clients, limits)

    async def identify(headers: object, *, cookies_too: bool = True) -> Actor:
        return actor

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield

    gate = Gate(
        services,
        identify,
        {"sign_in": PUBLIC},
        Csrf(b"secret", origins=frozenset()),
        Keeper(MemoryShelf(), no_marks, seconds=0),
    )
    edge: Any = Edge(Router(resources(routes.operations, gate)), lifespan)
    transport = httpx2.ASGITransport(app=edge, client=(address, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as client:
        yield client


GUEST = Actor(ActorKind.GUEST, uuid4())
KEY = Actor(ActorKind.KEY, uuid4(), uuid4())


@pytest.mark.parametrize("actor", [GUEST, KEY], ids=["guest", "key"])
async def test_the_101st_sign_in_from_an_address_is_refused_whoever_calls(actor: Actor) -> None:
    async with _door(actor) as door:
        answers = [await door.post("/sign-in", json={"email": f"{number}@example.com"}) for number in range(101)]
        assert Counter(answer.status_code for answer in answers) == {200: 100, 429: 1}
        assert POLICY.findall(answers[0].headers["ratelimit-policy"]) == [("auth", "100", "900")]
        assert '"auth";r=99;' in answers[0].headers["ratelimit"]
        assert same_problem(answers[-1], 429, "rate_limited")


@pytest.mark.parametrize(
    ("address", "forwarded", "client"),
    [
        ("203.0.113.5", "1.1.1.1", "203.0.113.5"),
        ("192.0.2.9", "1.1.1.1, 203.0.113.5", "203.0.113.5"),
        ("::ffff:192.0.2.9", "2001:db8::7", "2001:db8::7"),
        ("fe80::1%eth0", "1.1.1.1", "fe80::1"),
        ("", "1.1.1.1", "unknown"),
    ],
)
async def test_an_operation_learns_the_address_of_its_client(address: str, forwarded: str, client: str) -> None:
    async with _door(GUEST, address=address) as door:
        headers = {"X-Forwarded-For": forwarded}
        assert (await door.post("/sign-in", json={"email": "a"}, headers=headers)).json() == {"client": client}


@given(amount=st.integers(1, 5), waits=st.lists(st.floats(0, 25), max_size=60))
def test_what_passes_is_what_the_sliding_window_allows(amount: int, waits: list[float]) -> None:
    now = 0.0
    passed: list[float] = []
    policy = Policy("read", Rate(amount, 10))
    counter = MemoryCounter(lambda: now)
    for wait in waits:
        now += wait
        stretch = now // 10
        before, during = [sum(then // 10 == number for then in passed) for number in (stretch - 1, stretch)]
        allowed = during + int(before * (10 - now % 10) / 10) < amount
        standing = asyncio.run(counter.take(policy, "somebody"))
        assert standing.passed == allowed
        passed += [now] if allowed else []
        assert allowed or (standing.left == 0 and 1 <= standing.seconds <= 10)


async def test_an_address_that_does_not_come_back_is_forgotten() -> None:
    now = 0.0
    counter = MemoryCounter(lambda: now)
    for number in range(40_000):
        now += 0.01
        await counter.take(Policy("read", Rate(1, 10)), f"address:{number}")
    assert counter.held < 15_000


async def test_two_processes_on_one_redis_share_a_count(database_url: str, redis: Redis) -> None:
    settings = _limited(rate_limit_read="20/1h", redis_url=redis.url)
    async with open_shop(database_url, settings) as one, open_shop(database_url, settings) as other:
        answers = await asyncio.gather(*(shop.guest("GET", "/products") for shop in (one, other) * 15))
        assert Counter(answer.status_code for answer in answers) == {200: 20, 429: 10}
        assert same_problem(await one.guest("GET", "/products"), 429, "rate_limited")


def test_the_processes_of_a_server_share_a_count_on_redis(database_url: str, redis: Redis) -> None:
    asyncio.run(demo.create_store(database_url))
    settings: dict[str, Any] = {"database_url": database_url, "unsafe_database": True, "redis_url": redis.url}
    with serving(**settings, rate_limit_write="5/1h", workers=2) as server:
        answers = [httpx2.post(f"{server.url}/api/v1/orders", json={}) for _ in range(20)]
        assert Counter(answer.status_code for answer in answers) == {422: 5, 429: 15}
        assert "request_failed" not in server.log


async def test_a_shop_without_its_redis_goes_on_and_says_so_once(database_url: str, redis: Redis) -> None:
    settings = _limited(rate_limit_read="2/1h", redis_url=redis.url)
    async with open_shop(database_url, settings) as shop:
        assert await _statuses(shop, 3) == {200: 2, 429: 1}
        redis.stop()
        with structlog.testing.capture_logs() as logged:
            assert await _statuses(shop, 20) == {200: 20}
            await asyncio.sleep(1.1)
            assert await _statuses(shop, 20) == {200: 20}
        assert [line["event"] for line in logged] == ["rate_limits_not_counted"]
        redis.start()
        await asyncio.sleep(1.1)
        assert await _statuses(shop, 3) == {200: 2, 429: 1}


async def test_a_frozen_redis_holds_nobody_up_for_long(database_url: str, redis: Redis) -> None:
    async with open_shop(database_url, _limited(redis_url=redis.url)) as shop:
        await _statuses(shop, 1)
        redis.freeze()
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*(shop.guest("GET", "/products") for _ in range(100)))
        assert {answer.status_code for answer in answers} == {200}


def test_limits_that_make_no_sense_stop_the_start_all_at_once() -> None:
    bad = {
        "trusted_proxies": "10.0.0.1/8, proxy.example",
        "rate_limit_auth": "0/1m",
        "rate_limit_write": "many",
        "rate_limit_read": "5/1w",
        "rate_limit_key": "-1/1m",
        "redis_url": "localhost:6379",
    }
    done = tradepost("migrate", **bad)
    assert done.returncode == 1
    assert all(f"TRADEPOST_{name.upper()}: " in done.stderr for name in bad), done.stderr
    assert "Traceback" not in done.stderr


def test_a_redis_without_its_library_stops_the_start_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(SettingsInvalid, match=r"pip install 'tradepost\[redis\]'"):
        load({"TRADEPOST_REDIS_URL": "redis://localhost"})


def test_the_documents_name_every_setting() -> None:
    page = (Path(__file__).parent.parent / "docs" / "settings.md").read_text()
    for name in Settings.__struct_fields__:
        assert f"`TRADEPOST_{name.upper()}`" in page
