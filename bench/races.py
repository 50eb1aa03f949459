"""Two things at once on one order, twenty refunds at once, and a coupon in many carts, more often than the tests do it.

These are the promises "state cannot be raced", "refunds never exceed captures", and that a coupon is not used too
often. `tests/races.py` says what is raced and what is wrong.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.house import House, open_house
from bench.machine import Machine, describe
from tests.races import BEGINNINGS, DEEDS, PAIRS, over_refunded, unequal, used_too_often
from tests.shop import open_shop
from tests.stripe_double import open_double
from tradepost.app.settings import Settings
from tradepost.app.verifying import verify
from tradepost.http import logs

PAGE = Path(__file__).parents[1] / "docs/races.md"
_RACES, _ROUNDS, _COUPONS = 200, 2000, 1000
_CARTS = 50
_SHOWN = 10


class Finding(msgspec.Struct, frozen=True):
    """How often something was raced, how long that took, and what came of it that must not, in words."""

    title: str
    races: int
    seconds: float
    wrong: list[str]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--races", default=_RACES, show_default=True, help="Of each pair, from each beginning.")
@click.option("--rounds", default=_ROUNDS, show_default=True, help="Of twenty refunds at once.")
@click.option("--coupons", default=_COUPONS, show_default=True, help="Each of one use, in fifty carts at once.")
@click.option("--page", is_flag=True, help="Write docs/races.md; it says how often was raced.")
def main(*, races: int, rounds: int, coupons: int, page: bool) -> None:
    """Race all pairs of what can happen to an order, refunds and coupons. In full size that takes more than an hour."""
    logs.configure("warning")
    with open_house() as house:
        machine = describe(house)
        findings = asyncio.run(_findings(house, races, rounds, coupons))
        adds_up = verify(house.url)
    console = Console()
    table = Table(*_HEAD)
    for row in _rows(findings):
        table.add_row(*row)
    console.print(table)
    wrong = [said for finding in findings for said in finding.wrong]
    for said in wrong[:_SHOWN]:
        console.print(said, markup=False)
    if page:
        PAGE.write_text(_page(findings, machine, (races, rounds, coupons), adds_up=adds_up), "utf-8")
    sys.exit(bool(wrong) or not adds_up)


async def _findings(house: House, races: int, rounds: int, coupons: int) -> list[Finding]:
    found = [await _pairs(house, beginning, races) for beginning in BEGINNINGS]
    return [*found, await _refunds(house, rounds), await _coupons(house, coupons)]


async def _pairs(house: House, beginning: str, races: int) -> Finding:
    """At the fake provider, whose books are in the database too."""
    started, wrong = time.monotonic(), list[str]()
    async with open_shop(house.url, _settings(payments="manual,fake")) as shop:
        for pair in track(PAIRS, f"two at once, order {beginning}", transient=True):
            wrong += await unequal(shop, beginning, pair, races)
    return Finding(f"two at once, order {beginning}", len(PAIRS) * races, time.monotonic() - started, wrong)


async def _refunds(house: House, rounds: int) -> Finding:
    """At Stripe's double, which counts what it is asked."""
    started, wrong = time.monotonic(), list[str]()
    with open_double() as double:
        settings = _settings(payments="stripe", stripe_url=double.url, stripe_secret_key="sk_test_key")
        async with open_shop(house.url, settings) as shop:
            for _ in track(range(rounds), "twenty refunds at once", transient=True):
                wrong += await over_refunded(shop, double)
    return Finding("twenty refunds at once", rounds, time.monotonic() - started, wrong)


async def _coupons(house: House, coupons: int) -> Finding:
    started, wrong = time.monotonic(), list[str]()
    async with open_shop(house.url, _settings()) as shop:
        mug = await shop.product(inventoryQuantity=coupons)
        for _ in track(range(coupons), "a coupon in fifty carts", transient=True):
            wrong += await used_too_often(shop, mug, _CARTS)
    return Finding("a coupon with one use in fifty carts", coupons, time.monotonic() - started, wrong)


def _settings(**more: str) -> Settings:
    return msgspec.convert({"sweep_seconds": 0, "rate_limit_read": "", "rate_limit_write": ""} | more, Settings)


_HEAD = ["", "races", "wrong", "minutes"]


def _rows(findings: Sequence[Finding]) -> list[list[str]]:
    return [
        [finding.title, f"{finding.races:,}", f"{len(finding.wrong):,}", f"{finding.seconds / 60:.1f}"]
        for finding in findings
    ]


def _page(findings: Sequence[Finding], machine: Machine, size: tuple[int, int, int], *, adds_up: bool) -> str:
    races, rounds, coupons = size
    rows = [_HEAD, ["---", *["--:"] * (len(_HEAD) - 1)], *_rows(findings)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    is_full = size == (_RACES, _ROUNDS, _COUPONS)
    of_full = (
        "This is the full size."
        if is_full
        else f"The full size is {_RACES}, {_ROUNDS:,} and {_COUPONS:,}: `python -m bench.races --page`."
    )
    return f"""# Races

`python -m bench.races --races {races} --rounds {rounds} --coupons {coupons} --page` wrote this page on {machine.date}.
{of_full}

{table}

`tradepost verify` afterwards: {"everything adds up" if adds_up else "something does NOT add up"}.

**Two at once.** All {len(PAIRS)} pairs of {", ".join(DEEDS)}, {races} times each, on an order that is
{", ".join(BEGINNINGS)}: {races * len(BEGINNINGS)} races of each pair. What comes of two at once (who is refused, the
order's statuses, its stock, its money, its returns) has to be what came of one after the other, in either order, or of
one alone, as the other may be refused because a provider is just being asked.

**Twenty refunds at once.** Together they are three times what was paid. Wrong is a round in which more went back than
was taken, less than fits, or in which Stripe's double was asked for a refund that was then refused.

**A coupon with one use in fifty carts**, which are ordered at once. Wrong is a round in which not exactly one of them
is ordered, or in which another loses something, or is not told why.

Machine: {machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB, {machine.kernel}, Python {machine.python},
PostgreSQL {machine.postgresql}; load before: {machine.load_before}.
"""


if __name__ == "__main__":
    main()
