"""The keys that access tokens are signed with."""

import secrets

import msgspec

from tradepost.core.ids import uuid7
from tradepost.db import Reader, Tx

_LOCK = 0x6B65_7973
_BELIEVED_MINUTES = 20


class SigningKey(msgspec.Struct, frozen=True):
    id: str
    secret: bytes


async def believed(db: Reader) -> list[SigningKey]:
    """The newest first, which signs; retired ones as long as a token of theirs can be alive."""
    rows = await db.rows(
        """
        select id, secret
        from signing_key
        where retired_at is null
           or retired_at > now() - make_interval(mins => %(minutes)s)
        order by retired_at is not null, created_at desc, id desc
        """,
        {"minutes": _BELIEVED_MINUTES},
    )
    return [SigningKey(*row) for row in rows]


async def ensure(tx: Tx) -> None:
    """Makes the first key, once."""
    await tx.run("select pg_advisory_xact_lock(%(lock)s)", {"lock": _LOCK})
    if not await tx.value("select exists (select from signing_key where retired_at is null)"):
        await _insert(tx)


async def rotate(tx: Tx) -> str:
    """A new key signs from now on; the id of it."""
    await tx.run("select pg_advisory_xact_lock(%(lock)s)", {"lock": _LOCK})
    await tx.run("update signing_key set retired_at = now() where retired_at is null")
    return await _insert(tx)


async def _insert(tx: Tx) -> str:
    id_ = uuid7().hex
    await tx.run(
        "insert into signing_key (id, secret) values (%(id)s, %(secret)s)",
        {"id": id_, "secret": secrets.token_bytes(32)},
    )
    return id_
