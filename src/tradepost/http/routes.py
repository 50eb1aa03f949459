"""Operations: a function, what it takes and answers, and how it runs. One way in for each of them."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Literal, Protocol

import msgspec

from tradepost import idempotency
from tradepost.core.actors import Actor, ActorKind
from tradepost.core.background import Background
from tradepost.core.crash_points import crash_point
from tradepost.core.errors import Forbidden, ShopError, Unauthenticated
from tradepost.core.texts import normal_email
from tradepost.db import Tx
from tradepost.http.answers import JSON, Answer
from tradepost.http.asgi import Receive, Scope
from tradepost.http.bodies import Upload, decode, decode_query, read_body
from tradepost.http.call import Call, Services
from tradepost.http.csrf import SAFE, Csrf
from tradepost.http.keeping import Keeper
from tradepost.http.limits import Class, Limits
from tradepost.http.problems import IdempotencyKeyInvalid, IdempotencyKeyRequired, NotAcceptable
from tradepost.http.resources import Resource, Responder

BASE = "/api/v1"
PUBLIC = "public"
PERSON = "person"
_OR_PERSON = " or person"
_OR_OWNER = " or owner"
_MAX_KEY = 255
_DEFAULTS: dict[str, Any] = {
    "status": 200,
    "body": None,
    "query": None,
    "answer": None,
    "problems": (),
    "keyed": True,
}
_BODILESS = b""
_JSON_RANGES = frozenset({b"*/*", b"application/*", b"application/json", b"application/problem+json", b""})
_REFUSED = frozenset({b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"})

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Handler = Callable[..., Awaitable[Answer]]


class Identify(Protocol):
    async def __call__(self, headers: Mapping[bytes, bytes], *, cookies_too: bool = True) -> Actor: ...


class DryRunQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`dryRun`: the same answer as the real call, and nothing written."""

    dry_run: bool = False


class _NothingWritten(Exception):
    """Undoes the transaction of a dry run, and carries its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An operation without query parameters."""


class Operation(msgspec.Struct, frozen=True):
    """One thing that a client can ask for. Its documentation is its function's docstring, and so is its name.

    Where one function serves two methods, the second is given a name of its own.
    """

    name: str
    tag: str
    method: Method
    path: str
    handler: Handler
    run: "Runner"
    status: int
    body: type[msgspec.Struct] | None
    query: type[msgspec.Struct] | None
    answer: Any
    problems: tuple[type[ShopError], ...]
    keyed: bool
    limit: Class
    """What it counts as against rate limits; by default `read` for GET and `write` for the others."""
    example: Any = None
    signs_in: bool = False
    """Whether it begins or renews a session: cookies that it finds do not say who calls."""
    kept_unless: str | None = None
    """The answer is the same for all who lack this permission, and is kept for them for a moment."""
    also: int | None = None
    """Another status of the same answer: 202 where what was asked for may be under way, 200 where it may be there."""
    later: Any = None
    """What it answers with 202 where the caller prefers that (`Prefer: respond-async`)."""
    secured: bool = False
    """Whether TRADEPOST_REQUIRE_IDEMPOTENCY_KEY applies: it moves money or stock."""
    headers: tuple[str, ...] = ()
    """Headers that its answer depends on, beside those that all operations look at."""
    signature: str | None = None
    """The header with the signature of the body, which the handler then takes as it came, byte for byte."""
    takes: str | None = None
    """The media type of a body that is read piece by piece, as an Upload."""
    media: str = JSON
    """What it answers, where that is not a problem."""

    @property
    def summary(self) -> str:
        return (self.handler.__doc__ or self.name).strip().splitlines()[0]

    @property
    def description(self) -> str:
        return "\n".join(line.strip() for line in (self.handler.__doc__ or "").strip().splitlines())


def _for_all(_call: Call) -> str:
    return ""


class Gate(msgspec.Struct, frozen=True):
    """What stands before every operation of an application."""

    services: Services
    identify: Identify
    rights: Mapping[str, str]
    """Operation name to permission, PUBLIC, or PERSON for who has signed in. One that is not here does not start."""
    csrf: Csrf
    keeper: Keeper
    kept_for: Callable[[Call], str] = _for_all
    """What an answer depends on beside its address and its store: kept for one, it is not for another."""
    require_key: bool = False


class Runner(Protocol):
    async def __call__(self, operation: Operation, call: Call, arguments: dict[str, Any]) -> Answer: ...


class Routes:
    """The operations of one area. `get` reads; `write` gets a transaction; `act` sees to its own."""

    def __init__(self, tag: str, description: str) -> None:
        self.tag = tag
        self.description = description
        self.operations: list[Operation] = []

    def get(self, path: str, **what: Any) -> Callable[[Handler], Handler]:  # noqa: ANN401 - fields of Operation
        """An operation that changes nothing: `handler(call, query=…)`."""
        return self._add("GET", path, _read, what | {"keyed": False})

    def write(self, method: Method, path: str, **what: Any) -> Callable[[Handler], Handler]:  # noqa: ANN401
        """An operation in one transaction, together with its idempotency key's answer: `handler(call, tx, body=…)`."""
        return self._add(method, path, _write, what)

    def act(self, method: Method, path: str, **what: Any) -> Callable[[Handler], Handler]:  # noqa: ANN401
        """An operation that opens its own transactions and honours `call.claim` itself: `handler(call, body=…)`."""
        return self._add(method, path, _read, what)

    def _add(self, method: Method, path: str, run: Runner, what: dict[str, Any]) -> Callable[[Handler], Handler]:
        fields = _DEFAULTS | {"limit": "read" if method == "GET" else "write"} | what

        def add(handler: Handler) -> Handler:
            named: dict[str, Any] = {"name": handler.__name__} | fields
            self.operations.append(
                Operation(tag=self.tag, method=method, path=BASE + path, handler=handler, run=run, **named)
            )
            return handler

        return add


async def _read(operation: Operation, call: Call, arguments: dict[str, Any]) -> Answer:
    return await operation.handler(call, **arguments)


async def _write(operation: Operation, call: Call, arguments: dict[str, Any]) -> Answer:
    if getattr(arguments.get("query"), "dry_run", False):
        return await _dry_run(operation, call, arguments)

    async def unit(tx: Tx) -> Answer:
        call.afterwards.clear()
        if call.claim is None:
            return await operation.handler(call, tx, **arguments)
        kept = await idempotency.begin(tx, call.claim)
        if kept is not None:
            return replayed(kept)
        answer = await operation.handler(call, tx, **arguments)
        await idempotency.insert(tx, call.claim, status=answer.status, headers=answer.headers, body=answer.body)
        return answer

    answer = await call.db.write(unit)
    for what, work in call.afterwards:
        call.service(Background).run(what, work())
    return answer


async def _dry_run(operation: Operation, call: Call, arguments: dict[str, Any]) -> Answer:
    async def unit(tx: Tx) -> Answer:
        raise _NothingWritten(await operation.handler(call, tx, **arguments))

    try:
        return await call.db.write(unit)
    except _NothingWritten as undone:
        return undone.answer


def replayed(kept: idempotency.StoredAnswer) -> Answer:
    """The same answer again, marked as such."""
    return Answer(kept.status, kept.body, headers=[*kept.headers, ("idempotency-replayed", "true")])


def resources(operations: Sequence[Operation], gate: Gate) -> list[Resource]:
    """What is at each address. KeyError, at start, for an operation that has no entry in the table of rights."""
    missing = sorted(operation.name for operation in operations if operation.name not in gate.rights)
    if missing:
        msg = f"No right is given for {', '.join(missing)}: add a line to app/rights.py"
        raise KeyError(msg)
    addresses: defaultdict[str, dict[str, Responder]] = defaultdict(dict)
    for operation in operations:
        addresses[operation.path][operation.method] = _responder(operation, gate)
    return [Resource(path, responders) for path, responders in addresses.items()]


def _responder(operation: Operation, gate: Gate) -> Responder:
    permission = gate.rights[operation.name]

    async def respond(scope: Scope, receive: Receive) -> Answer:
        scope["operation"] = operation.name
        return await _respond(operation, gate, permission, scope, receive)

    return respond


async def _respond(operation: Operation, gate: Gate, permission: str, scope: Scope, receive: Receive) -> Answer:
    headers: dict[bytes, bytes] = scope["request_headers"]
    if not _accepts(headers.get(b"accept", b"*/*"), operation.media):
        raise NotAcceptable(f"This resource is {operation.media} only")
    actor = await _identify(operation, gate, scope)
    if actor.by_cookie and operation.method not in SAFE and actor.session_id:
        gate.csrf.check(headers, actor.session_id)
    _check_permission(permission, actor)
    call = Call(scope, headers, gate.services, actor)
    if operation.kept_unless is None:
        return await _run(operation, gate, call, receive)
    if actor.may(operation.kept_unless):
        answer = await _run(operation, gate, call, receive)
    else:
        key = f"{actor.store_id}/{gate.kept_for(call)}{call.path}?{call.query}"
        answer = await gate.keeper.answer(key, lambda: _run(operation, gate, call, receive))
    return _not_modified(answer, headers) or answer


async def _run(operation: Operation, gate: Gate, call: Call, receive: Receive) -> Answer:
    arguments: dict[str, Any] = {}
    if operation.query is not None:
        arguments["query"] = decode_query(call.query, operation.query)
    elif call.query:
        decode_query(call.query, NoQuery)
    if operation.body is not None:
        arguments["body"] = decode(await read_body(receive, call.headers), operation.body)
    elif operation.signature is not None:
        arguments["body"] = await read_body(receive, call.headers)
    elif operation.takes is not None:
        arguments["body"] = Upload(receive, call.headers, operation.takes)
    if operation.keyed:
        call.claim = _claim(operation, call, gate, arguments["body"] if operation.body is not None else None)
    answer = await operation.run(operation, call, arguments)
    if call.claim is not None:
        crash_point("before_answer")
    return answer


def _not_modified(answer: Answer, headers: Mapping[bytes, bytes]) -> Answer | None:
    """The answer to a caller who has it already (RFC 9110, 13.1.2 and 15.4.5); None where he does not."""
    known = headers.get(b"if-none-match")
    if known is None or answer.status != HTTPStatus.OK:
        return None
    tag = next((value for name, value in answer.headers if name == "etag"), None)
    if tag is None or not _names(known.decode("latin-1"), tag):
        return None
    return Answer(304, headers=answer.headers)


def _names(known: str, tag: str) -> bool:
    """Whether an If-None-Match names a tag; a weak one counts as well."""
    return known.strip() == "*" or tag in (one.strip().removeprefix("W/") for one in known.split(","))


async def _identify(operation: Operation, gate: Gate, scope: Scope) -> Actor:
    """Who calls, counted. Whoever shows a wrong key or token is counted as the guest that he is; then RateLimited."""
    limits = gate.services.get(Limits)
    try:
        actor = await gate.identify(scope["request_headers"], cookies_too=not operation.signs_in)
    except Unauthenticated:
        await limits.count_address(operation.limit, scope)
        raise
    await limits.count(operation.limit, actor, scope)
    return actor


def or_person(permission: str) -> str:
    """For operations that show all to those with the permission, and to people what is their own."""
    return permission + _OR_PERSON


def or_owner(permission: str) -> str:
    """For operations on one thing that those with the permission, and its owner, may do; all others do not find it."""
    return permission + _OR_OWNER


def is_open(right: str) -> bool:
    """Whether nobody is turned away at the door; what he then may see is decided by what is in the query."""
    return right == PUBLIC or right.endswith(_OR_OWNER)


def _check_permission(right: str, actor: Actor) -> None:
    """Unauthenticated for nobody, Forbidden for somebody who may not."""
    if is_open(right):
        return
    permission = right.removesuffix(_OR_PERSON)
    if actor.session_id is not None and (permission == PERSON or permission != right):
        return
    if permission == PERSON:
        raise Unauthenticated
    if not actor.may(permission):
        raise Forbidden(f"This needs the permission {permission}") if actor.id else Unauthenticated


@lru_cache(256)
def _accepts(accept: bytes, media: str) -> bool:
    """Whether a media type is among what a caller accepts (RFC 9110, 12.5.1); a range with q=0 is refused."""
    ranges = [part.replace(b" ", b"").lower().split(b";") for part in accept.split(b",")]
    return any(
        kind in _ranges(media) and not any(parameter in _REFUSED for parameter in parameters)
        for kind, *parameters in ranges
    )


def _ranges(media: str) -> frozenset[bytes]:
    if media == JSON:
        return _JSON_RANGES
    return frozenset({b"*/*", media.encode(), media.partition("/")[0].encode() + b"/*", b""})


def _caller(actor: Actor, body: msgspec.Struct | None) -> str:
    """Guests have nothing but their address to tell them apart, so that two may happen on the same key."""
    if actor.kind is not ActorKind.GUEST:
        return actor.caller
    return f"{actor.caller}{normal_email(getattr(body, 'email', None) or '')}"


def _claim(operation: Operation, call: Call, gate: Gate, body: msgspec.Struct | None) -> idempotency.Claim | None:
    raw = call.headers.get(b"idempotency-key")
    if raw is None:
        if gate.require_key and operation.secured:
            raise IdempotencyKeyRequired
        return None
    key = raw.decode("latin-1")
    if not (0 < len(key) <= _MAX_KEY and key.isascii() and key.isprintable() and " " not in key):
        raise IdempotencyKeyInvalid
    said = msgspec.json.encode(body, enc_hook=str) if body is not None else _BODILESS
    return idempotency.claim(
        store_id=call.actor.store_id,
        caller=_caller(call.actor, body),
        route=f"{operation.method} {call.path}",
        key=key,
        said=said + call.headers.get(b"if-match", b""),
    )
