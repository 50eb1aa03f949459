"""The outermost layer: request ids, host check, security headers, CORS, one log line each, no stack to anybody."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

import msgspec
import structlog
from prometheus_client import Counter, Histogram

from tradepost.core import clock
from tradepost.core.errors import ShopError, invalid
from tradepost.core.ids import uuid7
from tradepost.http.answers import Answer, Streamed
from tradepost.http.asgi import Lifespan, Receive, Scope, Send, live
from tradepost.http.cors import Cors
from tradepost.http.limits import fields
from tradepost.http.logs import AccessLog
from tradepost.http.problems import InternalError, InvalidHost, answer_of
from tradepost.http.resources import Router

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
_POLICY = b"content-security-policy"
_LOCKED_DOWN = (_POLICY, b"default-src 'none'; frame-ancestors 'none'")


class Edge:
    """The application as a server sees it (ASGI). `hosts` are the host names it answers to; empty for any.

    Without `cors` no page of another origin may call it.
    """

    def __init__(
        self,
        router: Router,
        lifespan: Lifespan,
        *,
        hosts: frozenset[str] = frozenset(),
        access: AccessLog | None = None,
        cors: Cors | None = None,
    ) -> None:
        self._router = router
        self._lifespan = lifespan
        self._hosts = hosts
        self._access = access
        self._cors = cors or Cors(frozenset())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._exchange(scope, receive, send)
        elif scope["type"] == "lifespan":
            await live(self._lifespan, receive, send)

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request and its answer, whatever happens in between."""
        started = time.perf_counter()
        headers = _prepare(scope)
        answer: Answer | None = None
        try:
            answer = await self._answer(scope, headers, receive)
            await _send(answer, scope, receive, send, self._cors.fields(headers))
        finally:
            self._record(scope, answer.status if answer else 0, time.perf_counter() - started)

    async def _answer(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> Answer:
        try:
            self._check_target(scope["path"], headers.get(b"host"))
            return self._cors.preflight(scope["method"], headers) or await self._router.respond(scope, receive)
        except ShopError as error:
            refusal = error
        except Exception as error:
            log.exception("request_failed", request_id=scope["request_id"], error=type(error).__name__)
            refusal = InternalError()
        return answer_of(refusal, instance=scope["path"], request_id=scope["request_id"])

    def _check_target(self, path: str, host: bytes | None) -> None:
        if host is not None and not _is_served(host, self._hosts):
            raise InvalidHost
        if "\x00" in path or "\ufffd" in path:
            raise invalid("", "invalid_character", "The path has a character it may not have")

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        """Counts the request, and writes its line."""
        operation = scope["operation"]
        requests, duration = _metrics(operation, status)
        requests.inc()
        duration.observe(seconds)
        if self._access:
            self._access.write(
                Done(
                    "request",
                    scope["request_id"],
                    scope["asked_method"],
                    operation,
                    status,
                    round(seconds * 1000, 2),
                    clock.rfc3339(clock.from_ms(time.time_ns() // 1_000_000)),
                )
            )


def _prepare(scope: Scope) -> Mapping[bytes, bytes]:
    """Notes in the scope what all later steps look at; the headers by name. HEAD is GET without a body."""
    headers = scope["request_headers"] = dict(scope["headers"])
    if b"cookie" in headers:  # HTTP/2 may cut it into several fields (RFC 9113, 8.2.3)
        headers[b"cookie"] = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    given = headers.get(b"x-request-id")
    scope["request_id"] = given.decode() if given and _REQUEST_ID.fullmatch(given) else str(uuid7())
    scope["operation"] = "none"
    scope["asked_method"] = scope["method"]
    if scope["method"] == "HEAD":
        scope["method"] = "GET"
    return headers


async def _send(
    answer: Answer, scope: Scope, receive: Receive, send: Send, further: Sequence[tuple[bytes, bytes]]
) -> None:
    headers = [*answer.wire_headers(), (b"x-request-id", scope["request_id"].encode()), *SECURITY_HEADERS, *further]
    if "standings" in scope:
        headers += fields(scope["standings"])
    if not any(name == _POLICY for name, _ in headers):
        headers.append(_LOCKED_DOWN)
    body = b"" if scope["asked_method"] == "HEAD" else answer.body
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if isinstance(answer, Streamed) and scope["asked_method"] != "HEAD":
        await _stream(answer, receive, send)
    await send({"type": "http.response.body", "body": body})


async def _stream(answer: Streamed, receive: Receive, send: Send) -> None:
    """Sends piece after piece, as long as somebody is there: the server says nothing to who sends on after the end.

    What fails in the middle leaves an answer without its end, which every client sees.
    """
    gone = asyncio.ensure_future(_end_of_request(receive))
    try:
        async for piece in answer.pieces:
            if gone.done():
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    finally:
        gone.cancel()


async def _end_of_request(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Done(msgspec.Struct, frozen=True, gc=False):
    """What is logged of a request: nothing personal."""

    event: str
    request_id: str
    method: str
    operation: str
    status: int
    ms: float
    timestamp: str


@cache
def _metrics(operation: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(operation, str(status)), SECONDS.labels(operation)


@lru_cache(1024)
def _is_served(host: bytes, hosts: frozenset[str]) -> bool:
    if not _HOST.fullmatch(host):
        return False
    return not hosts or host.decode().rsplit(":", 1)[0].lower() in hosts
