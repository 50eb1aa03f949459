"""Accounts: customers and staff."""

from collections.abc import Collection, Sequence
from datetime import date
from uuid import UUID

import msgspec
from psycopg import errors

from tradepost.accounts.model import Account, CustomerDraft, EmailTaken, InvalidCredentials, Role
from tradepost.core.errors import NotFound
from tradepost.core.ids import uuid7
from tradepost.core.pages import Page
from tradepost.core.texts import normal_email, prefix_query, words
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.arrays import texts, uuids
from tradepost.db.composing import Window
from tradepost.db.connections import Asked, Row

_SELECT = """
    select id, email, first_name, last_name, phone, date_of_birth, role, staff_role_id, is_active, is_pending,
           email_verified_at, version, created_at, updated_at
    from account
"""

FIND_ACCOUNTS = """
    select id, email, first_name, last_name, phone, date_of_birth, role, staff_role_id, is_active, is_pending,
           email_verified_at, version, created_at, updated_at
    from account
    where store_id = %(store_id)s
      and id = any(%(ids)s)
"""


def accounts_of(store_id: UUID, emails: Collection[str]) -> Asked:
    """The statement that finds whose accounts addresses are: rows of normal address and id."""
    return (
        """
        select email_normal, id
        from account
        where store_id = %(store_id)s
          and email_normal = any(%(emails)s)
          and not is_pending
        """,
        {"store_id": store_id, "emails": texts(sorted({normal_email(email) for email in emails}))},
    )


def account_of(row: Row) -> Account:
    """From a row of FIND_ACCOUNTS."""
    id_, email, first_name, last_name, phone, date_of_birth, role, *rest = row
    return Account(id_, email, first_name, last_name, phone, date_of_birth, Role(role), *rest)


async def find_accounts(db: Reader, store_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Account]:
    rows = await db.rows(FIND_ACCOUNTS, {"store_id": store_id, "ids": uuids(ids)})
    return {row[0]: account_of(row) for row in rows}


async def get(db: Reader, store_id: UUID, account_id: UUID) -> Account:
    found = await find_accounts(db, store_id, [account_id])
    if not found:
        raise NotFound
    return found[account_id]


async def lock(tx: Tx, store_id: UUID, account_id: UUID) -> Account:
    """NotFound for one of another store."""
    row = await tx.row(
        _SELECT + " where store_id = %(store_id)s and id = %(id)s for update",
        {"store_id": store_id, "id": account_id},
    )
    if row is None:
        raise NotFound
    return account_of(row)


class Signer(msgspec.Struct, frozen=True):
    """What signing in needs of an account."""

    account_id: UUID
    password_hash: str | None
    is_active: bool


async def find_signers(db: Reader, store_id: UUID, email: str) -> tuple[Signer | None, Signer | None]:
    """The account that an address belongs to, and the newest that only claims it. Always one statement."""
    rows = await db.rows(
        """
        (select id, password_hash, is_active, is_pending from account
         where store_id = %(store_id)s and email_normal = %(email)s and not is_pending)
        union all
        (select id, password_hash, is_active, is_pending from account
         where store_id = %(store_id)s and email_normal = %(email)s and is_pending
         order by id desc
         limit 1)
        """,
        {"store_id": store_id, "email": normal_email(email)},
    )
    found = {is_pending: Signer(*rest) for *rest, is_pending in rows}
    return found.get(False), found.get(True)


async def password_hash(db: Reader, store_id: UUID, account_id: UUID) -> str | None:
    found = await db.value(
        "select password_hash from account where store_id = %(store_id)s and id = %(id)s",
        {"store_id": store_id, "id": account_id},
    )
    return None if found is None else str(found)


async def check_unchanged(tx: Tx, store_id: UUID, account_id: UUID, verified: str | None) -> None:
    """InvalidCredentials where the password is no longer the one that was verified, or the account is shut out.

    Verifying takes time, in which the owner may have chosen another one. The caller has locked the account.
    """
    row = await tx.row(
        "select password_hash, is_active from account where store_id = %(store_id)s and id = %(id)s",
        {"store_id": store_id, "id": account_id},
    )
    if row != (verified, True):
        raise InvalidCredentials


class AccountFilter(msgspec.Struct, frozen=True):
    """`staff` for those who work here, else customers. `search`: the beginnings of words of a name or an address."""

    staff: bool
    search: str | None = None
    email: str | None = None
    role: Role | None = None
    is_active: bool | None = None


async def page(db: Reader, store_id: UUID, wanted: AccountFilter, *, window: Window) -> Page[Account]:
    filters = Filters("store_id = %(store_id)s", store_id=store_id)
    filters.add("role <> 'CLIENT'" if wanted.staff else "role = 'CLIENT'")
    if wanted.email:
        filters.add("not is_pending")
    filters.add_if("email_normal = %(email)s", email=normal_email(wanted.email) if wanted.email else None)
    filters.add_if("role = %(role)s", role=wanted.role)
    filters.add_if("is_active = %(is_active)s", is_active=wanted.is_active)
    filters.add_if("words @@ %(words)s::tsquery", words=prefix_query(wanted.search) if wanted.search else None)
    return await fetch_page(
        db,
        select=_SELECT,
        counted="from account",
        filters=filters,
        sort=Sort("id", descending=True),
        window=window,
        build=account_of,
        keys=lambda account: [account.id],
    )


async def insert_customers(tx: Tx, store_id: UUID, drafts: Sequence[CustomerDraft]) -> list[UUID]:
    """Many customers in one statement; EmailTaken, and none of them, where an address is in use."""
    ids = [uuid7() for _ in drafts]
    try:
        async with tx.savepoint():
            await tx.run(
                """
                insert into account (store_id, id, email, email_normal, first_name, last_name, phone, words)
                select %(store_id)s, id, email, email_normal, first_name, last_name, phone, words::tsvector
                from unnest(%(ids)b::uuid[], %(emails)b::text[], %(normal)b::text[], %(first)b::text[],
                            %(last)b::text[], %(phones)b::text[], %(words)b::text[])
                     as draft (id, email, email_normal, first_name, last_name, phone, words)
                """,
                {
                    "store_id": store_id,
                    "ids": ids,
                    "emails": [draft.email for draft in drafts],
                    "normal": [normal_email(draft.email) for draft in drafts],
                    "first": [draft.first_name for draft in drafts],
                    "last": [draft.last_name for draft in drafts],
                    "phones": [draft.phone for draft in drafts],
                    "words": [_words(draft.first_name, draft.last_name, draft.email) for draft in drafts],
                },
            )
    except errors.UniqueViolation:
        raise EmailTaken from None
    return ids


async def insert_pending(
    tx: Tx, store_id: UUID, draft: CustomerDraft, *, date_of_birth: date | None, password_hash: str
) -> UUID:
    """An account that claims an address; whether another one has it makes no difference here."""
    account_id = uuid7()
    await tx.run(
        """
        insert into account (store_id, id, email, email_normal, first_name, last_name, phone, date_of_birth,
                             is_pending, password_hash, words)
        values (%(store_id)s, %(id)s, %(email)s, %(normal)s, %(first_name)s, %(last_name)s, %(phone)s, %(born)s, true,
                %(password_hash)s, %(words)s::tsvector)
        """,
        {
            "store_id": store_id,
            "id": account_id,
            "email": draft.email,
            "normal": normal_email(draft.email),
            "first_name": draft.first_name,
            "last_name": draft.last_name,
            "phone": draft.phone,
            "born": date_of_birth,
            "password_hash": password_hash,
            "words": _words(draft.first_name, draft.last_name, draft.email),
        },
    )
    return account_id


async def insert_staff(tx: Tx, store_id: UUID, draft: CustomerDraft, *, role: Role, staff_role_id: UUID | None) -> UUID:
    """Somebody who works here, without a password as yet. EmailTaken."""
    account_id = uuid7()
    try:
        async with tx.savepoint():
            await tx.run(
                """
                insert into account (store_id, id, email, email_normal, first_name, last_name, phone, role,
                                     staff_role_id, words)
                values (%(store_id)s, %(id)s, %(email)s, %(normal)s, %(first_name)s, %(last_name)s, %(phone)s,
                        %(role)s, %(staff_role_id)s, %(words)s::tsvector)
                """,
                {
                    "store_id": store_id,
                    "id": account_id,
                    "email": draft.email,
                    "normal": normal_email(draft.email),
                    "first_name": draft.first_name,
                    "last_name": draft.last_name,
                    "phone": draft.phone,
                    "role": role,
                    "staff_role_id": staff_role_id,
                    "words": _words(draft.first_name, draft.last_name, draft.email),
                },
            )
    except errors.UniqueViolation:
        raise EmailTaken from None
    return account_id


async def set_profile(tx: Tx, store_id: UUID, account: Account) -> None:
    await tx.run(
        """
        update account
        set first_name = %(first_name)s,
            last_name = %(last_name)s,
            phone = %(phone)s,
            date_of_birth = %(born)s,
            role = %(role)s,
            staff_role_id = %(staff_role_id)s,
            is_active = %(is_active)s,
            words = %(words)s::tsvector,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {
            "store_id": store_id,
            "id": account.id,
            "first_name": account.first_name,
            "last_name": account.last_name,
            "phone": account.phone,
            "born": account.date_of_birth,
            "role": account.role,
            "staff_role_id": account.staff_role_id,
            "is_active": account.is_active,
            "words": _words(account.first_name, account.last_name, account.email),
        },
    )


async def set_password(tx: Tx, store_id: UUID, account_id: UUID, password_hash: str) -> None:
    await tx.run(
        """
        update account
        set password_hash = %(password_hash)s,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {"store_id": store_id, "id": account_id, "password_hash": password_hash},
    )


async def set_email(tx: Tx, store_id: UUID, account_id: UUID, email: str) -> None:
    """The address is this account's from now on: a mail has proved it. EmailTaken where another one has proved it."""
    known = await get(tx, store_id, account_id)
    try:
        async with tx.savepoint():
            await tx.run(
                """
                update account
                set email = %(email)s,
                    email_normal = %(normal)s,
                    is_pending = false,
                    email_verified_at = now(),
                    words = %(words)s::tsvector,
                    version = version + 1,
                    updated_at = now()
                where store_id = %(store_id)s
                  and id = %(id)s
                """,
                {
                    "store_id": store_id,
                    "id": account_id,
                    "email": email,
                    "normal": normal_email(email),
                    "words": _words(known.first_name, known.last_name, email),
                },
            )
    except errors.UniqueViolation:
        raise EmailTaken from None


async def shut_out(tx: Tx, store_id: UUID, account_id: UUID) -> None:
    """Nobody signs in to it any more."""
    await tx.run(
        """
        update account
        set is_active = false,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {"store_id": store_id, "id": account_id},
    )


async def other_admins(tx: Tx, store_id: UUID, account_id: UUID) -> int:
    """How many others are administrators who can sign in; they are locked, so that two cannot leave at once."""
    rows = await tx.rows(
        """
        select id
        from account
        where store_id = %(store_id)s
          and role = 'ADMIN'
          and is_active
          and password_hash is not null
        order by id
        for update
        """,
        {"store_id": store_id},
    )
    return sum(1 for (other,) in rows if other != account_id)


def _words(first_name: str, last_name: str, email: str) -> str:
    """What somebody is found by, as a tsvector literal."""
    return " ".join(words(f"{first_name} {last_name} {email}"))
