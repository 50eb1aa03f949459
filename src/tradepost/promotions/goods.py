"""A basket as rules look at it."""

from decimal import Decimal
from functools import lru_cache

from tradepost.core import money
from tradepost.promotions.model import Basket
from tradepost.promotions.rules import Matching


class Goods:
    """The lines of a basket: which of them match, how many units they have, and what they cost before discounts."""

    def __init__(self, basket: Basket) -> None:
        self.basket = basket
        self.subtotals = [line.price * line.quantity for line in basket.lines]
        self.everything = tuple(range(len(self.subtotals)))
        self._places: dict[Matching, tuple[int, ...]] = {}
        self._units: dict[Matching | None, int] = {}
        self._subtotals: dict[Matching | None, int] = {}
        self._cheapest: dict[Matching | None, list[int]] = {}

    def places(self, lines: Matching | None) -> tuple[int, ...]:
        """The places of the lines that match; without a rule all of them."""
        if lines is None:
            return self.everything
        found = self._places.get(lines)
        if found is None:
            found = self._places[lines] = tuple(
                at
                for at, line in enumerate(self.basket.lines)
                if line.product_id in lines.product_ids or not lines.category_ids.isdisjoint(line.category_ids)
            )
        return found

    def units(self, lines: Matching | None) -> int:
        """How many units the matching lines have."""
        found = self._units.get(lines)
        if found is None:
            found = self._units[lines] = sum(self.basket.lines[at].quantity for at in self.places(lines))
        return found

    def subtotal(self, lines: Matching | None) -> int:
        """What the matching lines cost, before discounts."""
        found = self._subtotals.get(lines)
        if found is None:
            found = self._subtotals[lines] = sum(self.subtotals[at] for at in self.places(lines))
        return found

    def cheapest(self, lines: Matching | None) -> list[int]:
        """The places of the matching lines by price; of equal ones the later comes first."""
        found = self._cheapest.get(lines)
        if found is None:
            prices = [line.price for line in self.basket.lines]
            found = self._cheapest[lines] = sorted(self.places(lines), key=lambda at: (prices[at], -at))
        return found

    def amount(self, amounts: dict[str, Decimal]) -> int | None:
        """The amount in the basket's currency; None where there is none."""
        written = amounts.get(self.basket.currency)
        return None if written is None else _minor(written, self.basket.currency)

    def text(self, minor: int) -> str:
        return f"{money.text(minor, self.basket.currency)} {self.basket.currency}"

    def not_offered(self) -> str:
        return f"is not offered in {self.basket.currency}"


@lru_cache(8192)
def _minor(written: Decimal, currency: str) -> int:
    return money.parse(written, currency)
