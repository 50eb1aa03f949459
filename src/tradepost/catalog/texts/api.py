from tradepost.catalog import store
from tradepost.catalog.local import ProductText
from tradepost.catalog.store import local
from tradepost.catalog.texts import actions
from tradepost.catalog.texts.languages import check_locale
from tradepost.catalog.written import Description, Name, SeoTitle, ShortText
from tradepost.core.errors import NotFound, Stale
from tradepost.db import Tx
from tradepost.http import Answer, Call, In, Out, Routes
from tradepost.http.call import etag
from tradepost.stores import store_of

routes = Routes("Texts", "Products and categories in other languages than the store's.")


class TextIn(In, kw_only=True):
    """All of it: what is absent or null is said as in the next language: `de-AT`, then `de`, then the product's own."""

    name: Name | None = None
    description: Description | None = None
    short_description: ShortText | None = None
    seo_title: SeoTitle | None = None
    seo_description: ShortText | None = None


class TextOut(Out):
    locale: str
    name: str | None
    description: str | None
    short_description: str | None
    seo_title: str | None
    seo_description: str | None


class TextsOut(Out):
    """`version` is the product's."""

    items: list[TextOut]
    version: int


@routes.get("/products/{ref}/texts", answer=TextsOut, problems=[NotFound])
async def list_texts(call: Call) -> Answer:
    """Read a product's words in all languages but the store's own."""
    async with call.db.read() as db:
        product = await store.get(db, call.actor.store_id, call.param("ref"))
        texts = await local.texts_of(db, call.actor.store_id, product.id)
    return call.json(TextsOut([_text_out(text) for text in texts], product.version), headers=[etag(product.version)])


@routes.write(
    "PUT",
    "/products/{ref}/texts/{locale}",
    body=TextIn,
    answer=TextOut,
    problems=[NotFound, Stale],
    example={"name": "Leinenhemd", "description": "Aus Leinen."},
)
async def put_text(call: Call, tx: Tx, body: TextIn) -> Answer:
    """Say what a product is called in a language. The ETag, and what If-Match asks for, is the product's."""
    locale, expected = call.param("locale"), call.expected_version()
    await store.get(tx, call.actor.store_id, call.param("ref"))
    check_locale(locale, own=store_of(call).locale)
    text = ProductText(
        locale, body.name, body.description, body.short_description, body.seo_title, body.seo_description
    )
    product = await actions.put(tx, call.param("ref"), text, actor=call.actor, expected_version=expected)
    return call.json(_text_out(text), headers=[etag(product.version)])


@routes.write("DELETE", "/products/{ref}/texts/{locale}", status=204, problems=[NotFound, Stale])
async def remove_text(call: Call, tx: Tx) -> Answer:
    """Remove a product's words in a language."""
    locale, expected = call.param("locale"), call.expected_version()
    await actions.remove(tx, call.param("ref"), locale, actor=call.actor, expected_version=expected)
    return Answer(204)


def _text_out(text: ProductText) -> TextOut:
    return TextOut(
        text.locale, text.name, text.description, text.short_description, text.seo_title, text.seo_description
    )
