"""The products, categories and customers that rules name."""

from collections.abc import Iterator
from uuid import UUID

import msgspec

from tradepost.accounts import find_accounts
from tradepost.catalog import categories
from tradepost.catalog.within import categories_by_product, categories_of
from tradepost.core.errors import FieldError, ReferenceNotFound
from tradepost.db import Tx
from tradepost.promotions.rules import Action, Condition

_Named = tuple[str, str, frozenset[UUID]]
"""A field's name, the pointer to it, and the ids in it."""


async def check_references(tx: Tx, store_id: UUID, condition: Condition | None, actions: tuple[Action, ...]) -> None:
    """That all of them are there, and of this store. Raises ReferenceNotFound with a pointer to each list."""
    named = [*_named(condition, "/condition"), *_named(actions, "/actions")]
    await categories.hold(
        tx, store_id, [{pointer: id_} for field, pointer, ids in named if field == "category_ids" for id_ in ids]
    )
    products = _all(named, "product_ids")
    known = set[UUID]()
    if products:
        known |= categories_by_product(await tx.rows(*categories_of(store_id, products))).keys()
    customers = _all(named, "customer_ids")
    if customers:
        known |= (await find_accounts(tx, store_id, customers)).keys()
    missing = [
        FieldError(pointer, ReferenceNotFound.code, f"has {id_}, which is not there")
        for field, pointer, ids in named
        if field != "category_ids"
        for id_ in sorted(ids - known)
    ]
    if missing:
        raise ReferenceNotFound(errors=missing)


def _all(named: list[_Named], field: str) -> list[UUID]:
    return sorted({id_ for name, _, ids in named if name == field for id_ in ids})


def _named(value: object, pointer: str) -> Iterator[_Named]:
    if isinstance(value, tuple):
        for at, one in enumerate(value):
            yield from _named(one, f"{pointer}/{at}")
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            where, inner = f"{pointer}/{field.encode_name}", getattr(value, field.name)
            if field.name in ("product_ids", "category_ids", "customer_ids"):
                yield field.name, where, inner
            else:
                yield from _named(inner, where)
