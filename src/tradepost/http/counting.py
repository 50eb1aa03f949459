"""Where requests are counted: in this process, or on a Redis that several share."""

import time
from functools import cache
from typing import Any

import structlog
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from typing_extensions import override

from tradepost.http.limits import Policy, Standing

log = structlog.get_logger()

_FEW = 10_000
_REDIS_SECONDS = 0.5
_REDIS_CONNECTIONS = 32
_REST_SECONDS = 1.0
_LOG_SECONDS = 60.0


class _Windows:
    """A sliding window: what is left of the last one, weighted, and the present one."""

    def __init__(self, storage: Storage) -> None:
        self._windows = SlidingWindowCounterRateLimiter(storage)

    async def take(self, policy: Policy, subject: str) -> Standing:
        passed = await self._windows.hit(_item(policy), subject)
        more_at, left = await self._windows.get_window_stats(_item(policy), subject)
        seconds = min(int(max(0.0, more_at - time.time())) + 1, policy.rate.seconds)
        return Standing(policy, passed, left if passed else 0, seconds)


@cache
def _item(policy: Policy) -> RateLimitItem:
    return RateLimitItemPerSecond(policy.rate.amount, policy.rate.seconds, namespace=policy.name)


class _Memory(MemoryStorage):
    """Without the library's look at every key on every request: with 10,000 addresses that took 3 ms.

    Here it takes place when twice as many are held as were in use the last time, so that its cost is spread thin.
    Nothing is awaited between reading a count and raising it, so that no lock is needed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._tidy_at = _FEW

    @override
    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        if len(self.expirations) >= self._tidy_at:
            self._tidy()
        await self.get(key)
        count = self.storage[key] = self.storage.get(key, 0) + amount
        self.expirations.setdefault(key, time.time() + expiry)
        return count

    def _tidy(self) -> None:
        now = time.time()
        self.expirations = {key: end for key, end in self.expirations.items() if end > now}
        for key in self.storage.keys() - self.expirations.keys():
            del self.storage[key]
        self._tidy_at = max(_FEW, 2 * len(self.expirations))


class MemoryCounter:
    """Counts in this process alone: with several processes, each allows the whole amount."""

    def __init__(self) -> None:
        self._windows = _Windows(_Memory())

    async def take(self, policy: Policy, subject: str) -> Standing:
        return await self._windows.take(policy, subject)

    async def close(self) -> None:
        """There is nothing to close."""


class RedisCounter:
    """Counts on a Redis, in one script, for all processes that are given the same address.

    A Redis that does not answer within half a second is left alone for a second, and requests pass uncounted: a shop
    without limits sells, one without answers does not.
    """

    def __init__(self, url: str) -> None:
        from redis.asyncio import BlockingConnectionPool  # noqa: PLC0415 - an extra that need not be installed

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
        self._windows = _Windows(storage)
        self._away_until = 0.0
        self._quiet_until = 0.0

    async def take(self, policy: Policy, subject: str) -> Standing | None:
        if time.monotonic() < self._away_until:
            return None
        try:
            return await self._windows.take(policy, subject)
        except (StorageError, OSError) as error:
            self._miss(error)
            return None

    async def close(self) -> None:
        await self._pool.aclose()

    def _miss(self, error: Exception) -> None:
        now = time.monotonic()
        self._away_until = now + _REST_SECONDS
        if now >= self._quiet_until:
            self._quiet_until = now + _LOG_SECONDS
            log.warning("rate_limits_not_counted", reason="redis", error=type(error.__cause__ or error).__name__)
