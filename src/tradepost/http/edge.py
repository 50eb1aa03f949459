"""The outermost layer: request ids, host check, security headers, one log line a request, and no stack to anybody."""

import re
import time
from functools import cache, lru_cache
from typing import Any

import msgspec
import structlog
from litestar.types import ASGIApp, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from tradepost.core import clock
from tradepost.core.errors import ShopError, invalid
from tradepost.core.ids import uuid7
from tradepost.http.logs import AccessLog
from tradepost.http.problems import InternalError, InvalidHost, answer_of

log = structlog.get_logger()
REQUESTS = Counter("tradepost_requests", "Requests", ["operation", "status"])
SECONDS = Histogram(
    "tradepost_request_seconds",
    "Time to answer",
    ["operation"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)

_REQUEST_ID = re.compile(rb"[A-Za-z0-9-]{8,64}")
_HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?")
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_LOCKED_DOWN = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class Edge:
    """Wraps the application. `hosts` are the host names it answers to; empty for any."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str] = frozenset(), access: AccessLog | None = None) -> None:
        self._app = app
        self._hosts = hosts
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        try:
            await exchange.run(self._app, self._hosts, receive)
        finally:
            done = exchange.record()
            if self._access:
                self._access.write(done)


class Done(msgspec.Struct, frozen=True, gc=False):
    """What is logged of a request: nothing personal."""

    event: str
    request_id: str
    method: str
    operation: str
    status: int
    ms: float
    timestamp: str


class _Exchange:
    __slots__ = ("_head", "_request_id", "_scope", "_send", "_started", "_status")

    def __init__(self, scope: Any, send: Send) -> None:  # noqa: ANN401 - ASGI
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id")
        self._request_id = given if given and _REQUEST_ID.fullmatch(given) else str(uuid7()).encode()
        self._head = scope["method"] == "HEAD"
        if self._head:
            scope["method"] = "GET"
        scope["request_headers"] = headers
        scope["request_id"] = self._request_id.decode()
        scope["operation"] = "none"
        self._scope = scope
        self._send = send
        self._started = time.perf_counter()
        self._status = 0

    async def run(self, app: ASGIApp, hosts: frozenset[str], receive: Receive) -> None:
        try:
            _check_target(self._scope, hosts)
            await app(self._scope, receive, self._forward)
        except ShopError as error:
            await self._problem(error)
        except Exception as error:
            log.exception("request_failed", request_id=self._scope["request_id"], error=type(error).__name__)
            if self._status:
                raise
            await self._problem(InternalError())

    async def _problem(self, error: ShopError) -> None:
        answer = answer_of(error, instance=self._scope["path"], request_id=self._scope["request_id"])
        await answer(self._scope, None, self._forward)

    async def _forward(self, message: Any) -> None:  # noqa: ANN401 - ASGI
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = [*message["headers"], (b"x-request-id", self._request_id), *SECURITY_HEADERS]
            if not any(name == b"content-security-policy" for name, _ in headers):
                headers.append(_LOCKED_DOWN)
            message["headers"] = headers
        elif self._head:
            message["body"] = b""
        await self._send(message)

    def record(self) -> Done:
        """Counts the request; its line for the log."""
        seconds = time.perf_counter() - self._started
        operation = self._scope["operation"]
        requests, duration = _metrics(operation, self._status)
        requests.inc()
        duration.observe(seconds)
        return Done(
            "request",
            self._scope["request_id"],
            self._scope["method"],
            operation,
            self._status,
            round(seconds * 1000, 2),
            clock.rfc3339(clock.from_ms(time.time_ns() // 1_000_000)),
        )


@cache
def _metrics(operation: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(operation, str(status)), SECONDS.labels(operation)


@lru_cache(1024)
def _is_served(host: bytes, hosts: frozenset[str]) -> bool:
    if not _HOST.fullmatch(host):
        return False
    return not hosts or host.decode().rsplit(":", 1)[0].lower() in hosts


def _check_target(scope: Any, hosts: frozenset[str]) -> None:  # noqa: ANN401 - ASGI
    headers = scope["request_headers"]
    host = headers.get(b"host")
    if host is not None and not _is_served(host, hosts):
        raise InvalidHost
    if "\x00" in scope["path"] or "\ufffd" in scope["path"]:
        raise invalid("", "invalid_character", "The path has a character it may not have")
