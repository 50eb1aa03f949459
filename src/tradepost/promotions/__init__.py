"""What is taken off an order, by itself or for a coupon: limits hold in any race, and refusals give their reason."""

from tradepost.promotions.evaluating import evaluate
from tradepost.promotions.model import (
    MOST_CODES,
    Applied,
    Basket,
    BasketLine,
    CouponAlreadyUsed,
    CouponDoesNotApply,
    CouponExhausted,
    CouponNotValid,
    Customer,
    Delivery,
    Evaluation,
    Reason,
    Redemption,
    Refused,
    TooManyCoupons,
    check,
    check_codes,
    redemptions,
)
from tradepost.promotions.running import Running
from tradepost.promotions.store.redemptions import give_back, redeem_many, take_again
from tradepost.promotions.store.wanting import lock, locking, running, wanted

__all__ = [
    "MOST_CODES",
    "Applied",
    "Basket",
    "BasketLine",
    "CouponAlreadyUsed",
    "CouponDoesNotApply",
    "CouponExhausted",
    "CouponNotValid",
    "Customer",
    "Delivery",
    "Evaluation",
    "Reason",
    "Redemption",
    "Refused",
    "Running",
    "TooManyCoupons",
    "check",
    "check_codes",
    "evaluate",
    "give_back",
    "lock",
    "locking",
    "redeem_many",
    "redemptions",
    "running",
    "take_again",
    "wanted",
]
