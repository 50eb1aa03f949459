"""A shop that sells in several markets."""

import asyncio
from typing import Any

import httpx2

from tests.shop import Shop, open_again

EURO: dict[str, Any] = {
    "slug": "euro",
    "name": "Euro",
    "countries": ["AT", "DE"],
    "currency": "EUR",
    "locale": "de-AT",
    "taxIncluded": True,
}
PRICES = "/products/{}/variants/{}/prices/{}"


async def market(shop: Shop, **fields: Any) -> dict[str, Any]:
    """The euro market, unless fields say otherwise."""
    answer = await shop.staff("POST", "/markets", json=EURO | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def rate(shop: Shop, quote: str = "EUR", value: str = "0.5") -> None:
    answer = await shop.staff("PUT", f"/exchange-rates/{quote}", json={"rate": value})
    assert answer.status_code == 200, answer.text


async def put_price(shop: Shop, product: dict[str, Any], slug: str = "euro", /, **fields: Any) -> httpx2.Response:
    """Says what the product's first variant costs in a market."""
    path = PRICES.format(product["id"], product["variants"][0]["id"], slug)
    return await shop.staff("PUT", path, json=fields)


async def seen(shop: Shop, path: str, slug: str | None = "euro", **kwargs: Any) -> httpx2.Response:
    """What a guest sees in a market, in a process that has just started and so knows all that there is."""
    headers = ({} if slug is None else {"X-Market": slug}) | kwargs.pop("headers", {})
    async with open_again(shop) as other:
        return await other.guest("GET", path, headers=headers, **kwargs)


async def opened_in(shop: Shop, slug: str = "euro") -> None:
    """Waits until the running shop has heard of a market, which takes a second at most."""
    async with asyncio.timeout(30):
        while (await shop.guest("GET", "/products", headers={"X-Market": slug})).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def price_of(shop: Shop, product: dict[str, Any], slug: str | None = "euro") -> tuple[Any, Any, str]:
    """Price, what it is compared with, and currency."""
    shown = (await seen(shop, f"/products/{product['id']}", slug)).json()
    return shown["price"], shown["comparePrice"], shown["currency"]
