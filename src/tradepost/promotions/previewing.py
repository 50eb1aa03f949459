"""What a promotion would do, before it exists."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from tradepost.catalog.offers import Offer, offers, offers_of
from tradepost.catalog.within import categories_by_product, categories_of
from tradepost.core import money
from tradepost.core.clock import now
from tradepost.core.errors import FieldError, ReferenceNotFound, invalid
from tradepost.core.ids import uuid7
from tradepost.db import Reader
from tradepost.http import Amount, In, Moment, Out
from tradepost.pricing import AmountOutOfRange, Discount
from tradepost.promotions.actions import checked
from tradepost.promotions.evaluating import evaluate
from tradepost.promotions.model import (
    Basket,
    BasketLine,
    Customer,
    Delivery,
    Evaluation,
    Promotion,
    PromotionDraft,
    Trigger,
    code_key,
)
from tradepost.promotions.rules import Code, Country, Currency
from tradepost.promotions.running import Found, FoundCoupon, Running
from tradepost.promotions.wire import PromotionIn, draft_of, moment_of
from tradepost.stores import Store

_CODE = "PREVIEW"
_MOST_LINES = 100


class PreviewItemIn(In, kw_only=True):
    """Without a price it costs what it does now, if that is in the currency of the preview."""

    sku: Annotated[str, Meta(min_length=1, max_length=64)]
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]
    price: Amount | None = None


class PreviewDeliveryIn(In):
    method: Code
    amount: Amount


class PreviewIn(In, kw_only=True):
    """A promotion, and a basket as it may come; `at` is now where it is absent. A coupon counts as asked for."""

    promotion: PromotionIn
    items: Annotated[list[PreviewItemIn], Meta(min_length=1, max_length=_MOST_LINES)]
    currency: Currency | None = None
    delivery: PreviewDeliveryIn | None = None
    country: Country | None = None
    market: Code | None = None
    customer_id: UUID | None = None
    is_signed_in: bool = False
    earlier_orders: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    at: Moment | None = None


class PreviewDiscountOut(Out):
    """What is taken off the items at these places, by their value; of null, off all of them."""

    name: str
    amount: str
    items: list[int] | None


class PreviewOut(Out, kw_only=True):
    """`reason` says why it does not apply, where it does not."""

    applies: bool
    reason: str | None
    currency: str
    subtotal: str
    discount: str
    delivery_discount: str
    discounts: list[PreviewDiscountOut]


async def preview(db: Reader, store: Store, body: PreviewIn) -> PreviewOut:
    """Raises ReferenceNotFound for a SKU that is not on sale, ValidationFailed, AmountOutOfRange."""
    draft = checked(draft_of(body.promotion, store.currency, root="/promotion"), root="/promotion")
    basket = await _basket(db, store, body)
    if sum(line.price * line.quantity for line in basket.lines) >= money.LIMIT:
        raise AmountOutOfRange(errors=[FieldError("/items", AmountOutOfRange.code, "add up to too much")])
    at = moment_of(body.at, "/at") or now()
    return _shown(evaluate(basket, _running(draft, store, at), at), basket)


def _running(draft: PromotionDraft, store: Store, at: datetime) -> Running:
    facts = msgspec.structs.asdict(draft) | {"is_active": True}
    promotion = Promotion(**facts, id=uuid7(), currency=store.currency, created_at=at, updated_at=at)
    coupons = (FoundCoupon(uuid7(), code_key(_CODE), is_active=True),) if draft.trigger is Trigger.COUPON else ()
    return Running([Found(promotion, coupons=coupons)])


async def _basket(db: Reader, store: Store, body: PreviewIn) -> Basket:
    currency = body.currency or store.currency
    statement, params = offers_of(
        store.id, variant_ids=[], product_ids=[], skus=sorted({item.sku for item in body.items})
    )
    found = {offer.sku: offer for offer in offers(await db.rows(statement, params))}
    products = sorted({offer.product_id for offer in found.values()})
    inside = categories_by_product(await db.rows(*categories_of(store.id, products)))
    lines: list[BasketLine] = []
    for at, item in enumerate(body.items):
        offer = found.get(item.sku)
        if offer is None:
            raise ReferenceNotFound(errors=[FieldError(f"/items/{at}/sku", ReferenceNotFound.code, "is not on sale")])
        price = _price(item, offer, store, currency, pointer=f"/items/{at}/price")
        lines.append(BasketLine(offer.product_id, price, item.quantity, inside.get(offer.product_id, frozenset())))
    delivery = None
    if body.delivery is not None:
        amount = money.parse_field(body.delivery.amount, currency, pointer="/delivery/amount")
        delivery = Delivery(body.delivery.method, amount)
    return Basket(
        currency=currency,
        time_zone=store.time_zone,
        lines=lines,
        customer=Customer(body.customer_id, is_signed_in=body.is_signed_in, earlier_orders=body.earlier_orders),
        market=body.market,
        country=body.country,
        delivery=delivery,
        codes=[_CODE] if body.promotion.trigger is Trigger.COUPON else (),
    )


def _price(item: PreviewItemIn, offer: Offer, store: Store, currency: str, *, pointer: str) -> int:
    if item.price is not None:
        return money.parse_field(item.price, currency, pointer=pointer)
    if currency != store.currency:
        raise invalid(pointer, "required", f"is needed in {currency}")
    return offer.price


def _shown(evaluation: Evaluation, basket: Basket) -> PreviewOut:
    def text(minor: int) -> str:
        return money.text(minor, basket.currency)

    def shown(discount: Discount) -> PreviewDiscountOut:
        name = discount.name.removeprefix(f"{_CODE}: ")
        return PreviewDiscountOut(name, text(discount.amount), None if discount.lines is None else list(discount.lines))

    return PreviewOut(
        applies=bool(evaluation.applied),
        reason=evaluation.refused[0].detail if evaluation.refused else None,
        currency=basket.currency,
        subtotal=text(sum(line.price * line.quantity for line in basket.lines)),
        discount=text(sum(discount.amount for discount in evaluation.discounts)),
        delivery_discount=text(sum(discount.amount for discount in evaluation.shipping)),
        discounts=[shown(discount) for discount in evaluation.discounts],
    )
