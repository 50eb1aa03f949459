from tradepost.catalog.answering import answer
from tradepost.catalog.categories import actions, store
from tradepost.catalog.categories.model import (
    Category,
    CategoryCycle,
    CategoryNotEmpty,
    CategoryTooDeep,
    TooManyCategories,
)
from tradepost.catalog.categories.wire import (
    CategoriesOut,
    CategoryIn,
    CategoryOut,
    CategoryPatch,
    DeletionQuery,
    categories_out,
    category_out,
    changes_of,
    draft_of,
)
from tradepost.catalog.model import WRITE, SlugTaken, sees_all
from tradepost.core.errors import NotFound, ReferenceNotFound, Stale
from tradepost.db import Reader, Tx
from tradepost.http import Answer, Call, Routes
from tradepost.http.call import etag

routes = Routes("Categories", "The tree in which products are found.")


@routes.get("/categories", answer=CategoriesOut, kept_unless=WRITE)
async def list_categories(call: Call) -> Answer:
    """Read the tree of categories, with the number of products on sale in each; for staff those not shown, too.

    A category below one that is not active is not shown.
    """
    async with call.db.read() as db:
        nodes = await store.tree(db, call.actor.store_id, sees_hidden=sees_all(call.actor))
    return answer(call, categories_out(nodes))


@routes.get("/categories/{category}", answer=CategoryOut, problems=[NotFound], kept_unless=WRITE)
async def read_category(call: Call) -> Answer:
    """Read one category by id or slug, with its breadcrumb and all that is inside it."""
    sees_hidden = sees_all(call.actor)
    async with call.db.read() as db:
        category = await store.get(db, call.actor.store_id, call.param("category"), sees_hidden=sees_hidden)
        shown = await _shown(call, db, category)
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


async def _shown(call: Call, db: Reader, category: Category) -> CategoryOut:
    store_id = call.actor.store_id
    crumbs = await store.breadcrumb(db, store_id, category)
    nodes = await store.tree(db, store_id, within=category.id, sees_hidden=sees_all(call.actor))
    return category_out(category, crumbs, nodes)
