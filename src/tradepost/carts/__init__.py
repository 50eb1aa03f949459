"""A basket that is kept: it promises nothing, tells what has changed, and becomes one order."""

from tradepost.carts.checkout import KeptCarts
from tradepost.carts.holding import Holds, expire

__all__ = ["Holds", "KeptCarts", "expire"]
