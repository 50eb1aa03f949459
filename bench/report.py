"""The same results three times: tables on the terminal, a page in docs/, and JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Name, Results
from bench.machine import Machine
from bench.targets import LIMIT, Verdict, verdicts

JSON_FILE = Path(__file__).parent / "results/latest.json"
PAGE = Path(__file__).parents[1] / "docs/benchmarks.md"

_TEMPLATE = Path(__file__).parent / "page.md.in"
_BAR = 50
_TITLES = {
    Name.ORDERS: "canonical orders",
    Name.SESSION: "canonical orders, cookie",
    Name.FLASH: "flash sale",
    Name.DIRECT: "orders beside those of carts",
    Name.CART_ORDERS: "orders from carts",
    Name.CART_ADD: "one more in a cart",
    Name.QUOTE: "quotes",
    Name.QUOTE_PROMOTED: "quotes, 10 promotions",
    Name.LIMIT_COUNTER: "limit, counter row",
    Name.LIMIT_SEQUENCE: "limit, sequence",
    Name.ORM: "FastAPI, ORM",
    Name.HOT: "product page, always the same",
    Name.PRODUCT: "product page, one of 2,000",
    Name.LIVE: "/health/live",
    Name.PAGE_KEPT: "large shop: product page",
    Name.PAGE_FRESH: "large shop: product page, not kept",
    Name.LIST_KEPT: "large shop: list of 20",
    Name.LIST_FRESH: "large shop: list of 20, not kept",
    Name.SEARCH: "large shop: search, two words",
    Name.SEARCH_NARROW: "large shop: search, one word and filters",
}
_WRITERS = {"tradepost": "Tradepost", "limit": "database limit", "orm": "ORM"}

Rows = Sequence[Sequence[str]]


def show(results: Results, console: Console) -> None:
    console.print(_table("Ratios and targets", ["", "measured", "target", ""], _target_rows(results)))
    console.print(_table("Figures", _FIGURE_HEAD, _figure_rows(results)))
    if results.best(*LIMIT):
        console.print("* the limit at its best")
    if results.written:
        console.print(_table("Rows of one order", *_written_table(results)))
    console.print(f"tradepost verify: {_invariants(results)}")


def write_json(results: Results, machine: Machine, *, quick: bool) -> None:
    found = {"machine": machine, "quick": quick, "targets": [_told(verdict) for verdict in verdicts(results)]}
    JSON_FILE.parent.mkdir(exist_ok=True)
    JSON_FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found | {"results": results})) + b"\n")


def latest() -> Results:
    """Those that were measured last."""
    return msgspec.json.decode(JSON_FILE.read_bytes(), type=_Latest).results


class _Latest(msgspec.Struct):
    results: Results


def write_page(results: Results, machine: Machine, *, quick: bool, anew: Sequence[str] = ()) -> None:
    """`anew`: parts that are of this run, while all others are of an earlier one."""
    PAGE.parent.mkdir(exist_ok=True)
    page = Template(_TEMPLATE.read_text("utf-8")).substitute(
        date=machine.date,
        how=_how(quick=quick, anew=anew),
        rounds=max(figure.rounds for figure in results.figures),
        targets=_markdown(["", "measured", "target", ""], _target_rows(results)),
        chart=_chart(results),
        figures=_markdown(_FIGURE_HEAD, _figure_rows(results, best="**{}**")),
        written=_markdown(*_written_table(results)),
        invariants=_invariants(results),
        machine="\n".join(f"- {what}: {value}" for what, value in _machine_rows(machine)),
    )
    PAGE.write_text(page, "utf-8")


def _how(*, quick: bool, anew: Sequence[str]) -> str:
    if anew:
        return f"a full run, of which {', '.join(anew)} were measured anew by themselves"
    return "a quick run, with rounds of one or two seconds" if quick else "a full run"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _told(verdict: Verdict) -> Mapping[str, object]:
    return msgspec.structs.asdict(verdict) | {"kept": verdict.kept}


def _target_rows(results: Results) -> Rows:
    words = {True: "ok", False: "missed", None: "not measured"}
    return [
        (
            verdict.what,
            "" if verdict.measured is None else f"{_short(verdict.measured)} {verdict.unit}".rstrip(),
            f"{'≥' if verdict.at_least else '≤'} {verdict.target:g} {verdict.unit}".rstrip(),
            words[verdict.kept],
        )
        for verdict in verdicts(results)
    ]


_FIGURE_HEAD = ["", "clients", "per s", "least", "most", "p50 ms", "p99 ms", "failed"]


def _figure_rows(results: Results, best: str = "{} *") -> Rows:
    """In the order of _TITLES; the best of the limit is marked."""
    places = list(_TITLES)
    limit = results.best(*LIMIT)
    return [
        (
            best.format(_TITLES[figure.name]) if figure is limit else _TITLES[figure.name],
            str(figure.clients),
            *map(_short, (figure.per_second, figure.slowest, figure.fastest, figure.p50_ms, figure.p99_ms)),
            str(figure.refused),
        )
        for figure in sorted(results.figures, key=lambda found: (places.index(found.name), found.clients))
    ]


def _written_table(results: Results) -> tuple[Sequence[str], Rows]:
    """Head and rows; a column for each of the subjects that write orders."""
    writers = {title: results.written[name] for name, title in _WRITERS.items() if name in results.written}
    tables = list(next(iter(writers.values())).rows) if writers else []
    rows = [
        *([table, *(f"{writer.rows[table]:g}" for writer in writers.values())] for table in tables),
        ["bytes of the kept answer", *(str(writer.answer_bytes) for writer in writers.values())],
        ["search words", *(str(writer.words) for writer in writers.values())],
    ]
    return ["", *writers], rows


def _machine_rows(machine: Machine) -> Rows:
    return [
        ("processor", f"{machine.cpu}, {machine.cores} cores"),
        ("memory", f"{machine.memory_gib} GiB"),
        ("kernel", machine.kernel),
        ("PostgreSQL", machine.postgresql + "".join(f", {name} {value}" for name, value in machine.safety.items())),
        ("Python", machine.python),
        ("Tradepost", machine.tradepost),
        ("wrk", machine.wrk),
        ("load average before", str(machine.load_before)),
    ]


def _chart(results: Results) -> str:
    """Bars of orders a second, in plain text."""
    bars = [
        *((f"Tradepost, {found.clients} clients", found) for found in _of(results, Name.ORDERS)),
        ("database limit", results.best(*LIMIT)),
        ("FastAPI, ORM", results.best(Name.ORM)),
    ]
    shown = [(title, found.per_second) for title, found in bars if found]
    most = max((rate for _, rate in shown), default=1)
    lines = [f"{title:<24} {'█' * max(1, round(rate / most * _BAR))} {rate:,.0f}" for title, rate in shown]
    return "\n".join(["```", "orders a second", *lines, "```"])


def _of(results: Results, name: Name) -> list[Figure]:
    return sorted((found for found in results.figures if found.name is name), key=lambda found: found.clients)


def _invariants(results: Results) -> str:
    words = {True: "all hold", False: "BROKEN, so the figures are worth nothing", None: "not run"}
    return words[results.invariants_held]


def _table(title: str, head: Sequence[str], rows: Rows) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for at, name in enumerate(head):
        table.add_column(name, justify="right" if at else "left", no_wrap=True)
    for row in rows:
        style = {"missed": "red", "ok": "green", "not measured": "dim"}.get(row[-1])
        table.add_row(*row, style=style)
    return table


def _markdown(head: Sequence[str], rows: Rows) -> str:
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
