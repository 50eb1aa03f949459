"""What accounts look like on the wire."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from tradepost.accounts.model import Account, CustomerDraft, Powers, Role, Session, StaffRole
from tradepost.core import money
from tradepost.core.errors import invalid
from tradepost.http import Amount, In, Out, Text
from tradepost.mail import check_address

Email = Annotated[
    str, Meta(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$(?!\n)", examples=["ada@example.com"])
]
"""An address that mail can be sent to (RFC 5321 limits its length); whether somebody reads it, a mail finds out."""

Password = Annotated[str, Meta(min_length=1, max_length=1000)]
"""Exactly as typed: nothing is trimmed or normalised."""

Phone = Annotated[str, Meta(max_length=30)]
Token = Annotated[str, Meta(min_length=1, max_length=200)]
Permission = Annotated[str, Meta(pattern=r"^(\*|[a-z]+:[a-z]+)$(?!\n)", max_length=50)]


class CustomerIn(In, kw_only=True):
    email: Email
    first_name: Text
    last_name: Text
    phone: Phone | None = None


class RegisterIn(In, kw_only=True):
    email: Email
    password: Password
    first_name: Text
    last_name: Text
    phone: Phone | None = None
    date_of_birth: date | None = None


class LoginIn(In, kw_only=True):
    """`tokens`: in cookies for a browser, or in the body for a program that keeps them itself."""

    email: Annotated[str, Meta(min_length=1, max_length=254)]
    password: Password
    tokens: Annotated[str, Meta(pattern=r"^(cookie|body)$(?!\n)")] = "cookie"


class RefreshIn(In):
    """Without a token here, the cookie's is used, and the new one goes there."""

    refresh_token: Token | None = None


class VerifyIn(In):
    """`password`: a new one, needed where the link is opened by somebody who is not signed in to the account."""

    token: Token
    password: Password | None = None


class ForgotIn(In):
    email: Annotated[str, Meta(min_length=1, max_length=254)]


class ResetIn(In):
    token: Token
    password: Password


class PasswordIn(In):
    current_password: Password
    new_password: Password


class EmailIn(In):
    email: Email
    password: Password


class TokenIn(In):
    token: Token


class ProfilePatch(In, kw_only=True):
    """What is absent stays as it is."""

    first_name: Text | UnsetType = UNSET
    last_name: Text | UnsetType = UNSET
    phone: Phone | UnsetType | None = UNSET
    date_of_birth: date | UnsetType | None = UNSET


class AccountOut(Out):
    """`isPending`: somebody has registered with the address, and not shown yet that it is his."""

    id: UUID
    email: str
    first_name: str
    last_name: str
    phone: str | None
    date_of_birth: date | None
    role: Role
    staff_role_id: UUID | None
    is_active: bool
    email_verified: bool
    is_pending: bool
    version: int
    created_at: datetime
    updated_at: datetime


class SignedInOut(Out):
    """`csrfToken` goes into X-CSRF-Token of each request that changes something and is made with the cookies.

    Tokens are here only where they were asked for; `expiresIn`: the seconds of the access token.
    """

    account: AccountOut
    csrf_token: str
    expires_in: int
    access_token: str | None = None
    refresh_token: str | None = None


class MeOut(Out):
    account: AccountOut
    permissions: list[str]
    csrf_token: str | None


class SessionOut(Out):
    id: UUID
    user_agent: str
    address: str
    current: bool
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


class SessionsOut(Out):
    items: list[SessionOut]


class UserIn(In, kw_only=True):
    """`staffRoleId` is for role STAFF, which needs one."""

    email: Email
    first_name: Text
    last_name: Text
    phone: Phone | None = None
    role: Role = Role.STAFF
    staff_role_id: UUID | None = None


class UserPatch(In, kw_only=True):
    """What is absent stays as it is."""

    first_name: Text | UnsetType = UNSET
    last_name: Text | UnsetType = UNSET
    phone: Phone | UnsetType | None = UNSET
    role: Role | UnsetType = UNSET
    staff_role_id: UUID | UnsetType | None = UNSET
    is_active: bool | UnsetType = UNSET


class StaffRoleIn(In):
    """`refundLimit`: how much each person of the role may give back of one order; null is without limit."""

    name: Text
    permissions: Annotated[list[Permission], Meta(max_length=100)]
    refund_limit: Amount | None = None


class StaffRoleOut(Out):
    id: UUID
    name: str
    permissions: list[str]
    refund_limit: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class StaffRolesOut(Out):
    items: list[StaffRoleOut]


def draft_of(body: CustomerIn | RegisterIn | UserIn) -> CustomerDraft:
    """A person as entered; ValidationFailed for an address that no mail can go to, and for a name of spaces."""
    check_mailable(body.email)
    if not body.first_name.strip():
        raise invalid("/firstName", "required", "is empty")
    return CustomerDraft(body.email, body.first_name.strip(), body.last_name.strip(), body.phone)


def check_mailable(email: str) -> None:
    try:
        check_address(email)
    except ValueError as error:
        raise invalid("/email", "invalid_format", f"is no address for mail: {error}") from None


def account_out(account: Account) -> AccountOut:
    return AccountOut(
        id=account.id,
        email=account.email,
        first_name=account.first_name,
        last_name=account.last_name,
        phone=account.phone,
        date_of_birth=account.date_of_birth,
        role=account.role,
        staff_role_id=account.staff_role_id,
        is_active=account.is_active,
        email_verified=account.email_verified_at is not None,
        is_pending=account.is_pending,
        version=account.version,
        created_at=account.created_at,
        updated_at=account.updated_at,
    )


def session_out(session: Session, *, current: UUID | None) -> SessionOut:
    return SessionOut(
        session.id,
        session.user_agent,
        session.address,
        session.id == current,
        session.created_at,
        session.last_used_at,
        session.expires_at,
    )


def powers_in(body: StaffRoleIn, currency: str) -> Powers:
    limit = body.refund_limit
    units = None if limit is None else money.parse_field(limit, currency, pointer="/refundLimit")
    return Powers(frozenset(body.permissions), units)


def role_out(role: StaffRole, currency: str) -> StaffRoleOut:
    return StaffRoleOut(
        id=role.id,
        name=role.name,
        permissions=role.permissions,
        refund_limit=None if role.refund_limit is None else money.text(role.refund_limit, currency),
        version=role.version,
        created_at=role.created_at,
        updated_at=role.updated_at,
    )
