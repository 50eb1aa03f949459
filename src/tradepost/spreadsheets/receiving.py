"""A file on its way in: made UTF-8, cut into pieces of one size, and looked at before anybody works on it."""

import codecs
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial

import msgspec

from tradepost.core.actors import Actor
from tradepost.core.clock import now
from tradepost.core.errors import FieldError, Unavailable
from tradepost.core.ids import uuid7
from tradepost.db import Database, Tx
from tradepost.events import publish
from tradepost.spreadsheets import reading, store
from tradepost.spreadsheets.events import ImportStarted
from tradepost.spreadsheets.model import (
    ADJUST,
    MOST_UNFINISHED,
    Counts,
    FileTooLarge,
    Import,
    State,
    TooManyImports,
    Wishes,
    unusable,
)

_HEAD_CHUNKS = 1 + reading.MOST_RECORD // store.CHUNK
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class _Charset:
    """Makes UTF-8 without a mark of what is UTF-8, or, by its mark, UTF-16."""

    def __init__(self) -> None:
        self._decoder: codecs.IncrementalDecoder | None = None
        self._held = b""
        self._line = 1

    def decoded(self, piece: bytes, *, is_last: bool = False) -> bytes:
        """Raises SpreadsheetUnusable, with the line."""
        self._held += piece
        if self._decoder is None:
            if len(self._held) < len(_UTF_16[0]) and not is_last:
                return b""
            name = "utf-16" if self._held.startswith(_UTF_16) else "utf-8-sig"
            self._decoder = codecs.getincrementaldecoder(name)()
        piece, self._held = self._held, b""
        try:
            text = self._decoder.decode(piece, is_last)
        except UnicodeDecodeError as error:
            line = self._line + error.object[: error.start].count(b"\n")
            detail = "is the line of the first byte that is not UTF-8, nor UTF-16 with a byte order mark"
            raise unusable(FieldError(f"/lines/{line}", "wrong_charset", detail)) from None
        self._line += text.count("\n")
        return text.encode()


async def receive(db: Database, pieces: AsyncIterator[bytes], wishes: Wishes, *, actor: Actor, most: int) -> Import:
    """Keeps a file for an import that is still to be begun: see `begin`. Nothing is held while the sender is slow.

    Raises FileTooLarge, without reading on, TooManyImports, SpreadsheetUnusable.
    """
    run = _new(wishes, actor)
    await db.write(partial(_insert, run=run))
    try:
        digest = hashlib.sha256()
        size, head = await _store(db, run, _digested(pieces, digest.update), most)
        layout, position, line = reading.layout_of(head, wishes.mapping, is_whole=size == len(head))
    except BaseException:
        await forget(db, run)
        raise
    return msgspec.structs.replace(run, layout=layout, size=size, position=position, line=line, digest=digest.digest())


async def _digested(pieces: AsyncIterator[bytes], update: Callable[[bytes], None]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        update(piece)
        yield piece


async def begin(tx: Tx, run: Import) -> Import:
    """A received file waits for somebody to work on it."""
    await store.set_waiting(tx, run)
    if not run.is_dry_run:
        await publish(tx, ImportStarted(run.name), actor=run.actor, subject_id=run.id)
    return await store.get(tx, run.store_id, run.id)


async def forget(db: Database, run: Import) -> None:
    """Drops a file that is not to be imported; where that cannot be done now, it is done within the hour."""
    with suppress(Unavailable):
        await db.write(partial(store.delete_upload, store_id=run.store_id, import_id=run.id))


async def forget_abandoned(tx: Tx) -> int:
    """Drops files that nobody goes on sending; how many."""
    found = await store.abandoned(tx)
    for store_id, import_id in found:
        await store.delete_upload(tx, store_id, import_id)
    return len(found)


async def _insert(tx: Tx, *, run: Import) -> None:
    if await store.unfinished(tx, run.store_id) >= MOST_UNFINISHED:
        raise TooManyImports
    await store.insert(tx, run)


async def _store(db: Database, run: Import, pieces: AsyncIterator[bytes], most: int) -> tuple[int, bytes]:
    """The size that the file has here, and its beginning."""
    charset, held, head = _Charset(), bytearray(), bytearray()
    received = number = size = 0

    async def keep(piece: bytes) -> None:
        nonlocal number, size
        await db.write(partial(store.insert_chunk, store_id=run.store_id, import_id=run.id, number=number, piece=piece))
        if number < _HEAD_CHUNKS:
            head.extend(piece)
        number += 1
        size += len(piece)

    async for piece in pieces:
        received += len(piece)
        if received > most:
            raise FileTooLarge(f"At most {most >> 20} MiB can be imported at once")
        held += charset.decoded(piece)
        while len(held) >= store.CHUNK:
            await keep(bytes(held[: store.CHUNK]))
            del held[: store.CHUNK]
    held += charset.decoded(b"", is_last=True)
    for at in range(0, len(held), store.CHUNK):
        await keep(bytes(held[at : at + store.CHUNK]))
    return size, bytes(head)


def _new(wishes: Wishes, actor: Actor) -> Import:
    return Import(
        store_id=actor.store_id,
        id=uuid7(),
        state=State.UPLOADING,
        name=wishes.name,
        is_dry_run=wishes.is_dry_run,
        is_strict=wishes.is_strict,
        may_adjust=actor.may(ADJUST),
        layout=None,
        size=0,
        position=0,
        line=1,
        counts=Counts(),
        errors=0,
        failure=None,
        products_undone=0,
        products_kept=0,
        actor_kind=actor.kind,
        actor_id=actor.id,
        created_at=now(),
        ended_at=None,
    )
