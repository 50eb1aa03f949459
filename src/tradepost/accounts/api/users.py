"""Those who work here, and their roles."""

from tradepost.accounts import staff
from tradepost.accounts.api.wire import (
    AccountOut,
    StaffRoleIn,
    StaffRoleOut,
    StaffRolesOut,
    UserIn,
    UserPatch,
    account_out,
    draft_of,
    powers_in,
    role_out,
)
from tradepost.accounts.identity import Identity
from tradepost.accounts.mails import AccountMails
from tradepost.accounts.model import EmailTaken, LastAdmin, PrivilegeEscalation, Role
from tradepost.accounts.staff import UserChanges
from tradepost.accounts.store import people, roles
from tradepost.accounts.store.people import AccountFilter
from tradepost.accounts.store.roles import RoleInUse, RoleNameTaken
from tradepost.core.background import Background
from tradepost.core.errors import NotFound, ReferenceNotFound, Stale
from tradepost.db import Tx
from tradepost.http import Answer, Call, PageOut, PageQuery, Routes, page_out, window
from tradepost.http.call import etag
from tradepost.stores import store_of

routes = Routes("Staff", "Those who work here, and what they may do.")

_ROLE_EXAMPLE = {"name": "Support", "permissions": ["orders:read", "orders:refund"], "refundLimit": "50.00"}


class UsersQuery(PageQuery):
    """`search`: words of a name or an e-mail address, or their beginnings."""

    search: str | None = None
    role: Role | None = None
    is_active: bool | None = None


@routes.get("/users", query=UsersQuery, answer=PageOut[AccountOut])
async def list_users(call: Call, query: UsersQuery) -> Answer:
    """List those who work here, newest first."""
    wanted = AccountFilter(staff=True, search=query.search, role=query.role, is_active=query.is_active)
    async with call.db.read() as db:
        page = await people.page(db, call.actor.store_id, wanted, window=window(call, query))
    return call.json(page_out(call, query, page, account_out))


@routes.act(
    "POST",
    "/users",
    body=UserIn,
    answer=AccountOut,
    status=201,
    keyed=False,
    problems=[EmailTaken, PrivilegeEscalation, ReferenceNotFound],
    example={"email": "grace@example.com", "firstName": "Grace", "lastName": "Hopper", "role": "ADMIN"},
)
async def create_user(call: Call, body: UserIn) -> Answer:
    """Give somebody an account to work here. A link to choose a password goes to the address."""
    draft = draft_of(body)
    account = await call.db.write(
        lambda tx: staff.create_user(tx, draft, role=body.role, staff_role_id=body.staff_role_id, actor=call.actor)
    )
    work = staff.send_invitation(call.db, call.service(AccountMails), store_of(call), account)
    call.service(Background).run("invitation", work)
    location = ("location", f"/api/v1/users/{account.id}")
    return call.json(account_out(account), status=201, headers=[location, etag(account.version)])


@routes.get("/users/{user_id}", answer=AccountOut, problems=[NotFound])
async def read_user(call: Call) -> Answer:
    """Read one account, of staff or a customer."""
    async with call.db.read() as db:
        account = await people.get(db, call.actor.store_id, call.id("user_id"))
    return call.json(account_out(account), headers=[etag(account.version)])


@routes.write(
    "PATCH",
    "/users/{user_id}",
    body=UserPatch,
    answer=AccountOut,
    problems=[NotFound, Stale, PrivilegeEscalation, LastAdmin, ReferenceNotFound],
    example={"isActive": False},
)
async def change_user(call: Call, tx: Tx, body: UserPatch) -> Answer:
    """Change an account, its role, or whether it may sign in; the last two end its sessions."""
    changes = UserChanges(**{name: getattr(body, name) for name in body.__struct_fields__})
    account = await staff.change_user(
        tx, call.id("user_id"), changes, actor=call.actor, expected_version=call.expected_version()
    )
    call.service(Identity).forget()
    return call.json(account_out(account), headers=[etag(account.version)])


@routes.get("/staff-roles", answer=StaffRolesOut)
async def list_staff_roles(call: Call) -> Answer:
    """List staff roles."""
    async with call.db.read() as db:
        found = await roles.all_of(db, call.actor.store_id)
    currency = store_of(call).currency
    return call.json(StaffRolesOut([role_out(role, currency) for role in found]))


@routes.write(
    "POST",
    "/staff-roles",
    body=StaffRoleIn,
    answer=StaffRoleOut,
    status=201,
    problems=[PrivilegeEscalation, RoleNameTaken],
    example=_ROLE_EXAMPLE,
)
async def create_staff_role(call: Call, tx: Tx, body: StaffRoleIn) -> Answer:
    """Create a staff role of permissions that one has oneself, with a refund limit no higher than one's own."""
    currency = store_of(call).currency
    powers = powers_in(body, currency)
    role = await staff.put_role(tx, None, name=body.name, powers=powers, actor=call.actor, expected_version=None)
    location = ("location", f"/api/v1/staff-roles/{role.id}")
    return call.json(role_out(role, currency), status=201, headers=[location, etag(role.version)])


@routes.write(
    "PUT",
    "/staff-roles/{role_id}",
    body=StaffRoleIn,
    answer=StaffRoleOut,
    problems=[NotFound, Stale, PrivilegeEscalation, RoleNameTaken],
    example=_ROLE_EXAMPLE,
)
async def change_staff_role(call: Call, tx: Tx, body: StaffRoleIn) -> Answer:
    """Give a staff role another name, permissions and refund limit; where these are less, its people sign in again."""
    currency = store_of(call).currency
    role = await staff.put_role(
        tx,
        call.id("role_id"),
        name=body.name,
        powers=powers_in(body, currency),
        actor=call.actor,
        expected_version=call.expected_version(),
    )
    call.service(Identity).forget()
    return call.json(role_out(role, currency), headers=[etag(role.version)])


@routes.write("DELETE", "/staff-roles/{role_id}", status=204, problems=[NotFound, PrivilegeEscalation, RoleInUse])
async def delete_staff_role(call: Call, tx: Tx) -> Answer:
    """Delete a staff role that nobody has."""
    await staff.delete_role(tx, call.id("role_id"), actor=call.actor)
    return Answer(204)
