from collections.abc import Sequence
from uuid import UUID

import msgspec

from tradepost.accounts.addresses.model import Address, AddressType, Book
from tradepost.core.errors import NotFound
from tradepost.core.pages import Page
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.arrays import uuids
from tradepost.db.composing import Window
from tradepost.db.connections import Row


async def page(
    db: Reader, store_id: UUID, customer_id: UUID, *, type_: AddressType | None, window: Window
) -> Page[Address]:
    """A customer's addresses, newest first."""
    filters = Filters(
        "store_id = %(store_id)s and account_id = %(customer_id)s", store_id=store_id, customer_id=customer_id
    )
    filters.add_if("type = %(type)s", type=type_)
    return await fetch_page(
        db,
        select="""
        select id, type, is_default, first_name, last_name, company, line1, line2, city, state, postal_code, country,
               phone, version, created_at, updated_at
        from address
        """,
        counted="from address",
        filters=filters,
        sort=Sort("id", descending=True),
        window=window,
        build=_address,
        keys=lambda address: [address.id],
    )


async def find_many(db: Reader, store_id: UUID, customer_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Address]:
    """Those of the ids that are this customer's addresses; somebody else's are as absent as any."""
    rows = await db.rows(
        """
        select id, type, is_default, first_name, last_name, company, line1, line2, city, state, postal_code, country,
               phone, version, created_at, updated_at
        from address
        where store_id = %(store_id)s
          and account_id = %(customer_id)s
          and id = any(%(ids)s)
        """,
        {"store_id": store_id, "customer_id": customer_id, "ids": uuids(ids)},
    )
    return {row[0]: _address(row) for row in rows}


async def get(db: Reader, store_id: UUID, customer_id: UUID, address_id: UUID) -> Address:
    """NotFound also for the address of another customer."""
    found = await find_many(db, store_id, customer_id, [address_id])
    if not found:
        raise NotFound
    return found[address_id]


async def lock(tx: Tx, store_id: UUID, customer_id: UUID) -> Book:
    """All addresses of a customer, whose row is locked: his book changes once at a time. NotFound."""
    customer = await tx.row(
        """
        select id
        from account
        where store_id = %(store_id)s
          and id = %(customer_id)s
        for no key update
        """,
        {"store_id": store_id, "customer_id": customer_id},
    )
    if customer is None:
        raise NotFound
    rows = await tx.rows(
        """
        select id, type, is_default, first_name, last_name, company, line1, line2, city, state, postal_code, country,
               phone, version, created_at, updated_at
        from address
        where store_id = %(store_id)s
          and account_id = %(customer_id)s
        order by id
        """,
        {"store_id": store_id, "customer_id": customer_id},
    )
    return tuple(_address(row) for row in rows)


async def insert(tx: Tx, store_id: UUID, customer_id: UUID, address: Address) -> None:
    await tx.run(
        """
        insert into address (store_id, id, account_id, type, is_default, first_name, last_name, company, line1, line2,
                             city, state, postal_code, country, phone, created_at, updated_at)
        values (%(store_id)s, %(id)s, %(customer_id)s, %(type)s, %(is_default)s, %(first_name)s, %(last_name)s,
                %(company)s, %(line1)s, %(line2)s, %(city)s, %(state)s, %(postal_code)s, %(country)s, %(phone)s,
                %(created_at)s, %(updated_at)s)
        """,
        msgspec.structs.asdict(address) | {"store_id": store_id, "customer_id": customer_id},
    )


async def set_address(tx: Tx, store_id: UUID, address: Address) -> Address:
    """Writes an address of a locked customer; answers it with its new version."""
    row = await tx.row(
        """
        update address
        set type = %(type)s,
            is_default = %(is_default)s,
            first_name = %(first_name)s,
            last_name = %(last_name)s,
            company = %(company)s,
            line1 = %(line1)s,
            line2 = %(line2)s,
            city = %(city)s,
            state = %(state)s,
            postal_code = %(postal_code)s,
            country = %(country)s,
            phone = %(phone)s,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        returning version, updated_at
        """,
        msgspec.structs.asdict(address) | {"store_id": store_id},
    )
    if row is None:
        raise NotFound
    version, updated_at = row
    return msgspec.structs.replace(address, version=version, updated_at=updated_at)


async def delete(tx: Tx, store_id: UUID, address_id: UUID) -> None:
    await tx.run(
        "delete from address where store_id = %(store_id)s and id = %(id)s", {"store_id": store_id, "id": address_id}
    )


async def check_customer(db: Reader, store_id: UUID, customer_id: UUID) -> None:
    """NotFound for somebody who is no customer; those who work here have addresses too, but nobody keeps them."""
    found = await db.row(
        "select id from account where store_id = %(store_id)s and id = %(id)s and role = 'CLIENT'",
        {"store_id": store_id, "id": customer_id},
    )
    if found is None:
        raise NotFound


def _address(row: Row) -> Address:
    id_, type_, is_default, first, last, company, line1, line2, city, state, postal_code, country, phone, *rest = row
    version, created_at, updated_at = rest
    return Address(
        id=id_,
        type=AddressType(type_),
        is_default=is_default,
        first_name=first,
        last_name=last,
        company=company,
        line1=line1,
        line2=line2,
        city=city,
        state=state,
        postal_code=postal_code,
        country=country,
        phone=phone,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )
