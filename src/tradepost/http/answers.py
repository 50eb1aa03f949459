from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

JSON = "application/json"
CSV = "text/csv"
Subject = tuple[UUID, UUID]
"""A store, and something of it."""
Mark = tuple[object, ...]
"""All of what an answer is about that can change, in a few values: as long as it is the same, so is the answer."""


class Answer:
    """A finished answer: what goes over the wire, and what an idempotency key keeps."""

    __slots__ = ("body", "content_type", "headers", "mark", "status")

    def __init__(
        self, status: int, body: bytes = b"", *, headers: list[tuple[str, str]] | None = None, content_type: str = JSON
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers or []
        self.content_type = content_type
        self.mark: tuple[Subject, Mark] | None = None
        """What it is about, and the mark of that when it was made."""

    @classmethod
    def json(cls, value: object, *, status: int = 200, headers: list[tuple[str, str]] | None = None) -> "Answer":
        return cls(status, msgspec.json.encode(value), headers=headers)

    def wire_headers(self) -> list[tuple[bytes, bytes]]:
        headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in self.headers]
        if self.body or self.status not in (204, 304):
            headers.append((b"content-type", self.content_type.encode()))
        return headers


class Streamed(Answer):
    """An answer that is sent as it is made, piece by piece, so that it may be of any length."""

    __slots__ = ("pieces",)

    def __init__(
        self, pieces: AsyncIterator[bytes], *, content_type: str, headers: list[tuple[str, str]] | None = None
    ) -> None:
        super().__init__(200, headers=headers, content_type=content_type)
        self.pieces = pieces

    @classmethod
    async def begun(
        cls, pieces: AsyncIterator[bytes], *, content_type: str, headers: list[tuple[str, str]] | None = None
    ) -> "Streamed":
        """The same with its first piece made already: what goes wrong by then is still a problem with a status."""
        first = await anext(pieces, b"")
        return cls(_behind(first, pieces), content_type=content_type, headers=headers)


async def _behind(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece
