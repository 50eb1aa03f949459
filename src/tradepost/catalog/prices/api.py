from datetime import datetime
from uuid import UUID

from tradepost.catalog import store
from tradepost.catalog.local import LocalPrice, Priced, priced
from tradepost.catalog.model import Product, Variant
from tradepost.catalog.prices import actions
from tradepost.catalog.prices.actions import PriceDraft
from tradepost.catalog.store import local
from tradepost.catalog.written import minor
from tradepost.core import clock, money
from tradepost.core.errors import NotFound, Stale, invalid
from tradepost.db import Reader, Tx
from tradepost.http import Amount, Answer, Call, In, Moment, Out, Routes
from tradepost.http.call import etag
from tradepost.stores import Market, Markets, markets

routes = Routes("Prices", "What variants cost in markets, and their sales.")


class PriceIn(In, kw_only=True):
    """All of it: what is absent or null is not there any more. In the market's currency.

    A sale goes before the price where it is lower, from `saleFrom` until just before `saleTo`; without one of them it
    has no beginning, or no end. In the home market there are sales only: the price is the variant's own.
    """

    price: Amount | None = None
    compare_price: Amount | None = None
    sale_price: Amount | None = None
    sale_from: Moment | None = None
    sale_to: Moment | None = None


class WrittenOut(Out):
    """What was written for the market, as it is."""

    price: str | None
    compare_price: str | None
    sale_price: str | None
    sale_from: datetime | None
    sale_to: datetime | None


class PriceOut(Out):
    """What a variant costs in a market today, in its currency, and why; null where it is not for sale there."""

    variant_id: UUID
    sku: str
    market: str
    currency: str
    price: str | None
    compare_price: str | None
    because: str
    written: WrittenOut | None


class PricesOut(Out):
    """Each variant in each market, home first; also in those that are not active. `version` is the product's."""

    items: list[PriceOut]
    version: int


@routes.get("/products/{ref}/prices", answer=PricesOut, problems=[NotFound])
async def list_prices(call: Call) -> Answer:
    """Read what a product's variants cost in every market, and why."""
    async with call.db.read() as db:
        product = await store.get(db, call.actor.store_id, call.param("ref"))
        shown = await _prices(db, call.actor.store_id, product)
    return call.json(shown, headers=[etag(product.version)])


@routes.write(
    "PUT",
    "/products/{ref}/variants/{variant_id}/prices/{market}",
    body=PriceIn,
    answer=PriceOut,
    problems=[NotFound, Stale],
    example={
        "price": "44.90",
        "salePrice": "39.90",
        "saleFrom": "2026-11-27T00:00:00Z",
        "saleTo": "2026-12-01T00:00:00Z",
    },
)
async def put_price(call: Call, tx: Tx, body: PriceIn) -> Answer:
    """Say what a variant costs in a market, whole. The ETag, and what If-Match asks for, is the product's."""
    market = await markets.get(tx, call.actor.store_id, call.param("market"))
    draft, variant_id = _draft(body, market.currency), call.id("variant_id")
    product = await actions.put(
        tx, call.param("ref"), variant_id, market, draft, actor=call.actor, expected_version=call.expected_version()
    )
    shown = await _prices(tx, call.actor.store_id, await store.get(tx, call.actor.store_id, product.id))
    (one,) = [one for one in shown.items if (one.variant_id, one.market) == (variant_id, market.slug)]
    return call.json(one, headers=[etag(product.version)])


@routes.write("DELETE", "/products/{ref}/variants/{variant_id}/prices/{market}", status=204, problems=[NotFound, Stale])
async def remove_price(call: Call, tx: Tx) -> Answer:
    """Remove a variant's price and sale in a market: its own price counts there again, converted where need be."""
    market = await markets.get(tx, call.actor.store_id, call.param("market"))
    variant_id, expected = call.id("variant_id"), call.expected_version()
    await actions.remove(tx, call.param("ref"), variant_id, market, actor=call.actor, expected_version=expected)
    return Answer(204)


async def _prices(db: Reader, store_id: UUID, product: Product) -> PricesOut:
    known = await markets.all_of(db, store_id)
    written = await local.prices(db, store_id, product.id)
    return _prices_out(product, known, written)


def _prices_out(product: Product, known: Markets, written: list[LocalPrice]) -> PricesOut:
    rows = {(row.variant_id, row.market_id): row for row in written}
    return PricesOut(
        [
            _price_out(product, variant, market, rows.get((variant.id, market.id)))
            for variant in product.variants
            for market in known.all
        ],
        product.version,
    )


def _price_out(product: Product, variant: Variant, market: Market, row: LocalPrice | None) -> PriceOut:
    at = product.read_at or product.updated_at
    found: Priced | None = priced(variant.base, market, row, market.rate, at)
    return PriceOut(
        variant_id=variant.id,
        sku=variant.sku,
        market=market.slug,
        currency=market.currency,
        price=_text(found.amount if found else None, market),
        compare_price=_text(found.compare if found else None, market),
        because=found.because if found else "no price, and no rate to convert one",
        written=None if row is None else _written_out(row, market),
    )


def _written_out(row: LocalPrice, market: Market) -> WrittenOut:
    return WrittenOut(
        price=_text(row.price, market),
        compare_price=_text(row.compare_price, market),
        sale_price=_text(row.sale_price, market),
        sale_from=row.sale_from,
        sale_to=row.sale_to,
    )


def _text(amount: int | None, market: Market) -> str | None:
    return None if amount is None else money.text(amount, market.currency)


def _draft(body: PriceIn, currency: str) -> PriceDraft:
    """Raises ValidationFailed."""
    return PriceDraft(
        price=minor(body.price, "/price", currency),
        compare_price=minor(body.compare_price, "/comparePrice", currency),
        sale_price=minor(body.sale_price, "/salePrice", currency),
        sale_from=_moment(body.sale_from, "/saleFrom"),
        sale_to=_moment(body.sale_to, "/saleTo"),
    )


def _moment(written: str | None, pointer: str) -> datetime | None:
    if written is None:
        return None
    try:
        return clock.parse(written)
    except (ValueError, OverflowError):
        raise invalid(pointer, "invalid_value", "is no time that there is") from None
