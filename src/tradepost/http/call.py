import re
from collections.abc import Callable, Coroutine
from hashlib import blake2b
from typing import Any, TypeVar
from uuid import UUID

from tradepost.core.actors import Actor
from tradepost.core.errors import NotFound, Stale, Unauthenticated, invalid
from tradepost.core.pages import CursorSigner
from tradepost.db import Database
from tradepost.http.answers import Answer
from tradepost.http.clients import Clients
from tradepost.http.csrf import SAFE
from tradepost.idempotency import Claim

Service = TypeVar("Service")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Services:
    """The long-lived things of one process, found by their type; wired once at start."""

    def __init__(self, db: Database, cursors: CursorSigner, *others: object) -> None:
        self.db = db
        self.cursors = cursors
        self._others: dict[type, object] = {type(other): other for other in others}

    def get(self, kind: type[Service]) -> Service:
        found = self._others[kind]
        assert isinstance(found, kind)  # noqa: S101 - for the type checker; the key is the type
        return found


class Call:
    """One request, after its caller was established and before anything was read or written for it."""

    __slots__ = ("_scope", "_services", "actor", "afterwards", "claim", "headers", "request_id")

    def __init__(self, scope: Any, headers: dict[bytes, bytes], services: Services, actor: Actor) -> None:  # noqa: ANN401
        self._scope = scope
        self._services = services
        self.headers = headers
        self.actor = actor
        self.request_id: str = scope["request_id"]
        self.claim: Claim | None = None
        """The caller's idempotency key, in operations that see to their own transaction."""
        self.afterwards: list[tuple[str, Callable[[], Coroutine[Any, Any, object]]]] = []
        """What is begun after the commit of an operation in one transaction, and not waited for, each with a name."""

    @property
    def db(self) -> Database:
        return self._services.db

    @property
    def person(self) -> UUID:
        """The account that has signed in; in operations whose right is PERSON there is one."""
        if self.actor.session_id is None or self.actor.id is None:
            raise Unauthenticated
        return self.actor.id

    @property
    def cursors(self) -> CursorSigner:
        return self._services.cursors

    @property
    def path(self) -> str:
        return self._scope["path"]

    @property
    def is_safe(self) -> bool:
        """Whether it changes nothing (RFC 9110, 9.2.1)."""
        return self._scope["method"] in SAFE

    @property
    def query(self) -> bytes:
        """As it came."""
        return self._scope["query_string"]

    @property
    def client(self) -> str:
        """The address from which the request comes, as text; see `http/clients.py` for whose word is believed."""
        return self._services.get(Clients).address(self._scope)

    def service(self, kind: type[Service]) -> Service:
        return self._services.get(kind)

    def param(self, name: str) -> str:
        return self._scope["path_params"][name]

    def id(self, name: str) -> UUID:
        """A path parameter as an id; NotFound where it cannot be one."""
        text = self.param(name)
        if not _UUID.fullmatch(text):
            raise NotFound
        return UUID(text)

    def expected_version(self) -> int | None:
        """The version that If-Match asks for; None where any will do. Stale for an ETag that is none of ours."""
        tag = self.headers.get(b"if-match")
        if tag is None or tag == b"*":
            return None
        match = re.fullmatch(rb'"v(\d{1,9})"', tag)
        if not match:
            raise Stale
        return int(match[1])

    @property
    def prefers_later(self) -> bool:
        """Whether the caller would rather have 202 at once (RFC 7240, 4.1)."""
        wanted = (self.header(b"prefer") or "").split(",")
        return any(one.partition(";")[0].strip().lower() == "respond-async" for one in wanted)

    @staticmethod
    def json(value: object, *, status: int = 200, headers: list[tuple[str, str]] | None = None) -> Answer:
        """A personal answer: it is not to be kept by anybody on the way."""
        return Answer.json(value, status=status, headers=[("cache-control", "no-store"), *(headers or [])])

    def header(self, name: bytes, *, most: int = 1000) -> str | None:
        """A header of printable ASCII as text."""
        raw = self.headers.get(name)
        if raw is None:
            return None
        text = raw.decode("latin-1")
        if len(text) > most or not (text.isascii() and text.isprintable()):
            raise invalid("", "invalid_character", f"The header {name.decode()} has characters it may not have")
        return text


def content_etag(body: bytes) -> tuple[str, str]:
    """Of an answer that changes without its subject's version, as when a product is sold."""
    return ("etag", f'"{blake2b(body, digest_size=12).hexdigest()}"')


def etag(version: int) -> tuple[str, str]:
    return ("etag", f'"v{version}"')
