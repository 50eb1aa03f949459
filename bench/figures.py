"""What was measured: a sample is one round of one subject, a figure is the median of its rounds."""

from collections.abc import Sequence
from enum import StrEnum
from statistics import median

import msgspec


class Name(StrEnum):
    """The subjects. The values are keys of the JSON file."""

    ORDERS = "orders"
    SESSION = "session"
    FLASH = "flash"
    PRODUCT = "product"
    HOT = "hot"
    LIVE = "live"
    PAGE_FRESH = "page_fresh"
    PAGE_KEPT = "page_kept"
    LIST_FRESH = "list_fresh"
    LIST_KEPT = "list_kept"
    SEARCH = "search"
    SEARCH_NARROW = "search_narrow"
    DIRECT = "direct"
    CART_ORDERS = "cart_orders"
    CART_ADD = "cart_add"
    QUOTE = "quote"
    QUOTE_PROMOTED = "quote_promoted"
    LIMIT_COUNTER = "limit_counter"
    LIMIT_SEQUENCE = "limit_sequence"
    ORM = "orm"


class Sample(msgspec.Struct, frozen=True):
    """One round of one subject. Only accepted requests count in `per_second`."""

    accepted: int
    refused: int
    per_second: float
    p50_ms: float
    p99_ms: float


class Figure(msgspec.Struct, frozen=True):
    """The medians over all rounds, and the slowest and the fastest round."""

    name: Name
    clients: int
    per_second: float
    slowest: float
    fastest: float
    p50_ms: float
    p99_ms: float
    refused: int
    rounds: int


class Memory(msgspec.Struct, frozen=True):
    """Resident memory of the server's largest process, once each worker has placed about so many orders."""

    orders: int
    mib: float


class Imported(msgspec.Struct, frozen=True):
    """A spreadsheet of so many rows: rows a second, and resident memory of the importing process at most."""

    rows: int
    per_second: float
    mib: float


class Written(msgspec.Struct, frozen=True):
    """What one order left behind on average; counted in the database."""

    rows: dict[str, float]
    answer_bytes: int
    words: int


class Results(msgspec.Struct):
    """Everything of one run. A part that was not asked for is empty."""

    figures: list[Figure] = []
    cold_seconds: float | None = None
    warm_seconds: float | None = None
    memory: list[Memory] = []
    imports: list[Imported] = []
    found_seconds: float | None = None
    """From a change of a product until search finds it, at most."""
    written: dict[str, Written] = {}
    invariants_held: bool | None = None

    def with_anew(self, other: "Results") -> "Results":
        """The same with what another run has measured in the place of its own."""
        measured = {(found.name, found.clients) for found in other.figures}
        kept = [found for found in self.figures if (found.name, found.clients) not in measured]
        parts = {name: found for name, found in msgspec.structs.asdict(other).items() if found not in (None, [], {})}
        return msgspec.structs.replace(self, **(parts | {"figures": kept + other.figures}))

    def at(self, name: Name, clients: int) -> Figure | None:
        return next((found for found in self.figures if (found.name, found.clients) == (name, clients)), None)

    def best(self, *names: Name, clients: Sequence[int] = ()) -> Figure | None:
        """The figure with the highest rate, among certain numbers of clients where any are given."""
        named = [found for found in self.figures if found.name in names]
        eligible = [found for found in named if not clients or found.clients in clients]
        return max(eligible, key=lambda found: found.per_second, default=None)


def figure(name: Name, clients: int, samples: Sequence[Sample]) -> Figure:
    rates = [sample.per_second for sample in samples]
    return Figure(
        name=name,
        clients=clients,
        per_second=median(rates),
        slowest=min(rates),
        fastest=max(rates),
        p50_ms=median(sample.p50_ms for sample in samples),
        p99_ms=median(sample.p99_ms for sample in samples),
        refused=sum(sample.refused for sample in samples),
        rounds=len(samples),
    )
