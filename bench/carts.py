"""Kept carts to put things in and to order, and promotions to be reckoned with."""

from collections.abc import Sequence
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg

from bench.figures import Sample
from bench.house import SQL
from bench.load import Target

_ORDERS_A_SECOND = 4000
"""More than a machine like ours orders: each cart becomes one order, so there must be enough."""
_BASKETS = 2000
_PROMOTIONS = 10


class Carts:
    """Fills carts in a database for each round, and lets a server have them."""

    def __init__(self, url: str, folder: Path, target: Target) -> None:
        self._url = url
        self._file = folder / "carts"
        self._target = target

    def check_out(self, clients: int, seconds: int) -> Sample:
        """Each cart has two lines, quantities 1 and 2, as a canonical order has."""
        self._write(self._filled(_ORDERS_A_SECOND * seconds))
        return self._target.load("checkout", clients, seconds, paths=self._file)

    def add(self, clients: int, seconds: int) -> Sample:
        self._write(self._filled(_BASKETS))
        return self._target.load("add", clients, seconds, paths=self._file)

    def _filled(self, count: int) -> Sequence[UUID]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            found = connection.execute((SQL / "carts.sql").read_bytes(), {"count": count}).fetchall()
            connection.execute("analyze cart, cart_item")
        return [id_ for (id_,) in found]

    def _write(self, ids: Sequence[UUID]) -> None:
        self._file.write_text("\n".join(f"/api/v1/carts/{id_}" for id_ in ids))


def promote(target: Target) -> None:
    """Ten promotions that need no coupon, of several kinds; most apply to a canonical order."""
    kinds = [
        {"condition": {"type": "subtotal", "min": {"EUR": "20.00"}}, "actions": [_percent("1")]},
        {"condition": {"type": "quantity", "min": 3}, "actions": [_percent("2")]},
        {"actions": [{"type": "amount_off", "amounts": {"EUR": "0.50"}}]},
        {"actions": [{"type": "buy_get", "buy": 2, "get": 1, "percent": "10"}]},
        {"condition": {"type": "country", "countries": ["FR"]}, "actions": [_percent("3")]},
    ]
    with closing(HTTPConnection("127.0.0.1", target.port, timeout=60)) as connection:
        for number in range(_PROMOTIONS):
            wanted = {"name": f"Promotion {number}", "trigger": "AUTOMATIC"} | kinds[number % len(kinds)]
            headers = {"Content-Type": "application/json", "X-API-Key": target.key}
            connection.request("POST", "/api/v1/promotions", msgspec.json.encode(wanted), headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != HTTPStatus.CREATED:
                msg = f"No promotion was made: {said.decode()}"
                raise RuntimeError(msg)


def _percent(percent: str) -> dict[str, str]:
    return {"type": "percent_off", "percent": percent}
