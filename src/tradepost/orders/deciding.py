"""Who gets what: a pure function from a batch of requests and the facts to orders and refusals, in order of arrival."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from tradepost import promotions
from tradepost.accounts import Account
from tradepost.catalog.offers import Offer
from tradepost.core import clock, money
from tradepost.core.actors import Actor, ActorKind
from tradepost.core.errors import FieldError, ReferenceNotFound, ShopError, invalid
from tradepost.core.ids import Ids
from tradepost.core.texts import words_of
from tradepost.idempotency import StoredAnswer
from tradepost.inventory import Holding, InsufficientStock, Level, Movement, MovementKind, allocate, available
from tradepost.orders import quoting
from tradepost.orders.baskets import Basket, filled
from tradepost.orders.model import (
    FulfillmentStatus,
    Item,
    Order,
    OrderStatus,
    PaymentStatus,
    PlaceOrder,
    PriceChanged,
)
from tradepost.orders.quoting import Reckoned, reckon
from tradepost.orders.reckoned import asked_of, basis_of, lines_of
from tradepost.pricing import Quote
from tradepost.promotions import Redemption


class Facts(msgspec.Struct):
    """What is true under the batch's locks. Stock, order number and kept answers run on while deciding."""

    prices: quoting.Facts
    now: datetime
    last_number: int
    kept: dict[bytes, StoredAnswer]
    levels: dict[UUID, list[Level]]
    customers: dict[UUID, Account]
    baskets: dict[UUID, Basket]


class Placed(msgspec.Struct, frozen=True):
    """An accepted order; `kept` is the answer that its key keeps, where it has one."""

    order: Order
    kept: StoredAnswer | None = None


class Again(msgspec.Struct, frozen=True):
    """The request was answered before; here is that answer."""

    kept: StoredAnswer


Outcome = Placed | Again


class Decisions(msgspec.Struct):
    """An outcome or a refusal for each request, and all that is to be written for the accepted ones."""

    outcomes: list[Outcome | Exception] = msgspec.field(default_factory=list)
    orders: list[tuple[PlaceOrder, Order]] = msgspec.field(default_factory=list)
    movements: list[Movement] = msgspec.field(default_factory=list)
    ordered: list[tuple[UUID, UUID]] = msgspec.field(default_factory=list)
    """Kept baskets with the orders that they have become."""
    redemptions: list[Redemption] = msgspec.field(default_factory=list)
    answers: list[tuple[bytes, StoredAnswer]] = msgspec.field(default_factory=list)


TokenOf = Callable[[UUID], str]


def decide(batch: Sequence[PlaceOrder], facts: Facts, *, order_ids: Ids, token_of: TokenOf) -> Decisions:
    """Decides a batch. A refusal takes nothing from the running stock and numbers, and hits nobody else."""
    deciding = _Deciding(facts, order_ids, token_of)
    for request in batch:
        try:
            outcome: Outcome | Exception = deciding.one(request)
        except ShopError as refusal:
            outcome = refusal
        deciding.decisions.outcomes.append(outcome)
    return deciding.decisions


class _Deciding:
    """The batch under way: facts that run on, and what has been decided so far."""

    def __init__(self, facts: Facts, order_ids: Ids, token_of: TokenOf) -> None:
        self.decisions = Decisions()
        self._facts = facts
        self._order_ids = order_ids
        self._token_of = token_of

    def one(self, request: PlaceOrder) -> Outcome:
        """Refuses by raising, before anything runs on."""
        facts = self._facts
        if request.claim and (kept := facts.kept.get(request.claim.key_hash)):
            return Again(request.claim.check(kept))
        basket = facts.baskets.get(request.basket.id) if request.basket else None
        request = filled(request, basket)
        customer = _customer(request, facts)
        if request.refusal:
            raise request.refusal
        reckoned = reckon(asked_of(request), facts.prices)
        promotions.check(reckoned.given, request.coupon_codes)
        if request.expected_total is not None:
            check_total(request.expected_total, reckoned.quote)
        elif basket is not None:
            check_seen(basket, reckoned)
        _check_stock(request.items, reckoned.offers, facts.levels, basket.held if basket else ())
        facts.last_number += 1
        order = self._order(request, customer, reckoned)
        if basket is not None:
            self._empty(basket, order.id, request.actor)
        self._reserve(request, reckoned.offers, order.id)
        self._redeem(reckoned, order.id)
        self.decisions.orders.append((request, order))
        return Placed(order, self._keep(request, order))

    def _redeem(self, reckoned: Reckoned, order_id: UUID) -> None:
        given, customer = reckoned.given, reckoned.customer
        if given.applied:
            self._facts.prices.promotions.take(given, customer)
            self.decisions.redemptions += promotions.redemptions(
                given, order_id=order_id, customer=customer, currency=reckoned.quote.currency, at=self._facts.now
            )

    def _order(self, request: PlaceOrder, customer: Account | None, reckoned: Reckoned) -> Order:
        facts, quote = self._facts, reckoned.quote
        lines = lines_of(reckoned, self._order_ids, facts.now)
        order_id = self._order_ids.new(clock.to_ms(facts.now))
        guest = request.actor.kind is ActorKind.GUEST
        return Order(
            id=order_id,
            order_number=f"{facts.prices.store.order_prefix}{facts.last_number}",
            status=OrderStatus.PENDING,
            payment_status=PaymentStatus.PENDING,
            fulfillment_status=FulfillmentStatus.UNFULFILLED,
            customer_id=request.customer_id,
            email=request.email or (customer.email if customer else ""),
            currency=quote.currency,
            tax_included=quote.tax_included,
            subtotal=quote.subtotal,
            discount_amount=quote.discount,
            tax_amount=quote.tax,
            shipping_amount=quote.shipping,
            total_amount=quote.total,
            shipping_address=request.shipping_address,
            billing_address=request.billing_address or request.shipping_address,
            notes=request.notes,
            version=1,
            updated_at=facts.now,
            lines=lines,
            taxes=quote.taxes,
            token_hash=hashlib.sha256(self._token_of(order_id).encode()).digest() if guest else None,
            words=request.words.union(words_of(customer.name), words_of(customer.email)) if customer else request.words,
            basis=basis_of(reckoned, request, lines),
        )

    def _reserve(self, request: PlaceOrder, picked: Sequence[Offer], order_id: UUID) -> None:
        for item, offer in zip(request.items, picked, strict=True):
            if not offer.track_inventory:
                continue
            for location_id, quantity in allocate(self._facts.levels[offer.variant_id], item.quantity):
                self.decisions.movements.append(
                    Movement(
                        variant_id=offer.variant_id,
                        location_id=location_id,
                        kind=MovementKind.RESERVE,
                        actor=request.actor,
                        reserved_change=quantity,
                        order_id=order_id,
                    )
                )

    def _empty(self, basket: Basket, order_id: UUID, actor: Actor) -> None:
        """The basket is this order from now on, and what was promised to it is free for the order to take."""
        self._facts.baskets[basket.id] = msgspec.structs.replace(basket, is_open=False, order_id=order_id)
        self.decisions.ordered.append((basket.id, order_id))
        for holding in basket.held:
            for level in self._facts.levels[holding.variant_id]:
                if level.location_id == holding.location_id:
                    level.reserved -= holding.units
            self.decisions.movements.append(
                Movement(
                    variant_id=holding.variant_id,
                    location_id=holding.location_id,
                    kind=MovementKind.RELEASE,
                    actor=actor,
                    reserved_change=-holding.units,
                    order_id=basket.hold_id,
                )
            )

    def _keep(self, request: PlaceOrder, order: Order) -> StoredAnswer | None:
        if request.claim is None or request.keep is None:
            return None
        status, headers, body = request.keep(order)
        answer = StoredAnswer(status, headers, body, request.claim.fingerprint)
        self._facts.kept[request.claim.key_hash] = answer
        self.decisions.answers.append((request.claim.key_hash, answer))
        return answer


def _customer(request: PlaceOrder, facts: Facts) -> Account | None:
    if request.customer_id is None:
        if request.email is None:
            raise invalid("/email", "required", "is needed where no customer is named")
        return None
    customer = facts.customers.get(request.customer_id)
    if customer is None:
        raise ReferenceNotFound(errors=[FieldError("/customerId", "reference_not_found", "is no customer")])
    return customer


def check_total(expected_total: Decimal, quote: Quote) -> None:
    """PriceChanged, with the quote, where it comes to another total than the buyer was shown."""
    expected = money.parse_field(expected_total, quote.currency, pointer="/expectedTotal")
    if expected != quote.total:
        total = money.text(quote.total, quote.currency)
        raise PriceChanged(
            f"The total is now {total} {quote.currency}",
            errors=[FieldError("/expectedTotal", "price_changed", f"is not the total, which is {total}")],
            extra={"quote": {"currency": quote.currency, **quote_members(quote)}},
        )


def check_seen(basket: Basket, reckoned: Reckoned) -> None:
    """PriceChanged where an item costs something else than its owner was shown, and he has not agreed to a total."""
    quote = reckoned.quote
    changed = [
        FieldError(
            f"/items/{at}/price", "price_changed", f"was {money.text(*seen)} {seen[1]} when it was put in the cart"
        )
        for at, (seen, priced) in enumerate(zip(basket.seen, reckoned.listed, strict=True))
        if seen != (priced.amount, quote.currency)
    ]
    if changed:
        raise PriceChanged(errors=changed, extra={"quote": {"currency": quote.currency, **quote_members(quote)}})


def quote_members(quote: Quote) -> dict[str, str]:
    """A quote's amounts in wire names."""
    amounts = {
        "subtotal": quote.subtotal,
        "discountAmount": quote.discount,
        "taxAmount": quote.tax,
        "shippingAmount": quote.shipping,
        "totalAmount": quote.total,
    }
    return {name: money.text(amount, quote.currency) for name, amount in amounts.items()}


def _check_stock(
    items: Sequence[Item], picked: Sequence[Offer], levels: dict[UUID, list[Level]], held: Sequence[Holding]
) -> None:
    """The same variant in several lines is summed before it is compared. What is held for the buyer is his to take."""
    needed: dict[UUID, int] = {}
    own: dict[UUID, int] = {}
    for holding in held:
        own[holding.variant_id] = own.get(holding.variant_id, 0) + holding.units
    for item, offer in zip(items, picked, strict=True):
        if offer.track_inventory:
            needed[offer.variant_id] = needed.get(offer.variant_id, 0) + item.quantity
    short = {
        variant_id: left
        for variant_id, quantity in needed.items()
        if (left := available(levels.get(variant_id, ())) + own.get(variant_id, 0)) < quantity
    }
    if short:
        raise InsufficientStock(
            errors=[
                FieldError(
                    f"/items/{at}/quantity", "insufficient_stock", f"{short[offer.variant_id]} of {offer.sku} are left"
                )
                for at, offer in enumerate(picked)
                if offer.variant_id in short
            ]
        )
