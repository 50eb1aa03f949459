"""Pages of lists: by number, or by a signed keyset cursor that stays fast at any depth."""

import base64
import binascii
import hashlib
import hmac
from typing import Generic, TypeVar

import msgspec

from tradepost.core.errors import invalid

Item = TypeVar("Item")

EXACT_TOTAL_UP_TO = 10_000
_MAC_BYTES = 16


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """One page. `total` is exact up to EXACT_TOTAL_UP_TO and an estimate (at least so many) above it."""

    items: list[Item]
    total: int
    total_is_estimate: bool
    next_keys: list[object] | None
    """The sort key and id of the last item, where more may follow."""


class CursorSigner:
    """Turns the keys of a page's last item into an opaque cursor, bound to the filter and order it was made for."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hashlib.sha256(b"cursor\0" + secret).digest()

    def sign(self, keys: list[object], bound_to: str) -> str:
        body = msgspec.json.encode(keys)
        return base64.urlsafe_b64encode(self._mac(body, bound_to) + body).rstrip(b"=").decode()

    def open(self, cursor: str, bound_to: str) -> list[object]:
        """The keys; ValidationFailed where the cursor was not made here for the same filter and order."""
        refusal = invalid("?cursor", "invalid_cursor", "is not a cursor of this list with this filter and order")
        try:
            raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        except (binascii.Error, UnicodeEncodeError):
            raise refusal from None
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(body, bound_to)):
            raise refusal
        keys: list[object] = msgspec.json.decode(body)
        return keys

    def _mac(self, body: bytes, bound_to: str) -> bytes:
        return hmac.digest(self._secret, bound_to.encode() + b"\0" + body, "sha256")[:_MAC_BYTES]
