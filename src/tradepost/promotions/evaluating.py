"""Which promotions apply to a basket, and what they take off: pure, in microseconds for each basket."""

from datetime import datetime
from uuid import UUID

from tradepost.core.clock import rfc3339
from tradepost.pricing import Discount
from tradepost.promotions.conditions import why_not
from tradepost.promotions.giving import Rest, give
from tradepost.promotions.goods import Goods
from tradepost.promotions.model import Applied, Basket, Evaluation, Reason, Refused, Stacking
from tradepost.promotions.running import Candidate, Running

_NOTHING = Evaluation()


def evaluate(basket: Basket, running: Running, at: datetime) -> Evaluation:
    """What promotions do to a basket at a time. Nothing is counted: see `Running.take`.

    Exclusive promotions go first, and the first one that applies stands alone. Else all that apply are given, by
    priority, each of what the ones before it left. A promotion is given once, however many of its codes are asked for.
    """
    if not running and not basket.codes:
        return _NOTHING
    candidates, refused = running.candidates(basket.codes)
    weighing = _Weighing(basket, running, at)
    for candidate in candidates:
        why = weighing.weigh(candidate)
        if why is not None:
            refused.append(why)
    return Evaluation(tuple(weighing.discounts), tuple(weighing.shipping), tuple(weighing.applied), tuple(refused))


class _Weighing:
    """An evaluation under way."""

    def __init__(self, basket: Basket, running: Running, at: datetime) -> None:
        self._basket = basket
        self._running = running
        self._at = at
        self._goods = Goods(basket)
        self._given: dict[UUID, Candidate] = {}
        self._alone: Candidate | None = None
        self._rest = Rest(self._goods.subtotals, basket.delivery.amount if basket.delivery else 0)
        self.discounts: list[Discount] = []
        self.shipping: list[Discount] = []
        self.applied: list[Applied] = []

    def weigh(self, candidate: Candidate) -> Refused | None:
        """Gives what a promotion gives, or says why it does not."""
        why = self._why_not(candidate)
        if why is not None:
            return candidate.refused(Reason.DOES_NOT_APPLY, why)
        promotion = candidate.promotion
        used_up = self._running.used_up(candidate, self._basket.customer)
        if used_up is not None:
            return used_up
        after = self._rest.after()
        reasons = [give(action, candidate.name, self._goods, after) for action in promotion.actions]
        if not after.taken:
            return candidate.refused(Reason.DOES_NOT_APPLY, next(filter(None, reasons), ""))
        over_budget = self._running.over_budget(candidate, after.taken, self._basket)
        if over_budget is not None:
            return over_budget
        self._take(candidate, after)
        return None

    def _why_not(self, candidate: Candidate) -> str | None:
        promotion = candidate.promotion
        if self._alone is not None:
            return f"cannot be combined with {self._alone.name}"
        if promotion.id in self._given:
            return f"is the same promotion as {self._given[promotion.id].name}"
        if promotion.valid_from is not None and self._at < promotion.valid_from:
            return f"is not valid before {rfc3339(promotion.valid_from)}"
        if promotion.valid_to is not None and self._at >= promotion.valid_to:
            return f"has not been valid since {rfc3339(promotion.valid_to)}"
        return None if promotion.condition is None else why_not(promotion.condition, self._goods, self._at)

    def _take(self, candidate: Candidate, after: Rest) -> None:
        promotion, coupon = candidate.promotion, candidate.coupon
        self._rest = after
        self.discounts += after.discounts
        self.shipping += after.shipping
        self._given[promotion.id] = candidate
        self._alone = candidate if promotion.stacking is Stacking.EXCLUSIVE else None
        self.applied.append(Applied(promotion.id, coupon.id if coupon else None, candidate.name, after.taken))
