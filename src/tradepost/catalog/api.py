from collections.abc import Sequence
from uuid import UUID

from tradepost.catalog import actions, store
from tradepost.catalog.actions import OpeningStock
from tradepost.catalog.answering import answer
from tradepost.catalog.model import (
    WRITE,
    ActiveVariantRequired,
    BarcodeTaken,
    CombinationTaken,
    Product,
    ProductIncomplete,
    SkuTaken,
    SlugTaken,
    Status,
    TooManyVariants,
    VariantChanges,
    VariantRequired,
    openings,
    sees_all,
)
from tradepost.catalog.shown import (
    FeaturedOut,
    GeneratedOut,
    ProductOut,
    VariantOut,
    public_product,
    staff_product,
    staff_variant,
)
from tradepost.catalog.written import (
    FeaturedQuery,
    MarketQuery,
    MatrixIn,
    ProductIn,
    ProductPatch,
    ProductsQuery,
    VariantIn,
    VariantPatch,
    changes_of,
    draft_of,
    filter_of,
    matrix_of,
    new_variant_of,
    variant_changes_of,
)
from tradepost.core.errors import NotFound, ReferenceNotFound, Stale
from tradepost.core.states import InvalidTransition
from tradepost.db import Tx
from tradepost.http import Answer, Call, PageOut, Routes, page_out, window
from tradepost.http.call import etag
from tradepost.stores import Market, MarketNotFound, home_of, markets, store_of
from tradepost.stores.markets.choosing import HEADERS

routes = Routes("Products", "What is sold: products and their variants.")


@routes.get(
    "/products",
    query=ProductsQuery,
    answer=PageOut[ProductOut],
    problems=[MarketNotFound],
    headers=HEADERS,
    kept_unless=WRITE,
)
async def list_products(call: Call, query: ProductsQuery) -> Answer:
    """List products, newest first unless `sort` says otherwise; those on sale, and for staff the others too."""
    visible = None if sees_all(call.actor) else Status.ACTIVE
    wanted = filter_of(query, visible=visible, currency=store_of(call).currency)
    market, sort = markets.of_call(call, country=query.country), store.SORTS[query.sort]
    async with call.db.read() as db:
        page = await store.page(db, call.actor.store_id, wanted, sort=sort, window=window(call, query), market=market)
    return answer(call, page_out(call, query, page, lambda product: _shown(call, product, market)))


@routes.get(
    "/products/featured",
    query=FeaturedQuery,
    answer=FeaturedOut,
    problems=[MarketNotFound],
    headers=HEADERS,
    kept_unless=WRITE,
)
async def featured_products(call: Call, query: FeaturedQuery) -> Answer:
    """What the shop puts in its window: featured products on sale, newest first."""
    market = markets.of_call(call, country=query.country)
    async with call.db.read() as db:
        products = await store.featured(db, call.actor.store_id, limit=query.limit, market=market)
    return answer(call, FeaturedOut([_shown(call, product, market) for product in products]))


@routes.get(
    "/products/{ref}",
    query=MarketQuery,
    answer=ProductOut,
    problems=[NotFound, MarketNotFound],
    headers=HEADERS,
    kept_unless=WRITE,
)
async def read_product(call: Call, query: MarketQuery) -> Answer:
    """Read one product by id or slug. One that is not on sale is there for staff only."""
    statuses = tuple(Status) if sees_all(call.actor) else (Status.ACTIVE,)
    market = markets.of_call(call, country=query.country)
    async with call.db.read() as db:
        product = await store.get(db, call.actor.store_id, call.param("ref"), statuses=statuses, market=market)
    made = answer(call, _shown(call, product, market), etag(product.version))
    made.mark = ((call.actor.store_id, product.id), product.mark)
    return made


@routes.write(
    "POST",
    "/products",
    body=ProductIn,
    answer=ProductOut,
    status=201,
    problems=[
        *(SlugTaken, SkuTaken, BarcodeTaken, CombinationTaken),
        *(VariantRequired, ProductIncomplete, ReferenceNotFound),
    ],
    example={"name": "Linen shirt", "price": "49.90", "sku": "SHIRT", "inventoryQuantity": 12, "status": "ACTIVE"},
)
async def create_product(call: Call, tx: Tx, body: ProductIn) -> Answer:
    """Create a product, simple or with variants, with its opening stock.

    Without a slug or a SKU it gets one that is made of its name. On sale only with a price.
    """
    draft = draft_of(body, store_of(call).currency)
    created = await actions.create(tx, draft, actor=call.actor)
    await _open_stock(call, tx, openings(draft.variants, created.variants))
    product = await store.get(tx, call.actor.store_id, created.id)
    location = ("location", f"/api/v1/products/{product.id}")
    return call.json(_shown(call, product), status=201, headers=[location, etag(product.version)])


@routes.write(
    "PATCH",
    "/products/{ref}",
    body=ProductPatch,
    answer=ProductOut,
    problems=[
        *(NotFound, Stale, InvalidTransition, SlugTaken, SkuTaken, BarcodeTaken),
        *(VariantRequired, ProductIncomplete, ReferenceNotFound),
    ],
    example={"price": "44.90", "isFeatured": True},
)
async def change_product(call: Call, tx: Tx, body: ProductPatch) -> Answer:
    """Change some fields of a product; If-Match makes sure that it is still what you read.

    SKU, weight and the like of a product with several variants are changed variant by variant; its price is that of
    all variants that have none of their own.
    """
    changes = changes_of(body, store_of(call).currency)
    expected = call.expected_version()
    product = await actions.change(tx, call.param("ref"), changes, actor=call.actor, expected_version=expected)
    if body.track_inventory is True:
        await _open_stock(call, tx, [(variant.id, 0) for variant in product.variants])
    return call.json(_shown(call, product), headers=[etag(product.version)])


@routes.write("DELETE", "/products/{ref}", status=204, problems=[NotFound, Stale])
async def archive_product(call: Call, tx: Tx) -> Answer:
    """Take a product off sale by archiving it. Nothing is deleted: orders go on naming it."""
    await actions.archive(tx, call.param("ref"), actor=call.actor, expected_version=call.expected_version())
    return Answer(204)


@routes.write(
    "POST",
    "/products/{ref}/variants",
    body=VariantIn,
    answer=VariantOut,
    status=201,
    problems=[NotFound, Stale, SkuTaken, BarcodeTaken, CombinationTaken, TooManyVariants, ProductIncomplete],
    example={"name": "Large", "options": {"size": "L"}, "price": "52.90", "inventoryQuantity": 4},
)
async def add_variant(call: Call, tx: Tx, body: VariantIn) -> Answer:
    """Add a variant to a product, with its opening stock. The ETag is the product's."""
    draft = new_variant_of(body, store_of(call).currency)
    expected = call.expected_version()
    product, variant = await actions.add_variant(
        tx, call.param("ref"), draft, actor=call.actor, expected_version=expected
    )
    await _open_stock(call, tx, openings([draft], [variant]))
    product = await store.get(tx, call.actor.store_id, product.id)
    return _variant_answer(call, product, variant.id, status=201)


@routes.write(
    "PATCH",
    "/products/{ref}/variants/{variant_id}",
    body=VariantPatch,
    answer=VariantOut,
    problems=[
        *(NotFound, Stale, SkuTaken, BarcodeTaken, CombinationTaken),
        *(ActiveVariantRequired, ProductIncomplete),
    ],
    example={"price": "47.90", "isActive": True},
)
async def change_variant(call: Call, tx: Tx, body: VariantPatch) -> Answer:
    """Change some fields of a variant. The ETag, and what If-Match asks for, is the product's."""
    changes = variant_changes_of(body, store_of(call).currency)
    variant_id, expected = call.id("variant_id"), call.expected_version()
    product = await actions.change_variant(
        tx, call.param("ref"), variant_id, changes, actor=call.actor, expected_version=expected
    )
    if body.track_inventory is True:
        await _open_stock(call, tx, [(variant_id, 0)])
    return _variant_answer(call, product, variant_id)


@routes.write(
    "DELETE",
    "/products/{ref}/variants/{variant_id}",
    status=204,
    problems=[NotFound, Stale, ActiveVariantRequired],
)
async def retire_variant(call: Call, tx: Tx) -> Answer:
    """Take a variant off sale. Nothing is deleted: orders go on naming it. If-Match asks for the product's version."""
    variant_id, expected = call.id("variant_id"), call.expected_version()
    off = VariantChanges(is_active=False)
    await actions.change_variant(tx, call.param("ref"), variant_id, off, actor=call.actor, expected_version=expected)
    return Answer(204)


@routes.write(
    "POST",
    "/products/{ref}/variants/generate",
    body=MatrixIn,
    answer=GeneratedOut,
    problems=[NotFound, Stale, TooManyVariants, ProductIncomplete],
    example={"options": [{"name": "size", "values": ["S", "M"]}, {"name": "colour", "values": ["Red", "Blue"]}]},
)
async def generate_variants(call: Call, tx: Tx, body: MatrixIn) -> Answer:
    """Make the variants that a product lacks for all combinations of its options, each named after its values.

    Combinations that are there stay as they are. A variant without options goes off sale: nobody could choose it.
    """
    options, like = matrix_of(body, store_of(call).currency)
    product, made = await actions.generate(
        tx, call.param("ref"), options, like, actor=call.actor, expected_version=call.expected_version()
    )
    await _open_stock(call, tx, openings([like] * len(made), made))
    product = await store.get(tx, call.actor.store_id, product.id)
    shown = GeneratedOut([variant.id for variant in made], _shown(call, product))
    return call.json(shown, headers=[etag(product.version)])


async def _open_stock(call: Call, tx: Tx, items: Sequence[tuple[UUID, int]]) -> None:
    if items:
        await call.service(OpeningStock).open(tx, items, call.actor)


def _variant_answer(call: Call, product: Product, variant_id: UUID, *, status: int = 200) -> Answer:
    market = home_of(store_of(call))
    (shown,) = [staff_variant(product, variant, market) for variant in product.variants if variant.id == variant_id]
    return call.json(shown, status=status, headers=[etag(product.version)])


def _shown(call: Call, product: Product, market: Market | None = None) -> ProductOut:
    """In the market that it was read for; whoever changes a product sees it at home."""
    show = staff_product if sees_all(call.actor) else public_product
    return show(product, market or home_of(store_of(call)))
