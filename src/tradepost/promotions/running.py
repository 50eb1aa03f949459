"""The promotions that concern some requests, with counters that run on while the requests are decided one by one."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from tradepost.promotions.model import (
    Basket,
    Customer,
    Evaluation,
    Promotion,
    Reason,
    Refused,
    Stacking,
    Tally,
    Trigger,
    code_key,
)


class FoundCoupon(msgspec.Struct, frozen=True):
    """A coupon by its key. `uses` counts where it has a limit."""

    id: UUID
    key: str
    is_active: bool
    max_uses: int | None = None
    uses: int = 0


class Found(msgspec.Struct, frozen=True):
    """A promotion, those of its coupons that are asked for, and how often it was used.

    `tally` counts where there is a limit of any kind, `used_by` (account and address of each use, of those who ask)
    where there is one for each customer.
    """

    promotion: Promotion
    tally: Tally = Tally()
    coupons: tuple[FoundCoupon, ...] = ()
    used_by: tuple[tuple[UUID | None, str | None], ...] = ()


class Candidate(msgspec.Struct, frozen=True):
    """A promotion that a basket is held against, by itself or for a code."""

    promotion: Promotion
    coupon: FoundCoupon | None = None
    code: str | None = None

    @property
    def name(self) -> str:
        return self.promotion.name if self.code is None else f"{self.code.strip()}: {self.promotion.name}"

    def refused(self, reason: Reason, detail: str) -> Refused:
        return Refused(self.promotion.id, self.code, self.name, reason, detail)


class Running:
    """What `promotions.running` reads. Whoever decides several requests with it takes what each of them got."""

    def __init__(self, found: Iterable[Found] = ()) -> None:
        ordered = sorted(found, key=lambda one: _place(one.promotion))
        self._automatic = [Candidate(one.promotion) for one in ordered if one.promotion.trigger is Trigger.AUTOMATIC]
        self._by_code = {
            coupon.key: (one.promotion, coupon)
            for one in ordered
            if one.promotion.trigger is Trigger.COUPON
            for coupon in one.coupons
        }
        self._uses = Counter({one.promotion.id: one.tally.uses for one in ordered})
        self._spent = Counter({one.promotion.id: one.tally.spent for one in ordered})
        self._coupon_uses = Counter({coupon.id: coupon.uses for one in ordered for coupon in one.coupons})
        self._used_by = defaultdict(list, {one.promotion.id: list(one.used_by) for one in ordered})

    def __bool__(self) -> bool:
        """Whether there is any promotion at all."""
        return bool(self._automatic or self._by_code)

    def candidates(self, codes: Sequence[str]) -> tuple[list[Candidate], list[Refused]]:
        """The promotions to look at, in their order, and the codes that are none; a code given twice counts once."""
        found, refused = list(self._automatic), list[Refused]()
        for key, code in {code_key(code): code for code in reversed(codes)}.items():
            promotion, coupon = self._by_code.get(key, (None, None))
            if promotion is None or coupon is None or not (coupon.is_active and promotion.is_active):
                refused.append(Refused(None, code, code.strip(), Reason.NOT_VALID, "The coupon is not valid"))
            else:
                found.append(Candidate(promotion, coupon, code))
        if len(found) > len(self._automatic):
            found.sort(key=lambda one: _place(one.promotion))
        return found, refused

    def used_up(self, candidate: Candidate, customer: Customer) -> Refused | None:
        """Why there are no uses left: in all, or for this customer."""
        promotion, coupon = candidate.promotion, candidate.coupon
        if promotion.max_uses is not None and self._uses[promotion.id] >= promotion.max_uses:
            return candidate.refused(Reason.EXHAUSTED, "has been used up")
        if coupon and coupon.max_uses is not None and self._coupon_uses[coupon.id] >= coupon.max_uses:
            return candidate.refused(Reason.EXHAUSTED, "has been used up")
        most = promotion.max_uses_per_customer
        if most is not None and self._times(promotion.id, customer) >= most:
            return candidate.refused(Reason.ALREADY_USED, "has been used by this customer as often as it may be")
        return None

    def over_budget(self, candidate: Candidate, amount: int, basket: Basket) -> Refused | None:
        """Why an amount cannot be given any more; it is given whole or not at all."""
        promotion = candidate.promotion
        if promotion.budget is None:
            return None
        if basket.currency != promotion.currency:
            return candidate.refused(Reason.DOES_NOT_APPLY, f"is only for orders in {promotion.currency}")
        if self._spent[promotion.id] + amount > promotion.budget:
            return candidate.refused(Reason.EXHAUSTED, "has been used up: its budget does not reach for this order")
        return None

    def take(self, evaluation: Evaluation, customer: Customer) -> None:
        """Counts what a request got, for those behind it."""
        for applied in evaluation.applied:
            self._uses[applied.promotion_id] += 1
            self._spent[applied.promotion_id] += applied.amount
            self._used_by[applied.promotion_id].append((customer.account_id, customer.email_key))
            if applied.coupon_id is not None:
                self._coupon_uses[applied.coupon_id] += 1

    def _times(self, promotion_id: UUID, customer: Customer) -> int:
        account_id, email_key = customer.account_id, customer.email_key
        return sum(
            1
            for account, email in self._used_by[promotion_id]
            if (account is not None and account == account_id) or (email is not None and email == email_key)
        )


def _place(promotion: Promotion) -> tuple[bool, int, UUID]:
    """Exclusive ones first, then by priority, then the older."""
    return promotion.stacking is Stacking.STACKS, promotion.priority, promotion.id
