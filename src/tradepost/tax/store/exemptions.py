from uuid import UUID

import msgspec

from tradepost.core.errors import NotFound
from tradepost.core.pages import Page
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.composing import Window
from tradepost.db.connections import Row
from tradepost.tax.model import Exemption


async def page(db: Reader, store_id: UUID, *, customer_id: UUID | None, window: Window) -> Page[Exemption]:
    """Newest first."""
    filters = Filters("store_id = %(store_id)s", store_id=store_id)
    filters.add_if("customer_id = %(customer_id)s", customer_id=customer_id)
    return await fetch_page(
        db,
        select="""
        select id, customer_id, country, reason, certificate, vat_number, valid_from, valid_to, version, created_at,
               updated_at
        from tax_exemption
        """,
        counted="from tax_exemption",
        filters=filters,
        sort=Sort("id", descending=True),
        window=window,
        build=_exemption,
        keys=lambda exemption: [exemption.id],
    )


async def get(db: Reader, store_id: UUID, exemption_id: UUID) -> Exemption:
    """NotFound."""
    row = await db.row(
        """
        select id, customer_id, country, reason, certificate, vat_number, valid_from, valid_to, version, created_at,
               updated_at
        from tax_exemption
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {"store_id": store_id, "id": exemption_id},
    )
    if row is None:
        raise NotFound
    return _exemption(row)


async def lock(tx: Tx, store_id: UUID, exemption_id: UUID) -> Exemption:
    """The exemption, which nobody else changes before this transaction ends. NotFound."""
    await tx.run(
        """
        select
        from tax_exemption
        where store_id = %(store_id)s
          and id = %(id)s
        for no key update
        """,
        {"store_id": store_id, "id": exemption_id},
    )
    return await get(tx, store_id, exemption_id)


async def insert(tx: Tx, store_id: UUID, exemption: Exemption) -> None:
    await tx.run(
        """
        insert into tax_exemption (store_id, id, customer_id, country, reason, certificate, vat_number, valid_from,
                                   valid_to, created_at, updated_at)
        values (%(store_id)s, %(id)s, %(customer_id)s, %(country)s, %(reason)s, %(certificate)s, %(vat_number)s,
                %(valid_from)s, %(valid_to)s, %(created_at)s, %(updated_at)s)
        """,
        msgspec.structs.asdict(exemption) | {"store_id": store_id},
    )


async def set_exemption(tx: Tx, store_id: UUID, exemption: Exemption) -> Exemption:
    """Writes a locked exemption; answers it with its new version."""
    row = await tx.row(
        """
        update tax_exemption
        set country = %(country)s,
            reason = %(reason)s,
            certificate = %(certificate)s,
            vat_number = %(vat_number)s,
            valid_from = %(valid_from)s,
            valid_to = %(valid_to)s,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        returning version, updated_at
        """,
        msgspec.structs.asdict(exemption) | {"store_id": store_id},
    )
    if row is None:
        raise NotFound
    version, updated_at = row
    return msgspec.structs.replace(exemption, version=version, updated_at=updated_at)


def _exemption(row: Row) -> Exemption:
    id_, customer_id, country, reason, certificate, vat_number, valid_from, valid_to, version, *times = row
    created_at, updated_at = times
    return Exemption(
        id=id_,
        customer_id=customer_id,
        country=country,
        reason=reason,
        certificate=certificate,
        vat_number=vat_number,
        valid_from=valid_from,
        valid_to=valid_to,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )
