"""Which web pages of other origins may call this API from a browser, with its cookies (the Fetch standard, 3.3)."""

from collections.abc import Mapping

from tradepost.http.answers import Answer

_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_ACCEPTED = (
    "content-type, authorization, x-api-key, idempotency-key, if-match, x-csrf-token, x-order-token, x-cart-token, "
    "x-request-id, x-market, x-country"
)
_EXPOSED = b"etag, location, idempotency-replayed, retry-after, ratelimit, ratelimit-policy, x-request-id"
_SECONDS = 600


class Cors:
    """The rules for these origins, each written as a browser writes it: `https://shop.example`.

    A page of another origin is told nothing at all, and its browser keeps the answer from it.
    """

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def preflight(self, method: str, headers: Mapping[bytes, bytes]) -> Answer | None:
        """The answer to a browser that asks before it sends a request; None where this is no such question."""
        asks = method == "OPTIONS" and b"access-control-request-method" in headers
        if not (asks and headers.get(b"origin") in self._origins):
            return None
        return Answer(
            204,
            headers=[
                ("access-control-allow-methods", _METHODS),
                ("access-control-allow-headers", _ACCEPTED),
                ("access-control-max-age", str(_SECONDS)),
            ],
        )

    def fields(self, headers: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        """What every answer says. `Vary` always: what is kept for one origin must not be shown to another."""
        if not self._origins:
            return []
        vary = (b"vary", b"Origin")
        origin = headers.get(b"origin")
        if origin not in self._origins:
            return [vary]
        return [
            vary,
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", _EXPOSED),
        ]
