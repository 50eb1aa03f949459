"""Accounts as values: who signs in, what a mail proves, what a role may do."""

import base64
import hashlib
import secrets
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from tradepost.core.actors import EVERYTHING, Actor
from tradepost.core.errors import Conflict, FieldError, Forbidden, Unauthenticated, invalid
from tradepost.http.problems import MalformedRequest

_GIVES_BACK = frozenset({EVERYTHING, "orders:refund", "orders:edit"})


class InvalidCredentials(Unauthenticated):
    """A key, a password or an address is wrong: which one, nobody is told."""

    title = "These credentials are not valid"


class InvalidToken(Unauthenticated):
    """The access token is not one of ours, or has run out: refresh it."""

    title = "This token is not valid"


class SessionRevoked(Unauthenticated):
    """The session was ended: by logout, a change of password or role, or by its owner on another device."""

    title = "This session has ended"


class TokenInvalid(MalformedRequest):
    """A link from a mail is unknown, used, too old, or not for this account: all look the same."""

    title = "This link is not valid any more"


class EmailTaken(Conflict):
    """Another account of this store has the address."""

    title = "An account with this e-mail address exists"

    def __init__(self) -> None:
        super().__init__(errors=[FieldError("/email", "taken", "is the address of another account")])


class PrivilegeEscalation(Forbidden):
    """Nobody gives what he does not have, or changes somebody who has more."""

    title = "You cannot give, or take from, more than you may do yourself"


class LastAdmin(Conflict):
    """A store keeps at least one administrator who can sign in."""

    title = "This is the last administrator"


class Role(StrEnum):
    CLIENT = "CLIENT"
    STAFF = "STAFF"
    ADMIN = "ADMIN"


class CustomerDraft(msgspec.Struct, frozen=True):
    email: str
    first_name: str
    last_name: str
    phone: str | None = None


class Account(msgspec.Struct, frozen=True, rename="camel"):
    """A person: a customer (CLIENT) or somebody who works here."""

    id: UUID
    email: str
    first_name: str
    last_name: str
    phone: str | None
    date_of_birth: date | None
    role: Role
    staff_role_id: UUID | None
    is_active: bool
    is_pending: bool
    email_verified_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class Powers(msgspec.Struct, frozen=True):
    """What somebody may do. `refund_limit`: see `Actor`."""

    permissions: frozenset[str]
    refund_limit: int | None = None

    def cover(self, others: "Powers") -> bool:
        """Whether these are all of the others, or more. Without a permission to give back, no limit means nothing."""
        if EVERYTHING not in self.permissions and not others.permissions <= self.permissions:
            return False
        if self.refund_limit is None:
            return True
        if others.refund_limit is None:
            return not others.permissions & _GIVES_BACK
        return others.refund_limit <= self.refund_limit


class StaffRole(msgspec.Struct, frozen=True):
    """What somebody of this role may do. `refund_limit`: see `Actor`."""

    id: UUID
    name: str
    permissions: list[str]
    refund_limit: int | None
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def powers(self) -> Powers:
        return Powers(frozenset(self.permissions), self.refund_limit)


class Session(msgspec.Struct, frozen=True):
    """A sign-in on one device."""

    id: UUID
    user_agent: str
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


class Device(msgspec.Struct, frozen=True):
    """From where somebody signs in: as he says, and as we see."""

    user_agent: str
    address: str


class ApiKey(msgspec.Struct, frozen=True):
    """`hint` is the beginning of the key, to tell keys apart; the key itself is not kept."""

    id: UUID
    name: str
    hint: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    market_id: UUID | None = None
    """The market that its calls are made in, where they name no other."""


class Purpose(StrEnum):
    """What a secret in a mail is good for."""

    VERIFY = "verify"
    RESET = "reset"
    CHANGE = "change"


def new_secret() -> str:
    """256 random bits, as they travel in a cookie or a link."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def hash_secret(secret: str) -> bytes:
    """How a random 256-bit secret is kept: a plain SHA-256 suffices, as there is nothing to guess."""
    return hashlib.sha256(secret.encode()).digest()


def check_name(account: Account) -> None:
    """ValidationFailed for a first name of spaces."""
    if not account.first_name.strip():
        raise invalid("/firstName", "required", "is empty")


def check_grant(actor: Actor, powers: Powers) -> None:
    """PrivilegeEscalation where somebody gives, or touches somebody with, more than he may do himself."""
    if not Powers(actor.permissions, actor.refund_limit).cover(powers):
        raise PrivilegeEscalation


def powers_of(role: Role, staff_role: Powers | None) -> Powers:
    """ADMIN may do everything, STAFF what the staff role says, CLIENT nothing but what is his own."""
    if role is Role.ADMIN:
        return Powers(frozenset([EVERYTHING]))
    return staff_role if role is Role.STAFF and staff_role else Powers(frozenset())
