import hashlib
from datetime import datetime
from uuid import UUID

import msgspec

from tradepost.core.errors import Conflict, FieldError, Unauthenticated


class InvalidCredentials(Unauthenticated):
    """The key is unknown, revoked, or of another store: the three look the same."""

    title = "These credentials are not valid"


class EmailTaken(Conflict):
    """Another customer of this store has the address."""

    title = "A customer with this e-mail address exists"

    def __init__(self) -> None:
        super().__init__(errors=[FieldError("/email", "taken", "is the address of another customer")])


class CustomerDraft(msgspec.Struct, frozen=True):
    email: str
    first_name: str
    last_name: str
    phone: str | None = None


class Customer(msgspec.Struct, frozen=True):
    id: UUID
    email: str
    first_name: str
    last_name: str
    phone: str | None
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class ApiKey(msgspec.Struct, frozen=True):
    """`hint` is the beginning of the key, to tell keys apart; the key itself is not kept."""

    id: UUID
    name: str
    hint: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def hash_secret(secret: str) -> bytes:
    """How a random 256-bit secret is kept: a plain SHA-256 suffices, as there is nothing to guess."""
    return hashlib.sha256(secret.encode()).digest()
