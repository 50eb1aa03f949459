"""In which market a call is made."""

import re
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from tradepost.core.errors import FieldError, invalid
from tradepost.http import Call
from tradepost.stores.model import Market, MarketNotFound, Markets
from tradepost.stores.registry import markets_of

Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", examples=["AT"])]
HEADERS = ("X-Market", "X-Country")
# A network in front of us may set X-Country, and has codes of its own, such as T1, where it knows no country.
_COUNTRY = re.compile(r"[A-Z][A-Z0-9]")


def of_call(call: Call, *, country: str | None = None) -> Market:
    """The market of X-Market, else of the caller's key, else of X-Country, else of `country`, else home.

    As this process knows it, at most a second old. Raises MarketNotFound, and ValidationFailed for a country that is
    none.
    """
    markets = markets_of(call)
    named = _named(call, markets)
    if named is not None:
        return named
    said = call.header(b"x-country")
    if said is not None and not _COUNTRY.fullmatch(said):
        raise invalid("#X-Country", "invalid_format", "is not like AT (ISO 3166-1 alpha-2)")
    wanted = said or country
    return markets.home if wanted is None else markets.for_country(wanted)


def named_market(call: Call) -> UUID | None:
    """The market of X-Market, or else of the caller's key; None where neither names one. MarketNotFound."""
    found = _named(call, markets_of(call))
    return None if found is None else found.id


def _named(call: Call, markets: Markets) -> Market | None:
    slug = call.header(b"x-market")
    if slug is not None:
        try:
            return markets.by_slug(slug)
        except MarketNotFound:
            raise _not_found("#X-Market") from None
    if call.actor.market_id is not None:
        try:
            return markets.by_id(call.actor.market_id)
        except MarketNotFound:
            raise _not_found("#X-API-Key") from None
    return None


def kept_for(call: Call) -> str:
    """What an answer in the call's market is kept for: the market, and all markets and rates as they are."""
    return f"{markets_of(call).fingerprint}/{of_call(call).slug}"


def _not_found(pointer: str) -> MarketNotFound:
    return MarketNotFound(errors=[FieldError(pointer, MarketNotFound.code, "is no active market of this store")])
