"""UPS, over its REST API (decision 0013)."""

from tradepost.shipping.carriers.ups.carrier import UpsCarrier
from tradepost.shipping.carriers.ups.client import UpsAccount

__all__ = ["UpsAccount", "UpsCarrier"]
