"""With a tax service: quotes, carts, orders and edits are taxed as it says, and as the table says where it fails."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.baskets import basket
from tests.server import PATIENCE
from tests.shop import ADDRESS, Shop, open_shop
from tradepost.app.settings import Settings
from tradepost.tax.providers.fake import Whim

pytestmark = pytest.mark.anyio

_HOLLYWOOD = ADDRESS | {"city": "Los Angeles", "state": "CA", "postalCode": "90210", "country": "US"}
_BY_SERVICE = "2.25"
"""Ten per cent and a city's 1.25 of 20.00; prices are without tax."""
_BY_TABLE = "1.50"


@pytest.fixture
async def taxed(database_url: str) -> AsyncIterator[Shop]:
    """A shop that asks the fake service, with a rate of its own for where that fails."""
    async with open_shop(database_url, Settings(unsafe_database=True, tax_provider="fake")) as shop:
        rate = {"name": "Sales tax", "country": "US", "rate": "7.5"}
        assert (await shop.staff("POST", "/tax-rates", json=rate)).status_code == 201
        yield shop


def _to(whim: str) -> dict[str, Any]:
    return _HOLLYWOOD | {"postalCode": whim}


async def test_an_order_is_taxed_as_the_service_says_and_so_is_its_quote(taxed: Shop) -> None:
    mug = await taxed.product()
    items = [{"productId": mug["id"], "quantity": 2}]
    quote = (await taxed.guest("POST", "/orders/quote", json={"items": items, "shippingAddress": _HOLLYWOOD})).json()
    placed = await taxed.order((mug, 2), shippingAddress=_HOLLYWOOD, expectedTotal=quote["totalAmount"])
    assert placed.status_code == 201, placed.text
    order = placed.json()
    assert (quote["taxAmount"], order["taxAmount"], order["totalAmount"]) == (_BY_SERVICE, _BY_SERVICE, "22.25")


async def test_a_cart_becomes_an_order_with_the_taxes_of_its_total(taxed: Shop) -> None:
    cart = await basket(taxed, (await taxed.product(), 2))
    await cart.ask("PATCH", json={"email": "ada@example.com", "shippingAddress": _HOLLYWOOD})
    total = await cart.total()
    order = (await cart.ask("POST", "/checkout", json={"expectedTotal": total["total"]})).json()
    assert (total["tax"], order["taxAmount"]) == (_BY_SERVICE, _BY_SERVICE)


async def test_a_dry_run_and_an_order_that_is_placed_later_are_taxed_the_same(taxed: Shop) -> None:
    mug = await taxed.product()
    body = {
        "email": "ada@example.com",
        "items": [{"productId": mug["id"], "quantity": 2}],
        "shippingAddress": _HOLLYWOOD,
    }
    rehearsed = await taxed.staff("POST", "/orders?dryRun=true", json=body)
    assert rehearsed.json()["taxAmount"] == _BY_SERVICE
    await taxed.staff("POST", "/orders", json=body, headers={"Prefer": "respond-async"})
    async with asyncio.timeout(PATIENCE):
        while not (orders := (await taxed.staff("GET", "/orders")).json()["items"]):
            pass
    assert orders[0]["taxAmount"] == _BY_SERVICE


@pytest.mark.parametrize("whim", [Whim.IS_DOWN, Whim.FORGETS_A_CLASS, Whim.IS_NEGATIVE, Whim.CRASHES])
async def test_where_the_service_fails_the_table_says_the_tax_and_buying_goes_on(taxed: Shop, whim: Whim) -> None:
    mug = await taxed.product()
    placed = await taxed.order((mug, 2), shippingAddress=_to(whim))
    assert placed.status_code == 201, placed.text
    assert placed.json()["taxAmount"] == _BY_TABLE
    ((source,),) = await taxed.rows("select basis -> 'taxes' ->> 'source' from sales_order")
    assert source == "table"


async def test_what_is_added_to_an_order_is_taxed_as_the_service_said(taxed: Shop) -> None:
    mug, spoon = await taxed.product(), await taxed.product(price="5.00")
    order = (await taxed.order((mug, 2), shippingAddress=_HOLLYWOOD)).json()
    edit = {"add": [{"productId": spoon["id"], "quantity": 4}]}
    edited = await taxed.staff("POST", f"/orders/{order['id']}/edits", json=edit, headers={"If-Match": '"v1"'})
    assert edited.status_code == 200, edited.text
    after = (await taxed.staff("GET", f"/orders/{order['id']}")).json()
    assert (after["subtotal"], after["taxAmount"], after["totalAmount"]) == ("40.00", "4.50", "44.50")


async def test_what_the_service_is_not_asked_about_is_refused_as_ever(taxed: Shop) -> None:
    mug = await taxed.product(inventoryQuantity=1)
    too_many = await taxed.order((mug, 2), shippingAddress=_HOLLYWOOD)
    unknown = await taxed.order(({"id": "01900000-0000-7000-8000-000000000000"}, 1), shippingAddress=_HOLLYWOOD)
    assert [too_many.json()["code"], unknown.json()["code"]] == ["insufficient_stock", "variant_not_available"]
