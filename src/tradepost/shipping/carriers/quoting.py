import asyncio
from collections.abc import Iterable, Sequence

import msgspec
import structlog

from tradepost.core.errors import Invalid
from tradepost.shipping.carriers.model import CarrierNotReached, CarrierUnavailable, Consignment, Rate
from tradepost.shipping.carriers.provider import Carrier
from tradepost.shipping.carriers.table import TableRates

log = structlog.get_logger()

_WITHIN_SECONDS = 3.0
_NOT_HEARD = {CarrierUnavailable.code, CarrierNotReached.code}


class Note(msgspec.Struct, frozen=True):
    """What the choice lacks: a `carrier` that was not heard or did not want to, with the code of its error.

    `detail` is for staff.
    """

    carrier: str
    code: str
    detail: str


class Rates(msgspec.Struct, frozen=True):
    """What sending costs, cheapest first, in the consignment's currency."""

    rates: tuple[Rate, ...]
    notes: tuple[Note, ...] = ()


async def rates(
    carriers: Iterable[Carrier], table: TableRates | None, consignment: Consignment, *, within: float = _WITHIN_SECONDS
) -> Rates:
    """All carriers asked at once, and whoever has answered after `within` seconds. Never an error of a carrier.

    The table's rates join in where a carrier was not heard, or where none has an offer.
    """
    answers = await _asked(list(carriers), consignment, within)
    offers = [rate for answer in answers for rate in answer.rates]
    notes = [note for answer in answers for note in answer.notes]
    is_short = not offers or any(note.code in _NOT_HEARD for note in notes)
    if table and is_short:
        offers += await table.rates(consignment)
    return Rates(tuple(sorted(offers, key=_cheapest_first)), tuple(notes))


async def _asked(carriers: Sequence[Carrier], consignment: Consignment, within: float) -> list[Rates]:
    """The answers in the order of the carriers. Nobody waits for one that is late to notice that it is."""
    if not carriers:
        return []
    tasks = [asyncio.create_task(_heard(carrier, consignment)) for carrier in carriers]
    try:
        await asyncio.wait(tasks, timeout=within)
    finally:
        for task in tasks:
            task.cancel()
    return [
        task.result() if task.done() else _missed(carrier.name, f"no answer in {within:g} seconds")
        for carrier, task in zip(carriers, tasks, strict=True)
    ]


async def _heard(carrier: Carrier, consignment: Consignment) -> Rates:
    try:
        offers = await carrier.rates(consignment)
    except (Invalid, CarrierUnavailable) as error:
        return Rates((), (Note(carrier.name, error.code, error.detail),))
    except Exception as error:
        log.exception("carrier_failed", carrier=carrier.name, error=type(error).__name__)
        return _missed(carrier.name, "failed")
    fitting = tuple(offer for offer in offers if offer.currency == consignment.currency)
    if len(fitting) == len(offers):
        return Rates(fitting)
    return Rates(fitting, (Note(carrier.name, "currency_not_supported", f"its prices are not {consignment.currency}"),))


def _missed(carrier: str, why: str) -> Rates:
    return Rates((), (Note(carrier, CarrierUnavailable.code, f"{carrier}: {why}"),))


def _cheapest_first(rate: Rate) -> tuple[int, float, str, str]:
    return rate.amount, float("inf") if rate.latest is None else rate.latest, rate.carrier, rate.service
