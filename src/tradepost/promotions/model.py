"""Promotions as values, the basket that they are held against, and what comes of it. Amounts are minor units."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tradepost.core.errors import Conflict, FieldError, Invalid, ShopError, invalid
from tradepost.core.ids import uuid7
from tradepost.core.texts import normal_email
from tradepost.pricing import Discount
from tradepost.promotions.rules import Action, Condition

MOST_CODES = 10
MOST_ACTIVE = 100
MOST_COUPONS = 10_000
_TAG = re.compile(r"(?<=[^@])\+[^@]*(?=@)")


class Trigger(StrEnum):
    """AUTOMATIC applies by itself, COUPON where one of its codes is asked for."""

    AUTOMATIC = "AUTOMATIC"
    COUPON = "COUPON"


class Stacking(StrEnum):
    """STACKS goes with others; EXCLUSIVE stands alone."""

    STACKS = "STACKS"
    EXCLUSIVE = "EXCLUSIVE"


class PromotionState(StrEnum):
    """INACTIVE: switched off. The others follow from the time."""

    INACTIVE = "INACTIVE"
    SCHEDULED = "SCHEDULED"
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


class TooManyCoupons(Invalid):
    title = f"At most {MOST_CODES} coupon codes can be used at once"


class TooManyPromotions(Conflict):
    """Each of them is looked at for each basket."""

    title = f"A store has at most {MOST_ACTIVE} automatic promotions at a time"


class CodeTaken(Conflict):
    """Codes are compared without blanks around them and without case; one that is not active counts, too."""

    title = "This coupon code is in use"


class NoCouponPromotion(Conflict):
    title = "The promotion is automatic: it has no coupons"


class LimitBelowUses(Conflict):
    """A limit never says less than what has happened; the problem has how much that is, as `used`."""

    title = "More than that has been used already"


class CouponNotValid(Invalid):
    """Unknown, switched off, or of another store: these look the same."""

    title = "The coupon is not valid"


class CouponExhausted(Conflict):
    """The coupon, or its promotion, has been used as often as it may be, or its budget is spent."""

    title = "The coupon has been used up"


class CouponAlreadyUsed(Conflict):
    """This customer has used it as often as he may."""

    title = "You have used this coupon already"


class CouponDoesNotApply(Conflict):
    """The detail says why."""

    title = "The coupon does not apply to this order"


class PromotionFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`name` is what buyers read. `valid_to` is the first moment at which it is over.

    The lower the priority, the earlier it is looked at; of the same, the older first.
    """

    name: str
    description: str = ""
    trigger: Trigger
    is_active: bool = True
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    priority: int = 0
    stacking: Stacking = Stacking.STACKS
    condition: Condition | None = None
    actions: tuple[Action, ...]
    max_uses: int | None = None
    max_uses_per_customer: int | None = None
    budget: int | None = None


class PromotionDraft(PromotionFacts, frozen=True, kw_only=True):
    """A promotion to be."""


class Promotion(PromotionFacts, frozen=True, kw_only=True):
    """`currency` is that of the budget: the store's."""

    id: UUID
    currency: str
    version: int = 1
    created_at: datetime
    updated_at: datetime

    @property
    def is_limited(self) -> bool:
        return not (self.max_uses is None and self.max_uses_per_customer is None and self.budget is None)


class PromotionChanges(msgspec.Struct, frozen=True, kw_only=True):
    """UNSET is what stays as it is."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    valid_from: datetime | UnsetType | None = UNSET
    valid_to: datetime | UnsetType | None = UNSET
    priority: int | UnsetType = UNSET
    stacking: Stacking | UnsetType = UNSET
    condition: Condition | UnsetType | None = UNSET
    actions: tuple[Action, ...] | UnsetType = UNSET
    max_uses: int | UnsetType | None = UNSET
    max_uses_per_customer: int | UnsetType | None = UNSET
    budget: int | UnsetType | None = UNSET


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """A code of a promotion. Its uses are counted where it has a limit of its own."""

    id: UUID
    promotion_id: UUID
    code: str
    is_active: bool = True
    max_uses: int | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime


class CouponChanges(msgspec.Struct, frozen=True, kw_only=True):
    """UNSET is what stays as it is."""

    is_active: bool | UnsetType = UNSET
    max_uses: int | UnsetType | None = UNSET


class Tally(msgspec.Struct, frozen=True):
    """How often something was used and not given back, and how much it took off in its promotion's currency."""

    uses: int = 0
    spent: int = 0


class Customer(msgspec.Struct, frozen=True):
    """Who buys. `account_id` also where a guest's address is known to be that of an account.

    `earlier_orders` are those that were not cancelled; None where that is not known.
    """

    account_id: UUID | None = None
    email: str | None = None
    is_signed_in: bool = False
    earlier_orders: int | None = None

    @property
    def email_key(self) -> str | None:
        return None if self.email is None else email_key(self.email)


class BasketLine(msgspec.Struct, frozen=True, gc=False):
    """`category_ids` are those that the product is in, with all above them."""

    product_id: UUID
    price: int
    quantity: int
    category_ids: frozenset[UUID] = frozenset()


class Delivery(msgspec.Struct, frozen=True):
    """The method by its code, and what it costs."""

    method: str
    amount: int


class Basket(msgspec.Struct, frozen=True, kw_only=True):
    """What promotions are held against. `time_zone` is the store's."""

    currency: str
    time_zone: str
    lines: Sequence[BasketLine]
    customer: Customer = Customer()
    market_id: UUID | None = None
    market: str | None = None
    country: str | None = None
    delivery: Delivery | None = None
    codes: Sequence[str] = ()


class Applied(msgspec.Struct, frozen=True):
    """A promotion that took an amount off, delivery included. `name` as buyers read it, with the coupon's code."""

    promotion_id: UUID
    coupon_id: UUID | None
    name: str
    amount: int


class Reason(StrEnum):
    NOT_VALID = "coupon_not_valid"
    EXHAUSTED = "coupon_exhausted"
    ALREADY_USED = "coupon_already_used"
    DOES_NOT_APPLY = "coupon_does_not_apply"


class Refused(msgspec.Struct, frozen=True):
    """What was not given, and why. `code` as it was asked for, None of an automatic one."""

    promotion_id: UUID | None
    code: str | None
    name: str
    reason: Reason
    detail: str


class Evaluation(msgspec.Struct, frozen=True):
    """What promotions do to a basket: discounts for the price engine, in the order in which they are given."""

    discounts: tuple[Discount, ...] = ()
    shipping: tuple[Discount, ...] = ()
    applied: tuple[Applied, ...] = ()
    refused: tuple[Refused, ...] = ()


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion that an order has used."""

    id: UUID
    promotion_id: UUID
    coupon_id: UUID | None
    order_id: UUID
    account_id: UUID | None
    email_key: str | None
    amount: int
    currency: str
    redeemed_at: datetime
    given_back_at: datetime | None = None


_PROBLEMS: dict[Reason, type[ShopError]] = {
    Reason.NOT_VALID: CouponNotValid,
    Reason.EXHAUSTED: CouponExhausted,
    Reason.ALREADY_USED: CouponAlreadyUsed,
    Reason.DOES_NOT_APPLY: CouponDoesNotApply,
}


def redemptions(
    evaluation: Evaluation, *, order_id: UUID, customer: Customer, currency: str, at: datetime
) -> list[Redemption]:
    """What an order uses of what its basket was given, for `redeem_many`."""
    return [
        Redemption(
            id=uuid7(),
            promotion_id=applied.promotion_id,
            coupon_id=applied.coupon_id,
            order_id=order_id,
            account_id=customer.account_id,
            email_key=customer.email_key,
            amount=applied.amount,
            currency=currency,
            redeemed_at=at,
        )
        for applied in evaluation.applied
    ]


@lru_cache(8192)
def email_key(email: str) -> str:
    """The form by which two addresses are of one customer: without case, and without what follows a plus sign."""
    return _TAG.sub("", normal_email(email.strip()))


def code_key(code: str) -> str:
    """The form by which two codes are the same."""
    return unicodedata.normalize("NFKC", code).casefold().strip()


def check_codes(codes: Sequence[str], *, pointer: str = "/couponCodes") -> None:
    """TooManyCoupons."""
    if len(codes) > MOST_CODES:
        raise TooManyCoupons(errors=[FieldError(pointer, TooManyCoupons.code, f"has more than {MOST_CODES} codes")])


def check(evaluation: Evaluation, codes: Sequence[str], *, pointer: str = "/couponCodes") -> None:
    """That every code that was asked for was given; for an order, which is not to cost more than its buyer expects.

    Raises CouponNotValid, CouponExhausted, CouponAlreadyUsed, CouponDoesNotApply.
    """
    for refused in evaluation.refused:
        if refused.code is not None:
            kind = _PROBLEMS[refused.reason]
            where = f"{pointer}/{list(codes).index(refused.code)}"
            raise kind(refused.detail, errors=[FieldError(where, kind.code, refused.detail)])


def check_period(facts: PromotionFacts, *, root: str) -> None:
    """ValidationFailed where it would be over before it begins."""
    if facts.valid_from and facts.valid_to and facts.valid_to <= facts.valid_from:
        raise invalid(f"{root}/validTo", "out_of_range", "must be after validFrom")


def state_of(promotion: Promotion, at: datetime) -> PromotionState:
    if not promotion.is_active:
        return PromotionState.INACTIVE
    if promotion.valid_from and at < promotion.valid_from:
        return PromotionState.SCHEDULED
    if promotion.valid_to and at >= promotion.valid_to:
        return PromotionState.ENDED
    return PromotionState.ACTIVE
