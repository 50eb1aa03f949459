"""A spreadsheet of products on its way in: how far it is, what it did, and what was wrong with it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from tradepost.core.actors import Actor, ActorKind
from tradepost.core.errors import Conflict, FieldError, Invalid
from tradepost.http.problems import BodyTooLarge

WRITE = "products:write"
ADJUST = "stock:adjust"
MOST_FAILED = 100_000
MOST_UNFINISHED = 20


class SpreadsheetUnusable(Invalid):
    """It cannot be read at all: its header, its charset or its form is not that of a table of products."""

    title = "The file is no table of products"


def unusable(*errors: FieldError) -> SpreadsheetUnusable:
    """With all that is wrong, in words, too."""
    said = [f"{error.pointer.rpartition('/')[2] or 'the file'} {error.detail}" for error in errors]
    return SpreadsheetUnusable("; ".join(said), errors=errors)


class FileTooLarge(BodyTooLarge):
    """Over what the installation allows: TRADEPOST_IMPORT_MIB."""

    title = "The file is too large"


class ImportEnded(Conflict):
    """There is nothing left to cancel."""

    title = "The import has ended"


class ImportNotUndoable(Conflict):
    """It is still under way, was a dry run, or has been undone."""

    title = "This import cannot be undone"


class TooManyImports(Conflict):
    title = f"At most {MOST_UNFINISHED} imports wait at once"


class State(StrEnum):
    UPLOADING = "UPLOADING"
    WAITING = "WAITING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    UNDO_WAITING = "UNDO_WAITING"
    UNDOING = "UNDOING"
    UNDONE = "UNDONE"


RUNNING = frozenset({State.RUNNING, State.UNDOING})
CANCELLABLE = frozenset({State.WAITING, State.RUNNING})
UNDOABLE = frozenset({State.FINISHED, State.FAILED, State.CANCELLED})
UNFINISHED = frozenset({State.WAITING, State.RUNNING, State.UNDO_WAITING, State.UNDOING})


class Layout(msgspec.Struct, frozen=True, rename="camel"):
    """How a file is to be read: the sign between cells, the one at the end of lines, and what its columns are."""

    separator: str
    newline: str
    headers: list[str]
    fields: list[str | None]


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is to be imported. `mapping` says for headers which of our fields they are."""

    name: str = ""
    is_dry_run: bool = False
    is_strict: bool = False
    mapping: dict[str, str] = {}


class Failure(msgspec.Struct, frozen=True):
    """Why an import could not go on, and at which line."""

    line: int
    code: str
    detail: str


class Counts(msgspec.Struct, frozen=True):
    """Rows, by what became of them."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: int = 0

    @property
    def done(self) -> int:
        return self.created + self.changed + self.unchanged

    @property
    def read(self) -> int:
        return self.done + self.failed

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.created + other.created,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.failed + other.failed,
        )


class RowError(msgspec.Struct, frozen=True, rename="camel"):
    """What is wrong with a row, or a cell of it. Without a line: what an undo has left as it was."""

    line: int | None
    header: str | None
    sku: str | None
    code: str
    detail: str


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """One import. `position` is how many bytes of the file are done with; the next row begins at `line`."""

    store_id: UUID
    id: UUID
    state: State
    name: str
    is_dry_run: bool
    is_strict: bool
    may_adjust: bool
    layout: Layout | None
    size: int
    position: int
    line: int
    counts: Counts
    errors: int
    failure: Failure | None
    products_undone: int
    products_kept: int
    actor_kind: ActorKind
    actor_id: UUID | None
    created_at: datetime
    ended_at: datetime | None
    digest: bytes = b""
    """Of the file, while it comes in."""

    @property
    def actor(self) -> Actor:
        """Who sent it, in whose name everything is done."""
        return Actor(self.actor_kind, self.store_id, self.actor_id)

    @property
    def percent(self) -> float:
        if self.state in (State.FINISHED, State.UNDONE):
            return 100.0
        return round(100 * self.position / self.size, 1) if self.size else 0.0
