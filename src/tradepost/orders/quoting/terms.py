"""What a store sells on, whatever is sold: its markets with today's rates, its taxes, its ways of sending."""

from uuid import UUID

import msgspec

from tradepost import tax
from tradepost.db import Reader
from tradepost.shipping import methods
from tradepost.shipping.methods import Methods
from tradepost.stores import Markets, Store, home_of
from tradepost.stores.markets import markets, markets_of
from tradepost.tax import Rates


class Terms(msgspec.Struct, frozen=True):
    """As they were when `store.terms` was `version`."""

    version: int
    markets: Markets
    taxes: Rates
    methods: Methods
    has_exemptions: bool
    has_promotions: bool
    """Of those that need no coupon; some may not have begun."""


class KnownTerms:
    """The terms that this process has read.

    They hold for as long as the store's number is theirs: a price is never reckoned with others than those of its
    moment, and mostly costs no statement for them.
    """

    def __init__(self) -> None:
        self._by_store: dict[UUID, Terms] = {}

    def known(self, store_id: UUID) -> Terms | None:
        """The newest that are known; whether they still hold, the store's number says."""
        return self._by_store.get(store_id)

    async def of(self, db: Reader, store: Store) -> Terms:
        """Those of a store whose row has just been read."""
        known = self._by_store.get(store.id)
        if known is None or known.version != store.terms:
            known = self._by_store[store.id] = await _read(db, store)
        return known


async def _read(db: Reader, store: Store) -> Terms:
    sold, taxed, sent, ((is_exempt, is_promoted),) = await db.together(
        markets_of(store.id),
        tax.of_store(store.id),
        methods.wanted(store.id),
        (
            """
            select exists (select from tax_exemption where store_id = %(store_id)s),
                   exists (select
                           from promotion
                           where store_id = %(store_id)s
                             and is_active
                             and trigger = 'AUTOMATIC'
                             and (valid_to is null or valid_to > now()))
            """,
            {"store_id": store.id},
        ),
    )
    return Terms(
        version=store.terms,
        markets=markets(sold) if sold else Markets((home_of(store),)),
        taxes=Rates(taxed),
        methods=Methods(sent),
        has_exemptions=is_exempt,
        has_promotions=is_promoted,
    )
