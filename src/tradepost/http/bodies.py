"""Strict input: a JSON object of known fields with the right types, or a problem that points at the field."""

import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from tradepost.core.errors import FieldError, ValidationFailed, invalid
from tradepost.core.texts import has_card_number, has_forbidden
from tradepost.http.problems import (
    BodyTooLarge,
    CardDataNotAllowed,
    EncodingNotSupported,
    MalformedJson,
    MalformedRequest,
    UnsupportedMediaType,
)

MAX_BODY = 1 << 20
MAX_DEPTH_MESSAGE = "The body is nested too deeply"
_MAX_QUERY_FIELDS = 50


class In(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A request body or query: unknown fields are refused."""


class Out(msgspec.Struct, rename="camel"):
    """An answer."""


Text = Annotated[str, Meta(min_length=1, max_length=200)]
Limit = Annotated[int, Meta(ge=1, le=100)]
Moment = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$(?!\n)",
        examples=["2026-11-01T00:00:00Z"],
    ),
]
"""An RFC 3339 time with its zone."""


class Amount(Decimal):
    """An amount of money as written: a JSON string or number of plain digits, read exactly, never through a float."""


_AMOUNT = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")


def _read_amount(kind: type, written: Any) -> Amount:  # noqa: ANN401 - any JSON value
    if kind is not Amount:
        msg = f"{kind} is not a type of the wire"
        raise NotImplementedError(msg)  # how a hook of msgspec says that a type is not its own
    if isinstance(written, str) and not _AMOUNT.fullmatch(written):
        msg = "Expected an amount such as `19.99`"
        raise ValueError(msg)
    if isinstance(written, bool) or not isinstance(written, str | int | Decimal):
        msg = f"Expected an amount, got `{type(written).__name__}`"
        raise TypeError(msg)
    return Amount(written)


Body = TypeVar("Body", bound=msgspec.Struct)
_MEMBER = re.compile(r"([A-Za-z]+)\[(.+)\]", re.DOTALL)
_MANY_DIGITS = re.compile(rb"\d(?:[ -]?\d){12}")
_FREE_TEXT = frozenset(
    "notes note text reason name firstName lastName company line1 line2 city description email".split()
)
"""Members of bodies into which people type what they like."""


async def read_body(receive: Any, headers: dict[bytes, bytes]) -> bytes:  # noqa: ANN401 - ASGI
    """The raw JSON body. Raises UnsupportedMediaType, EncodingNotSupported, BodyTooLarge (without reading on)."""
    check_content(headers.get(b"content-type", b""), headers.get(b"content-encoding"))
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced[:12]) > MAX_BODY:
        raise BodyTooLarge
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            msg = "The connection ended before the body did"
            raise MalformedRequest(msg)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            raise BodyTooLarge
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class Upload:
    """A body that is read piece by piece, so that it may be of any size; whoever reads it minds how much he takes."""

    def __init__(self, receive: Any, headers: dict[bytes, bytes], media: str) -> None:  # noqa: ANN401 - ASGI
        """Raises UnsupportedMediaType, EncodingNotSupported."""
        if headers.get(b"content-encoding") not in (None, b"identity"):
            raise EncodingNotSupported
        kind, _, _ = headers.get(b"content-type", b"").decode("latin-1").partition(";")
        if kind.strip().lower() != media:
            raise UnsupportedMediaType(f"Send {media}")
        self._receive = receive
        announced = headers.get(b"content-length", b"0")
        self.announced = int(announced[:18]) if announced.isdigit() else 0
        """How long the sender says that it is; 0 where he does not say."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises MalformedRequest where the connection ends first."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                msg = "The connection ended before the body did"
                raise MalformedRequest(msg)
            yield message.get("body", b"")
            if not message.get("more_body", False):
                return


def check_content(content_type: bytes, content_encoding: bytes | None) -> None:
    if content_encoding not in (None, b"identity"):
        raise EncodingNotSupported
    if content_type == b"application/json":
        return
    kind, _, parameters = content_type.decode("latin-1").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != "application/json" or charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType


@lru_cache(256)
def _decoder(kind: type[Body]) -> msgspec.json.Decoder[Body]:
    return msgspec.json.Decoder(kind, dec_hook=_read_amount, float_hook=Decimal)


def decode(raw: bytes, kind: type[Body]) -> Body:
    """A checked value of the body's type. Raises MalformedJson, ValidationFailed with a pointer to the field."""
    try:
        body = _decoder(kind).decode(raw)
    except msgspec.ValidationError as error:
        _refuse_duplicates(raw)
        raise refusal(error, "") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson(f"The body is not valid JSON: {error}") from None
    except RecursionError:
        raise MalformedJson(MAX_DEPTH_MESSAGE) from None
    _refuse_duplicates(raw)
    if b"\\u" in raw or not raw.isascii() or b"\x7f" in raw:
        _refuse_forbidden(msgspec.json.decode(raw), "")
    if _MANY_DIGITS.search(raw):
        _refuse_cards(msgspec.json.decode(raw), "", "")
    return body


def _refuse_cards(value: object, pointer: str, name: str) -> None:
    """Somebody types the number of his card into a note: it must not get into any table, log or mail of ours."""
    if isinstance(value, str) and name in _FREE_TEXT and has_card_number(value):
        detail = "has the number of a payment card: leave it out"
        raise CardDataNotAllowed(errors=[FieldError(pointer, CardDataNotAllowed.code, detail)])
    if isinstance(value, dict):
        for member, inner in value.items():
            _refuse_cards(inner, f"{pointer}/{_escaped(member)}", member)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            _refuse_cards(inner, f"{pointer}/{at}", name)


def decode_query(query_string: bytes, kind: type[Body]) -> Body:
    """The query as a checked value; unknown, repeated or ill-typed parameters are refused."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(query_string),
            errors="strict",
            max_num_fields=_MAX_QUERY_FIELDS,
        )
    except ValueError:
        raise invalid("?", "invalid_query", "is not a well-formed query string") from None
    fields: dict[str, Any] = {}
    members: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, value in pairs:
        if has_forbidden(value) or has_forbidden(name):
            raise invalid(f"?{name[:50]}", "invalid_character", "has a control character")
        member = _MEMBER.fullmatch(name)
        if member and member[1] in many_named(kind):
            members[member[1]][member[2]].append(value)
        elif name in fields or name in members:
            raise invalid(f"?{name[:50]}", "repeated_parameter", "is given more than once")
        else:
            fields[name] = value
    for name in members.keys() & fields.keys():
        raise invalid(f"?{name}", "repeated_parameter", "is given more than once")
    try:
        query = msgspec.convert(fields | members, kind, strict=False, dec_hook=_read_amount)
    except msgspec.ValidationError as error:
        raise refusal(error, "?") from None
    for field in msgspec.structs.fields(kind):
        if field.encode_name in fields and getattr(query, field.name) is None:
            raise invalid(f"?{field.encode_name}", "invalid_type", "is not a value of this parameter")
    return query


@lru_cache(256)
def many_named(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Parameters of a query with names of their own, `option[size]=M`; each of these may be given several times."""
    return frozenset(
        field.encode_name
        for field in msgspec.structs.fields(kind)
        if isinstance(msgspec.inspect.type_info(field.type), msgspec.inspect.DictType)
    )


def _refuse_duplicates(raw: bytes) -> None:
    try:
        _PAIRS.decode(raw.decode())
    except (UnicodeDecodeError, RecursionError, json.JSONDecodeError) as error:
        raise MalformedJson(f"The body is not valid JSON: {error}") from None
    except _DuplicateError as error:
        raise MalformedJson(f"The member {error} is given twice") from None


class _DuplicateError(ValueError):
    pass


def _no_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateError(json.dumps(next(name for name in names if names.count(name) > 1))[:80])


_PAIRS = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_int=len, parse_float=len)


def _refuse_forbidden(value: Any, pointer: str) -> None:  # noqa: ANN401 - any JSON
    match value:
        case str():
            if has_forbidden(value):
                raise invalid(pointer, "invalid_character", "has a control or invisible character")
        case dict():
            for name, inner in value.items():
                _refuse_forbidden(inner, f"{pointer}/{_escaped(name)}")
        case list():
            for at, inner in enumerate(value):
                _refuse_forbidden(inner, f"{pointer}/{at}")


_PATH = re.compile(r" - at (?:`key` in )?`\$(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")
_FIELD = re.compile(r"(missing required|contains unknown) field `(.*?)`")
_RANGE = re.compile(r"[<>]=? ?-?\d|length|out of range|multiple")


def refusal(error: msgspec.ValidationError, root: str) -> ValidationFailed:
    """The library's message as a pointer, a code and a sentence. `root` is `?` for a query."""
    message = str(error)
    at = _PATH.search(message)
    said = _PATH.sub("", message)
    pointer = "".join(f"/{_escaped(step[0] or step[1])}" for step in _STEP.findall(at[1])) if at else ""
    field = _FIELD.search(said)
    if field:
        pointer += f"/{_escaped(field[2])}"
        missing = field[1] == "missing required"
        code = "required" if missing else "unknown_parameter" if root else "unknown_field"
        said = "is missing" if missing else "is not known here"
    elif "matching regex" in said:
        code, said = "invalid_format", "does not have the right form"
    elif "Invalid enum value" in said or "Invalid value" in said:
        code, said = "invalid_value", said[0].lower() + said[1:]
    else:
        code = "out_of_range" if _RANGE.search(said) else "invalid_type"
        said = said[0].lower() + said[1:]
    return invalid(root + pointer.lstrip("/") if root else pointer, code, said)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")[:100]
