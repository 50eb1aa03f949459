from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost.accounts.addresses import rules
from tradepost.core.places import Place
from tradepost.orders.model import Address, Item
from tradepost.promotions import Customer
from tradepost.stores import Market, Markets
from tradepost.tax import Answered


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants priced. `market_id` where a header, a key or a cart has named the market.

    `taxes` where a tax service has said them; the table says them otherwise.
    """

    items: Sequence[Item]
    market_id: UUID | None = None
    currency: str | None = None
    customer_id: UUID | None = None
    is_signed_in: bool = False
    email: str | None = None
    address: Address | None = None
    coupon_codes: tuple[str, ...] = ()
    shipping_method: str | None = None
    with_delivery: bool = True
    """Not where what goods cost is wanted alone."""
    taxes: Answered | None = None

    def market(self, markets: Markets) -> Market:
        """The one that is named, else the one of the country that it goes to, else home. MarketNotFound."""
        if self.market_id is not None:
            return markets.by_id(self.market_id)
        return markets.home if self.address is None else markets.for_country(self.address.country)

    def place(self, market: Market) -> Place | None:
        """Where it goes; of a market with a single country at least that."""
        address = self.address
        if address is not None:
            return rules.whereabouts(address.country, address.state, address.postal_code)
        return Place(market.countries[0]) if len(market.countries) == 1 else None

    @property
    def customer(self) -> Customer:
        return Customer(account_id=self.customer_id, email=self.email, is_signed_in=self.is_signed_in)
