from uuid import UUID

from tradepost.core.actors import Actor
from tradepost.core.changes import differing
from tradepost.core.clock import now
from tradepost.core.errors import check_version
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.shipping.methods import model, store
from tradepost.shipping.methods.events import (
    ShippingMethodChanged,
    ShippingMethodCreated,
    ShippingZoneChanged,
    ShippingZoneCreated,
)
from tradepost.shipping.methods.model import (
    MOST_METHODS,
    MOST_ZONES,
    Method,
    MethodChanges,
    MethodDraft,
    TooManyShippingMethods,
    TooManyShippingZones,
    Zone,
    ZoneChanges,
    ZoneDraft,
)


async def create_zone(tx: Tx, draft: ZoneDraft, *, actor: Actor) -> Zone:
    """A new zone. Raises ShippingZoneOverlaps, TooManyShippingZones, ValidationFailed."""
    model.check_zone(draft)
    await store.lock_all(tx, actor.store_id)
    await _check_zone(tx, draft, actor)
    at = now()
    facts = {name: getattr(draft, name) for name in model.ZoneFacts.__struct_fields__}
    zone = Zone(id=uuid7(), created_at=at, updated_at=at, **facts)
    await store.insert_zone(tx, actor.store_id, zone)
    await publish(tx, ShippingZoneCreated(zone.name), actor=actor, subject_id=zone.id)
    return zone


async def change_zone(
    tx: Tx, zone_id: UUID, changes: ZoneChanges, *, actor: Actor, expected_version: int | None = None
) -> Zone:
    """Changes a zone; what differs in nothing changes nothing. Where it is not active, nothing goes there.

    Raises NotFound, Stale, ShippingZoneOverlaps, TooManyShippingZones, ValidationFailed.
    """
    await store.lock_all(tx, actor.store_id)
    before = await store.get_zone(tx, actor.store_id, zone_id)
    check_version(before.version, expected_version)
    after = model.changed_zone(before, changes)
    if after == before:
        return before
    await _check_zone(tx, after, actor, but=zone_id)
    saved = await store.set_zone(tx, actor.store_id, after)
    await publish(tx, ShippingZoneChanged(differing(before, after)), actor=actor, subject_id=zone_id)
    return saved


async def create_method(tx: Tx, draft: MethodDraft, *, currency: str, actor: Actor) -> Method:
    """A new method; `currency` is the store's.

    Raises ShippingCodeTaken, ReferenceNotFound for its zone and location, TooManyShippingMethods, ValidationFailed.
    """
    model.check_method(draft, currency)
    await store.lock_all(tx, actor.store_id)
    await _check_room(tx, draft, actor)
    at = now()
    facts = {name: getattr(draft, name) for name in model.MethodFacts.__struct_fields__}
    method = Method(id=uuid7(), created_at=at, updated_at=at, **facts)
    await store.insert_method(tx, actor.store_id, method)
    await publish(tx, ShippingMethodCreated(method.code, method.zone_id), actor=actor, subject_id=method.id)
    return method


async def change_method(
    tx: Tx, method_id: UUID, changes: MethodChanges, *, currency: str, actor: Actor, expected_version: int | None = None
) -> Method:
    """Changes a method; what differs in nothing changes nothing. Orders keep what they were placed with.

    Raises NotFound, Stale, ShippingCodeTaken, ReferenceNotFound, TooManyShippingMethods, ValidationFailed.
    """
    await store.lock_all(tx, actor.store_id)
    before = await store.get_method(tx, actor.store_id, method_id)
    check_version(before.version, expected_version)
    after = model.changed_method(before, changes, currency)
    if after == before:
        return before
    if not before.is_active:
        await _check_room(tx, after, actor)
    saved = await store.set_method(tx, actor.store_id, after)
    fact = ShippingMethodChanged(after.code, differing(before, after))
    await publish(tx, fact, actor=actor, subject_id=method_id)
    return saved


async def _check_zone(tx: Tx, zone: ZoneDraft | Zone, actor: Actor, *, but: UUID | None = None) -> None:
    """The store's zones are locked, so that two at once see each other."""
    others = [other for other in await store.active_zones(tx, actor.store_id) if other.id != but]
    if zone.is_active and len(others) >= MOST_ZONES:
        raise TooManyShippingZones
    model.check_apart(zone, others)


async def _check_room(tx: Tx, method: MethodDraft | Method, actor: Actor) -> None:
    if method.is_active and await store.count_methods(tx, actor.store_id) >= MOST_METHODS:
        raise TooManyShippingMethods
