import asyncio
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from http import HTTPStatus
from uuid import uuid4

import httpx2
import msgspec
import structlog

from tradepost.core.breaker import Breaker
from tradepost.core.flights import Flights
from tradepost.shipping.carriers.model import CarrierNotReached, CarrierUnavailable
from tradepost.shipping.carriers.ups.account import UpsAccount
from tradepost.shipping.carriers.ups.answers import Token

log = structlog.get_logger()

_CONNECT_SECONDS = 3.0
_WHOLE_SECONDS = 10.0
_MOST_BYTES = 8 << 20
_TOKEN_PATH = "/security/v1/oauth/token"  # noqa: S105 - where tokens are had
_EARLY_SECONDS = 60.0
_GOOD = range(200, 300)
_OURS_TO_MEND = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_COME_BACK = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class Reply(msgspec.Struct, frozen=True):
    """An answer that is UPS's last word: 2xx, or a 4xx that asking again would not change."""

    status: int
    body: bytes

    @property
    def is_good(self) -> bool:
        return self.status in _GOOD


class _Held(msgspec.Struct, frozen=True):
    token: str
    good_until: float


class UpsClient:
    """Asks UPS with a token that is renewed by itself, and leaves UPS alone while it is down."""

    def __init__(
        self, account: UpsAccount, *, clock: Callable[[], float] = time.monotonic, seconds: float = _WHOLE_SECONDS
    ) -> None:
        """`seconds` that a call may take in all, with a new token and a second attempt where they are needed."""
        self._account = account
        self._clock = clock
        self._seconds = seconds
        self._held: _Held | None = None
        self._renewals: Flights[str, _Held] = Flights()
        self._breaker = Breaker(
            CarrierUnavailable, refusal=lambda: CarrierNotReached("ups: was down a moment ago"), clock=clock
        )
        timeout = httpx2.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
        headers = {"transactionSrc": "tradepost", "Accept-Encoding": "identity"}
        self._http = httpx2.AsyncClient(base_url=account.url, timeout=timeout, headers=headers)

    async def ask(self, method: str, path: str, *, body: object = None) -> Reply:
        """Raises CarrierUnavailable; a 401 is tried once more with a new token."""
        return await self._breaker.call(lambda: self._asked(method, path, body))

    async def close(self) -> None:
        await self._http.aclose()

    async def _asked(self, method: str, path: str, body: object) -> Reply:
        try:
            async with asyncio.timeout(self._seconds):
                held = await self._token()
                reply = await self._sent(held, method, path, body)
                if reply.status == HTTPStatus.UNAUTHORIZED:
                    self._forget(held)
                    reply = await self._sent(await self._token(), method, path, body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise CarrierNotReached(f"ups: {type(error).__name__}") from None
        except (httpx2.HTTPError, TimeoutError) as error:
            raise CarrierUnavailable(f"ups: {type(error).__name__}") from None
        if reply.status in _OURS_TO_MEND:
            raise _not_let_in(path, reply.status)
        return reply

    async def _sent(self, held: _Held, method: str, path: str, body: object) -> Reply:
        headers = {"Authorization": f"Bearer {held.token}", "transId": uuid4().hex}
        if body is None:
            return await self._exchanged(method, path, headers, None)
        headers["Content-Type"] = "application/json"
        return await self._exchanged(method, path, headers, msgspec.json.encode(body))

    async def _exchanged(self, method: str, path: str, headers: Mapping[str, str], content: bytes | None) -> Reply:
        """Raises CarrierUnavailable for what is no last word, and for more than can be honest."""
        async with self._http.stream(method, path, headers=headers, content=content) as answer:
            received = bytearray()
            async for chunk in answer.aiter_raw():
                received += chunk
                if len(received) > _MOST_BYTES:
                    raise CarrierUnavailable("ups: answered without end")
        status = answer.status_code
        if status in _COME_BACK or not (answer.is_success or answer.is_client_error):
            raise CarrierUnavailable(f"ups: answered {status}")
        return Reply(status, bytes(received))

    async def _token(self) -> _Held:
        if self._held is None or self._clock() >= self._held.good_until:
            self._held = await self._renewals.share("token", self._renewed)
        return self._held

    def _forget(self, refused: _Held) -> None:
        """Unless somebody else has renewed it meanwhile."""
        if self._held is refused:
            self._held = None

    async def _renewed(self) -> _Held:
        asked_at = self._clock()
        credentials = f"{self._account.client_id}:{self._account.client_secret}".encode()
        headers = {
            "Authorization": f"Basic {b64encode(credentials).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
            "x-merchant-id": self._account.account,
        }
        async with asyncio.timeout(self._seconds):  # it may outlive the caller who began it
            reply = await self._exchanged("POST", _TOKEN_PATH, headers, b"grant_type=client_credentials")
        if not reply.is_good:
            raise _not_let_in(_TOKEN_PATH, reply.status)
        try:
            token = msgspec.json.decode(reply.body, type=Token)
            return _Held(token.access_token, asked_at + max(int(token.expires_in) - _EARLY_SECONDS, 0))
        except (msgspec.DecodeError, ValueError):
            raise CarrierUnavailable("ups: gave a token that cannot be read") from None


def _not_let_in(path: str, status: int) -> CarrierNotReached:
    """Nothing that a shopper can mend, and everything an operator should hear of."""
    log.error("carrier_credentials_refused", carrier="ups", path=path, status=status)
    detail = f"ups: does not let us in ({status}): look at TRADEPOST_UPS_CLIENT_ID, …_CLIENT_SECRET and …_ACCOUNT"
    return CarrierNotReached(detail)
