"""What was promised, and whether it was kept."""

import msgspec

from bench.figures import Figure, Name, Results

LIMIT = (Name.LIMIT_COUNTER, Name.LIMIT_SEQUENCE)
_BESIDE_LIMIT = {16: 0.7, 64: 1.2, 256: 1.6}
_BESIDE_ORM = (16, 64)
_PAIRS = (
    ("orders/s by cookie ÷ by key, 64 clients", Name.SESSION, Name.ORDERS, 0.85),
    ("flash sale ÷ orders/s, 64 clients", Name.FLASH, Name.ORDERS, 0.8),
    ("orders from carts ÷ orders/s beside them, 64 clients", Name.CART_ORDERS, Name.DIRECT, 0.7),
    ("quotes with 10 promotions ÷ without, 64 clients", Name.QUOTE_PROMOTED, Name.QUOTE, 0.5),
    ("product page, always the same ÷ /health/live", Name.HOT, Name.LIVE, 0.6),
    ("product page, one of 2,000 ÷ /health/live", Name.PRODUCT, Name.LIVE, 0.6),
)
"""Two subjects with as many clients, and how many times the second the first is to be at least."""
_FLAT = 1.05
_STEADY = 1.1


class Verdict(msgspec.Struct, frozen=True):
    """A measured value beside its target; None where this run did not measure it."""

    what: str
    measured: float | None
    target: float
    at_least: bool
    unit: str = ""

    @property
    def kept(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured >= self.target if self.at_least else self.measured <= self.target


def verdicts(results: Results) -> list[Verdict]:
    return [
        *_beside(results, Name.LIMIT_COUNTER, "limit, the same rows"),
        *_beside(results, Name.LIMIT_SEQUENCE, "limit with a sequence"),
        at_least("orders/s ÷ FastAPI with the ORM", _beside_orm(results), 10),
        at_most("latency, one client ÷ pgbench's", _latencies(results), 3),
        *(
            at_least(what, _rates(results.at(one, 64), results.at(other, 64)), least)
            for what, one, other, least in _PAIRS
        ),
        at_most("cold start, from an empty folder", results.cold_seconds, 3, "s"),
        at_most("warm start", results.warm_seconds, 1.5, "s"),
        *_of_memory(results),
        at_most("a changed product is found by search, at most", results.found_seconds, 1, "s"),
        *_of_imports(results),
    ]


def at_least(what: str, measured: float | None, target: float) -> Verdict:
    return Verdict(what, measured, target, at_least=True)


def at_most(what: str, measured: float | None, target: float, unit: str = "") -> Verdict:
    return Verdict(what, measured, target, at_least=False, unit=unit)


def _beside(results: Results, limit: Name, named: str) -> list[Verdict]:
    """At each number of clients, beside the limit at its best one."""
    best = results.best(limit)
    return [
        at_least(f"orders/s, {clients} clients ÷ {named}", _rates(results.at(Name.ORDERS, clients), best), target)
        for clients, target in _BESIDE_LIMIT.items()
    ]


def _rates(one: Figure | None, other: Figure | None) -> float | None:
    return one.per_second / other.per_second if one and other else None


def _beside_orm(results: Results) -> float | None:
    """Each at the better of the same numbers of clients."""
    return _rates(
        results.best(Name.ORDERS, clients=_BESIDE_ORM),
        results.best(Name.ORM, clients=_BESIDE_ORM),
    )


def _latencies(results: Results) -> float | None:
    """Medians; pgbench's is the lower one of its two ways to a number."""
    ours = results.at(Name.ORDERS, 1)
    theirs = [found.p50_ms for name in LIMIT if (found := results.at(name, 1))]
    return ours.p50_ms / min(theirs) if ours and theirs else None


def _of_memory(results: Results) -> list[Verdict]:
    first, last = (results.memory[0], results.memory[-1]) if len(results.memory) > 1 else (None, None)
    grown = last.mib / first.mib if first and last else None
    return [
        at_most("memory of a worker, 10,000 orders", first.mib if first else None, 120, "MiB"),
        at_most("memory, 30,000 ÷ 10,000 orders", grown, _FLAT),
    ]


def _of_imports(results: Results) -> list[Verdict]:
    small, large = (results.imports[0], results.imports[-1]) if len(results.imports) > 1 else (None, None)
    return [
        at_least("rows imported a second", large.per_second if large else None, 1500),
        at_most("memory of an import", large.mib if large else None, 120, "MiB"),
        at_most("memory of an import, ten times the rows", large.mib / small.mib if small and large else None, _STEADY),
    ]
