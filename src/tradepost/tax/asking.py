"""Asking a tax service, which must not keep anybody from buying: whatever it does, there is an answer in time."""

import asyncio
from collections.abc import Mapping

import msgspec
import structlog

from tradepost.core.breaker import Breaker
from tradepost.pricing import TaxRate
from tradepost.tax.model import PPM, Answered
from tradepost.tax.provider import Provider, Question, TaxServiceUnavailable
from tradepost.tax.providers.fake import FakeService

TABLE = "table"
PROVIDERS = (TABLE, "fake")
_WITHIN_SECONDS = 2.0
_MOST_RATES = 10
_MOST_NAME = 100

log = structlog.get_logger()


class TaxService:
    """The tax service of this installation, guarded by a breaker; without one, the table of rates alone."""

    def __init__(self, provider: Provider | None = None, *, within: float = _WITHIN_SECONDS) -> None:
        """`within` seconds it has to answer."""
        self._provider = provider
        self._within = within
        self._breaker = Breaker(TaxServiceUnavailable, refusal=TaxServiceUnavailable)

    @property
    def is_table(self) -> bool:
        """Whether nobody outside is asked, so that no question need be put together."""
        return self._provider is None

    async def answer(self, question: Question) -> Answered:
        """Raises TaxServiceUnavailable, at once where there is no service or it was down a moment ago."""
        provider = self._provider
        if provider is None:
            raise TaxServiceUnavailable
        return await self._breaker.call(lambda: self._asked(provider, question))

    async def close(self) -> None:
        if self._provider is not None:
            await self._provider.close()

    async def _asked(self, provider: Provider, question: Question) -> Answered:
        try:
            async with asyncio.timeout(self._within):
                rates = await provider.rates(question)
        except TaxServiceUnavailable:
            raise
        except TimeoutError:
            raise TaxServiceUnavailable(f"no answer in {self._within:g} seconds") from None
        except Exception as error:
            log.exception("tax_service_failed", service=provider.name, error=type(error).__name__)
            raise TaxServiceUnavailable("failed") from error
        return Answered(_checked(rates, question), provider.name)


async def ask(service: TaxService, question: Question, fallback: Mapping[str, tuple[TaxRate, ...]]) -> Answered:
    """The rates of each class of the question, by the service, or else by the table, whose word `fallback` is.

    Never inside a transaction. It takes two seconds at most, and never fails.
    """
    if service.is_table:
        return Answered(fallback, TABLE)
    try:
        return await service.answer(question)
    except TaxServiceUnavailable as error:
        log.warning("tax_by_the_table", reason=error.detail)
        return Answered(fallback, TABLE)


def service_of(name: str) -> TaxService:
    """By its name in the settings. ValueError for a name that is none's."""
    check_name(name)
    return TaxService(FakeService() if name == "fake" else None)


def check_name(name: str) -> None:
    """ValueError for a name that is none's."""
    if name not in PROVIDERS:
        raise ValueError(f"{name!r} is no tax service; there are {', '.join(PROVIDERS)}")


class _Heard(msgspec.Struct, frozen=True):
    rates: dict[str, tuple[TaxRate, ...]]


def _checked(rates: Mapping[str, tuple[TaxRate, ...]], question: Question) -> dict[str, tuple[TaxRate, ...]]:
    """What was asked for, of an answer that makes sense. TaxServiceUnavailable for one that does not."""
    try:
        heard = msgspec.convert(msgspec.to_builtins({"rates": dict(rates)}), _Heard)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise TaxServiceUnavailable(f"its answer is none: {error}") from None
    missing = [one for one in question.classes if one not in heard.rates]
    if missing:
        raise TaxServiceUnavailable(f"it says nothing of {', '.join(missing)}")
    found = {one: heard.rates[one] for one in question.classes}
    if not all(map(_is_sound, found.values())):
        raise TaxServiceUnavailable("its rates make no sense")
    return found


def _is_sound(rates: tuple[TaxRate, ...]) -> bool:
    if len(rates) > _MOST_RATES or sum(rate.rate_ppm for rate in rates) > PPM:
        return False
    return all(rate.rate_ppm >= 0 and 0 < len(rate.name.strip()) <= _MOST_NAME for rate in rates)
