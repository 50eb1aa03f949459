"""The European Central Bank's reference rates of the day (docs/decisions/0019)."""

import asyncio
import re
from datetime import date
from decimal import Decimal
from xml.etree.ElementTree import Element, ParseError

import httpx2
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from tradepost.stores.rates.provider import Published, RatesUnavailable, RatesUnusable

_URL = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"
_CUBE = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"
_CURRENCY = re.compile(r"[A-Z]{3}")
_RATE = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_SECONDS = 10.0
_MOST_BYTES = 1 << 20


class Ecb:
    """One file, new each working day at about 16:00 in Frankfurt. Redirects are not followed; base is the euro."""

    name = "ecb"

    def __init__(self, url: str = _URL, *, seconds: float = _SECONDS) -> None:
        self._url = url
        self._seconds = seconds

    async def fetch(self) -> Published:
        try:
            async with asyncio.timeout(self._seconds):
                return _read(await self._body())
        except (httpx2.HTTPError, TimeoutError) as error:
            raise RatesUnavailable(f"ecb: {type(error).__name__}") from None

    async def _body(self) -> bytes:
        async with (
            httpx2.AsyncClient(timeout=self._seconds, trust_env=False) as client,
            client.stream("GET", self._url) as answer,
        ):
            if not answer.is_success:
                raise RatesUnavailable(f"ecb: answered {answer.status_code}")
            received = bytearray()
            async for chunk in answer.aiter_bytes():
                received += chunk
                if len(received) > _MOST_BYTES:
                    raise RatesUnusable("ecb: answered without end")
        return bytes(received)


def _read(body: bytes) -> Published:
    """Raises RatesUnusable for what is no such file; whether its rates can be believed is not looked at here."""
    try:
        document: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise RatesUnusable(f"ecb: is no XML that can be read safely ({type(error).__name__})") from None
    day = next((cube for cube in document.iter(_CUBE) if "time" in cube.attrib), None)
    if day is None:
        raise RatesUnusable("ecb: has no day with rates")
    try:
        as_of = date.fromisoformat(day.attrib["time"])
    except ValueError:
        raise RatesUnusable("ecb: has a day that is none") from None
    return Published("EUR", as_of, dict(map(_rate, day.findall(_CUBE))))


def _rate(cube: Element) -> tuple[str, Decimal]:
    currency, rate = cube.attrib.get("currency", ""), cube.attrib.get("rate", "")
    if not _CURRENCY.fullmatch(currency) or not _RATE.fullmatch(rate):
        raise RatesUnusable(f"ecb: has {rate[:20]!r} as the rate of {currency[:20]!r}")
    return currency, Decimal(rate)
