import random

_FIRST, _LONGEST = 5.0, 3600.0


def backoff(attempts: int) -> float:
    """Seconds to the next attempt: twice as long each time, with jitter, so that not all come back at once."""
    longest = min(_FIRST * 2 ** min(attempts, 20), _LONGEST)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
