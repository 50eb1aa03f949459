"""What may happen to an order next, by whom, and why the rest may not: three statuses and one table of actions."""

from collections.abc import Callable, Mapping
from enum import StrEnum

import msgspec

from tradepost.core.actors import Actor
from tradepost.core.errors import Forbidden
from tradepost.core.states import InvalidTransition, States
from tradepost.orders.model import FulfillmentStatus, OrderStatus, PaymentStatus
from tradepost.payments import Balance

_PENDING, _CONFIRMED, _PROCESSING = OrderStatus.PENDING, OrderStatus.CONFIRMED, OrderStatus.PROCESSING
_SHIPPED, _DELIVERED = OrderStatus.SHIPPED, OrderStatus.DELIVERED
_CANCELLED, _REFUNDED = OrderStatus.CANCELLED, OrderStatus.REFUNDED

STATES = States(
    {
        _PENDING: frozenset({_CONFIRMED, _CANCELLED}),
        _CONFIRMED: frozenset({_PROCESSING, _SHIPPED, _CANCELLED}),
        _PROCESSING: frozenset({_SHIPPED, _CANCELLED}),
        _SHIPPED: frozenset({_DELIVERED, _REFUNDED}),
        _DELIVERED: frozenset({_REFUNDED}),
        _CANCELLED: frozenset({_CONFIRMED}),  # it had expired, and then the money came
        _REFUNDED: frozenset[OrderStatus](),
    }
)


class Goods(msgspec.Struct, frozen=True):
    """Units: how many were ordered, and how many of them are in parcels that are packed, on their way, or there.

    `parcels`: of how many parcels there may be something to say; also lost ones, and unpacked ones with a label.
    """

    ordered: int
    packed: int = 0
    shipped: int = 0
    """Handed to a carrier and not come back or got lost; those delivered are among them."""
    delivered: int = 0
    parcels: int = 0


class Facts(msgspec.Struct, frozen=True):
    """All that decides what may happen to an order next. `total` in minor units."""

    status: OrderStatus
    total: int
    is_on_hold: bool
    money: Balance
    goods: Goods

    @property
    def due(self) -> int:
        """What is still to be paid: below zero where there is something to give back."""
        return self.total - self.money.captured + self.money.refunded


def payment_status_of(total: int, money: Balance) -> PaymentStatus:
    """Follows from what was paid; the first row that fits.

    | status | when |
    |---|---|
    | REFUNDED | all that was captured was given back, and that is not nothing |
    | PARTIALLY_REFUNDED | some of it was given back |
    | PAID | as much as the total was captured |
    | AUTHORIZED | as much as the total was captured or is promised |
    | FAILED | the last attempt failed, and none is under way |
    | PENDING | else |
    """
    if money.refunded and money.refunded >= money.captured:
        return PaymentStatus.REFUNDED
    if money.refunded:
        return PaymentStatus.PARTIALLY_REFUNDED
    if money.captured >= total and money.captured:
        return PaymentStatus.PAID
    if money.captured + money.authorized >= total and money.authorized:
        return PaymentStatus.AUTHORIZED
    return PaymentStatus.FAILED if money.is_declined and not money.is_live else PaymentStatus.PENDING


def fulfillment_status_of(goods: Goods) -> FulfillmentStatus:
    """Follows from what was shipped.

    | status | when |
    |---|---|
    | FULFILLED | all units are on their way or there |
    | PARTIAL | some are |
    | UNFULFILLED | none is |
    """
    if goods.shipped == 0:
        return FulfillmentStatus.UNFULFILLED
    return FulfillmentStatus.FULFILLED if goods.shipped >= goods.ordered else FulfillmentStatus.PARTIAL


def steps_of(facts: Facts) -> list[OrderStatus]:
    """The statuses that the facts carry an order through, from the present one on; the last is where it stays.

    | from | to | when |
    |---|---|---|
    | PENDING | CONFIRMED | it is paid, or the money is promised |
    | CONFIRMED | PROCESSING | something is packed or shipped |
    | CONFIRMED, PROCESSING | SHIPPED | all of it is shipped |
    | SHIPPED | DELIVERED | all of it is there |
    | SHIPPED, DELIVERED | REFUNDED | all that was paid was given back |
    """
    goods = facts.goods
    paid = payment_status_of(facts.total, facts.money)
    carries = {
        (_PENDING, _CONFIRMED): paid in (PaymentStatus.PAID, PaymentStatus.AUTHORIZED),
        (_CONFIRMED, _PROCESSING): goods.packed + goods.shipped > 0,
        (_PROCESSING, _SHIPPED): goods.ordered <= goods.shipped,
        (_SHIPPED, _DELIVERED): goods.ordered <= goods.delivered,
        (_SHIPPED, _REFUNDED): paid is PaymentStatus.REFUNDED,
        (_DELIVERED, _REFUNDED): paid is PaymentStatus.REFUNDED,
    }
    steps = [facts.status]
    while following := next((to for (now, to), holds in carries.items() if holds and now is steps[-1]), None):
        steps.append(following)
    return steps


class Action(StrEnum):
    PAY = "pay"
    CONFIRM = "confirm"
    PROCESS = "process"
    SHIP = "ship"
    DELIVER = "deliver"
    MOVE_PARCEL = "move_parcel"
    CANCEL = "cancel"
    HOLD = "hold"
    RELEASE = "release"
    CHANGE_ADDRESS = "change_address"
    CHANGE_TRACKING = "change_tracking"
    EDIT = "edit"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    RETURN = "return"
    SETTLE_RETURN = "settle_return"
    NOTE = "note"
    DELETE = "delete"


class Obstacle(msgspec.Struct, frozen=True):
    """Why something is not possible."""

    code: str
    detail: str


ENDED = Obstacle("ended", "The order is cancelled or refunded")
NOT_PENDING = Obstacle("not_pending", "The order was confirmed before")
NOT_CONFIRMED = Obstacle("not_confirmed", "The order is not confirmed, or already further on")
ON_HOLD = Obstacle("on_hold", "The order is on hold: release it first")
NOT_ON_HOLD = Obstacle("not_on_hold", "The order is not on hold")
NOTHING_DUE = Obstacle("nothing_due", "There is nothing left to pay")
PAYMENT_UNDER_WAY = Obstacle("payment_under_way", "A payment is under way")
NO_PARCEL = Obstacle("no_parcel", "There is no parcel")
NO_PAYMENT = Obstacle("no_payment", "No payment is under way")
NOTHING_TO_SHIP = Obstacle("nothing_to_ship", "Everything is packed or shipped")
NOTHING_ON_ITS_WAY = Obstacle("nothing_on_its_way", "Nothing is on its way")
PACKED = Obstacle("packed", "Something is packed already")
SHIPPED = Obstacle("shipped", "Something is shipped already")
NOTHING_SHIPPED = Obstacle("nothing_shipped", "Nothing is shipped yet")
NOTHING_TO_REFUND = Obstacle("nothing_to_refund", "No money is left to give back")
FORBIDDEN = Obstacle("forbidden", "You may not do this")

Question = Callable[[Facts], Obstacle | None]


def _ended(facts: Facts) -> Obstacle | None:
    return ENDED if facts.status in (_CANCELLED, _REFUNDED) else None


def _held(facts: Facts) -> Obstacle | None:
    return ON_HOLD if facts.is_on_hold else None


def _to_pay(facts: Facts) -> Obstacle | None:
    if facts.money.is_live:
        return PAYMENT_UNDER_WAY
    return None if facts.due > facts.money.authorized else NOTHING_DUE


def _to_ship(facts: Facts) -> Obstacle | None:
    if facts.status not in (_CONFIRMED, _PROCESSING, _SHIPPED):
        return NOT_CONFIRMED
    return None if facts.goods.ordered > facts.goods.shipped else NOTHING_TO_SHIP


def _shipped(facts: Facts) -> Obstacle | None:
    return SHIPPED if facts.goods.shipped else None


def _packed(facts: Facts) -> Obstacle | None:
    return PACKED if facts.goods.packed else None


def _to_delete(facts: Facts) -> Obstacle | None:
    """A cancelled order may be deleted, and one that can be cancelled is."""
    return None if _ended(facts) else _shipped(facts)


def _sent(facts: Facts) -> Obstacle | None:
    return None if facts.goods.shipped else NOTHING_SHIPPED


def _unless(holds: Callable[[Facts], bool], obstacle: Obstacle) -> Question:
    return lambda facts: None if holds(facts) else obstacle


class Rule(msgspec.Struct, frozen=True):
    """Who may do something: staff with the permission, where none of the questions finds an obstacle, and the buyer.

    `by_owner`: what is asked where it is the buyer himself; None where he may not.
    """

    permission: str
    asked: tuple[Question, ...] = ()
    by_owner: tuple[Question, ...] | None = None

    @property
    def requires(self) -> str:
        return self.permission if self.by_owner is None else f"{self.permission} or owner"


_WORKS = "orders:edit"
_BEFORE_PACKING = (_ended, _shipped, _packed)

RULES: Mapping[Action, Rule] = {
    Action.PAY: Rule(_WORKS, (_ended, _to_pay), (_ended, _to_pay)),
    Action.CONFIRM: Rule(_WORKS, (_held, _unless(lambda facts: facts.status is _PENDING, NOT_PENDING))),
    Action.PROCESS: Rule(_WORKS, (_held, _unless(lambda facts: facts.status is _CONFIRMED, NOT_CONFIRMED))),
    Action.SHIP: Rule("orders:ship", (_ended, _held, _to_ship)),
    Action.DELIVER: Rule(
        "orders:ship", (_unless(lambda facts: facts.goods.shipped > facts.goods.delivered, NOTHING_ON_ITS_WAY),)
    ),
    Action.MOVE_PARCEL: Rule("orders:ship", (_held, _unless(lambda facts: facts.goods.parcels > 0, NO_PARCEL))),
    Action.CANCEL: Rule("orders:cancel", (_ended, _shipped), _BEFORE_PACKING),
    Action.HOLD: Rule(_WORKS, (_ended, _held)),
    Action.RELEASE: Rule(_WORKS, (_unless(lambda facts: facts.is_on_hold, NOT_ON_HOLD),)),
    Action.CHANGE_ADDRESS: Rule(_WORKS, _BEFORE_PACKING, _BEFORE_PACKING),
    Action.CHANGE_TRACKING: Rule(_WORKS, (_ended,)),
    Action.EDIT: Rule(_WORKS, (_ended, _unless(lambda facts: facts.goods.ordered > facts.goods.shipped, SHIPPED))),
    Action.CAPTURE: Rule("payments:capture", (_ended, _unless(lambda facts: facts.money.is_live, NO_PAYMENT))),
    Action.VOID: Rule("payments:capture", (_unless(lambda facts: facts.money.is_live, NO_PAYMENT),)),
    Action.REFUND: Rule("orders:refund", (_unless(lambda facts: facts.money.refundable > 0, NOTHING_TO_REFUND),)),
    Action.RETURN: Rule("orders:return", (_sent,), (_sent,)),
    Action.SETTLE_RETURN: Rule("orders:return", (_sent,)),
    Action.NOTE: Rule(_WORKS),
    Action.DELETE: Rule("orders:delete", (_to_delete,)),
}


def obstacle_to(action: Action, facts: Facts, *, actor: Actor, owns: bool) -> Obstacle | None:
    """What keeps the actor from it; None where he may. `owns`: whether he is the buyer."""
    rule = RULES[action]
    if actor.may(rule.permission):
        asked = rule.asked
    elif owns and rule.by_owner is not None:
        asked = rule.by_owner
    else:
        return FORBIDDEN
    return next((found for question in asked if (found := question(facts))), None)


def check(action: Action, facts: Facts, *, actor: Actor, owns: bool = False) -> None:
    """Raises Forbidden, or InvalidTransition with the reason, unless the actor may do it now."""
    obstacle = obstacle_to(action, facts, actor=actor, owns=owns)
    if obstacle is FORBIDDEN:
        msg = f"This needs the permission {RULES[action].permission}"
        raise Forbidden(msg)
    if obstacle is not None:
        status = facts.status
        possible = sorted(STATES.moves[status])
        extra = {"reason": obstacle.code, "action": action, "currentState": status, "possible": possible}
        raise InvalidTransition(obstacle.detail, extra=extra)


def diagram() -> str:
    """The moves as a Mermaid state diagram; docs/order-life.md has it."""
    lines = [f"    {now} --> {to}" for now, following in STATES.moves.items() for to in sorted(following)]
    return "\n".join(["stateDiagram-v2", "    [*] --> PENDING", *lines])
