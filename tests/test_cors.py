"""Web pages of listed origins may call the shop from a browser; pages of others are told nothing (C21)."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.shop import Shop, open_shop, same_problem
from tradepost.app.settings import Settings, SettingsInvalid, load

pytestmark = pytest.mark.anyio
STOREFRONT = "https://shop.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-cart-token"}
STRANGERS = [
    "null",
    "https://evil.example",
    "http://shop.example",
    "https://shop.example:8443",
    "https://shop.example.evil.example",
    "https://evilshop.example",
    "https://SHOP.example",
    "https://shop.example/",
    "*",
    "",
]


@pytest.fixture
async def storefront(database_url: str) -> AsyncIterator[Shop]:
    settings = Settings(unsafe_database=True, cors_origins=f"{STOREFRONT}, http://localhost:3000")
    async with open_shop(database_url, settings) as opened:
        yield opened


async def _preflight(shop: Shop, origin: str, path: str = "/orders") -> httpx2.Response:
    return await shop.guest("OPTIONS", path, headers=PREFLIGHT | {"Origin": origin})


def _told(answer: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("origin", [STOREFRONT, "http://localhost:3000"])
async def test_a_page_of_a_listed_origin_may_ask_before_it_calls(storefront: Shop, origin: str) -> None:
    answer = await _preflight(storefront, origin)
    assert (answer.status_code, answer.content) == (204, b"")
    told = _told(answer)
    assert told["access-control-allow-origin"] == origin
    assert told["access-control-allow-credentials"] == "true"
    assert told["access-control-max-age"] == "600"
    assert {"POST", "PATCH", "DELETE"} <= set(told["access-control-allow-methods"].split(", "))
    assert {"content-type", "x-csrf-token", "x-cart-token", "if-match", "idempotency-key"} <= set(
        told["access-control-allow-headers"].split(", ")
    )
    assert answer.headers["vary"] == "Origin"


async def test_a_page_of_a_listed_origin_may_read_the_answer(storefront: Shop) -> None:
    mug = await storefront.product()
    answer = await storefront.guest("GET", f"/products/{mug['slug']}", headers={"Origin": STOREFRONT})
    told = _told(answer)
    assert told["access-control-allow-origin"] == STOREFRONT
    assert told["access-control-allow-credentials"] == "true"
    exposed = set(told["access-control-expose-headers"].split(", "))
    assert {"etag", "location", "idempotency-replayed", "retry-after", "x-request-id"} <= exposed
    assert "Origin" in answer.headers["vary"]


async def test_a_page_of_a_listed_origin_may_read_a_refusal_too(storefront: Shop) -> None:
    for path in ("/products/nothing", "/nothing"):
        answer = await storefront.guest("GET", path, headers={"Origin": STOREFRONT})
        assert same_problem(answer, 404, "not_found")
        assert _told(answer)["access-control-allow-origin"] == STOREFRONT


@pytest.mark.parametrize("origin", STRANGERS)
async def test_a_page_of_another_origin_is_told_nothing(storefront: Shop, origin: str) -> None:
    asked = await _preflight(storefront, origin)
    called = await storefront.guest("GET", "/products", headers={"Origin": origin})
    assert _told(asked) == _told(called) == {}
    # What is kept on the way for it must not be shown to a listed one, and the other way round.
    assert asked.headers["vary"] == "Origin"
    assert "Origin" in called.headers["vary"]


async def test_without_the_setting_nobody_may(shop: Shop) -> None:
    asked = await _preflight(shop, STOREFRONT)
    called = await shop.guest("GET", "/products", headers={"Origin": STOREFRONT})
    assert _told(asked) == _told(called) == {}
    assert "Origin" not in called.headers["vary"]


async def test_a_preflight_to_a_host_that_is_not_served_is_refused(database_url: str) -> None:
    settings = Settings(unsafe_database=True, cors_origins=STOREFRONT, hosts="api.example")
    async with open_shop(database_url, settings) as shop:
        assert same_problem(await _preflight(shop, STOREFRONT), 400, "invalid_host")


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "null",
        "shop.example",
        "https://shop.example/",
        "https://Shop.example",
        "https://shop.example:443",
        "https://*.shop.example",
        "ftp://shop.example",
        "https://a@shop.example",
        "https://shop.example:x",
        "https://",
    ],
)
def test_what_is_no_origin_stops_the_start(origins: str) -> None:
    with pytest.raises(SettingsInvalid, match="TRADEPOST_CORS_ORIGINS: "):
        load({"TRADEPOST_CORS_ORIGINS": origins})
