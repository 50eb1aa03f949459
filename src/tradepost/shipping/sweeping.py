"""What nobody came to the end of: labels that carriers did not answer for, and parcels on their way."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog

from tradepost.core.actors import system
from tradepost.core.errors import ShopError
from tradepost.db import Database, Tx
from tradepost.shipping.carriers import Carriers, CarrierUnavailable
from tradepost.shipping.labels import carry_out, settle
from tradepost.shipping.model import Followed, ShipmentLabel
from tradepost.shipping.store import labels, tracking
from tradepost.shipping.tracking import follow

log = structlog.get_logger()

_LEASE_SECONDS = 60.0
_AT_ONCE = 20
_AT_A_TIME = 4


class SettleOrder(Protocol):
    async def __call__(self, store_id: UUID, order_id: UUID, change: Callable[[Tx], Awaitable[None]]) -> None:
        """Locks the order, runs the change in the same transaction, and brings the order's statuses in line."""
        ...


class Sweep:
    """Brings labels to an end and asks where parcels are. Several may run at once: each takes what no other has.

    `track_minutes` is how often the carrier of a parcel is asked; 0 is never.
    """

    def __init__(self, db: Database, carriers: Carriers, settle_order: SettleOrder, *, track_minutes: float) -> None:
        self._db = db
        self._carriers = carriers
        self._settle_order = settle_order
        self._track_minutes = track_minutes
        self._few = asyncio.Semaphore(_AT_A_TIME)

    async def run_once(self) -> None:
        """Takes what is due. What fails is logged, left for later, and stops no other."""
        asked = await self._db.write(partial(labels.claim_due, lease_seconds=_LEASE_SECONDS, most=_AT_ONCE))
        travelling = await self._travelling()
        await asyncio.gather(
            *[self._safely(self._carry_out(label), label.id) for label in asked],
            *[self._safely(self._follow(parcel), parcel.shipment_id) for parcel in travelling],
        )

    async def _travelling(self) -> list[Followed]:
        names = list(self._carriers.by_name)
        if not (names and self._track_minutes):
            return []
        claim = partial(tracking.claim_due, carriers=names, minutes=self._track_minutes, most=_AT_ONCE)
        return await self._db.write(claim)

    async def _safely(self, work: Awaitable[None], what: object) -> None:
        try:
            async with self._few:
                await work
        except CarrierUnavailable as error:
            log.info("parcel_waits", what=str(what), why=error.detail)
        except ShopError as error:
            log.warning("parcel_not_swept", what=str(what), why=error.detail)
        except Exception as error:
            log.exception("parcel_not_swept", what=str(what), error=type(error).__name__)

    async def _carry_out(self, label: ShipmentLabel) -> None:
        outcome = await carry_out(self._db, self._carriers.by_name, label)
        await self._settle_order(label.store_id, label.order_id, partial(settle, asked=label, outcome=outcome))

    async def _follow(self, parcel: Followed) -> None:
        updates = await self._carriers.by_name[parcel.carrier].track(parcel.tracking_number)
        if not updates:
            return
        actor = system(parcel.store_id)
        change = partial(follow, parcel=parcel, updates=updates, actor=actor)
        await self._settle_order(parcel.store_id, parcel.order_id, change)
