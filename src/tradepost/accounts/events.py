from uuid import UUID

from tradepost.events import Fact


class CustomerCreated(Fact, frozen=True):
    subject_type = "customer"


class AccountRegistered(Fact, frozen=True):
    subject_type = "account"


class AccountCreated(Fact, frozen=True):
    """Somebody who works here was let in."""

    subject_type = "account"
    role: str


class AccountChanged(Fact, frozen=True):
    """Names of fields, not what is in them."""

    subject_type = "account"
    fields: list[str]


class AccountVerified(Fact, frozen=True):
    subject_type = "account"


class AccountPasswordChanged(Fact, frozen=True):
    """`by`: the owner, who knew the old one, or a mail."""

    subject_type = "account"
    by: str


class AccountEmailChanged(Fact, frozen=True):
    subject_type = "account"


class SessionOpened(Fact, frozen=True):
    subject_type = "session"
    account_id: UUID


class SessionEnded(Fact, frozen=True):
    subject_type = "session"
    because: str


class SessionReused(Fact, frozen=True):
    """A used refresh token came again; the session ended."""

    subject_type = "session"
    account_id: UUID


class StaffRoleChanged(Fact, frozen=True):
    """`refund_limit` in minor units of the store's currency; None is without limit."""

    subject_type = "staff_role"
    name: str
    permissions: list[str]
    refund_limit: int | None


class StaffRoleDeleted(Fact, frozen=True):
    subject_type = "staff_role"


class ApiKeyCreated(Fact, frozen=True):
    subject_type = "api_key"
    name: str
    scopes: list[str]


class ApiKeyRevoked(Fact, frozen=True):
    subject_type = "api_key"
