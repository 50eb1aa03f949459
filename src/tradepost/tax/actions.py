from datetime import datetime
from uuid import UUID

import msgspec

from tradepost import accounts
from tradepost.core.actors import Actor
from tradepost.core.changes import differing
from tradepost.core.errors import FieldError, ReferenceNotFound, check_version
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.tax import europe, model
from tradepost.tax.europe import Loaded
from tradepost.tax.events import (
    TaxExemptionChanged,
    TaxExemptionCreated,
    TaxExemptionEnded,
    TaxRateChanged,
    TaxRateCreated,
    TaxRateEnded,
)
from tradepost.tax.model import (
    MOST_RATES,
    Exemption,
    ExemptionChanges,
    ExemptionDraft,
    Origin,
    Rate,
    RateChanges,
    RateDraft,
    TooManyTaxRates,
)
from tradepost.tax.store import exemptions, rates


async def add_rate(tx: Tx, draft: RateDraft, *, actor: Actor) -> Rate:
    """A new rate. Raises TaxRateOverlaps, TooManyTaxRates, ValidationFailed."""
    checked = model.drafted(draft)
    await rates.lock_all(tx, actor.store_id)
    if await rates.count(tx, actor.store_id) >= MOST_RATES:
        raise TooManyTaxRates
    return await _insert(tx, checked, Origin.STAFF, actor)


async def change_rate(
    tx: Tx, rate_id: UUID, changes: RateChanges, *, actor: Actor, expected_version: int | None = None
) -> Rate:
    """Changes a rate; what differs in nothing changes nothing. Orders keep the rates that they were placed with.

    Raises NotFound, Stale, TaxRateOverlaps, ValidationFailed.
    """
    before = await _lock_rate(tx, rate_id, actor, expected_version)
    after = model.changed(before, changes)
    if after == before:
        return before
    await _check_alone(tx, after, actor)
    saved = await rates.set_rate(tx, actor.store_id, after)
    fact = TaxRateChanged(differing(before, after, but="source"), after.rate_ppm)
    await publish(tx, fact, actor=actor, subject_id=rate_id)
    return saved


async def end_rate(tx: Tx, rate_id: UUID, *, actor: Actor, expected_version: int | None = None) -> None:
    """The rate is valid no longer; one that has ended stays as it is. Raises NotFound, Stale."""
    rate = await _lock_rate(tx, rate_id, actor, expected_version)
    at = await rates.now(tx)
    if rate.valid_to is not None and rate.valid_to <= at:
        return
    await _end(tx, msgspec.structs.replace(rate, source=Origin.STAFF), at, actor)


async def load_europe(tx: Tx, *, actor: Actor) -> Loaded:
    """The rates of the European Union's countries, as they are in the data at hand; twice is as once.

    What was loaded before and has changed ends at this moment, and the new rate begins. See `europe.plan`.
    """
    wanted = europe.rates()
    await rates.lock_all(tx, actor.store_id)
    present = await rates.of_countries(tx, actor.store_id, sorted({draft.country for draft in wanted}))
    plan, at = europe.plan(wanted, present), await rates.now(tx)
    for rate in plan.ending:
        await _end(tx, rate, at, actor)
    ended = {rate.key for rate in plan.ending}
    for draft in plan.new:
        begun = msgspec.structs.replace(draft, valid_from=at) if draft.key in ended else draft
        await _insert(tx, begun, Origin.EU, actor)
    return Loaded(len(plan.new) - len(ended), len(ended), plan.same, plan.kept, europe.dated())


async def add_exemption(tx: Tx, draft: ExemptionDraft, *, actor: Actor) -> Exemption:
    """A customer pays no tax. Raises ReferenceNotFound, ValidationFailed."""
    checked = model.exempted(draft)
    if not await accounts.find_accounts(tx, actor.store_id, [draft.customer_id]):
        pointer = FieldError("/customerId", ReferenceNotFound.code, "is no customer")
        raise ReferenceNotFound(errors=[pointer])
    at = await rates.now(tx)
    exemption = Exemption(id=uuid7(), created_at=at, updated_at=at, **msgspec.structs.asdict(checked))
    await exemptions.insert(tx, actor.store_id, exemption)
    fact = TaxExemptionCreated(exemption.customer_id, exemption.country)
    await publish(tx, fact, actor=actor, subject_id=exemption.id)
    return exemption


async def change_exemption(
    tx: Tx, exemption_id: UUID, changes: ExemptionChanges, *, actor: Actor, expected_version: int | None = None
) -> Exemption:
    """Changes an exemption; what differs in nothing changes nothing. Raises NotFound, Stale, ValidationFailed."""
    before = await exemptions.lock(tx, actor.store_id, exemption_id)
    check_version(before.version, expected_version)
    after = model.changed_exemption(before, changes)
    if after == before:
        return before
    saved = await exemptions.set_exemption(tx, actor.store_id, after)
    fact = TaxExemptionChanged(after.customer_id, differing(before, after))
    await publish(tx, fact, actor=actor, subject_id=exemption_id)
    return saved


async def end_exemption(tx: Tx, exemption_id: UUID, *, actor: Actor, expected_version: int | None = None) -> None:
    """The customer pays tax from now on; an exemption that has ended stays as it is. Raises NotFound, Stale."""
    exemption = await exemptions.lock(tx, actor.store_id, exemption_id)
    check_version(exemption.version, expected_version)
    at = await rates.now(tx)
    if exemption.valid_to is not None and exemption.valid_to <= at:
        return
    ended = msgspec.structs.replace(exemption, valid_to=_ending(exemption.valid_from, at))
    await exemptions.set_exemption(tx, actor.store_id, ended)
    await publish(tx, TaxExemptionEnded(exemption.customer_id), actor=actor, subject_id=exemption_id)


async def _lock_rate(tx: Tx, rate_id: UUID, actor: Actor, expected_version: int | None) -> Rate:
    await rates.lock_all(tx, actor.store_id)
    rate = await rates.get(tx, actor.store_id, rate_id)
    check_version(rate.version, expected_version)
    return rate


async def _insert(tx: Tx, draft: RateDraft, source: Origin, actor: Actor) -> Rate:
    at = await rates.now(tx)
    rate = Rate(id=uuid7(), source=source, created_at=at, updated_at=at, **msgspec.structs.asdict(draft))
    await _check_alone(tx, rate, actor)
    await rates.insert(tx, actor.store_id, rate)
    fact = TaxRateCreated(rate.country, rate.tax_class, rate.rate_ppm)
    await publish(tx, fact, actor=actor, subject_id=rate.id)
    return rate


async def _check_alone(tx: Tx, rate: Rate, actor: Actor) -> None:
    """TaxRateOverlaps. The store's rates are locked, so that two at once see each other."""
    other = await rates.find_overlapping(tx, actor.store_id, rate, but=rate.id)
    if other is not None:
        raise model.overlaps(other)


async def _end(tx: Tx, rate: Rate, at: datetime, actor: Actor) -> None:
    ended = msgspec.structs.replace(rate, valid_to=_ending(rate.valid_from, at))
    await rates.set_rate(tx, actor.store_id, ended)
    await publish(tx, TaxRateEnded(rate.country, rate.tax_class), actor=actor, subject_id=rate.id)


def _ending(valid_from: datetime | None, at: datetime) -> datetime:
    """What ends before it begins was never valid."""
    return at if valid_from is None else max(valid_from, at)
