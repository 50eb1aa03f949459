"""A shop of 100,000 products: whatever is asked of it, no large table is read from end to end to find a few rows."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString, cast

import msgspec
import psycopg
import pytest
from psycopg import sql

from tests.shop import ADDRESS, Shop, open_shop
from tradepost.app import demo, rebuilding
from tradepost.app.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.embedded]

_LARGE = 20_000
"""Rows from which on a table is large: no more than half of it may be read. Totals are counted up to 10,000."""
_ENTRY = re.compile(
    r"LOG:  duration: [\d.]+ ms  (?:execute [^:]*|statement): (?P<said>.*?)"
    r"(?:\n[^\t\n]*?DETAIL:  [Pp]arameters: (?P<given>.*?))?(?=\n\d{4}-\d\d-\d\d |\Z)",
    re.DOTALL,
)
_VALUE = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")
_READS_ALL = ("direct as materialized", "not variant.track_inventory or 0 <", "from search_standing as standing")
"""Parts of statements that are about all of a table: the tree of categories with the products in each, lists of what is
in stock, or is not, which no index knows, and searches without a text, which count facets of everything."""


class Asked(msgspec.Struct, frozen=True):
    """A statement as the server heard it, with the values of one of its executions."""

    said: str
    given: tuple[str, ...]


class Scan(msgspec.Struct, frozen=True):
    table: str
    rows: int
    """That were read, to be used or not."""


async def test_no_query_reads_a_large_table_from_end_to_end(database_url: str) -> None:
    await demo.seed(database_url, demo.Size(products=100_000, customers=2000, orders=2000))
    await rebuilding.rebuild(database_url, store=None)
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("vacuum analyze")
        name = sql.Identifier(session.info.dbname)
        session.execute(sql.SQL("alter database {} set log_min_duration_statement = 0").format(name))
    log = Path(os.environ["TRADEPOST_TEST_FOLDER"]) / "data" / "postgres" / "log"
    start = log.stat().st_size
    async with open_shop(database_url, Settings(unsafe_database=True, sweep_seconds=0)) as shop:
        await _shop_around(shop)
    with log.open("rb") as written:
        written.seek(start)
        asked = _statements(written.read().decode())
    found = {one: list(_scans(database_url, one)) for one in asked}
    assert len(found) > 20
    assert {" ".join(one.said.split())[:1500]: scans for one, scans in found.items() if scans} == {}


async def _shop_around(shop: Shop) -> None:
    """What shoppers and staff ask for, in the many ways in which it can be asked."""
    page = (await shop.staff("GET", "/products?limit=20")).json()
    product = page["items"][7]
    tree = (await shop.guest("GET", "/categories")).json()
    slug = tree["items"][0]["slug"]
    questions = [
        *("", "?sort=name", "?sort=-name", "?sort=createdAt", "?sort=price", "?sort=-price", "?featured=true"),
        *("?inStock=true", "?inStock=false", "?minPrice=20&maxPrice=21", f"?category={slug}", "?page=40&limit=20"),
        *(f"?category={slug}&sort=price&inStock=true", f"?cursor={page['nextCursor']}"),
    ]
    for question in questions:
        for who in (shop.guest, shop.staff):
            answer = await who("GET", f"/products{question}")
            assert answer.status_code == 200, (question, answer.text)
    await shop.staff("GET", "/products?status=DRAFT")
    for path in ("featured", product["id"], product["slug"], f"{product['id']}/images"):
        assert (await shop.guest("GET", f"/products/{path}")).status_code == 200
    assert (await shop.guest("GET", f"/categories/{slug}")).status_code == 200
    await _search(shop, product["name"].split(), slug)
    await _keep(shop, product)
    placed = await shop.order((product, 1), shippingAddress=ADDRESS)
    for path in (f"/orders/{placed.json()['id']}", "/orders", f"/orders?search={product['sku']}", "/customers"):
        assert (await shop.staff("GET", path)).status_code == 200, path


async def _search(shop: Shop, words: list[str], category: str) -> None:
    """For words of a name: together, unfinished, misspelt, in every order and with every filter."""
    text = " ".join(words)
    slip = text[:1] + text[2:]
    filters = {"category": category, "minPrice": "1", "maxPrice": "500", "inStock": "true", "featured": "false"}
    asked: list[dict[str, str]] = [
        *({"q": text, "sort": sort} for sort in ("relevance", "price", "-price", "newest", "name", "bestSelling")),
        *({"q": text, name: value} for name, value in filters.items()),
        {"q": text[:-2]},
        {"q": slip},
        {"q": text, "option[size]": "M"},
    ]
    for params in asked:
        answer = await shop.guest("GET", "/products/search", params=params)
        assert answer.status_code == 200, (params, answer.text)
        assert answer.json()["total"] or len(params) > 1, params
    assert (await shop.guest("GET", "/products/suggest", params={"q": words[0][:3]})).status_code == 200


async def _keep(shop: Shop, product: dict[str, Any]) -> None:
    """What those do who keep the catalogue."""
    path = f"/products/{product['id']}"
    made = (await shop.staff("POST", "/categories", json={"name": "New here"})).json()
    changes = [
        ("PATCH", path, {"name": "Another name", "price": "12.00", "categoryId": made["id"]}),
        ("POST", f"{path}/images", {"url": "https://images.example.com/a.jpg"}),
        ("POST", f"{path}/inventory", {"quantity": 3, "reason": "counted"}),
        ("POST", "/products", {"name": "Another name", "price": "12.00"}),
        ("PATCH", f"/categories/{made['id']}", {"isActive": False}),
    ]
    for method, where, body in changes:
        answer = await shop.staff(method, where, json=body)
        assert answer.status_code in (200, 201), (where, answer.text)


def _statements(log: str) -> list[Asked]:
    """Each statement once that reads or writes rows, but for those that are about all there is."""
    found: dict[str, Asked] = {}
    for entry in _ENTRY.finditer(log):
        said = entry["said"].replace("\n\t", "\n").strip()
        if re.match(r"(with|select|insert|update|delete)\b", said) and not any(part in said for part in _READS_ALL):
            values = _VALUE.findall((entry["given"] or "").replace("\n\t", "\n"))
            given = {int(number): value for number, value in values}
            found.setdefault(said, Asked(said, tuple(given[number] for number in sorted(given))))
    return list(found.values())


def _scans(url: str, asked: Asked) -> Iterator[Scan]:
    """Where the statement read a large table from end to end, when it was done once more and undone."""
    values = f"({', '.join(asked.given)})" if asked.given else ""
    with psycopg.connect(url) as session:
        try:
            _prepare(session, asked)
            row = session.execute(_trusted(f"explain (analyze, format json) execute again {values}")).fetchone()
        except psycopg.errors.IntegrityError:
            return  # it writes what is there already
        finally:
            session.rollback()
        sizes = dict(session.execute("select relname, reltuples from pg_class where relkind = 'r'").fetchall())
    assert row is not None
    for node in _nodes(row[0][0]["Plan"]):
        if node["Node Type"] == "Seq Scan":
            read = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            if read >= _LARGE and read > sizes[node["Relation Name"]] / 2:
                yield Scan(node["Relation Name"], int(read))


def _prepare(session: psycopg.Connection, asked: Asked) -> None:
    """With the types of its values guessed, where the server cannot tell them: psycopg does, and logs do not say."""
    session.execute("set plan_cache_mode = force_custom_plan")
    try:
        with session.transaction():
            session.execute(_trusted(f"prepare again as {asked.said}"))
    except (psycopg.errors.AmbiguousFunction, psycopg.errors.IndeterminateDatatype):
        try:
            with session.transaction():
                _prepare_typed(session, asked, of_nothing="uuid[]")
        except psycopg.errors.CannotCoerce:
            _prepare_typed(session, asked, of_nothing="text[]")


def _prepare_typed(session: psycopg.Connection, asked: Asked, *, of_nothing: str) -> None:
    types = ", ".join(_type_of(value, of_nothing) for value in asked.given)
    session.execute(_trusted(f"prepare again ({types}) as {asked.said}"))


def _type_of(value: str, of_nothing: str) -> str:
    """`of_nothing`: what an array is taken for that is empty, or has nothing in it but null."""
    inside = value.strip("'")
    if not inside.startswith("{"):
        return "unknown"
    first = next((part for part in inside.strip("{}").split(",") if part != "NULL"), "")
    if not first:
        return of_nothing
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first):
        return "uuid[]"
    if re.fullmatch(r"-?\d+", first):
        return "bigint[]"
    return "bytea[]" if first.startswith('"\\\\x') else "text[]"


def _trusted(statement: str) -> LiteralString:
    """What the program itself has said."""
    return cast("LiteralString", statement)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)
