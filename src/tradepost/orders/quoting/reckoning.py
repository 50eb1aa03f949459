"""From the facts and what somebody asks for to what it costs: market, prices, taxes, promotions, delivery. No I/O."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tradepost import promotions
from tradepost.catalog.local import Priced
from tradepost.catalog.offers import Offer
from tradepost.core.errors import FieldError
from tradepost.core.places import Place
from tradepost.core.texts import normal_email
from tradepost.orders.model import CurrencyNotSupported, Item, VariantNotAvailable
from tradepost.orders.quoting.asking import Asked
from tradepost.orders.quoting.shelf import Shelf
from tradepost.orders.quoting.terms import Terms
from tradepost.pricing import AmountOutOfRange, Basket, BasketLine, Quote, Shipping, TaxRate
from tradepost.pricing import quote as price
from tradepost.promotions import Customer, Evaluation, Running
from tradepost.shipping.methods import Convert, Methods, NotOffered, Option, Parcel, ShippingMethodNotAvailable
from tradepost.stores import Market, Rate, Store
from tradepost.stores.converting import converted
from tradepost.tax import Answered, Exempt, Exemptions, Question, net_unit
from tradepost.tax import Line as TaxedLine

_NOTHING = Evaluation()
UNTAXED: tuple[TaxRate, ...] = ()


class Facts(msgspec.Struct, frozen=True):
    """What is true of a batch. `promotions` count on while it is decided.

    By product, the categories that it is in with all above them; by customer, how many orders he has placed; by e-mail
    address, whose account it is. These three are there where there are promotions.
    """

    store: Store
    terms: Terms
    now: datetime
    shelf: Shelf
    promotions: Running
    exemptions: Exemptions
    categories: Mapping[UUID, frozenset[UUID]]
    earlier_orders: Mapping[UUID, int]
    accounts: Mapping[str, UUID]


class Reckoned(msgspec.Struct, frozen=True):
    """What something costs, and all that led to it. Lists are by item."""

    market: Market
    offers: list[Offer]
    listed: list[Priced]
    """What the shop asks for each unit, of everybody."""
    prices: list[Priced]
    """What this buyer pays for it: less where he is exempt from a tax that prices contain."""
    taxes: list[tuple[TaxRate, ...]]
    quote: Quote
    customer: Customer
    given: Evaluation
    option: Option | None
    delivery_taxes: tuple[TaxRate, ...]
    exempt: Exempt | None

    @property
    def names(self) -> list[str]:
        """As the buyer reads them, with how a price came about where it is not the plain one."""
        return [
            offer.name_in(self.market) + (f" ({priced.because})" if priced.because else "")
            for offer, priced in zip(self.offers, self.prices, strict=True)
        ]

    @property
    def rate(self) -> Rate | None:
        """The exchange rate that a price was converted at."""
        return next((priced.rate for priced in self.prices if priced.rate is not None), None)


def reckon(asked: Asked, facts: Facts, *, pointer: str = "/items") -> Reckoned:
    """What is asked for at the prices of this moment.

    Raises MarketNotFound, CurrencyNotSupported, VariantNotAvailable, ShippingMethodNotAvailable and AmountOutOfRange,
    with pointers. Coupons that do not apply are told in `given.refused`: see `promotions.check`.
    """
    market = asked.market(facts.terms.markets)
    _check_currency(asked.currency, market)
    picked = facts.shelf.pick(asked.items, pointer=pointer)
    listed = prices = prices_in(market, asked.items, picked, facts.now, pointer=pointer)
    place = asked.place(market)
    taxing = Taxing(facts.store, facts.terms, place, asked.taxes, facts.now)
    taxes = [taxing.on(offer.tax_class) for offer in picked]
    exempt = facts.exemptions.of(asked.customer_id, place, facts.now)
    if exempt:
        prices = [without_tax(one, rates, market) for one, rates in zip(prices, taxes, strict=True)]
        taxes = [UNTAXED] * len(taxes)
    lines = [
        BasketLine(one.amount, item.quantity, rates)
        for one, item, rates in zip(prices, asked.items, taxes, strict=True)
    ]
    goods = _Goods(market, place, _customer(asked, facts), picked, lines)
    given, option = _promoted(asked, facts, goods)
    delivery_taxes = UNTAXED if option is None or exempt else taxing.on(option.tax_class)
    delivery = None if option is None else Shipping(option.name, option.amount, delivery_taxes, given.shipping)
    basket = Basket(market.currency, lines, market.tax_included and exempt is None, given.discounts, delivery)
    return Reckoned(
        market=market,
        offers=picked,
        listed=listed,
        prices=prices,
        taxes=taxes,
        quote=_priced(basket, pointer),
        customer=goods.customer,
        given=given,
        option=option,
        delivery_taxes=delivery_taxes,
        exempt=exempt,
    )


def _priced(basket: Basket, pointer: str) -> Quote:
    try:
        return price(basket)
    except AmountOutOfRange:
        said = FieldError(pointer, "amount_out_of_range", "add up to more than an order may come to")
        raise AmountOutOfRange(errors=[said]) from None


def _check_currency(currency: str | None, market: Market) -> None:
    if currency is not None and currency != market.currency:
        detail = f"must be {market.currency}"
        raise CurrencyNotSupported(errors=[FieldError("/currency", "currency_not_supported", detail)])


def prices_in(
    market: Market, items: Sequence[Item], picked: Sequence[Offer], at: datetime, *, pointer: str
) -> list[Priced]:
    """What units of offers cost in a market. VariantNotAvailable, with a pointer to each that is not for sale there."""
    found = [offer.price_in(market, market.rate, at) for offer in picked]
    missing = [
        FieldError(f"{pointer}/{place}/{items[place].key}", "variant_not_available", "is not available")
        for place, one in enumerate(found)
        if one is None
    ]
    if missing:
        raise VariantNotAvailable(errors=missing)
    return [one for one in found if one is not None]


class Taxing(msgspec.Struct, frozen=True):
    """Who says the taxes on what goes to a place: a service that was asked, or the table, or else the store itself."""

    store: Store
    terms: Terms
    place: Place | None
    answered: Answered | None
    at: datetime

    def on(self, tax_class: str) -> tuple[TaxRate, ...]:
        """The taxes on a class of goods. Where the service was not asked about it, the table says them."""
        if self.answered is not None and (said := self.answered.rates.get(tax_class)) is not None:
            return said
        store = self.store
        default = (TaxRate(store.tax_name, store.tax_rate_ppm),) if store.tax_rate_ppm else UNTAXED
        return self.terms.taxes.of(self.place, tax_class, self.at, default=default)


def without_tax(priced: Priced, rates: tuple[TaxRate, ...], market: Market) -> Priced:
    """What an exempt buyer pays for a unit."""
    if not market.tax_included:
        return priced
    return msgspec.structs.replace(priced, amount=net_unit(priced.amount, rates))


def _customer(asked: Asked, facts: Facts) -> Customer:
    known = asked.customer_id
    if known is None and asked.email is not None:
        known = facts.accounts.get(normal_email(asked.email))
    return Customer(
        account_id=known,
        email=asked.email,
        is_signed_in=asked.is_signed_in,
        earlier_orders=None if known is None else facts.earlier_orders.get(known, 0),
    )


class _Goods(msgspec.Struct, frozen=True):
    """What is bought, where it goes and who buys it."""

    market: Market
    place: Place | None
    customer: Customer
    offers: Sequence[Offer]
    lines: Sequence[BasketLine]


def _promoted(asked: Asked, facts: Facts, goods: _Goods) -> tuple[Evaluation, Option | None]:
    """What promotions give, and the way of sending: that depends on what goods are worth after them, and they on it."""
    market, lines = goods.market, goods.lines
    subtotal = sum(line.price * line.quantity for line in lines)
    weight = sum((offer.weight or 0) * line.quantity for offer, line in zip(goods.offers, lines, strict=True))
    parcel = Parcel(goods.place, weight, subtotal, sum(line.quantity for line in lines), market.currency)
    if not facts.promotions and not asked.coupon_codes:
        return _NOTHING, _option(asked, facts.terms.methods, parcel, market)
    basket = promotions.Basket(
        currency=market.currency,
        time_zone=facts.store.time_zone,
        lines=[
            promotions.BasketLine(
                offer.product_id, line.price, line.quantity, facts.categories.get(offer.product_id, frozenset())
            )
            for offer, line in zip(goods.offers, lines, strict=True)
        ],
        customer=goods.customer,
        market_id=market.id,
        market=market.slug,
        country=None if goods.place is None else goods.place.country,
        codes=asked.coupon_codes,
    )
    given = promotions.evaluate(basket, facts.promotions, facts.now)
    off = sum(applied.amount for applied in given.applied)
    parcel = msgspec.structs.replace(parcel, subtotal=max(0, subtotal - off))
    option = _option(asked, facts.terms.methods, parcel, market)
    if option is not None:
        delivery = promotions.Delivery(option.code, option.amount)
        given = promotions.evaluate(msgspec.structs.replace(basket, delivery=delivery), facts.promotions, facts.now)
    return given, option


def ways_of_sending(facts: Facts, reckoned: Reckoned, asked: Asked) -> list[Option | NotOffered]:
    """All ways in which what was reckoned can be sent, or not."""
    market, quote = reckoned.market, reckoned.quote
    weight = sum((offer.weight or 0) * line.quantity for offer, line in zip(reckoned.offers, quote.lines, strict=True))
    units = sum(line.quantity for line in quote.lines)
    parcel = Parcel(asked.place(market), weight, quote.subtotal - quote.discount, units, market.currency)
    return facts.terms.methods.options(parcel, _conversion(market))


def question(asked: Asked, facts: Facts) -> tuple[Question | None, dict[str, tuple[TaxRate, ...]]]:
    """What a tax service is to be asked, and the answer of the table; None where there is nothing to be taxed.

    Raises as `reckon`.
    """
    found = reckon(asked, facts)
    place = asked.place(found.market)
    if place is None or found.exempt or not found.offers:
        return None, {}
    classes = [offer.tax_class for offer in found.offers] + ([found.option.tax_class] if found.option else [])
    lines = [
        TaxedLine(offer.tax_class, line.subtotal - line.discount, line.quantity)
        for offer, line in zip(found.offers, found.quote.lines, strict=True)
    ]
    named = tuple(dict.fromkeys(classes))
    asking = Question(place, found.market.currency, facts.now, named, tuple(lines), found.market.tax_included)
    by_table = Taxing(facts.store, facts.terms, place, None, facts.now)
    return asking, {one: by_table.on(one) for one in named}


def _option(asked: Asked, methods: Methods, parcel: Parcel, market: Market) -> Option | None:
    """The way that is asked for, else the cheapest one there; none where the store says nothing, or nobody where to."""
    if not asked.with_delivery:
        return None
    if asked.shipping_method is not None:
        return methods.choose(asked.shipping_method, parcel, _conversion(market))
    if asked.address is None or not methods.has_methods:
        return None
    offered = methods.options(parcel, _conversion(market))
    found = [one for one in offered if not isinstance(one, NotOffered) and not one.is_pickup]
    if not found:
        where = FieldError("/shippingAddress/country", ShippingMethodNotAvailable.code, "nothing is sent there")
        raise ShippingMethodNotAvailable("Nothing is sent there", errors=[where])
    return min(found, key=lambda option: option.amount)


def _conversion(market: Market) -> Convert:
    """Prices of sending in a market for which a method has none of its own."""

    def convert(amount: int, _: str) -> int:
        found = None if market.rate is None else converted(amount, market, market.rate)
        if found is None:
            raise ShippingMethodNotAvailable(f"Nothing says what sending costs in {market.currency}")
        return found

    return convert
