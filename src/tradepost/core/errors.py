"""What can go wrong, in the words of the shop. `http` maps each kind to a status, once.

The class name is the machine's code: `InsufficientStock` is `insufficient_stock`.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong with the input. `pointer` is a JSON pointer (RFC 6901) into the body, or `?name` in the query."""

    pointer: str
    code: str
    detail: str


class ShopError(Exception):
    """A refusal with a reason that the caller can act on. Nothing was written."""

    code: ClassVar[str] = "shop_error"
    title: ClassVar[str] = "Refused"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in cls.__dict__:
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(
        self, detail: str = "", *, errors: Sequence[FieldError] = (), extra: dict[str, Any] | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.extra = extra or {}
        """Further members of the problem, in wire names: facts that help the caller to go on."""


class NotFound(ShopError):
    """There is no such thing, or it is somebody else's: the two look the same."""

    title = "Not found"


class Invalid(ShopError):
    """The input was understood and makes no sense."""

    title = "The request is not valid"


class Forbidden(ShopError):
    """The caller is known and may not do this."""

    title = "You may not do this"


class Conflict(ShopError):
    """The input makes sense, but not in the present state of things."""

    title = "Not possible in the present state"


class Unauthenticated(ShopError):
    """It is not known who calls."""

    title = "Who are you?"


class Unavailable(ShopError):
    """Not now: try again in `retry_after` seconds. Whether a write took effect is found out by its idempotency key."""

    title = "Not available at this moment"
    retry_after: ClassVar[int] = 1


class RateLimited(ShopError):
    """Too often in a short time: come back in `retry_after` seconds."""

    title = "Too many requests; try again later"

    def __init__(self, detail: str = "", *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ValidationFailed(Invalid):
    """One or more fields are not valid; `errors` names each."""

    title = "The request is not valid"


class ReferenceNotFound(Invalid):
    """A field names a thing that does not exist here."""

    title = "A reference leads nowhere"


class Stale(ShopError):
    """Somebody changed it since it was read (If-Match)."""

    code = "stale_version"
    title = "It has changed since you read it"


def invalid(pointer: str, code: str, detail: str) -> ValidationFailed:
    """A ValidationFailed of one field."""
    return ValidationFailed(f"{pointer or 'The body'}: {detail}", errors=[FieldError(pointer, code, detail)])


def check_version(present: int, expected: int | None) -> None:
    """Stale, with the present version, where another one was expected."""
    if expected not in (None, present):
        raise Stale(extra={"currentVersion": present, "currentEtag": f'"v{present}"'})
