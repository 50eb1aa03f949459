from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec
from psycopg import errors

from tradepost.core.errors import FieldError, NotFound, ReferenceNotFound
from tradepost.core.pages import Page
from tradepost.db import Filters, Reader, Sort, Tx, fetch_page
from tradepost.db.composing import Window
from tradepost.db.connections import Row
from tradepost.shipping.methods.model import Area, Basis, Method, ShippingCodeTaken, Table, Zone

_LOCK = 0x7368_6970
_AREAS = msgspec.json.Decoder(tuple[Area, ...])
_PRICES = msgspec.json.Decoder(dict[str, Table])


async def lock_all(tx: Tx, store_id: UUID) -> None:
    """Nobody else changes a zone or a method of the store before this transaction ends."""
    await tx.run(
        "select pg_advisory_xact_lock(%(kind)s::int4, hashtext(%(store_id)s::text))",
        {"kind": _LOCK, "store_id": store_id},
    )


async def page_of_zones(db: Reader, store_id: UUID, *, is_active: bool | None, window: Window) -> Page[Zone]:
    """Newest first."""
    filters = Filters("store_id = %(store_id)s", store_id=store_id)
    filters.add_if("is_active = %(is_active)s", is_active=is_active)
    return await fetch_page(
        db,
        select="""
        select id, name, places::text, is_rest_of_world, is_active, version, created_at, updated_at
        from shipping_zone
        """,
        counted="from shipping_zone",
        filters=filters,
        sort=Sort("id", descending=True),
        window=window,
        build=_zone,
        keys=lambda zone: [zone.id],
    )


async def get_zone(db: Reader, store_id: UUID, zone_id: UUID) -> Zone:
    """NotFound."""
    row = await db.row(
        """
        select id, name, places::text, is_rest_of_world, is_active, version, created_at, updated_at
        from shipping_zone
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {"store_id": store_id, "id": zone_id},
    )
    if row is None:
        raise NotFound
    return _zone(row)


async def has_zones(db: Reader, store_id: UUID) -> bool:
    """Whether the store has a zone, active or not."""
    found: bool = await db.value(
        "select exists (select from shipping_zone where store_id = %(store_id)s)", {"store_id": store_id}
    )
    return found


async def active_zones(db: Reader, store_id: UUID) -> list[Zone]:
    rows = await db.rows(
        """
        select id, name, places::text, is_rest_of_world, is_active, version, created_at, updated_at
        from shipping_zone
        where store_id = %(store_id)s
          and is_active
        order by id
        """,
        {"store_id": store_id},
    )
    return [_zone(row) for row in rows]


async def insert_zone(tx: Tx, store_id: UUID, zone: Zone) -> None:
    """With the store's zones locked."""
    await tx.run(
        """
        insert into shipping_zone (store_id, id, name, places, is_rest_of_world, is_active, created_at, updated_at)
        values (%(store_id)s, %(id)s, %(name)s, %(places)s::text::jsonb, %(is_rest_of_world)s, %(is_active)s,
                %(created_at)s, %(updated_at)s)
        """,
        _zone_params(store_id, zone),
    )


async def set_zone(tx: Tx, store_id: UUID, zone: Zone) -> Zone:
    """Writes a zone with the store's zones locked; answers it with its new version."""
    row = await tx.row(
        """
        update shipping_zone
        set name = %(name)s,
            places = %(places)s::text::jsonb,
            is_rest_of_world = %(is_rest_of_world)s,
            is_active = %(is_active)s,
            version = version + 1,
            updated_at = now()
        where store_id = %(store_id)s
          and id = %(id)s
        returning version, updated_at
        """,
        _zone_params(store_id, zone),
    )
    if row is None:
        raise NotFound
    version, updated_at = row
    return msgspec.structs.replace(zone, version=version, updated_at=updated_at)


async def page_of_methods(
    db: Reader, store_id: UUID, *, zone_id: UUID | None, is_active: bool | None, window: Window
) -> Page[Method]:
    """Newest first."""
    filters = Filters("store_id = %(store_id)s", store_id=store_id)
    filters.add_if("zone_id = %(zone_id)s", zone_id=zone_id)
    filters.add_if("is_active = %(is_active)s", is_active=is_active)
    return await fetch_page(
        db,
        select="""
        select id, zone_id, code, name, description, tax_class, is_pickup, location_id, min_days, max_days, min_weight,
               max_weight, basis, prices::text, sort_order, is_active, version, created_at, updated_at
        from shipping_method
        """,
        counted="from shipping_method",
        filters=filters,
        sort=Sort("id", descending=True),
        window=window,
        build=_method,
        keys=lambda method: [method.id],
    )


async def get_method(db: Reader, store_id: UUID, method_id: UUID) -> Method:
    """NotFound."""
    row = await db.row(
        """
        select id, zone_id, code, name, description, tax_class, is_pickup, location_id, min_days, max_days, min_weight,
               max_weight, basis, prices::text, sort_order, is_active, version, created_at, updated_at
        from shipping_method
        where store_id = %(store_id)s
          and id = %(id)s
        """,
        {"store_id": store_id, "id": method_id},
    )
    if row is None:
        raise NotFound
    return _method(row)


async def count_methods(db: Reader, store_id: UUID) -> int:
    """Those that are active."""
    found: int = await db.value(
        "select count(*) from shipping_method where store_id = %(store_id)s and is_active", {"store_id": store_id}
    )
    return found


async def insert_method(tx: Tx, store_id: UUID, method: Method) -> None:
    """Raises ShippingCodeTaken, ReferenceNotFound."""
    async with _sound(tx):
        await tx.run(
            """
            insert into shipping_method (store_id, id, zone_id, code, name, description, tax_class, is_pickup,
                                         location_id, min_days, max_days, min_weight, max_weight, basis, prices,
                                         sort_order, is_active, created_at, updated_at)
            values (%(store_id)s, %(id)s, %(zone_id)s, %(code)s, %(name)s, %(description)s, %(tax_class)s,
                    %(is_pickup)s, %(location_id)s, %(min_days)s, %(max_days)s, %(min_weight)s, %(max_weight)s,
                    %(basis)s, %(prices)s::text::jsonb, %(sort_order)s, %(is_active)s, %(created_at)s, %(updated_at)s)
            """,
            _method_params(store_id, method),
        )


async def set_method(tx: Tx, store_id: UUID, method: Method) -> Method:
    """Writes a method with the store's methods locked; answers it with its new version.

    Raises ShippingCodeTaken, ReferenceNotFound.
    """
    async with _sound(tx):
        row = await tx.row(
            """
            update shipping_method
            set zone_id = %(zone_id)s,
                code = %(code)s,
                name = %(name)s,
                description = %(description)s,
                tax_class = %(tax_class)s,
                is_pickup = %(is_pickup)s,
                location_id = %(location_id)s,
                min_days = %(min_days)s,
                max_days = %(max_days)s,
                min_weight = %(min_weight)s,
                max_weight = %(max_weight)s,
                basis = %(basis)s,
                prices = %(prices)s::text::jsonb,
                sort_order = %(sort_order)s,
                is_active = %(is_active)s,
                version = version + 1,
                updated_at = now()
            where store_id = %(store_id)s
              and id = %(id)s
            returning version, updated_at
            """,
            _method_params(store_id, method),
        )
    if row is None:
        raise NotFound
    version, updated_at = row
    return msgspec.structs.replace(method, version=version, updated_at=updated_at)


_REFERENCES = {
    "shipping_method_store_id_zone_id_fkey": ("/zoneId", "is no zone of this store"),
    "shipping_method_store_id_location_id_fkey": ("/locationId", "is no location of this store"),
}


@asynccontextmanager
async def _sound(tx: Tx) -> AsyncIterator[None]:
    """Turns what the database refuses into a refusal; what was done before it stays."""
    try:
        async with tx.savepoint():
            yield
    except errors.UniqueViolation:
        raise ShippingCodeTaken(errors=[FieldError("/code", ShippingCodeTaken.code, "is in use")]) from None
    except errors.ForeignKeyViolation as error:
        pointer, detail = _REFERENCES[error.diag.constraint_name or ""]
        raise ReferenceNotFound(errors=[FieldError(pointer, ReferenceNotFound.code, detail)]) from None


def _zone(row: Row) -> Zone:
    id_, name, places, is_rest_of_world, is_active, version, created_at, updated_at = row
    return Zone(
        id=id_,
        name=name,
        places=_AREAS.decode(places),
        is_rest_of_world=is_rest_of_world,
        is_active=is_active,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )


def _zone_params(store_id: UUID, zone: Zone) -> dict[str, object]:
    places = msgspec.json.encode(zone.places).decode()
    return msgspec.structs.asdict(zone) | {"store_id": store_id, "places": places}


def _method(row: Row) -> Method:
    (
        id_, zone_id, code, name, description, tax_class, is_pickup, location_id, min_days, max_days, min_weight,
        max_weight, basis, prices, sort_order, is_active, version, created_at, updated_at,
    ) = row  # fmt: skip
    return Method(
        id=id_,
        zone_id=zone_id,
        code=code,
        name=name,
        description=description,
        tax_class=tax_class,
        is_pickup=is_pickup,
        location_id=location_id,
        min_days=min_days,
        max_days=max_days,
        min_weight=min_weight,
        max_weight=max_weight,
        basis=Basis(basis),
        prices=_PRICES.decode(prices),
        sort_order=sort_order,
        is_active=is_active,
        version=version,
        created_at=created_at,
        updated_at=updated_at,
    )


def _method_params(store_id: UUID, method: Method) -> dict[str, object]:
    prices = msgspec.json.encode(method.prices).decode()
    return msgspec.structs.asdict(method) | {"store_id": store_id, "prices": prices}
