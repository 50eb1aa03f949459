"""Stripe's signatures on its messages: `t=…,v1=…`, HMAC-SHA256 of time, dot and body as they came."""

import hashlib
import hmac
import re
from collections.abc import Sequence

from tradepost.http.problems import MalformedRequest

TOLERANCE_SECONDS = 300
_MOST_HEADER = 1000
_TIME = re.compile(r"\d{1,15}")
_HEX = re.compile(r"[0-9a-f]{64}")


class SignatureInvalid(MalformedRequest):
    """Nobody who knows the secret has signed this body."""

    title = "The signature is not valid"


class SignatureExpired(MalformedRequest):
    """It was signed too long ago: somebody may be sending it again."""

    title = "The signature is too old"


def sign(body: bytes, secret: str, *, at: int) -> str:
    """The header for a body at a Unix time in seconds."""
    return f"t={at},v1={_mac(body, secret, str(at))}"


def check(header: str, body: bytes, secrets: Sequence[str], *, now: int) -> None:
    """Raises SignatureInvalid, SignatureExpired. Each secret and signature is compared, in constant time."""
    parts = [part.partition("=") for part in header.split(",")] if len(header) <= _MOST_HEADER else []
    times = [value for name, _, value in parts if name.strip() == "t" and _TIME.fullmatch(value)]
    given = [value for name, _, value in parts if name.strip() == "v1" and _HEX.fullmatch(value)]
    if len(times) != 1:
        raise SignatureInvalid
    wanted = [_mac(body, secret, times[0]) for secret in secrets]
    good = [hmac.compare_digest(one, other) for one in wanted for other in given]
    if not any(good):
        raise SignatureInvalid
    if abs(now - int(times[0])) > TOLERANCE_SECONDS:
        raise SignatureExpired


def _mac(body: bytes, secret: str, time: str) -> str:
    return hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
