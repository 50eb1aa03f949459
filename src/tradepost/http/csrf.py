"""Requests that a browser sends with a cookie although another site made it do so (OWASP: CSRF prevention)."""

import base64
import hmac
from collections.abc import Mapping
from uuid import UUID

from tradepost.core.errors import Forbidden

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class CsrfFailed(Forbidden):
    """The request has a cookie and does not show that it comes from a page of ours."""

    title = "This request may come from another site"


class Csrf:
    """Asks for two things: that the browser names a site of ours, and a token that only our pages can know."""

    def __init__(self, secret: bytes, *, origins: frozenset[str]) -> None:
        self._secret = secret
        self._origins = frozenset(origin.lower().encode() for origin in origins)

    def token_of(self, session_id: UUID) -> str:
        """Made of the session: nothing to keep, and nothing worth in another one."""
        mac = hmac.digest(self._secret, b"csrf\0" + session_id.bytes, "sha256")
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    def check(self, headers: Mapping[bytes, bytes], session_id: UUID) -> None:
        """CsrfFailed for an unsafe request by cookie that lacks either."""
        self.check_site(headers)
        given = headers.get(b"x-csrf-token", b"")
        if not hmac.compare_digest(given, self.token_of(session_id).encode()):
            msg = "X-CSRF-Token is missing or not of this session: GET /api/v1/auth/me has it"
            raise CsrfFailed(msg)

    def check_site(self, headers: Mapping[bytes, bytes]) -> None:
        """Browsers say where a request comes from, and no page can make them say something else."""
        site = headers.get(b"sec-fetch-site")
        if site == b"same-origin":
            return
        if headers.get(b"origin", b"").lower() not in self._origins:
            msg = "Sec-Fetch-Site is not same-origin, and Origin is none of this installation"
            raise CsrfFailed(msg)
