"""What items cost right now, and why: the one way to a price, for quotes, carts, placement, edits and what comes."""

from tradepost.orders.quoting.asking import Asked
from tradepost.orders.quoting.loading import Loading
from tradepost.orders.quoting.quotes import Quotes
from tradepost.orders.quoting.reckoning import Facts, Reckoned, reckon
from tradepost.orders.quoting.shelf import Shelf, wanted
from tradepost.orders.quoting.terms import KnownTerms, Terms

__all__ = ["Asked", "Facts", "KnownTerms", "Loading", "Quotes", "Reckoned", "Shelf", "Terms", "reckon", "wanted"]
