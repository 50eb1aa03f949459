"""Counts requests on a Redis that several processes share. Imported where one is asked for: it is an extra."""

import time
from functools import cache
from typing import Any

import structlog
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from redis.asyncio import BlockingConnectionPool

from tradepost.http.limits import Policy, Standing

log = structlog.get_logger()

_REDIS_SECONDS = 0.5
_REDIS_CONNECTIONS = 32
_REST_SECONDS = 1.0
_LOG_SECONDS = 60.0


class RedisCounter:
    """Counts on a Redis, in one script, for all processes that are given the same address.

    A Redis that does not answer within half a second is left alone for a second, and requests pass uncounted: a shop
    without limits sells, one without answers does not.
    """

    def __init__(self, url: str) -> None:
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_REDIS_CONNECTIONS,
            timeout=_REDIS_SECONDS,
            socket_timeout=_REDIS_SECONDS,
            socket_connect_timeout=_REDIS_SECONDS,
        )
        options: dict[str, Any] = {"connection_pool": self._pool}
        storage = RedisStorage(
            f"async+{url}",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="tradepost",
            **options,
        )
        self._windows = SlidingWindowCounterRateLimiter(storage)
        self._away_until = 0.0
        self._quiet_until = 0.0

    async def take(self, policy: Policy, subject: str) -> Standing | None:
        if time.monotonic() < self._away_until:
            return None
        try:
            return await self._standing(policy, subject)
        except (StorageError, OSError) as error:
            self._miss(error)
            return None

    async def _standing(self, policy: Policy, subject: str) -> Standing:
        passed = await self._windows.hit(_item(policy), subject)
        more_at, left = await self._windows.get_window_stats(_item(policy), subject)
        seconds = min(int(max(0.0, more_at - time.time())) + 1, policy.rate.seconds)
        return Standing(policy, passed, left if passed else 0, seconds)

    async def close(self) -> None:
        await self._pool.aclose()

    def _miss(self, error: Exception) -> None:
        now = time.monotonic()
        self._away_until = now + _REST_SECONDS
        if now >= self._quiet_until:
            self._quiet_until = now + _LOG_SECONDS
            log.warning("rate_limits_not_counted", reason="redis", error=type(error.__cause__ or error).__name__)


@cache
def _item(policy: Policy) -> RateLimitItem:
    return RateLimitItemPerSecond(policy.rate.amount, policy.rate.seconds, namespace=policy.name)
