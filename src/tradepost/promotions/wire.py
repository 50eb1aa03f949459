"""Promotions and coupons as clients send and see them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tradepost.core import clock, money
from tradepost.core.errors import invalid
from tradepost.http import Amount, In, Moment, Out, PageQuery
from tradepost.promotions.model import (
    MOST_COUPONS,
    Coupon,
    CouponChanges,
    Promotion,
    PromotionChanges,
    PromotionDraft,
    PromotionState,
    Redemption,
    Stacking,
    Tally,
    Trigger,
    state_of,
)
from tradepost.promotions.rules import MOST_ACTIONS, Action, Condition

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S", examples=["10 % off"])]
Description = Annotated[str, Meta(max_length=5_000)]
Priority = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
Uses = Annotated[int, Meta(ge=1, le=2_000_000_000)]
Actions = Annotated[tuple[Action, ...], Meta(min_length=1, max_length=MOST_ACTIONS)]
CouponCode = Annotated[
    str, Meta(min_length=3, max_length=64, pattern=r"^[^\s,;]+( [^\s,;]+)*$(?!\n)", examples=["SPRING10"])
]
Prefix = Annotated[str, Meta(max_length=30, pattern=r"^[^\s,;]*$(?!\n)", examples=["SPRING-"])]


class PromotionIn(In, kw_only=True):
    """`name` is what buyers read. `validTo` is the first moment at which it is over. `budget` in the store's currency.

    Without a condition it applies always.
    """

    name: Name
    description: Description = ""
    trigger: Trigger
    is_active: bool = True
    valid_from: Moment | None = None
    valid_to: Moment | None = None
    priority: Priority = 0
    stacking: Stacking = Stacking.STACKS
    condition: Condition | None = None
    actions: Actions
    max_uses: Uses | None = None
    max_uses_per_customer: Uses | None = None
    budget: Amount | None = None


class PromotionPatch(In, kw_only=True):
    """What is absent stays as it is; a limit of null is none."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    valid_from: Moment | UnsetType | None = UNSET
    valid_to: Moment | UnsetType | None = UNSET
    priority: Priority | UnsetType = UNSET
    stacking: Stacking | UnsetType = UNSET
    condition: Condition | UnsetType | None = UNSET
    actions: Actions | UnsetType = UNSET
    max_uses: Uses | UnsetType | None = UNSET
    max_uses_per_customer: Uses | UnsetType | None = UNSET
    budget: Amount | UnsetType | None = UNSET


class PromotionOut(Out, kw_only=True):
    """`uses` and `spent` are what orders have had of it and not given back; `spent` and `budget` are in `currency`."""

    id: UUID
    name: str
    description: str
    trigger: Trigger
    state: PromotionState
    is_active: bool
    valid_from: str | None
    valid_to: str | None
    priority: int
    stacking: Stacking
    condition: Condition | None
    actions: tuple[Action, ...]
    max_uses: int | None
    max_uses_per_customer: int | None
    budget: str | None
    currency: str
    uses: int
    spent: str
    version: int
    created_at: str
    updated_at: str


class PromotionsQuery(PageQuery):
    state: PromotionState | None = None
    trigger: Trigger | None = None


class CouponsIn(In, kw_only=True):
    """A `code` of your own, or the `count` of those to be generated, which have a `prefix` and 128 random bits.

    Without `maxUses`, a code of your own may be used again and again, and a generated one once.
    """

    code: CouponCode | None = None
    count: Annotated[int, Meta(ge=1, le=MOST_COUPONS)] | None = None
    prefix: Prefix = ""
    max_uses: Uses | None = None


class CouponPatch(In, kw_only=True):
    """What is absent stays as it is; a limit of null is none."""

    is_active: bool | UnsetType = UNSET
    max_uses: Uses | UnsetType | None = UNSET


class CouponOut(Out, kw_only=True):
    """`uses` are those that were not given back."""

    id: UUID
    promotion_id: UUID
    code: str
    is_active: bool
    max_uses: int | None
    uses: int
    version: int
    created_at: str
    updated_at: str


class NewCouponsOut(Out):
    """The codes that were added."""

    count: int
    codes: list[str]


class CouponsQuery(PageQuery):
    code: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    active: bool | None = None


class RedemptionOut(Out, kw_only=True):
    """`customer` is the buyer's address without case and without what follows a plus sign; null where he gave none."""

    id: UUID
    order_id: UUID
    coupon_id: UUID | None
    customer_id: UUID | None
    customer: str | None
    amount: str
    currency: str
    redeemed_at: str
    given_back_at: str | None


def draft_of(body: PromotionIn, currency: str, *, root: str = "") -> PromotionDraft:
    """Raises ValidationFailed, with pointers from the root."""
    given = msgspec.structs.asdict(body)
    given["valid_from"] = moment_of(body.valid_from, f"{root}/validFrom")
    given["valid_to"] = moment_of(body.valid_to, f"{root}/validTo")
    given["budget"] = _budget(body.budget, currency, f"{root}/budget")
    return PromotionDraft(**given)


def changes_of(body: PromotionPatch, currency: str) -> PromotionChanges:
    """Raises ValidationFailed."""
    given = msgspec.structs.asdict(body)
    if body.valid_from is not UNSET:
        given["valid_from"] = moment_of(body.valid_from, "/validFrom")
    if body.valid_to is not UNSET:
        given["valid_to"] = moment_of(body.valid_to, "/validTo")
    if body.budget is not UNSET:
        given["budget"] = _budget(body.budget, currency, "/budget")
    return PromotionChanges(**given)


def coupon_changes_of(body: CouponPatch) -> CouponChanges:
    return CouponChanges(is_active=body.is_active, max_uses=body.max_uses)


def check_coupons(body: CouponsIn) -> None:
    """ValidationFailed where it is not said, or said twice, which coupons are meant."""
    if (body.code is None) == (body.count is None):
        raise invalid("/code", "required", "is needed, or else count")
    if body.code is not None and body.prefix:
        raise invalid("/prefix", "invalid_value", "is for codes that are generated")


def promotion_out(promotion: Promotion, tally: Tally, at: datetime) -> PromotionOut:
    known = msgspec.structs.asdict(promotion)
    known |= {
        name: None if known[name] is None else clock.rfc3339(known[name])
        for name in ("valid_from", "valid_to", "created_at", "updated_at")
    }
    known["budget"] = None if promotion.budget is None else money.text(promotion.budget, promotion.currency)
    return PromotionOut(
        **known, state=state_of(promotion, at), uses=tally.uses, spent=money.text(tally.spent, promotion.currency)
    )


def coupon_out(coupon: Coupon, uses: int) -> CouponOut:
    return CouponOut(
        id=coupon.id,
        promotion_id=coupon.promotion_id,
        code=coupon.code,
        is_active=coupon.is_active,
        max_uses=coupon.max_uses,
        uses=uses,
        version=coupon.version,
        created_at=clock.rfc3339(coupon.created_at),
        updated_at=clock.rfc3339(coupon.updated_at),
    )


def redemption_out(redemption: Redemption) -> RedemptionOut:
    return RedemptionOut(
        id=redemption.id,
        order_id=redemption.order_id,
        coupon_id=redemption.coupon_id,
        customer_id=redemption.account_id,
        customer=redemption.email_key,
        amount=money.text(redemption.amount, redemption.currency),
        currency=redemption.currency,
        redeemed_at=clock.rfc3339(redemption.redeemed_at),
        given_back_at=None if redemption.given_back_at is None else clock.rfc3339(redemption.given_back_at),
    )


def moment_of(written: str | None, pointer: str) -> datetime | None:
    """Raises ValidationFailed."""
    if written is None:
        return None
    try:
        return clock.parse(written)
    except ValueError:
        raise invalid(pointer, "invalid_value", "is no such time") from None


def _budget(written: Amount | None, currency: str, pointer: str) -> int | None:
    if written is None:
        return None
    minor = money.parse_field(written, currency, pointer=pointer)
    if minor == 0:
        raise invalid(pointer, "out_of_range", "must be above zero")
    return minor
