from collections.abc import Sequence

from tradepost.catalog.answering import answer
from tradepost.catalog.categories import actions, store
from tradepost.catalog.categories.model import (
    Category,
    CategoryCycle,
    CategoryNotEmpty,
    CategoryText,
    CategoryTooDeep,
    TooManyCategories,
)
from tradepost.catalog.categories.wire import (
    CategoriesOut,
    CategoryIn,
    CategoryOut,
    CategoryPatch,
    CategoryTextIn,
    CategoryTextOut,
    CategoryTextsOut,
    DeletionQuery,
    categories_out,
    category_out,
    changes_of,
    draft_of,
    text_out,
)
from tradepost.catalog.model import WRITE, SlugTaken, sees_all
from tradepost.catalog.texts import check_locale
from tradepost.catalog.written import MarketQuery
from tradepost.core.errors import NotFound, ReferenceNotFound, Stale
from tradepost.db import Reader, Tx
from tradepost.http import Answer, Call, Routes
from tradepost.http.call import etag
from tradepost.stores import MarketNotFound, markets, store_of
from tradepost.stores.markets.choosing import HEADERS

routes = Routes("Categories", "The tree in which products are found.")


@routes.get(
    "/categories",
    query=MarketQuery,
    answer=CategoriesOut,
    problems=[MarketNotFound],
    headers=HEADERS,
    kept_unless=WRITE,
)
async def list_categories(call: Call, query: MarketQuery) -> Answer:
    """Read the tree of categories, with the number of products on sale in each; for staff those not shown, too.

    A category below one that is not active is not shown. Names are in the language of the market.
    """
    locales = markets.of_call(call, country=query.country).locales
    async with call.db.read() as db:
        nodes = await store.tree(db, call.actor.store_id, sees_hidden=sees_all(call.actor), locales=locales)
    return answer(call, categories_out(nodes))


@routes.get(
    "/categories/{category}",
    query=MarketQuery,
    answer=CategoryOut,
    problems=[NotFound, MarketNotFound],
    headers=HEADERS,
    kept_unless=WRITE,
)
async def read_category(call: Call, query: MarketQuery) -> Answer:
    """Read one category by id or slug, with its breadcrumb and all that is inside it."""
    sees_hidden, locales = sees_all(call.actor), markets.of_call(call, country=query.country).locales
    async with call.db.read() as db:
        category = await store.get(
            db, call.actor.store_id, call.param("category"), sees_hidden=sees_hidden, locales=locales
        )
        shown = await _shown(call, db, category, locales)
    return answer(call, shown, etag(category.version))


@routes.write(
    "POST",
    "/categories",
    body=CategoryIn,
    answer=CategoryOut,
    status=201,
    problems=[SlugTaken, ReferenceNotFound, CategoryTooDeep, TooManyCategories],
    example={"name": "Kitchen", "slug": "kitchen", "description": "For cooks.", "sortOrder": 10},
)
async def create_category(call: Call, tx: Tx, body: CategoryIn) -> Answer:
    """Create a category, as a root or inside another one. Without a slug it gets one that is made of its name."""
    category = await actions.create(tx, draft_of(body), actor=call.actor)
    location = ("location", f"/api/v1/categories/{category.id}")
    return call.json(await _shown(call, tx, category), status=201, headers=[location, etag(category.version)])


@routes.write(
    "PATCH",
    "/categories/{category}",
    body=CategoryPatch,
    answer=CategoryOut,
    problems=[NotFound, Stale, SlugTaken, ReferenceNotFound, CategoryCycle, CategoryTooDeep],
    example={"sortOrder": 5, "isActive": True},
)
async def change_category(call: Call, tx: Tx, body: CategoryPatch) -> Answer:
    """Change some fields of a category, or move it by its `parentId`: all that is inside it goes along."""
    changes, expected = changes_of(body), call.expected_version()
    category = await actions.change(tx, call.param("category"), changes, actor=call.actor, expected_version=expected)
    return call.json(await _shown(call, tx, category), headers=[etag(category.version)])


@routes.write(
    "DELETE",
    "/categories/{category}",
    query=DeletionQuery,
    status=204,
    problems=[NotFound, Stale, CategoryNotEmpty, ReferenceNotFound, CategoryCycle, CategoryTooDeep],
)
async def delete_category(call: Call, tx: Tx, query: DeletionQuery) -> Answer:
    """Delete a category. One that is not empty only with `moveTo`: its products and categories go there."""
    await actions.delete(
        tx,
        call.param("category"),
        move_to=query.move_to,
        actor=call.actor,
        expected_version=call.expected_version(),
    )
    return Answer(204)


@routes.get("/categories/{category}/texts", answer=CategoryTextsOut, problems=[NotFound])
async def list_category_texts(call: Call) -> Answer:
    """Read a category's words in all languages but the store's own."""
    async with call.db.read() as db:
        category = await store.get(db, call.actor.store_id, call.param("category"))
        texts = await store.texts_of(db, call.actor.store_id, category.id)
    shown = CategoryTextsOut([text_out(text) for text in texts], category.version)
    return call.json(shown, headers=[etag(category.version)])


@routes.write(
    "PUT",
    "/categories/{category}/texts/{locale}",
    body=CategoryTextIn,
    answer=CategoryTextOut,
    problems=[NotFound, Stale],
    example={"name": "Küche", "description": "Was Köche brauchen."},
)
async def put_category_text(call: Call, tx: Tx, body: CategoryTextIn) -> Answer:
    """Say what a category is called in a language. The ETag, and what If-Match asks for, is the category's."""
    locale, expected = call.param("locale"), call.expected_version()
    await store.get(tx, call.actor.store_id, call.param("category"))
    check_locale(locale, own=store_of(call).locale)
    text = CategoryText(locale, body.name, body.description)
    category = await actions.put_text(tx, call.param("category"), text, actor=call.actor, expected_version=expected)
    return call.json(text_out(text), headers=[etag(category.version)])


@routes.write("DELETE", "/categories/{category}/texts/{locale}", status=204, problems=[NotFound, Stale])
async def remove_category_text(call: Call, tx: Tx) -> Answer:
    """Remove a category's words in a language."""
    locale, expected = call.param("locale"), call.expected_version()
    await actions.remove_text(tx, call.param("category"), locale, actor=call.actor, expected_version=expected)
    return Answer(204)


async def _shown(call: Call, db: Reader, category: Category, locales: Sequence[str] = ()) -> CategoryOut:
    store_id = call.actor.store_id
    crumbs = await store.breadcrumb(db, store_id, category, locales=locales)
    nodes = await store.tree(db, store_id, within=category.id, sees_hidden=sees_all(call.actor), locales=locales)
    return category_out(category, crumbs, nodes)
