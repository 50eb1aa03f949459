from collections.abc import Sequence
from uuid import UUID

from tradepost.core.clock import now
from tradepost.core.errors import NotFound, ReferenceNotFound, Stale
from tradepost.db import Reader, Tx
from tradepost.http import Answer, Call, PageOut, PageQuery, Routes, page_out, window
from tradepost.http.call import etag
from tradepost.pricing import AmountOutOfRange
from tradepost.promotions import actions
from tradepost.promotions.model import (
    CodeTaken,
    Coupon,
    LimitBelowUses,
    NoCouponPromotion,
    Promotion,
    TooManyPromotions,
)
from tradepost.promotions.previewing import PreviewIn, PreviewOut, preview
from tradepost.promotions.store import coupons, promotions, redemptions
from tradepost.promotions.wire import (
    CouponOut,
    CouponPatch,
    CouponsIn,
    CouponsQuery,
    NewCouponsOut,
    PromotionIn,
    PromotionOut,
    PromotionPatch,
    PromotionsQuery,
    RedemptionOut,
    changes_of,
    check_coupons,
    coupon_changes_of,
    coupon_out,
    draft_of,
    promotion_out,
    redemption_out,
)
from tradepost.stores import store_of

routes = Routes("Promotions", "What is taken off an order, by itself or for a coupon.")

_EXAMPLE = {
    "name": "10 % off",
    "trigger": "COUPON",
    "validTo": "2027-06-01T00:00:00Z",
    "condition": {"type": "subtotal", "min": {"USD": "20.00"}},
    "actions": [{"type": "percent_off", "percent": "10"}],
    "maxUsesPerCustomer": 1,
}


@routes.get("/promotions", query=PromotionsQuery, answer=PageOut[PromotionOut])
async def list_promotions(call: Call, query: PromotionsQuery) -> Answer:
    """List promotions, newest first."""
    at = now()
    async with call.db.read() as db:
        page = await promotions.page(
            db, call.actor.store_id, state=query.state, trigger=query.trigger, at=at, window=window(call, query)
        )
        tallies = await promotions.tallies(db, call.actor.store_id, [promotion.id for promotion in page.items])
    return call.json(page_out(call, query, page, lambda one: promotion_out(one, tallies[one.id], at)))


@routes.get("/promotions/{promotion_id}", answer=PromotionOut, problems=[NotFound])
async def read_promotion(call: Call) -> Answer:
    """Read one promotion."""
    async with call.db.read() as db:
        promotion = await promotions.get(db, call.actor.store_id, call.id("promotion_id"))
        return await _answer(call, db, promotion)


@routes.write(
    "POST",
    "/promotions",
    body=PromotionIn,
    answer=PromotionOut,
    status=201,
    problems=[TooManyPromotions, ReferenceNotFound],
    example=_EXAMPLE,
)
async def create_promotion(call: Call, tx: Tx, body: PromotionIn) -> Answer:
    """Create a promotion: when it applies, what it takes off, and how often.

    One of COUPON applies where one of its coupons is asked for: add them afterwards.
    """
    currency = store_of(call).currency
    promotion = await actions.create(tx, draft_of(body, currency), currency=currency, actor=call.actor)
    location = ("location", f"/api/v1/promotions/{promotion.id}")
    return await _answer(call, tx, promotion, location, status=201)


@routes.write(
    "PATCH",
    "/promotions/{promotion_id}",
    body=PromotionPatch,
    answer=PromotionOut,
    problems=[NotFound, Stale, TooManyPromotions, LimitBelowUses, ReferenceNotFound],
    example={"isActive": False},
)
async def change_promotion(call: Call, tx: Tx, body: PromotionPatch) -> Answer:
    """Change some fields of a promotion. Orders that were placed with it keep what they got."""
    promotion_id, expected = call.id("promotion_id"), call.expected_version()
    changes = changes_of(body, store_of(call).currency)
    promotion = await actions.change(tx, promotion_id, changes, actor=call.actor, expected_version=expected)
    return await _answer(call, tx, promotion)


@routes.write("DELETE", "/promotions/{promotion_id}", status=204, problems=[NotFound, Stale])
async def deactivate_promotion(call: Call, tx: Tx) -> Answer:
    """Switch a promotion off. It stays, as orders refer to it, and can be switched on again."""
    promotion_id, expected = call.id("promotion_id"), call.expected_version()
    await actions.deactivate(tx, promotion_id, actor=call.actor, expected_version=expected)
    return Answer(204)


@routes.act(
    "POST",
    "/promotions/preview",
    body=PreviewIn,
    answer=PreviewOut,
    keyed=False,
    problems=[ReferenceNotFound, AmountOutOfRange],
    example={"promotion": _EXAMPLE, "items": [{"sku": "DEMO-MUG", "quantity": 3, "price": "15.00"}]},
)
async def preview_promotion(call: Call, body: PreviewIn) -> Answer:
    """Hold a promotion that need not exist against a basket, as if nobody had used it. Nothing is written."""
    async with call.db.read() as db:
        return call.json(await preview(db, store_of(call), body))


@routes.get("/promotions/{promotion_id}/coupons", query=CouponsQuery, answer=PageOut[CouponOut], problems=[NotFound])
async def list_coupons(call: Call, query: CouponsQuery) -> Answer:
    """List the coupons of a promotion, newest first."""
    store_id = call.actor.store_id
    async with call.db.read() as db:
        promotion = await promotions.get(db, store_id, call.id("promotion_id"))
        page = await coupons.page(
            db, store_id, promotion.id, code=query.code, is_active=query.active, window=window(call, query)
        )
        uses = await coupons.uses(db, store_id, [coupon.id for coupon in page.items])
    return call.json(page_out(call, query, page, lambda one: coupon_out(one, uses[one.id])))


@routes.write(
    "POST",
    "/promotions/{promotion_id}/coupons",
    body=CouponsIn,
    answer=NewCouponsOut,
    status=201,
    problems=[NotFound, NoCouponPromotion, CodeTaken],
    example={"count": 3, "prefix": "SPRING-"},
)
async def add_coupons(call: Call, tx: Tx, body: CouponsIn) -> Answer:
    """Add a code of your own to a promotion, or up to 10,000 generated ones, which nobody can guess."""
    check_coupons(body)
    added = await _add(call, tx, call.id("promotion_id"), body)
    return call.json(NewCouponsOut(len(added), [coupon.code for coupon in added]), status=201)


@routes.write(
    "PATCH",
    "/promotions/{promotion_id}/coupons/{coupon_id}",
    body=CouponPatch,
    answer=CouponOut,
    problems=[NotFound, Stale, LimitBelowUses],
    example={"isActive": False},
)
async def change_coupon(call: Call, tx: Tx, body: CouponPatch) -> Answer:
    """Switch a coupon off or on, or change how often it may be used."""
    coupon = await actions.change_coupon(
        tx,
        call.id("promotion_id"),
        call.id("coupon_id"),
        coupon_changes_of(body),
        actor=call.actor,
        expected_version=call.expected_version(),
    )
    uses = await coupons.uses(tx, call.actor.store_id, [coupon.id])
    return call.json(coupon_out(coupon, uses[coupon.id]), headers=[etag(coupon.version)])


@routes.get(
    "/promotions/{promotion_id}/redemptions",
    query=PageQuery,
    answer=PageOut[RedemptionOut],
    problems=[NotFound],
)
async def list_redemptions(call: Call, query: PageQuery) -> Answer:
    """List the orders that have used a promotion, newest first, with those that gave it back."""
    async with call.db.read() as db:
        promotion = await promotions.get(db, call.actor.store_id, call.id("promotion_id"))
        page = await redemptions.page(db, call.actor.store_id, promotion.id, window=window(call, query))
    return call.json(page_out(call, query, page, redemption_out))


async def _add(call: Call, tx: Tx, promotion_id: UUID, body: CouponsIn) -> Sequence[Coupon]:
    if body.code is not None:
        return [await actions.add_coupon(tx, promotion_id, body.code, max_uses=body.max_uses, actor=call.actor)]
    return await actions.generate_coupons(
        tx, promotion_id, body.count or 0, prefix=body.prefix, max_uses=body.max_uses or 1, actor=call.actor
    )


async def _answer(call: Call, db: Reader, promotion: Promotion, *headers: tuple[str, str], status: int = 200) -> Answer:
    tallies = await promotions.tallies(db, call.actor.store_id, [promotion.id])
    shown = promotion_out(promotion, tallies[promotion.id], now())
    return call.json(shown, status=status, headers=[*headers, etag(promotion.version)])
