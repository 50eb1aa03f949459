"""A shop of a great many products, and what shoppers ask of it."""

import random
import time
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import psycopg

from bench import serving
from bench.house import House
from bench.load import Target

_PAGES = 2000
_SEARCHES = 1000
_CHANGES = 20
_MOMENT = 0.005
_PRODUCTS = "/api/v1/products"


class Paths(msgspec.Struct, frozen=True):
    """Files of paths: product pages, lists of 20, searches by two words, and by one word with filters."""

    pages: Path
    lists: Path
    searches: Path
    narrow: Path


def make(house: House, products: int) -> str:
    """A database of the demo's goods, so many of them, that can be searched; its address."""
    url = house.empty("large")
    serving.carry_out(url, "migrate")
    serving.carry_out(url, "seed", f"--products={products}", "--customers=0", "--orders=0")
    serving.carry_out(url, "search", "rebuild")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
    return url


def paths(url: str, folder: Path) -> Paths:
    """What is asked: the same in every run, as the demo's goods are."""
    with psycopg.connect(url) as connection:
        products = connection.execute(
            "select slug, name from product where status = 'ACTIVE' order by slug limit 100000"
        ).fetchall()
        categories = [slug for (slug,) in connection.execute("select slug from category order by slug")]
    dice = random.Random(1)
    names = [name.split() for _, name in dice.choices(products, k=_SEARCHES)]
    asked = {
        "pages": [f"{_PRODUCTS}/{slug}" for slug, _ in dice.sample(products, min(_PAGES, len(products)))],
        "lists": [f"{_PRODUCTS}?limit=20{more}" for more in _lists(categories)],
        "searches": [_search(q=" ".join(dice.sample(words, min(2, len(words))))) for words in names],
        "narrow": [
            _search(q=dice.choice(words), category=dice.choice(categories), minPrice=10, maxPrice=100, inStock="true")
            for words in names
        ],
    }
    files = {name: folder / f"{name}.txt" for name in asked}
    for name, lines in asked.items():
        files[name].write_text("\n".join(lines) + "\n", "utf-8")
    return Paths(**files)


def seconds_to_found(target: Target, pages: Path) -> float:
    """From the answer to a change of a product's name until search finds it, at most, of some changes."""
    paths = pages.read_text("utf-8").split()[:_CHANGES]
    with closing(HTTPConnection("127.0.0.1", target.port, timeout=60)) as connection:
        return max(_seconds_to_found(connection, target.key, path, f"Renamed{at}") for at, path in enumerate(paths))


def _seconds_to_found(connection: HTTPConnection, key: str, path: str, name: str) -> float:
    product = _asked(connection, key, "GET", path)
    _asked(connection, key, "PATCH", f"{_PRODUCTS}/{product['id']}", {"name": name})
    changed = time.monotonic()
    while not _asked(connection, key, "GET", _search(q=name))["total"]:
        time.sleep(_MOMENT)
    return time.monotonic() - changed


def _asked(connection: HTTPConnection, key: str, method: str, path: str, body: object = None) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    connection.request(method, path, None if body is None else msgspec.json.encode(body), headers)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != HTTPStatus.OK:
        msg = f"{method} {path} was answered {answer.status}: {said.decode()}"
        raise RuntimeError(msg)
    return msgspec.json.decode(said)


def _lists(categories: list[str]) -> list[str]:
    sorts = [f"&sort={sort}&page={page}" for sort in ("-createdAt", "name", "price", "-price") for page in (1, 2, 5)]
    return [*sorts, "&featured=true", *(f"&category={slug}" for slug in categories)]


def _search(**asked: object) -> str:
    return f"{_PRODUCTS}/search?{urlencode(asked)}"
