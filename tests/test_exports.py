"""Products, customers and orders go out as spreadsheets: whole, safe to open, and the same when they come in again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.people import registered
from tests.sheets import counts, imported, parsed
from tests.shop import ADDRESS, Shop, same_problem
from tradepost.http.answers import Streamed
from tradepost.http.edge import Edge
from tradepost.http.resources import Resource, Router

pytestmark = pytest.mark.anyio

_FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "''-1", "'plain", '=HYPERLINK("https://evil")']


async def _export(shop: Shop, kind: str = "products") -> bytes:
    answer = await shop.staff("GET", f"/exports/{kind}.csv", headers={"Accept": "text/csv"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{kind}.csv"'
    return answer.content


async def _full(shop: Shop) -> None:
    """Products with everything that a spreadsheet could get wrong."""
    ids: list[str] = []
    for name in ("Home", "A > B | C", " Edge ", "back\\slash:"):
        body = {"name": name, "parentId": ids[-1] if ids else None}
        ids.append((await shop.staff("POST", "/categories", json=body)).json()["id"])
    twin = (await shop.staff("POST", "/categories", json={"name": "Home"})).json()["id"]
    await shop.product(name="Simple")
    await shop.product(name="Bare draft", price=None, status="DRAFT", inventoryQuantity=0)
    await shop.product(name="Untracked", trackInventory=False, inventoryQuantity=0)
    await shop.product(name="Archived", status="ARCHIVED")
    await shop.product(name="In the twin", categoryId=twin, categoryIds=[ids[0]])
    for text in _FORMULAS:
        await shop.product(name=text, description=f'{text}\r\n"quoted", {text}', seoTitle=text)
    await shop.product(
        name='Full; "of, signs"',
        shortDescription=" spaces at both ends ",
        barcode="4006381333931",
        comparePrice="20",
        costPrice="0.01",
        weight=0,
        dimensions={"length": 0, "width": 2, "height": 3},
        isFeatured=True,
        seoDescription="Line\nbreak",
        categoryId=ids[3],
        categoryIds=ids[:3],
        images=[
            {"url": "https://images.example.com/a|b.jpg?x=1,2"},
            {"url": "https://images.example.com/c", "alt": " a|b "},
        ],
    )
    sizes = [{"size": "S: small | slim", "colour": "=red"}, {"size": " M ", "colour": "a > b\\"}]
    variants = [
        {
            "name": f"V {at}",
            "sku": f"V {at}",
            "options": options,
            "price": None if at else "3.10",
            "inventoryQuantity": at,
        }
        for at, options in enumerate(sizes)
    ]
    full = await shop.product(name="Variants", lowStockThreshold=0, variants=variants)
    off = {"isActive": False, "imageId": None}
    await shop.staff("PATCH", f"/products/{full['id']}/variants/{full['variants'][0]['id']}", json=off)


async def test_an_export_that_comes_in_again_changes_nothing(shop: Shop) -> None:
    await _full(shop)
    before = await shop.rows("select (select sum(version) from product), (select count(*) from event)")
    file = await _export(shop)
    run = await imported(shop, file)
    (variants,) = await shop.rows("select count(*) from product_variant")
    assert counts(run) == (0, 0, variants[0], 0)
    assert run["ignoredColumns"] == []
    after = await shop.rows(
        "select (select sum(version) from product), (select count(*) from event where subject_type <> 'import')"
    )
    assert after == before
    assert await _export(shop) == file


async def test_an_export_makes_the_same_catalogue_in_another_store(shop: Shop) -> None:
    """A product that is made anew is exported as the old one was. Names that two neighbours have lead to the first."""
    await _full(shop)
    await shop.staff("PATCH", "/categories/home-2", json={"name": "Twin"})
    file = await _export(shop)
    await shop.change("update product_variant set sku = sku || '-old', barcode = null")
    await shop.change("update product set slug = slug || '-old'")
    run = await imported(shop, file)
    assert (run["rowsFailed"], run["rowsCreated"]) == (0, len(parsed(file)))
    again = [row for row in parsed(await _export(shop)) if not row["slug"].endswith("-old")]
    assert again == parsed(file)


async def test_no_cell_of_an_export_is_a_formula(shop: Shop) -> None:
    await _full(shop)
    cells = [cell for row in parsed(await _export(shop)) for cell in row.values()]
    assert any(cell.startswith("'=") for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


async def test_stock_is_what_is_on_hand_so_that_promised_units_are_not_lost(shop: Shop) -> None:
    mug = await shop.product(sku="MUG", inventoryQuantity=9)
    file = await _export(shop)
    await shop.order((mug, 4))
    assert parsed(await _export(shop))[0]["stock"] == "9"
    assert counts(await imported(shop, file)) == (0, 0, 1, 0)
    assert await shop.stock(mug) == 5


async def test_orders_and_customers_are_a_row_each(shop: Shop) -> None:
    mug, cup = await shop.product(sku="MUG", name="Mug"), await shop.product(sku="CUP", name="Cup")
    ada = await registered(shop, firstName="=cmd()", phone="+442071838750")
    body = {"items": [{"productId": mug["id"], "quantity": 2}, {"productId": cup["id"], "quantity": 1}]}
    order = (await ada.ask("POST", "/orders", json=body | {"shippingAddress": ADDRESS})).json()
    gone = (await shop.order((mug, 1))).json()
    await shop.staff("POST", f"/orders/{gone['id']}/cancel", json={})
    assert (await shop.staff("DELETE", f"/orders/{gone['id']}")).status_code == 204
    (row,) = parsed(await _export(shop, "orders"))
    assert (row["orderNumber"], row["totalAmount"], row["currency"]) == (
        order["orderNumber"],
        order["totalAmount"],
        "USD",
    )
    assert (row["items"], row["shippingCity"], row["createdAt"]) == ("2 x MUG | 1 x CUP", "London", order["createdAt"])
    await shop.staff("POST", "/customers", json={"email": "b@example.com", "firstName": "Bob", "lastName": "B"})
    people = {row["email"]: row for row in parsed(await _export(shop, "customers"))}
    assert people["b@example.com"]["firstName"] == "Bob"
    assert people["b@example.com"]["emailVerified"] == "false"


@pytest.mark.parametrize("kind", ["products", "customers", "orders"])
async def test_an_empty_export_is_its_header(shop: Shop, kind: str) -> None:
    assert (await _export(shop, kind)).count(b"\r\n") == 1


async def test_an_export_of_many_pages_has_each_row_once(shop: Shop) -> None:
    rows = [[f"SKU-{at}", f"Thing {at}"] for at in range(1203)]
    file = "sku,name\r\n" + "".join(f"{sku},{name}\r\n" for sku, name in rows)
    assert counts(await imported(shop, file.encode())) == (1203, 0, 0, 0)
    assert sorted(row["sku"] for row in parsed(await _export(shop))) == sorted(sku for sku, _ in rows)


async def test_who_takes_no_csv_is_told_and_a_head_has_no_body(shop: Shop) -> None:
    refused = await shop.staff("GET", "/exports/products.csv", headers={"Accept": "application/json"})
    assert same_problem(refused, 406, "not_acceptable")
    head = await shop.staff("HEAD", "/exports/products.csv")
    assert (head.status_code, head.content) == (200, b"")


async def test_nothing_more_is_made_for_who_has_gone() -> None:
    made = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b"x"
            await asyncio.sleep(0)

    async def respond(*_: object) -> Streamed:
        return await Streamed.begun(endless(), content_type="text/csv")

    sent: list[dict[str, Any]] = []
    gone = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if len(sent) > 5:
            gone.set()
        await asyncio.sleep(0)

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield

    edge = Edge(Router([Resource("/x", {"GET": respond})]), lifespan)
    headers: list[tuple[bytes, bytes]] = []
    scope = {"type": "http", "method": "GET", "path": "/x", "headers": headers, "query_string": b""}
    async with asyncio.timeout(10):
        await edge(scope, receive, send)
    assert 5 < made < 20
