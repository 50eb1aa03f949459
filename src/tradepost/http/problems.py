"""Problem details (RFC 9457): the one error format, and the one place where an error becomes a status."""

import msgspec

from tradepost.core.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    ShopError,
    Stale,
    Unauthenticated,
    Unavailable,
)
from tradepost.http.answers import Answer

PROBLEM_JSON = "application/problem+json"


class MalformedRequest(ShopError):
    """It could not be read at all."""

    title = "The request cannot be read"


class MalformedJson(MalformedRequest):
    """The body is not one JSON value, or an object names a member twice."""

    title = "The body is not valid JSON"


class IdempotencyKeyInvalid(MalformedRequest):
    """The key is not 1 to 255 visible ASCII characters."""

    title = "Idempotency-Key must be 1 to 255 visible ASCII characters"


class IdempotencyKeyRequired(MalformedRequest):
    """This installation demands a key on writes of money and stock."""

    title = "This request needs an Idempotency-Key"


class InvalidHost(MalformedRequest):
    """The Host header names no host of this installation."""

    title = "This host is not served here"


class BodyTooLarge(ShopError):
    """Over a mebibyte."""

    title = "The body is larger than 1 MiB"


class CardDataNotAllowed(Invalid):
    """Somebody has typed the number of a payment card where it does not belong. It was not kept."""

    title = "The number of a payment card does not belong here"


class UnsupportedMediaType(ShopError):
    """Not JSON, or not CSV where a file is wanted."""

    title = "Send application/json"


class EncodingNotSupported(ShopError):
    """A compressed body."""

    title = "Send the body uncompressed"


class NotAcceptable(ShopError):
    """The caller takes nothing of what there is: JSON, or CSV of an export."""

    title = "This resource is not to be had in that form"


class MethodNotAllowed(ShopError):
    """The resource exists, without this method. `allow` names those that it has."""

    title = "The method is not supported here"

    def __init__(self, *, allow: str) -> None:
        super().__init__()
        self.allow = allow


class InternalError(ShopError):
    """Our fault. The request id finds the reason in the log."""

    title = "Something went wrong on our side"


STATUSES: dict[type[ShopError], int] = {
    MalformedRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    NotAcceptable: 406,
    Conflict: 409,
    Stale: 412,
    BodyTooLarge: 413,
    UnsupportedMediaType: 415,
    EncodingNotSupported: 415,
    Invalid: 422,
    RateLimited: 429,
    InternalError: 500,
    Unavailable: 503,
}


class Problem(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """RFC 9457 problem details. `code` is stable and is for programs; `title` and `detail` are for people."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: tuple[FieldError, ...] = ()


def status_of(kind: type[ShopError]) -> int:
    """The status of an error, by its nearest ancestor in STATUSES."""
    return next(STATUSES[base] for base in kind.__mro__ if base in STATUSES)


def answer_of(error: ShopError, *, instance: str, request_id: str) -> Answer:
    status = status_of(type(error))
    problem = Problem(
        type=f"urn:tradepost:problem:{error.code}",
        title=error.title,
        status=status,
        detail=error.detail,
        instance=instance,
        code=error.code,
        request_id=request_id,
        errors=error.errors,
    )
    members = msgspec.to_builtins(problem) | msgspec.to_builtins(error.extra)
    headers = [("cache-control", "no-store")]
    if isinstance(error, Unavailable | RateLimited):
        headers.append(("retry-after", str(error.retry_after)))
    if isinstance(error, Conflict) and error.code == "idempotency_in_flight":
        headers.append(("retry-after", "1"))
    if isinstance(error, MethodNotAllowed):
        headers.append(("allow", error.allow))
    if isinstance(error, Unauthenticated):
        headers.append(("www-authenticate", 'Bearer realm="tradepost"'))
    return Answer(status, msgspec.json.encode(members), headers=headers, content_type=PROBLEM_JSON)
