from tradepost.events import Fact


class PromotionCreated(Fact, frozen=True):
    subject_type = "promotion"
    name: str
    trigger: str


class PromotionChanged(Fact, frozen=True):
    """`changed` are the fields by their wire names."""

    subject_type = "promotion"
    changed: list[str]


class PromotionCouponsAdded(Fact, frozen=True):
    """`code` where it was one that somebody chose; those that were generated are not told."""

    subject_type = "promotion"
    count: int
    code: str | None


class PromotionCouponChanged(Fact, frozen=True):
    """`changed` are the fields by their wire names."""

    subject_type = "promotion"
    code: str
    changed: list[str]
