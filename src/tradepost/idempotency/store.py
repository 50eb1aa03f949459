from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from tradepost.db import Reader, Tx
from tradepost.db.arrays import byteas, integers, texts
from tradepost.db.connections import Row
from tradepost.idempotency.model import Claim, IdempotencyInFlight, StoredAnswer

KEPT_DAYS = 30


async def begin(tx: Tx, claim: Claim) -> StoredAnswer | None:
    """Takes the key for this transaction; the kept answer where there is one.

    Raises IdempotencyInFlight where another transaction has the key, IdempotencyKeyReused for another request.
    """
    lock = int.from_bytes(claim.key_hash[:8], signed=True)
    if not await tx.value("select pg_try_advisory_xact_lock(%(lock)s)", {"lock": lock}):
        raise IdempotencyInFlight
    found = await find_many(tx, claim.store_id, [claim.key_hash])
    return claim.check(found[claim.key_hash]) if found else None


FIND_MANY = """
    select key_hash, status, headers, body, fingerprint
    from idempotency_answer
    where store_id = %(store_id)s
      and key_hash = any(%(key_hashes)s)
"""


async def find_many(db: Reader, store_id: UUID, key_hashes: Sequence[bytes]) -> dict[bytes, StoredAnswer]:
    rows = await db.rows(FIND_MANY, {"store_id": store_id, "key_hashes": byteas(key_hashes)})
    return answers(rows)


def answers(rows: Iterable[Row]) -> dict[bytes, StoredAnswer]:
    """The rows of FIND_MANY, by key hash."""
    return {
        key_hash: StoredAnswer(status, [(name, value) for name, value in headers], body, fingerprint)
        for key_hash, status, headers, body, fingerprint in rows
    }


async def insert(tx: Tx, claim: Claim, *, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    answer = StoredAnswer(status, headers, body, claim.fingerprint)
    await insert_many(tx, claim.store_id, [(claim.key_hash, answer)])


async def insert_many(tx: Tx, store_id: UUID, answers: Sequence[tuple[bytes, StoredAnswer]]) -> None:
    await tx.write(
        """
        insert into idempotency_answer (store_id, key_hash, fingerprint, status, headers, body)
        select %(store_id)s, key_hash, fingerprint, status, headers::jsonb, body
        from unnest(%(key_hashes)s, %(fingerprints)s, %(statuses)s, %(headers)s, %(bodies)s)
             as answer (key_hash, fingerprint, status, headers, body)
        """,
        {
            "store_id": store_id,
            "key_hashes": byteas([key_hash for key_hash, _ in answers]),
            "fingerprints": byteas([answer.fingerprint for _, answer in answers]),
            "statuses": integers([answer.status for _, answer in answers]),
            "headers": texts([_header_text(answer.headers) for _, answer in answers]),
            "bodies": byteas([answer.body for _, answer in answers]),
        },
    )


def _header_text(headers: list[tuple[str, str]]) -> str:
    return msgspec.json.encode(headers).decode()


async def delete_older(tx: Tx) -> int:
    """Forgets answers after KEPT_DAYS; how many."""
    cursor = await tx.run(
        "delete from idempotency_answer where created_at < now() - make_interval(days => %(days)s)",
        {"days": KEPT_DAYS},
    )
    return cursor.rowcount
