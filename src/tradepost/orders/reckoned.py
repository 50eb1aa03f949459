"""From a request to what is priced, and from what was reckoned to the lines and the basis of an order."""

from collections.abc import Sequence
from datetime import datetime

from tradepost.core import clock
from tradepost.core.actors import ActorKind
from tradepost.core.ids import Ids
from tradepost.orders.model import PLAIN, Basis, KeptDelivery, KeptDiscount, KeptRate, Line, PlaceOrder
from tradepost.orders.quoting import Asked, Reckoned
from tradepost.pricing import Discount, Taken


def asked_of(request: PlaceOrder) -> Asked:
    return Asked(
        items=request.items,
        market_id=request.market_id,
        currency=request.currency,
        customer_id=request.customer_id,
        is_signed_in=request.actor.kind is ActorKind.CUSTOMER,
        email=request.email,
        address=request.shipping_address or request.billing_address,
        coupon_codes=request.coupon_codes,
        shipping_method=request.shipping_method,
        taxes=request.taxes,
    )


def lines_of(reckoned: Reckoned, ids: Ids, at: datetime) -> list[Line]:
    """The lines of a new order, with their taxes where these are not the same for all."""
    ms = clock.to_ms(at)
    differ = any(rates != reckoned.taxes[0] for rates in reckoned.taxes)
    return [
        Line(
            ids.new(ms),
            offer.product_id,
            offer.variant_id,
            offer.sku,
            offer.name_in(reckoned.market),
            offer.options,
            line.quantity,
            line.price,
            line.subtotal,
            line.discount,
            line.tax,
            line.total,
            offer.image_url,
            rates if differ else None,
        )
        for offer, line, rates in zip(reckoned.offers, reckoned.quote.lines, reckoned.taxes, strict=True)
    ]


def basis_of(reckoned: Reckoned, request: PlaceOrder, lines: Sequence[Line]) -> Basis:
    """What the order keeps of how its amounts came about."""
    market, rate = reckoned.market, reckoned.rate
    because = {line.id: one.because for line, one in zip(lines, reckoned.prices, strict=True) if one.because}
    if market.is_home and not (
        because or reckoned.given.applied or reckoned.option or reckoned.exempt or request.taxes
    ):
        return PLAIN
    return Basis(
        market=None if market.is_home else market.slug,
        rate=None if rate is None else KeptRate(str(rate), rate.as_of, rate.source),
        exempt=reckoned.exempt.reason if reckoned.exempt else None,
        taxes=request.taxes,
        discounts=_discounts(reckoned, lines),
        delivery=_delivery(reckoned),
        coupon_codes=request.coupon_codes,
        because=because,
    )


def _discounts(reckoned: Reckoned, lines: Sequence[Line]) -> tuple[KeptDiscount, ...]:
    return tuple(
        KeptDiscount(taken.name, taken.amount, _lines_of(discount, lines))
        for taken, discount in zip(reckoned.quote.taken, reckoned.given.discounts, strict=True)
        if taken.amount
    )


def _lines_of(discount: Discount, lines: Sequence[Line]):  # noqa: ANN202 - ids, or None for all
    return None if discount.lines is None else tuple(lines[at].id for at in discount.lines)


def _delivery(reckoned: Reckoned) -> KeptDelivery | None:
    option, delivery = reckoned.option, reckoned.quote.delivery
    if option is None or delivery is None:
        return None
    taken = tuple(Taken(one.name, one.amount) for one in delivery.taken if one.amount)
    return KeptDelivery(option.code, option.name, delivery.amount, reckoned.delivery_taxes, taken)
