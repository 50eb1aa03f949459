"""Failed attempts to sign in, counted where all processes see them."""

from uuid import UUID

from tradepost.db import Reader, Tx
from tradepost.db.arrays import byteas

WINDOW_SECONDS = 900


async def counted(db: Reader, store_id: UUID, subjects: list[bytes]) -> dict[bytes, tuple[int, int]]:
    """For each subject that has failed within the window: how often, and the seconds until that is forgotten."""
    rows = await db.rows(
        """
        select subject, attempts, ceil(extract(epoch from started_at - now()) + %(window)s)::int4
        from sign_in_attempt
        where store_id = %(store_id)s
          and subject = any(%(subjects)s)
          and started_at > now() - make_interval(secs => %(window)s)
        """,
        {"store_id": store_id, "subjects": byteas(subjects), "window": WINDOW_SECONDS},
    )
    return {subject: (attempts, seconds) for subject, attempts, seconds in rows}


async def add(tx: Tx, store_id: UUID, subjects: list[bytes]) -> None:
    """Counts one more for each, in the order of subjects; a window that is over begins anew."""
    await tx.run(
        """
        insert into sign_in_attempt (store_id, subject, started_at, attempts)
        select %(store_id)s, subject, now(), 1
        from unnest(%(subjects)s) as failed (subject)
        on conflict (store_id, subject) do update
        set attempts = case when sign_in_attempt.started_at > now() - make_interval(secs => %(window)s)
                            then sign_in_attempt.attempts + 1 else 1 end,
            started_at = case when sign_in_attempt.started_at > now() - make_interval(secs => %(window)s)
                              then sign_in_attempt.started_at else now() end
        """,
        {"store_id": store_id, "subjects": byteas(sorted(subjects)), "window": WINDOW_SECONDS},
    )


async def forget(tx: Tx, store_id: UUID, subject: bytes) -> None:
    await tx.run(
        "delete from sign_in_attempt where store_id = %(store_id)s and subject = %(subject)s",
        {"store_id": store_id, "subject": subject},
    )


async def delete_old(tx: Tx) -> None:
    await tx.run(
        "delete from sign_in_attempt where started_at < now() - make_interval(secs => %(window)s)",
        {"window": WINDOW_SECONDS},
    )
