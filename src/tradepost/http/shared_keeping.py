"""Keeps answers on a Redis that several processes share. Imported where one is asked for: it is an extra."""

import time
from typing import Any

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradepost.http.answers import Answer

log = structlog.get_logger()

_PREFIX = "tradepost/kept/"
_SECONDS = 0.1
_CONNECTIONS = 32
_REST_SECONDS = 1.0


class _Kept(msgspec.Struct, array_like=True):
    status: int
    body: bytes
    headers: list[tuple[str, str]]
    content_type: str


class RedisShelf:
    """One that does not answer within a tenth of a second is left alone for a second: making an answer is no slower."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, max_connections=_CONNECTIONS
        )
        self._away_until = 0.0

    async def get(self, key: str) -> Answer | None:
        if time.monotonic() < self._away_until:
            return None
        try:
            found: Any = await self._redis.get(_PREFIX + key)
            kept = msgspec.msgpack.decode(found, type=_Kept) if found else None
        except (RedisError, OSError, msgspec.DecodeError) as error:
            self._miss(error)
            return None
        return Answer(kept.status, kept.body, headers=kept.headers, content_type=kept.content_type) if kept else None

    async def put(self, key: str, answer: Answer, *, seconds: float) -> None:
        if time.monotonic() < self._away_until:
            return
        kept = _Kept(answer.status, answer.body, answer.headers, answer.content_type)
        try:
            await self._redis.set(_PREFIX + key, msgspec.msgpack.encode(kept), px=max(1, int(seconds * 1000)))
        except (RedisError, OSError) as error:
            self._miss(error)

    async def close(self) -> None:
        await self._redis.aclose()

    def _miss(self, error: Exception) -> None:
        self._away_until = time.monotonic() + _REST_SECONDS
        log.info("answers_not_kept", reason="redis", error=type(error).__name__)
