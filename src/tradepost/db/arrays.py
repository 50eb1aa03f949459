"""Columns of values for `unnest`, in PostgreSQL's binary format.

psycopg looks up a way to write for each element of a list; a batch of orders has thousands. Here a column is one pass.
None is null. The layout is that of `array_recv` in PostgreSQL: dimensions, null flag, element type, length, lower
bound, then each element behind its length.
"""

from collections.abc import Iterable, Sequence
from struct import pack
from uuid import UUID

from psycopg import adapters
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_NULL = b"\xff\xff\xff\xff"
_16 = pack(">i", 16)
_8 = pack(">i", 8)
_4 = pack(">i", 4)


class _Column(bytes):
    """A finished array."""


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Buffer) -> Buffer:
        return obj


class _Uuids(_Column):
    pass


class _Texts(_Column):
    pass


class _Bigints(_Column):
    pass


class _Integers(_Column):
    pass


class _Byteas(_Column):
    pass


def _register(kind: type[_Column], array_oid: int) -> None:
    dumper = type(f"{kind.__name__}Dumper", (_ColumnDumper,), {"oid": array_oid})
    adapters.register_dumper(kind, dumper)


_register(_Uuids, 2951)
_register(_Texts, 1009)
_register(_Bigints, 1016)
_register(_Integers, 1007)
_register(_Byteas, 1001)


def uuids(values: Sequence[UUID | None]) -> bytes:
    return _Uuids(_array(2950, [_NULL if value is None else _16 + value.int.to_bytes(16) for value in values]))


def texts(values: Sequence[str | None]) -> bytes:
    encoded = [None if value is None else value.encode() for value in values]
    return _Texts(_array(25, _sized(encoded)))


def bigints(values: Sequence[int]) -> bytes:
    return _Bigints(_array(20, [_8 + value.to_bytes(8, signed=True) for value in values]))


def integers(values: Sequence[int]) -> bytes:
    return _Integers(_array(23, [_4 + value.to_bytes(4, signed=True) for value in values]))


def byteas(values: Sequence[bytes | None]) -> bytes:
    return _Byteas(_array(17, _sized(values)))


def _sized(values: Iterable[bytes | None]) -> list[bytes]:
    return [_NULL if value is None else len(value).to_bytes(4) + value for value in values]


def _array(element_oid: int, elements: list[bytes]) -> bytes:
    if not elements:
        return pack(">iiI", 0, 0, element_oid)
    head = pack(">iiIii", 1, int(_NULL in elements), element_oid, len(elements), 1)
    return b"".join([head, *elements])
