"""What providers told us."""

import msgspec

from tradepost.db import Tx


class Told(msgspec.Struct, frozen=True):
    """One message of a provider. `payment_ref` is its payment that the message is about, where it names one."""

    provider: str
    event_id: str
    type: str
    payment_ref: str | None
    livemode: bool
    api_version: str | None
    body: bytes


class Unworked(msgspec.Struct, frozen=True):
    """A message that has not been worked off. `attempts` is how often that was tried before."""

    provider: str
    event_id: str
    type: str
    payment_ref: str | None
    attempts: int


async def insert(tx: Tx, told: Told, *, outcome: str | None) -> bool:
    """Whether it is new. With an outcome there is nothing more to be done about it."""
    cursor = await tx.run(
        """
        insert into provider_event (provider, event_id, type, payment_ref, livemode, api_version, body, outcome,
                                    worked_at)
        values (%(provider)s, %(event_id)s, %(type)s, %(payment_ref)s, %(livemode)s, %(api_version)s, %(body)s,
                %(outcome)s::text, case when %(outcome)s::text is null then null else now() end)
        on conflict (provider, event_id) do nothing
        """,
        msgspec.structs.asdict(told) | {"outcome": outcome},
    )
    return cursor.rowcount == 1


async def claim(tx: Tx, *, lease_seconds: float, most: int) -> list[Unworked]:
    """Some whose time has come; nobody else gets them before the lease is over."""
    rows = await tx.rows(
        """
        with due as (
          select provider, event_id
          from provider_event
          where worked_at is null
            and next_try_at <= now()
          order by next_try_at
          limit %(most)s
          for update skip locked
        )
        update provider_event as told
        set attempts = told.attempts + 1,
            next_try_at = now() + make_interval(secs => %(seconds)s)
        from due
        where told.provider = due.provider
          and told.event_id = due.event_id
        returning told.provider, told.event_id, told.type, told.payment_ref, told.attempts
        """,
        {"seconds": float(lease_seconds), "most": most},
    )
    return [Unworked(*row) for row in rows]


async def set_worked(tx: Tx, told: Unworked, outcome: str) -> None:
    await tx.run(
        """
        update provider_event
        set worked_at = now(),
            outcome = %(outcome)s
        where provider = %(provider)s
          and event_id = %(event_id)s
        """,
        {"provider": told.provider, "event_id": told.event_id, "outcome": outcome},
    )


async def set_later(tx: Tx, told: Unworked, *, seconds: float) -> None:
    """It is looked at again in so many seconds."""
    await tx.run(
        """
        update provider_event
        set next_try_at = now() + make_interval(secs => %(seconds)s)
        where provider = %(provider)s
          and event_id = %(event_id)s
        """,
        {"provider": told.provider, "event_id": told.event_id, "seconds": float(seconds)},
    )


async def delete_old(tx: Tx, *, days: int, most: int) -> int:
    """Forgets some messages that were worked off so long ago; how many."""
    cursor = await tx.run(
        """
        delete from provider_event
        where (provider, event_id) in (
          select provider, event_id
          from provider_event
          where worked_at < now() - make_interval(days => %(days)s)
          order by worked_at
          limit %(most)s
        )
        """,
        {"days": days, "most": most},
    )
    return cursor.rowcount
