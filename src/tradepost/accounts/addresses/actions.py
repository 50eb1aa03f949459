from uuid import UUID

from tradepost.accounts.addresses import model, store
from tradepost.accounts.addresses.events import AddressAdded, AddressChanged, AddressRemoved
from tradepost.accounts.addresses.model import Address, AddressChanges, AddressDraft, Book
from tradepost.core.actors import Actor
from tradepost.core.clock import now
from tradepost.core.errors import check_version
from tradepost.core.ids import uuid7
from tradepost.db import Tx
from tradepost.events import publish


async def add(tx: Tx, customer_id: UUID, draft: AddressDraft, *, actor: Actor) -> Address:
    """A further address of a customer; the first of its type is the default, whatever the draft says.

    Raises NotFound, TooManyAddresses, ValidationFailed.
    """
    book = await store.lock(tx, actor.store_id, customer_id)
    address_id = uuid7()
    after = model.added(book, draft, address_id=address_id, at=now())
    return model.of(await _save(tx, customer_id, book, after, actor), address_id)


async def change(
    tx: Tx,
    customer_id: UUID,
    address_id: UUID,
    changes: AddressChanges,
    *,
    actor: Actor,
    expected_version: int | None = None,
) -> Address:
    """Changes an address; what differs in nothing changes nothing. Making it the default unmakes the other one.

    Raises NotFound, Stale, ValidationFailed.
    """
    book, address = await _lock(tx, customer_id, address_id, actor, expected_version)
    return model.of(await _save(tx, customer_id, book, model.changed(book, address, changes), actor), address_id)


async def remove(
    tx: Tx, customer_id: UUID, address_id: UUID, *, actor: Actor, expected_version: int | None = None
) -> None:
    """Deletes an address; of a default, the newest other one of its type becomes it. Raises NotFound, Stale."""
    book, address = await _lock(tx, customer_id, address_id, actor, expected_version)
    await store.delete(tx, actor.store_id, address_id)
    await publish(tx, AddressRemoved(customer_id), actor=actor, subject_id=address_id)
    await _save(tx, customer_id, book, model.removed(book, address), actor)


async def _lock(
    tx: Tx, customer_id: UUID, address_id: UUID, actor: Actor, expected_version: int | None
) -> tuple[Book, Address]:
    book = await store.lock(tx, actor.store_id, customer_id)
    address = model.of(book, address_id)
    check_version(address.version, expected_version)
    return book, address


async def _save(tx: Tx, customer_id: UUID, before: Book, after: Book, actor: Actor) -> Book:
    """Writes what differs; at no moment has a type two defaults (`address_one_default`).

    So defaults come last, and of them first those that leave their type, as another one takes their place.
    """
    known = {address.id: address for address in before}

    def place(address: Address) -> tuple[bool, bool]:
        return address.is_default, address.id not in known or known[address.id].type == address.type

    saved: list[Address] = []
    for address in sorted(after, key=place):
        if address.id not in known:
            await store.insert(tx, actor.store_id, customer_id, address)
            await publish(tx, AddressAdded(customer_id), actor=actor, subject_id=address.id)
            saved.append(address)
        elif address != known[address.id]:
            saved.append(await store.set_address(tx, actor.store_id, address))
            await publish(tx, AddressChanged(customer_id), actor=actor, subject_id=address.id)
        else:
            saved.append(address)
    return tuple(saved)
