"""What is measured, in which order, and for how long."""

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median

import msgspec
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bench import carts, catalogue, importing, reference, serving
from bench.figures import Figure, Imported, Memory, Name, Results, Sample, figure
from bench.house import House, written_in
from bench.limit import CLIENTS as LIMIT_CLIENTS
from bench.limit import Limit
from bench.load import Request, Target

PARTS = ("orders", "session", "limit", "orm", "flash", "pages", "memory", "starts", "imports", "catalogue", "carts")
"""What --only takes."""

_ORDER_CLIENTS = (1, 16, 64, 256)
_MANY = 64
_SERVED = {"orders", "session", "flash", "pages", "memory"}
_MEMORY_AFTER = (10_000, 30_000)
_FILL_SECONDS = 5
_WARM_SECONDS = 1
_START_SECONDS = 3
_ROWS_A_SECOND = 1500
_PRODUCTS_A_SECOND = 400
_SHOPPERS = (1, 16)
_SHOPPING = 6
"""Subjects of the large shop."""
_OF_CARTS = 5
"""Subjects that have to do with carts."""


class Plan(msgspec.Struct, frozen=True):
    """How many rounds, and the seconds that each kind of subject gets in one."""

    rounds: int
    order_seconds: int
    limit_seconds: int
    page_seconds: int
    starts: int
    import_rows: tuple[int, int]
    """A small file and a large one: memory must not grow from one to the other."""
    products: int
    """Of the large shop."""
    fills: int
    """How many times _FILL_SECONDS filling up may take before memory counts as not measured."""


FULL = Plan(
    rounds=5,
    order_seconds=5,
    limit_seconds=3,
    page_seconds=3,
    starts=3,
    import_rows=(10_000, 100_000),
    products=100_000,
    fills=20,
)
QUICK = Plan(
    rounds=3,
    order_seconds=2,
    limit_seconds=1,
    page_seconds=1,
    starts=1,
    import_rows=(2_000, 20_000),
    products=10_000,
    fills=8,
)


class Subject(msgspec.Struct, frozen=True):
    """One thing at one number of clients; `run` takes that number, and seconds."""

    name: Name
    clients: int
    seconds: int
    run: Callable[[int, int], Sample]


class Pace:
    """The progress bar, in seconds of load. It draws itself only on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("Preparing", total=None)

    def plan(self, seconds: float) -> None:
        self._progress.update(self._task, total=seconds)

    @contextmanager
    def step(self, what: str, seconds: float) -> Iterator[None]:
        self._progress.update(self._task, description=what)
        yield
        self._progress.advance(self._task, seconds)


def bar() -> Progress:
    left = TimeRemainingColumn(elapsed_when_finished=True)
    return Progress(TextColumn("{task.description:<40}"), BarColumn(), left, transient=True)


def measure(house: House, plan: Plan, parts: Collection[str], pace: Pace) -> Results:
    """Each round runs all subjects in a new order, so that a slow minute does not always hit the same one."""
    results = Results()
    cart_url = house.copy("bench_carts") if "carts" in parts else None
    with ExitStack() as servers:
        subjects, databases, server = _prepare(house, plan, parts, servers)
        pace.plan(_seconds(plan, parts, subjects))
        _warm_up(subjects, pace)
        results.written = {name: written_in(url) for name, url in databases.items()}
        if server and "memory" in parts:
            results.memory = _fill(server, plan, pace)
        results.figures = _run_rounds(subjects, plan, pace)
    if "catalogue" in parts:
        _shop_around(house, plan, pace, results)
    if cart_url:
        results.figures += _go_by_cart(house, cart_url, plan, pace)
    if "starts" in parts:
        _start(house, plan, pace, results)
    if "imports" in parts:
        results.imports = [_import(house, rows, pace) for rows in plan.import_rows]
    written = [url for url in (house.url if server else None, cart_url) if url]
    if written:
        with pace.step("Verifying what was written", 0):
            results.invariants_held = all(map(serving.verify, written))
    return results


def _prepare(
    house: House, plan: Plan, parts: Collection[str], servers: ExitStack
) -> tuple[list[Subject], dict[str, str], serving.Tradepost | None]:
    """All subjects, the databases that they write to, and Tradepost itself. Databases are copied before it is there."""
    subjects: list[Subject] = []
    databases: dict[str, str] = {}
    server = None
    if "limit" in parts:
        limit = Limit(house)
        databases["limit"] = limit.url
        subjects += _limit_subjects(limit, plan)
    if "orm" in parts:
        reference.install()
        databases["orm"] = reference.copy_database(house)
    if _SERVED.intersection(parts):
        server = servers.enter_context(serving.tradepost(house))
        databases["tradepost"] = house.url
        subjects += _own_subjects(server.target, plan, parts)
    if "orm" in parts:
        target = servers.enter_context(reference.serve(house, databases["orm"]))
        subjects += [_http(target, Name.ORM, "order", clients, plan.order_seconds) for clients in reference.CLIENTS]
    return subjects, databases, server


def _limit_subjects(limit: Limit, plan: Plan) -> list[Subject]:
    return [
        Subject(name, clients, plan.limit_seconds, partial(limit.measure, gapless=gapless))
        for name, gapless in ((Name.LIMIT_COUNTER, True), (Name.LIMIT_SEQUENCE, False))
        for clients in LIMIT_CLIENTS
    ]


def _own_subjects(target: Target, plan: Plan, parts: Collection[str]) -> list[Subject]:
    orders = [_http(target, Name.ORDERS, "order", clients, plan.order_seconds) for clients in _ORDER_CLIENTS]
    beside = orders[_ORDER_CLIENTS.index(_MANY)]
    session = [_http(target, Name.SESSION, "session", _MANY, plan.order_seconds), beside]
    flash = [_http(target, Name.FLASH, "flash", _MANY, plan.order_seconds)]
    pages = [
        _http(target, Name.HOT, "hot", _MANY, plan.page_seconds),
        _http(target, Name.PRODUCT, "product", _MANY, plan.page_seconds),
        _http(target, Name.LIVE, "live", _MANY, plan.page_seconds),
    ]
    asked = {"orders": orders, "session": session, "flash": [*flash, beside], "pages": pages}
    found = [subject for part, subjects in asked.items() if part in parts for subject in subjects]
    return list({(subject.name, subject.clients): subject for subject in found}.values())


def _http(target: Target, name: Name, request: Request, clients: int, seconds: int) -> Subject:
    return Subject(name, clients, seconds, partial(target.load, request))


def _seconds(plan: Plan, parts: Collection[str], subjects: Sequence[Subject]) -> float:
    """About how long it will take."""
    return (
        len({subject.name for subject in subjects}) * _WARM_SECONDS
        + plan.rounds * sum(subject.seconds for subject in subjects)
        + ("memory" in parts) * plan.fills * _FILL_SECONDS / 2
        + ("imports" in parts) * sum(plan.import_rows) / _ROWS_A_SECOND
        + ("catalogue" in parts) * _shopping_seconds(plan)
        + ("carts" in parts) * plan.rounds * _OF_CARTS * plan.order_seconds
        + ("starts" in parts) * plan.starts * 2 * _START_SECONDS
    )


def _shopping_seconds(plan: Plan) -> float:
    rounds = plan.rounds * len(_SHOPPERS) * plan.page_seconds
    return plan.products / _PRODUCTS_A_SECOND + _SHOPPING * (rounds + _WARM_SECONDS)


def _warm_up(subjects: Sequence[Subject], pace: Pace) -> None:
    """Each kind once. The flash sale is warm with the orders, and its orders have one line where others have two."""
    kinds = {subject.name: subject for subject in subjects if subject.name is not Name.FLASH}
    for subject in kinds.values():
        with pace.step(f"Warming up: {subject.name}", _WARM_SECONDS):
            subject.run(subject.clients, _WARM_SECONDS)


def _fill(server: serving.Tradepost, plan: Plan, pace: Pace) -> list[Memory]:
    """Memory at so many orders for each worker; shorter where the machine was too slow to place them."""
    placed = 0
    found: list[Memory] = []
    for _ in range(plan.fills):
        with pace.step(f"Memory: {placed} orders placed", _FILL_SECONDS / 2):
            placed += server.target.load("order", _MANY, _FILL_SECONDS).accepted
        each = placed // serving.WORKERS
        if each >= _MEMORY_AFTER[len(found)]:
            found.append(Memory(orders=each, mib=server.resident_mib()))
        if len(found) == len(_MEMORY_AFTER):
            break
    return found


def _run_rounds(subjects: Sequence[Subject], plan: Plan, pace: Pace) -> list[Figure]:
    samples: dict[tuple[Name, int], list[Sample]] = {(subject.name, subject.clients): [] for subject in subjects}
    for number in range(plan.rounds):
        for subject in random.Random(number).sample(subjects, len(subjects)):
            with pace.step(f"Round {number + 1}: {subject.name}, {subject.clients} clients", subject.seconds):
                samples[subject.name, subject.clients].append(subject.run(subject.clients, subject.seconds))
    return [figure(name, clients, some) for (name, clients), some in samples.items()]


def _shop_around(house: House, plan: Plan, pace: Pace, results: Results) -> None:
    """In the large shop, on a server that keeps answers and on one that does not."""
    with pace.step(f"Making {plan.products} products", plan.products / _PRODUCTS_A_SECOND):
        url = catalogue.make(house, plan.products)
        paths = catalogue.paths(url, house.folder)
    with (
        serving.tradepost(house, database_url=url) as kept,
        serving.tradepost(house, database_url=url, keep_seconds=0) as fresh,
    ):
        asked = [
            (Name.PAGE_KEPT, kept, paths.pages),
            (Name.PAGE_FRESH, fresh, paths.pages),
            (Name.LIST_KEPT, kept, paths.lists),
            (Name.LIST_FRESH, fresh, paths.lists),
            (Name.SEARCH, fresh, paths.searches),
            (Name.SEARCH_NARROW, fresh, paths.narrow),
        ]
        subjects = [
            Subject(name, clients, plan.page_seconds, partial(server.target.load, "path", paths=file))
            for name, server, file in asked
            for clients in _SHOPPERS
        ]
        _warm_up(subjects, pace)
        results.figures += _run_rounds(subjects, plan, pace)
        with pace.step("Changing products", 0):
            results.found_seconds = catalogue.seconds_to_found(fresh.target, paths.pages)


def _go_by_cart(house: House, url: str, plan: Plan, pace: Pace) -> list[Figure]:
    """Orders and quotes without promotions, and then quotes with some."""
    with serving.tradepost(house, database_url=url) as server:
        kept = carts.Carts(url, house.folder, server.target)
        plain = [
            Subject(Name.DIRECT, _MANY, plan.order_seconds, partial(server.target.load, "order")),
            Subject(Name.CART_ORDERS, _MANY, plan.order_seconds, kept.check_out),
            Subject(Name.CART_ADD, _MANY, plan.order_seconds, kept.add),
            Subject(Name.QUOTE, _MANY, plan.order_seconds, partial(server.target.load, "quote")),
        ]
        promoted = [Subject(Name.QUOTE_PROMOTED, _MANY, plan.order_seconds, partial(server.target.load, "quote"))]
        _warm_up(plain, pace)
        found = _run_rounds(plain, plan, pace)
        carts.promote(server.target)
        _warm_up(promoted, pace)
        return found + _run_rounds(promoted, plan, pace)


def _start(house: House, plan: Plan, pace: Pace, results: Results) -> None:
    """Each cold start makes a data folder, each warm one finds it."""
    cold: list[float] = []
    warm: list[float] = []
    for number in range(plan.starts):
        for seconds, what in ((cold, "cold"), (warm, "warm")):
            with pace.step(f"Starting, {what}", _START_SECONDS):
                seconds.append(serving.seconds_to_ready(house.folder / f"start-{number}"))
    results.cold_seconds, results.warm_seconds = median(cold), median(warm)


def _import(house: House, rows: int, pace: Pace) -> Imported:
    with pace.step(f"Importing {rows} rows", rows / _ROWS_A_SECOND):
        return importing.measure(house.folder / f"import-{rows}", rows)
