"""A spreadsheet read by `tradepost import products`, in a process of its own, into an empty shop."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.figures import Imported
from tradepost.app.demo_goods import product
from tradepost.core import money
from tradepost.spreadsheets.exporting import lines
from tradepost.spreadsheets.fields import FIELDS

_PROGRAM = [sys.executable, "-m", "tradepost.app"]
_MIB = 2**20


class _Homes(dict[str, str]):
    """The slug of every category, whatever it is."""

    def __missing__(self, slug: str) -> str:
        return slug


def measure(folder: Path, rows: int) -> Imported:
    """Rows a second from the start of the command to its end, and its memory at most.

    The shop is on a server of its own, with its safety on.
    """
    folder.mkdir()
    folder.chmod(0o755)
    file = folder / "products.csv"
    with file.open("wb") as output:
        for piece in _sheet(rows):
            output.write(piece)
    others = {name: value for name, value in os.environ.items() if not name.startswith("TRADEPOST_")}
    environment = others | {"TRADEPOST_DATA_DIR": str(folder / "data")}
    empty = [*_PROGRAM, "seed", "--products=1", "--customers=0", "--orders=0"]
    subprocess.run(empty, env=environment, check=True, capture_output=True)
    started = time.monotonic()
    process = subprocess.Popen([*_PROGRAM, "import", "products", str(file)], env=environment, stdout=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        try:
            most = max(most, psutil.Process(process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    if process.wait() != 0:
        msg = "The import had errors"
        raise RuntimeError(msg)
    return Imported(rows=rows, per_second=rows / (time.monotonic() - started), mib=most / _MIB)


def _sheet(rows: int) -> Iterator[bytes]:
    """The demo's products, a row for each variant, with what a shop's own file would say of them."""
    amount = money.writer("USD")
    written = number = 0
    yield lines([FIELDS])
    while written < rows:
        number += 1
        draft = product(number, _Homes())  # pyrefly: ignore[bad-argument-type]
        for variant in draft.variants[: rows - written]:
            values = {
                "slug": draft.slug,
                "name": draft.name,
                "description": draft.description,
                "status": draft.status,
                "category": f"Home > {draft.category_id}",
                "images": " ".join(image.url for image in draft.images),
                "sku": variant.sku,
                "options": " | ".join(f"{name}: {value}" for name, value in variant.options.items()),
                "price": amount(variant.own_price or draft.price or 0),
                "stock": variant.opening_stock,
                "weight": variant.weight,
            }
            yield lines([[values.get(field) for field in FIELDS]])
            written += 1
