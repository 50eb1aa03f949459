"""A circuit breaker: who does not answer is left alone for a while, so that nobody waits for him."""

import time
from collections.abc import Callable

from tradepost.payments.provider import PaymentProviderUnavailable


class Breaker:
    """Opens after so many failures in a row. After some seconds one call is let through, and decides how it goes on."""

    def __init__(self, *, failures: int = 5, seconds: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0

    def check(self) -> None:
        """PaymentProviderUnavailable while it is open; nothing was asked then."""
        if self._failures < self._most:
            return
        if self._clock() < self._open_until:
            raise PaymentProviderUnavailable("The payment provider has not answered for a while")
        self._open_until = self._clock() + self._seconds

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= self._most:
            self._open_until = self._clock() + self._seconds
