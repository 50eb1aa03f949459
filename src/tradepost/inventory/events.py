from uuid import UUID

from tradepost.events import Fact


class StockAdjusted(Fact, frozen=True):
    """`quantity` is the change; `on_hand` and `reserved` are the location's new level."""

    subject_type = "stock"
    product_id: UUID
    location_id: UUID
    quantity: int
    on_hand: int
    reserved: int
    reason: str
