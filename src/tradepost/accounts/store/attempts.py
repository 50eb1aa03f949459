"""Attempts to sign in that fail, or have not yet succeeded, counted where all processes see them."""

from uuid import UUID

from tradepost.db import Tx
from tradepost.db.arrays import byteas

WINDOW_SECONDS = 900


async def add(tx: Tx, store_id: UUID, subjects: list[bytes]) -> dict[bytes, tuple[int, int]]:
    """Counts one more for each; how many that makes within its window, and the seconds until they are forgotten."""
    rows = await tx.rows(
        """
        insert into sign_in_attempt (store_id, subject, started_at, attempts)
        select %(store_id)s, subject, now(), 1
        from unnest(%(subjects)s) as tried (subject)
        on conflict (store_id, subject) do update
        set attempts = case when sign_in_attempt.started_at > now() - make_interval(secs => %(window)s)
                            then sign_in_attempt.attempts + 1 else 1 end,
            started_at = case when sign_in_attempt.started_at > now() - make_interval(secs => %(window)s)
                              then sign_in_attempt.started_at else now() end
        returning subject, attempts, ceil(extract(epoch from started_at - now()) + %(window)s)::int4
        """,
        {"store_id": store_id, "subjects": byteas(sorted(subjects)), "window": WINDOW_SECONDS},
    )
    return {subject: (attempts, seconds) for subject, attempts, seconds in rows}


async def take_back(tx: Tx, store_id: UUID, subjects: list[bytes]) -> None:
    """Counts one less for each: it was none of those that are counted."""
    await tx.run(
        """
        with counted as (
          select subject
          from sign_in_attempt
          where store_id = %(store_id)s
            and subject = any(%(subjects)s)
          order by subject
          for update
        )
        update sign_in_attempt
        set attempts = greatest(attempts - 1, 0)
        from counted
        where sign_in_attempt.store_id = %(store_id)s
          and sign_in_attempt.subject = counted.subject
        """,
        {"store_id": store_id, "subjects": byteas(subjects)},
    )


async def delete_old(tx: Tx) -> None:
    await tx.run(
        "delete from sign_in_attempt where started_at < now() - make_interval(secs => %(window)s)",
        {"window": WINDOW_SECONDS},
    )
