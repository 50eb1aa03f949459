"""Staff roles."""

from uuid import UUID

from psycopg import errors

from tradepost.accounts.model import Powers, StaffRole
from tradepost.core.errors import Conflict, FieldError, NotFound
from tradepost.db import Reader, Tx


class RoleNameTaken(Conflict):
    """Another role of this store has the name."""

    title = "A role with this name exists"

    def __init__(self) -> None:
        super().__init__(errors=[FieldError("/name", "taken", "is the name of another role")])


class RoleInUse(Conflict):
    """Somebody has the role: give him another one first."""

    title = "Somebody has this role"


async def all_of(db: Reader, store_id: UUID) -> list[StaffRole]:
    rows = await db.rows(
        """
        select id, name, permissions, refund_limit, version, created_at, updated_at
        from staff_role
        where store_id = %(store_id)s
        order by name, id
        """,
        {"store_id": store_id},
    )
    return [StaffRole(*row) for row in rows]


async def keep(tx: Tx, store_id: UUID, role_id: UUID) -> StaffRole | None:
    """A staff role that nobody changes or deletes while somebody gets it."""
    row = await tx.row(
        """
        select id, name, permissions, refund_limit, version, created_at, updated_at
        from staff_role
        where store_id = %(store_id)s
          and id = %(id)s
        for share
        """,
        {"store_id": store_id, "id": role_id},
    )
    return StaffRole(*row) if row else None


async def lock(tx: Tx, store_id: UUID, role_id: UUID) -> StaffRole:
    row = await tx.row(
        """
        select id, name, permissions, refund_limit, version, created_at, updated_at
        from staff_role
        where store_id = %(store_id)s
          and id = %(id)s
        for update
        """,
        {"store_id": store_id, "id": role_id},
    )
    if row is None:
        raise NotFound
    return StaffRole(*row)


async def put(tx: Tx, store_id: UUID, role_id: UUID, *, name: str, powers: Powers) -> None:
    """A new role, or new values of one. RoleNameTaken."""
    try:
        async with tx.savepoint():
            await tx.run(
                """
                insert into staff_role (store_id, id, name, permissions, refund_limit)
                values (%(store_id)s, %(id)s, %(name)s, %(permissions)s, %(refund_limit)s)
                on conflict (store_id, id) do update
                set name = excluded.name,
                    permissions = excluded.permissions,
                    refund_limit = excluded.refund_limit,
                    version = staff_role.version + 1,
                    updated_at = now()
                """,
                {
                    "store_id": store_id,
                    "id": role_id,
                    "name": name,
                    "permissions": sorted(powers.permissions),
                    "refund_limit": powers.refund_limit,
                },
            )
    except errors.UniqueViolation:
        raise RoleNameTaken from None


async def delete(tx: Tx, store_id: UUID, role_id: UUID) -> None:
    """RoleInUse while somebody has it."""
    try:
        async with tx.savepoint():
            await tx.run(
                "delete from staff_role where store_id = %(store_id)s and id = %(id)s",
                {"store_id": store_id, "id": role_id},
            )
    except errors.ForeignKeyViolation:
        raise RoleInUse from None
