import base64
import secrets
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec

from tradepost.core.actors import Actor
from tradepost.core.changes import applied, differing
from tradepost.core.clock import now
from tradepost.core.errors import FieldError, check_version
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.promotions import model
from tradepost.promotions.checking import checked_actions, checked_condition
from tradepost.promotions.events import (
    PromotionChanged,
    PromotionCouponChanged,
    PromotionCouponsAdded,
    PromotionCreated,
)
from tradepost.promotions.model import (
    MOST_ACTIVE,
    Coupon,
    CouponChanges,
    LimitBelowUses,
    NoCouponPromotion,
    Promotion,
    PromotionChanges,
    PromotionDraft,
    PromotionFacts,
    PromotionState,
    Tally,
    TooManyPromotions,
    Trigger,
    state_of,
)
from tradepost.promotions.references import check_references
from tradepost.promotions.store import coupons, promotions

Facts = TypeVar("Facts", bound=PromotionFacts)

_CODE_BYTES = 16
_LOOKED_AT = frozenset({PromotionState.SCHEDULED, PromotionState.ACTIVE})


async def create(tx: Tx, draft: PromotionDraft, *, currency: str, actor: Actor) -> Promotion:
    """A new promotion. Raises TooManyPromotions, ReferenceNotFound, ValidationFailed."""
    at = now()
    promotion = Promotion(
        **msgspec.structs.asdict(checked(draft)), id=uuid7(), currency=currency, created_at=at, updated_at=at
    )
    await _check_room(tx, promotion, actor, at)
    await check_references(tx, actor.store_id, promotion.condition, promotion.actions)
    await promotions.insert(tx, actor.store_id, promotion)
    fact = PromotionCreated(promotion.name, promotion.trigger)
    await publish(tx, fact, actor=actor, subject_id=promotion.id)
    return promotion


async def change(
    tx: Tx, promotion_id: UUID, changes: PromotionChanges, *, actor: Actor, expected_version: int | None = None
) -> Promotion:
    """Changes a promotion; what differs in nothing changes nothing. It waits for the orders that are using it.

    Raises NotFound, Stale, TooManyPromotions, LimitBelowUses, ReferenceNotFound, ValidationFailed.
    """
    at = now()
    await promotions.lock_all(tx, actor.store_id)
    before = await promotions.lock(tx, actor.store_id, promotion_id)
    check_version(before.version, expected_version)
    after = checked(applied(before, changes))
    if after == before:
        return before
    if state_of(before, at) not in _LOOKED_AT:
        await _check_room(tx, after, actor, at)
    if (after.condition, after.actions) != (before.condition, before.actions):
        await check_references(tx, actor.store_id, after.condition, after.actions)
    saved = await promotions.set_promotion(tx, actor.store_id, after, await _tally(tx, after, actor))
    await publish(tx, PromotionChanged(differing(before, after)), actor=actor, subject_id=saved.id)
    return saved


async def deactivate(tx: Tx, promotion_id: UUID, *, actor: Actor, expected_version: int | None = None) -> None:
    """Switches a promotion off; orders that have it keep it. Raises NotFound, Stale."""
    changes = PromotionChanges(is_active=False)
    await change(tx, promotion_id, changes, actor=actor, expected_version=expected_version)


async def add_coupon(tx: Tx, promotion_id: UUID, code: str, *, max_uses: int | None, actor: Actor) -> Coupon:
    """A code that somebody chose. Raises NotFound, NoCouponPromotion, CodeTaken."""
    (coupon,) = await _add(tx, promotion_id, [code], max_uses, actor)
    fact = PromotionCouponsAdded(1, coupon.code)
    await publish(tx, fact, actor=actor, subject_id=promotion_id)
    return coupon


async def generate_coupons(
    tx: Tx, promotion_id: UUID, count: int, *, prefix: str, max_uses: int | None, actor: Actor
) -> list[Coupon]:
    """Codes that nobody can guess: 128 random bits each. Raises NotFound, NoCouponPromotion."""
    codes = [prefix + _random_code() for _ in range(count)]
    made = await _add(tx, promotion_id, codes, max_uses, actor)
    await publish(tx, PromotionCouponsAdded(count, None), actor=actor, subject_id=promotion_id)
    return made


async def change_coupon(
    tx: Tx,
    promotion_id: UUID,
    coupon_id: UUID,
    changes: CouponChanges,
    *,
    actor: Actor,
    expected_version: int | None = None,
) -> Coupon:
    """Changes a coupon; what differs in nothing changes nothing. Raises NotFound, Stale, LimitBelowUses."""
    await promotions.lock(tx, actor.store_id, promotion_id)
    before = await coupons.lock(tx, actor.store_id, promotion_id, coupon_id)
    check_version(before.version, expected_version)
    after = applied(before, changes)
    if after == before:
        return before
    uses = (await coupons.uses(tx, actor.store_id, [coupon_id]))[coupon_id]
    if after.max_uses is not None and after.max_uses < uses:
        raise _below("/maxUses", uses)
    saved = await coupons.set_coupon(tx, actor.store_id, after, uses=uses if after.max_uses is not None else 0)
    fact = PromotionCouponChanged(saved.code, differing(before, after))
    await publish(tx, fact, actor=actor, subject_id=promotion_id)
    return saved


def checked(facts: Facts, *, root: str = "") -> Facts:
    """The facts with their rules as they are kept. ValidationFailed, with pointers from the root."""
    model.check_period(facts, root=root)
    condition = None if facts.condition is None else checked_condition(facts.condition, f"{root}/condition")
    actions = checked_actions(facts.actions, f"{root}/actions")
    return msgspec.structs.replace(facts, condition=condition, actions=actions)


async def _check_room(tx: Tx, promotion: Promotion, actor: Actor, at: datetime) -> None:
    """TooManyPromotions where it would be one too many to look at."""
    if promotion.trigger is Trigger.AUTOMATIC and state_of(promotion, at) in _LOOKED_AT:
        await promotions.lock_all(tx, actor.store_id)
        if await promotions.count_automatic(tx, actor.store_id, at) >= MOST_ACTIVE:
            raise TooManyPromotions


async def _tally(tx: Tx, promotion: Promotion, actor: Actor) -> Tally:
    """The counters of a locked promotion, counted anew: without limits nobody has counted. Raises LimitBelowUses."""
    if not promotion.is_limited:
        return Tally()
    tally = (await promotions.tallies(tx, actor.store_id, [promotion.id]))[promotion.id]
    if promotion.max_uses is not None and promotion.max_uses < tally.uses:
        raise _below("/maxUses", tally.uses)
    if promotion.budget is not None and promotion.budget < tally.spent:
        raise _below("/budget", tally.spent)
    if promotion.max_uses_per_customer is not None:
        most = await promotions.most_by_a_customer(tx, actor.store_id, promotion.id)
        if promotion.max_uses_per_customer < most:
            raise _below("/maxUsesPerCustomer", most)
    return tally


def _below(pointer: str, used: int) -> LimitBelowUses:
    return LimitBelowUses(
        errors=[FieldError(pointer, LimitBelowUses.code, "is less than what has been used")], extra={"used": used}
    )


async def _add(tx: Tx, promotion_id: UUID, codes: list[str], max_uses: int | None, actor: Actor) -> list[Coupon]:
    promotion = await promotions.lock(tx, actor.store_id, promotion_id)
    if promotion.trigger is not Trigger.COUPON:
        raise NoCouponPromotion
    at = now()
    made = [
        Coupon(id=uuid7(), promotion_id=promotion_id, code=code, max_uses=max_uses, created_at=at, updated_at=at)
        for code in codes
    ]
    await coupons.insert_many(tx, actor.store_id, made)
    return made


def _random_code() -> str:
    return base64.b32encode(secrets.token_bytes(_CODE_BYTES)).rstrip(b"=").decode()
