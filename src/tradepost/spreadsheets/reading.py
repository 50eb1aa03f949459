"""A file of comma-separated values read from any place in it, a record at a time, in bounded memory."""

import csv
from collections.abc import Awaitable, Callable, Iterator, Mapping

import msgspec

from tradepost.core.errors import FieldError
from tradepost.spreadsheets import fields
from tradepost.spreadsheets.model import Failure, Layout, unusable

MOST_RECORD = 1 << 20
"""Bytes of one record, all its lines together."""

_SEPARATORS = (",", ";", "\t")
_FATAL = ("unexpected end of data", "field larger than")


class Unreadable(Exception):
    """From here on the file makes no sense."""

    def __init__(self, line: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.failure = Failure(line, code, detail)


class Record(msgspec.Struct, frozen=True):
    """The cells of a row, and the line on which it begins; `problem` where they could not be told apart."""

    line: int
    cells: list[str]
    problem: str | None = None


class _MoreNeeded(Exception):
    """The buffer ends within a record."""


class _Lines:
    """The lines of a buffer from an offset on."""

    def __init__(self, newline: bytes) -> None:
        self.buffer = b""
        self.offset = 0
        self.line = 1
        self.is_whole = False
        """Whether the end of the buffer is the end of the file."""
        self._newline = newline

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        end = self.buffer.find(self._newline, self.offset) + 1
        if not end:
            if not self.is_whole:
                raise _MoreNeeded
            end = len(self.buffer)
            if end == self.offset:
                raise StopIteration
        text = self.buffer[self.offset : end].decode()
        self.offset = end
        self.line += 1
        return text


class Reader:
    """Records from a position on. `fetch` answers bytes from a position on, as many as it likes, none at the end."""

    def __init__(
        self, layout: Layout, fetch: Callable[[int], Awaitable[bytes]], *, position: int = 0, line: int = 1
    ) -> None:
        self._fetch = fetch
        self._base = position
        self._lines = _Lines(layout.newline.encode())
        self._lines.line = line
        self._csv = csv.reader(self._lines, delimiter=layout.separator, strict=True)

    @property
    def position(self) -> int:
        """Where the next record begins."""
        return self._base + self._lines.offset

    @property
    def line(self) -> int:
        return self._lines.line

    async def next(self) -> Record | None:
        """The next record that is not blank; None at the end. Raises Unreadable."""
        while True:
            start, line = self._lines.offset, self._lines.line
            try:
                cells = next(self._csv)
            except _MoreNeeded:
                await self._read_on(start, line)
                continue
            except StopIteration:
                return None
            except csv.Error as error:
                if str(error).startswith(_FATAL):
                    raise Unreadable(line, "quote_never_ends", "begins a quoted cell that does not end") from None
                return Record(line, [], str(error))
            if any(cells):
                return Record(line, cells)

    async def _read_on(self, start: int, line: int) -> None:
        """Back to the beginning of the record, with more of the file behind it."""
        rest = self._lines.buffer[start:]
        if len(rest) > MOST_RECORD:
            raise Unreadable(line, "record_too_long", f"is longer than {MOST_RECORD} bytes: is a quote not closed?")
        self._base += start
        more = await self._fetch(self._base + len(rest))
        self._lines.buffer = rest + more
        self._lines.offset, self._lines.line = 0, line
        self._lines.is_whole = not more


def layout_of(head: bytes, mapping: Mapping[str, str], *, is_whole: bool) -> tuple[Layout, int, int]:
    """How to read a file that begins so, where its first row begins, and on which line. Raises SpreadsheetUnusable."""
    newline = b"\n" if b"\n" in head else b"\r"
    start, line, separators = 0, 1, _SEPARATORS
    if head[:4].lower() == b"sep=" and newline in head[:8]:  # what Excel writes for itself
        start, line = head.index(newline) + 1, 2
        separators = (chr(head[4]),) if chr(head[4]) in _SEPARATORS else _SEPARATORS
    best: tuple[int, int, Layout, int, int] | None = None
    for separator in separators:
        found = _headers(head[start:], separator, newline, is_whole=is_whole)
        if found is None:
            continue
        headers, end, lines = found
        known = sum(header.strip() in mapping or fields.field_of(header) is not None for header in headers)
        layout = Layout(separator, newline.decode(), headers, [])
        if best is None or (known, len(headers)) > best[:2]:
            best = known, len(headers), layout, start + end, line + lines
    if best is None or not best[0]:
        detail = "is not there: the first line must name the columns, such as sku, name and price"
        raise unusable(FieldError("/header", "header_missing", detail))
    layout = best[2]
    return msgspec.structs.replace(layout, fields=fields.columns(layout.headers, mapping)), best[3], best[4]


def _headers(head: bytes, separator: str, newline: bytes, *, is_whole: bool) -> tuple[list[str], int, int] | None:
    """The header by a separator, the bytes and lines it takes; None where it does not end, or makes no sense."""
    lines = _Lines(newline)
    lines.buffer, lines.is_whole = head, is_whole
    try:
        for cells in csv.reader(lines, delimiter=separator, strict=True):
            if any(cells):
                return cells, lines.offset, lines.line - 1
    except (csv.Error, _MoreNeeded):
        return None
    return None
