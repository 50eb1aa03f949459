"""A shop of a great many products, and what shoppers ask of it."""

import random
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import psycopg

from bench import serving
from bench.house import House

_PAGES = 2000
_SEARCHES = 1000
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


def _lists(categories: list[str]) -> list[str]:
    sorts = [f"&sort={sort}&page={page}" for sort in ("-createdAt", "name", "price", "-price") for page in (1, 2, 5)]
    return [*sorts, "&featured=true", *(f"&category={slug}" for slug in categories)]


def _search(**asked: object) -> str:
    return f"{_PRODUCTS}/search?{urlencode(asked)}"
