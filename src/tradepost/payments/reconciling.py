"""Do the provider's books and ours say the same?"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from tradepost.db import Database
from tradepost.payments.model import Shown, Snapshot
from tradepost.payments.provider import Provider
from tradepost.payments.store import payments


class What(StrEnum):
    """In the order in which somebody should look at it."""

    NO_ORDER = "charged, no order"
    MISMATCH = "other amount or currency"
    NOT_TAKEN = "recorded, not taken there"
    NOT_RECORDED = "taken, not recorded"
    NOT_REFUNDED = "refund recorded, not there"
    REFUND_NOT_RECORDED = "refunded, not recorded"


class Difference(msgspec.Struct, frozen=True):
    """One thing on which the books differ. `there` and `here` are amounts in minor units."""

    what: What
    provider: str
    ref: str
    payment_id: UUID | None
    order_id: UUID | None
    currency: str
    there: int
    here: int


async def differences(db: Database, provider: Provider, *, since: datetime) -> list[Difference]:
    """Where a provider's payments since then and our ledger differ, the worst first.

    The provider is asked between reads, page by page. Payments there that carry no id of ours are somebody else's.
    """
    found: list[Difference] = []
    seen: set[str] = set()
    async for snapshot in provider.recent(since):
        seen.add(snapshot.ref)
        if snapshot.payment_id is not None:
            async with db.read() as reader:
                ours = await payments.find_shown(reader, provider.name, snapshot.ref)
            found += _compared(provider.name, snapshot, ours)
    async with db.read() as reader:
        recorded = await payments.captured_since(reader, provider.name, since)
    found += [_absent(one) for one in recorded if one.payment.provider_ref not in seen]
    return sorted(found, key=lambda one: list(What).index(one.what))


def _compared(provider: str, snapshot: Snapshot, ours: Shown | None) -> list[Difference]:
    def differs(what: What, there: int, here: int) -> Difference:
        payment_id, order_id = snapshot.payment_id, snapshot.order_id
        return Difference(what, provider, snapshot.ref, payment_id, order_id, snapshot.currency, there, here)

    if ours is None:
        kept = snapshot.captured - snapshot.refunded
        return [differs(What.NO_ORDER, kept, 0)] if kept > 0 else []
    payment = ours.payment
    if (snapshot.amount, snapshot.currency) != (payment.amount, payment.currency):
        return [differs(What.MISMATCH, snapshot.amount, payment.amount)]
    captured, refunded = ours.captured, ours.refunded
    sums = [
        (What.NOT_TAKEN, What.NOT_RECORDED, snapshot.captured, captured),
        (What.NOT_REFUNDED, What.REFUND_NOT_RECORDED, snapshot.refunded, refunded),
    ]
    return [differs(less if there < here else more, there, here) for less, more, there, here in sums if there != here]


def _absent(one: Shown) -> Difference:
    payment = one.payment
    return Difference(
        What.NOT_TAKEN,
        payment.provider,
        payment.provider_ref or "",
        payment.id,
        payment.order_id,
        payment.currency,
        0,
        one.captured,
    )
