from tradepost.catalog import store
from tradepost.catalog.events import ProductChanged
from tradepost.catalog.local import ProductText
from tradepost.catalog.model import Product
from tradepost.catalog.store import local
from tradepost.core.actors import Actor
from tradepost.core.errors import NotFound, check_version
from tradepost.db import Tx
from tradepost.events import publish


async def put(tx: Tx, ref: str, text: ProductText, *, actor: Actor, expected_version: int | None = None) -> Product:
    """A product's words in a language, whole. The same again changes nothing. Raises NotFound, Stale."""
    product = await _lock(tx, ref, actor, expected_version)
    if text in await local.texts_of(tx, actor.store_id, product.id):
        return product
    await local.put_text(tx, actor.store_id, product.id, text)
    return await _tell(tx, product, actor)


async def remove(tx: Tx, ref: str, locale: str, *, actor: Actor, expected_version: int | None = None) -> None:
    """Raises NotFound where there are no words in this language, Stale."""
    product = await _lock(tx, ref, actor, expected_version)
    if locale not in [text.locale for text in await local.texts_of(tx, actor.store_id, product.id)]:
        raise NotFound
    await local.delete_text(tx, actor.store_id, product.id, locale)
    await _tell(tx, product, actor)


async def _lock(tx: Tx, ref: str, actor: Actor, expected_version: int | None) -> Product:
    product = await store.lock(tx, actor.store_id, ref)
    check_version(product.version, expected_version)
    return product


async def _tell(tx: Tx, product: Product, actor: Actor) -> Product:
    saved = await store.set_product(tx, actor.store_id, product)
    await publish(tx, ProductChanged(["texts"], []), actor=actor, subject_id=product.id)
    return saved
