"""Whether the time of an answer tells that an address has an account: row C09 of the abuse cases.

Known and unknown addresses are asked about in random order, each from an address of its own, one request at a time.
The rank-sum test of Mann and Whitney says how likely a difference like the one measured is where there is none.
"""

import http.client
import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from statistics import NormalDist, median, quantiles

import msgspec
import psycopg
import rich_click as click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench import serving
from bench.house import House, open_house
from bench.load import Customer, Target

PAGE = Path(__file__).parents[1] / "docs/secrecy.md"
_LEAST_P = 0.01
_WARM_UP = 20
_STRANGER = {"password": "walking on the river", "firstName": "Ada", "lastName": "Lovelace"}
_ACCOUNTS = """
    insert into account (store_id, id, email, email_normal, first_name, last_name, email_verified_at, password_hash)
    select store_id, gen_random_uuid(), named.email, named.email, first_name, last_name, now(), password_hash
    from account
    cross join generate_series(0, %s) as n
    cross join lateral (select 'known' || lpad(n::text, 6, '0') || '@example.com') as named (email)
    where account.email = %s
"""


class Question(msgspec.Struct, frozen=True):
    """A request that names an e-mail address, and the status that it gets whether or not that has an account."""

    title: str
    path: str
    status: int
    body: Callable[[str, str], dict[str, str]]
    """From the address and the customer's own password."""
    signed: bool = False
    """Whether the customer has to be signed in."""


_QUESTIONS = [
    Question("sign in, wrong password", "/auth/login", 401, lambda email, _: {"email": email, "password": "a guess"}),
    Question("register", "/auth/register", 201, lambda email, _: _STRANGER | {"email": email}),
    Question("forgotten password", "/auth/password/forgot", 202, lambda email, _: {"email": email}),
    Question(
        "change of address", "/auth/email", 202, lambda email, own: {"email": email, "password": own}, signed=True
    ),
]


class Finding(msgspec.Struct, frozen=True):
    """Seconds for each answer about a known and an unknown address."""

    title: str
    known: list[float]
    unknown: list[float]

    @property
    def p(self) -> float:
        return rank_sum_p(self.known, self.unknown)


class Client:
    """One connection to the server, and a new address for each request, so that nobody is made to wait."""

    def __init__(self, target: Target) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
        self._count = 0

    def ask(self, path: str, body: dict[str, str], *, bearer: str | None = None) -> tuple[int, bytes, float]:
        """Status, body and seconds."""
        self._count += 1
        headers = {"Content-Type": "application/json", "X-Forwarded-For": _address(self._count)}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        sent = msgspec.json.encode(body)
        started = time.perf_counter()
        self._connection.request("POST", f"/api/v1{path}", sent, headers)
        answer = self._connection.getresponse()
        said = answer.read()
        return answer.status, said, time.perf_counter() - started

    def close(self) -> None:
        self._connection.close()


def rank_sum_p(one: Sequence[float], other: Sequence[float]) -> float:
    """Two-sided, by the normal approximation with its correction for ties; for samples of 20 and more."""
    ranked = sorted([(value, True) for value in one] + [(value, False) for value in other])
    rank_sum, ties, before = 0.0, 0, 0
    for _, group in groupby(ranked, key=lambda pair: pair[0]):
        alike = [is_one for _, is_one in group]
        rank_sum += sum(alike) * (before + (len(alike) + 1) / 2)
        ties += len(alike) ** 3 - len(alike)
        before += len(alike)
    n, m = len(one), len(other)
    u = rank_sum - n * (n + 1) / 2
    variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
    return 2 * (1 - NormalDist().cdf(abs(u - n * m / 2) / math.sqrt(variance)))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--samples", default=2000, show_default=True, help="Of each kind, for known and for unknown addresses.")
@click.option("--page", is_flag=True, help="Write docs/secrecy.md.")
def main(*, samples: int, page: bool) -> None:
    """Compare the time of answers about known and unknown addresses."""
    with open_house() as house, serving.tradepost(house, workers=1, trusted_proxies="127.0.0.1/32") as server:
        findings = list(_findings(house, server.target, samples))
    console = Console()
    table = Table(*_HEAD, title=f"{samples} answers of each kind")
    for row in _rows(findings):
        table.add_row(*row)
    console.print(table)
    if page:
        PAGE.write_text(_page(findings, samples), "utf-8")
    sys.exit(any(finding.p <= _LEAST_P for finding in findings))


def _findings(house: House, target: Target, samples: int) -> Iterator[Finding]:
    customer = target.customer
    assert customer is not None
    with psycopg.connect(house.url) as connection:
        connection.execute(_ACCOUNTS, [samples + _WARM_UP, customer.email])
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum analyze account")
    with closing(Client(target)) as client:
        for question in _QUESTIONS:
            yield _measured(client, question, customer, samples)


def _measured(client: Client, question: Question, customer: Customer, samples: int) -> Finding:
    """Everything in a new order, so that a slow second does not always hit the same kind."""
    order = [(number, is_known) for number in range(samples) for is_known in (True, False)]
    random.Random(question.title).shuffle(order)
    warm_up = [(samples + number % _WARM_UP, number % 2 == 0) for number in range(_WARM_UP)]
    seconds: dict[bool, list[float]] = {True: [], False: []}
    bearer = None
    for at, (number, is_known) in enumerate(track([*warm_up, *order], question.title, transient=True)):
        if question.signed and at % 100 == 0:
            bearer = _token(client, customer)
        email = f"{'known' if is_known else 'other'}{number:06}@example.com"
        status, said, took = client.ask(question.path, question.body(email, customer.password), bearer=bearer)
        if status != question.status:
            msg = f"{question.path}: {status} {said.decode(errors='replace')}"
            raise RuntimeError(msg)
        if at >= _WARM_UP:
            seconds[is_known].append(took)
    return Finding(question.title, seconds[True], seconds[False])


def _token(client: Client, customer: Customer) -> str:
    body = {"email": customer.email, "password": customer.password, "tokens": "body"}
    _, said, _ = client.ask("/auth/login", body)
    return msgspec.json.decode(said)["accessToken"]


def _address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


_HEAD = ["", "known, ms", "unknown, ms", "p10 to p90 of both, ms", "difference of medians", "p"]


def _rows(findings: Sequence[Finding]) -> list[list[str]]:
    return [
        [
            finding.title,
            f"{median(finding.known) * 1e3:.2f}",
            f"{median(finding.unknown) * 1e3:.2f}",
            f"{_tenths(finding)[0] * 1e3:.2f} to {_tenths(finding)[-1] * 1e3:.2f}",
            f"{(median(finding.known) - median(finding.unknown)) * 1e6:+.0f} µs",
            f"{finding.p:.2f}" if finding.p >= _LEAST_P else f"{finding.p:.1e}",
        ]
        for finding in findings
    ]


def _tenths(finding: Finding) -> list[float]:
    return quantiles([*finding.known, *finding.unknown], n=10)


def _page(findings: Sequence[Finding], samples: int) -> str:
    rows = [_HEAD, ["---", *["--:"] * (len(_HEAD) - 1)], *_rows(findings)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    today = datetime.now(UTC).date()
    return f"""# What the time of an answer tells

`python -m bench.secrecy --page` wrote this page on {today}. It asks {samples:,} times about addresses that
have an account, and as often about addresses that have none, in random order, and compares the times by the rank-sum
test of Mann and Whitney: `p` is how likely such a difference is where there is none. One below {_LEAST_P} is a leak.

{table}

Times are medians, on one connection to one worker on the same machine. Status and body are the same for both; tests
hold that. Signing in always takes two hashes, and what a mail needs happens after the answer.
"""


if __name__ == "__main__":
    main()
