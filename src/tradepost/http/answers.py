import msgspec

JSON = "application/json"


class Answer:
    """A finished answer: what goes over the wire, and what an idempotency key keeps."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self, status: int, body: bytes = b"", *, headers: list[tuple[str, str]] | None = None, content_type: str = JSON
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers or []
        self.content_type = content_type

    @classmethod
    def json(cls, value: object, *, status: int = 200, headers: list[tuple[str, str]] | None = None) -> "Answer":
        return cls(status, msgspec.json.encode(value), headers=headers)

    def wire_headers(self) -> list[tuple[bytes, bytes]]:
        headers = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in self.headers]
        if self.body or self.status not in (204, 304):
            headers.append((b"content-type", self.content_type.encode()))
        return headers
