"""Those who work here: let in, given roles, and shown out. Nobody gives or takes more than he may do himself."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost.accounts import proving
from tradepost.accounts.events import AccountChanged, AccountCreated, StaffRoleChanged, StaffRoleDeleted
from tradepost.accounts.mails import AccountMails
from tradepost.accounts.model import (
    Account,
    CustomerDraft,
    LastAdmin,
    Powers,
    Purpose,
    Role,
    StaffRole,
    check_grant,
    check_name,
    powers_of,
)
from tradepost.accounts.passwords import hash_now
from tradepost.accounts.store import people, roles, sessions
from tradepost.core.actors import Actor
from tradepost.core.changes import applied, differing
from tradepost.core.errors import FieldError, Forbidden, ReferenceNotFound, check_version, invalid
from tradepost.core.ids import uuid7
from tradepost.db import Database, Tx
from tradepost.events import publish
from tradepost.stores import Store

_INVITATION_HOURS = 72
_CUSTOMERS = "customers:write"


async def create_user(tx: Tx, draft: CustomerDraft, *, role: Role, staff_role_id: UUID | None, actor: Actor) -> Account:
    """Somebody who works here.

    Raises EmailTaken, PrivilegeEscalation, ReferenceNotFound for an unknown staff role, ValidationFailed for CLIENT.
    """
    if role is Role.CLIENT:
        raise invalid("/role", "not_allowed", "is for customers: POST /customers")
    check_grant(actor, await _powers(tx, actor.store_id, role, staff_role_id))
    account_id = await people.insert_staff(tx, actor.store_id, draft, role=role, staff_role_id=staff_role_id)
    await publish(tx, AccountCreated(role), actor=actor, subject_id=account_id)
    return await people.get(tx, actor.store_id, account_id)


async def send_invitation(db: Database, mails: AccountMails, shop: Store, account: Account) -> None:
    """The mail with which somebody new chooses a password."""
    email = account.email
    if token := await proving.issue(db, shop.id, account.id, Purpose.RESET, email=email, hours=_INVITATION_HOURS):
        mails.invitation(email, token, shop=shop.name)


async def change_user(
    tx: Tx, account_id: UUID, after: "UserChanges", *, actor: Actor, expected_version: int | None
) -> Account:
    """New values of an account. A change of role, or being shown out, ends its sessions.

    Raises NotFound, Stale, Forbidden, PrivilegeEscalation, LastAdmin, ReferenceNotFound, ValidationFailed.
    """
    before = await people.lock(tx, actor.store_id, account_id)
    check_version(before.version, expected_version)
    changed = after.applied_to(before)
    check_name(changed)
    _check_kind(before, changed, actor)
    check_grant(actor, await _powers(tx, actor.store_id, before.role, before.staff_role_id))
    check_grant(actor, await _powers(tx, actor.store_id, changed.role, changed.staff_role_id))
    fields = differing(before, changed)
    if not fields:
        return before
    if before.role is Role.ADMIN and not (changed.role is Role.ADMIN and changed.is_active):
        await _check_other_admins(tx, actor.store_id, account_id)
    await people.set_profile(tx, actor.store_id, changed)
    if not changed.is_active or {"role", "staffRoleId"} & set(fields):
        because = "role" if changed.is_active else "deactivated"
        await sessions.end_all(tx, actor.store_id, account_id, because=because)
    await publish(tx, AccountChanged(fields), actor=actor, subject_id=account_id)
    return await people.get(tx, actor.store_id, account_id)


class UserChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays. A role other than STAFF takes the staff role away."""

    first_name: str | msgspec.UnsetType = msgspec.UNSET
    last_name: str | msgspec.UnsetType = msgspec.UNSET
    phone: str | msgspec.UnsetType | None = msgspec.UNSET
    role: Role | msgspec.UnsetType = msgspec.UNSET
    staff_role_id: UUID | msgspec.UnsetType | None = msgspec.UNSET
    is_active: bool | msgspec.UnsetType = msgspec.UNSET

    def applied_to(self, account: Account) -> Account:
        changed = applied(account, self)
        if changed.role is Role.STAFF or self.staff_role_id is not msgspec.UNSET:
            return changed
        return msgspec.structs.replace(changed, staff_role_id=None)


def _check_kind(before: Account, changed: Account, actor: Actor) -> None:
    """A customer is for those who may change customers, and works here only once his address is his."""
    if changed.role is not Role.CLIENT and before.is_pending:
        raise invalid("/role", "not_allowed", "is for somebody who has shown that the e-mail address is his")
    if before.role is changed.role is Role.CLIENT and not actor.may(_CUSTOMERS):
        raise Forbidden(f"This needs the permission {_CUSTOMERS}")


async def _check_other_admins(tx: Tx, store_id: UUID, account_id: UUID) -> None:
    if not await people.other_admins(tx, store_id, account_id):
        raise LastAdmin


async def _powers(tx: Tx, store_id: UUID, role: Role, staff_role_id: UUID | None) -> Powers:
    """What somebody of these roles may do. ReferenceNotFound where the staff role is missing or unknown."""
    if role is not Role.STAFF:
        if staff_role_id is not None:
            raise invalid("/staffRoleId", "not_allowed", "is for the role STAFF only")
        return powers_of(role, None)
    found = await roles.keep(tx, store_id, staff_role_id) if staff_role_id else None
    if found is None:
        raise ReferenceNotFound(errors=[FieldError("/staffRoleId", "reference_not_found", "is no staff role")])
    return powers_of(role, found.powers)


async def put_role(
    tx: Tx, role_id: UUID | None, *, name: str, powers: Powers, actor: Actor, expected_version: int | None
) -> StaffRole:
    """A new staff role (None), or new values of one; where it gives less than before, its people sign in again.

    Raises NotFound, Stale, PrivilegeEscalation, RoleNameTaken.
    """
    check_grant(actor, powers)
    before = await roles.lock(tx, actor.store_id, role_id) if role_id else None
    if before:
        check_version(before.version, expected_version)
        check_grant(actor, before.powers)
    id_ = before.id if before else uuid7()
    await roles.put(tx, actor.store_id, id_, name=name, powers=powers)
    if before and not powers.cover(before.powers):
        await sessions.end_all_of_role(tx, actor.store_id, id_)
    fact = StaffRoleChanged(name, sorted(powers.permissions), powers.refund_limit)
    await publish(tx, fact, actor=actor, subject_id=id_)
    return await roles.lock(tx, actor.store_id, id_)


async def delete_role(tx: Tx, role_id: UUID, *, actor: Actor) -> None:
    """Raises NotFound, PrivilegeEscalation, RoleInUse."""
    role = await roles.lock(tx, actor.store_id, role_id)
    check_grant(actor, role.powers)
    await publish(tx, StaffRoleDeleted(), actor=actor, subject_id=role_id)
    await roles.delete(tx, actor.store_id, role_id)


async def ensure_staff(
    tx: Tx, draft: CustomerDraft, *, staff_role: tuple[str, Sequence[str]] | None, password: str, actor: Actor
) -> None:
    """Somebody who works here, with a password at once: an administrator, or with a role of this name. Made once."""
    if any(await people.find_signers(tx, actor.store_id, draft.email)):
        return
    role_id = None
    if staff_role:
        name, permissions = staff_role
        found = next((role for role in await roles.all_of(tx, actor.store_id) if role.name == name), None)
        powers = Powers(frozenset(permissions))
        made = found or await put_role(tx, None, name=name, powers=powers, actor=actor, expected_version=None)
        role_id = made.id
    role = Role.STAFF if role_id else Role.ADMIN
    account = await create_user(tx, draft, role=role, staff_role_id=role_id, actor=actor)
    await people.set_email(tx, actor.store_id, account.id, account.email)
    await people.set_password(tx, actor.store_id, account.id, hash_now(password))
