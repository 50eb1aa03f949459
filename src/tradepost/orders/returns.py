"""Goods that come back: asked for, agreed to, received, and given money for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from tradepost.core.errors import FieldError, Invalid, ValidationFailed
from tradepost.core.states import States
from tradepost.orders.model import Line, Order


class ReturnStatus(StrEnum):
    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    RECEIVED = "RECEIVED"
    REFUNDED = "REFUNDED"
    """Its money was asked to be given back."""


_NOTHING = frozenset[ReturnStatus]()

STATES = States(
    {
        ReturnStatus.REQUESTED: frozenset({ReturnStatus.APPROVED, ReturnStatus.REJECTED}),
        ReturnStatus.APPROVED: frozenset({ReturnStatus.RECEIVED, ReturnStatus.REJECTED}),
        ReturnStatus.RECEIVED: frozenset({ReturnStatus.REFUNDED}),
        ReturnStatus.REJECTED: _NOTHING,
        ReturnStatus.REFUNDED: _NOTHING,
    }
)


class ReturnReason(StrEnum):
    UNWANTED = "UNWANTED"
    DAMAGED = "DAMAGED"
    WRONG_ITEM = "WRONG_ITEM"
    NOT_AS_DESCRIBED = "NOT_AS_DESCRIBED"
    OTHER = "OTHER"


class FeeExceedsValue(Invalid):
    """The fee is more than what would be given back."""

    title = "The fee is more than the goods are worth"


class ReturnLine(msgspec.Struct, frozen=True):
    """Units of an order's line. `restocked`: how many of them can be sold again; None until they have come."""

    line_id: UUID
    variant_id: UUID
    quantity: int
    reason: ReturnReason
    restocked: int | None = None


class Return(msgspec.Struct, frozen=True):
    """`refund_amount`: what was asked to be given back for it, in minor units."""

    id: UUID
    order_id: UUID
    status: ReturnStatus
    note: str | None
    refund_amount: int | None
    lines: tuple[ReturnLine, ...]
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def is_here(self) -> bool:
        """Whether its goods have come."""
        return self.status in (ReturnStatus.RECEIVED, ReturnStatus.REFUNDED)


Wanted = Sequence[tuple[UUID, int, ReturnReason]]


def lines_of(order: Order, shipped: Mapping[UUID, int], earlier: Sequence[Return], wanted: Wanted) -> list[ReturnLine]:
    """The lines of a new return. ValidationFailed for lines that there are not, or more units than were shipped."""
    left = dict(shipped)
    for line in (line for one in earlier if one.status is not ReturnStatus.REJECTED for line in one.lines):
        left[line.line_id] = left.get(line.line_id, 0) - line.quantity
    variants = {line.id: line.variant_id for line in order.lines}
    problems: list[FieldError] = []
    for at, (line_id, quantity, _) in enumerate(wanted):
        if line_id not in variants:
            problems.append(FieldError(f"/items/{at}/itemId", "reference_not_found", "is no item of this order"))
        elif line_id in {earlier_id for earlier_id, _, _ in wanted[:at]}:
            problems.append(FieldError(f"/items/{at}/itemId", "ambiguous", "is named twice"))
        elif quantity > left.get(line_id, 0):
            detail = f"{max(0, left.get(line_id, 0))} can be returned"
            problems.append(FieldError(f"/items/{at}/quantity", "out_of_range", detail))
    if not wanted:
        problems.append(FieldError("/items", "required", "has no item"))
    if problems:
        raise ValidationFailed(problems[0].detail, errors=problems)
    return [ReturnLine(line_id, variants[line_id], quantity, reason) for line_id, quantity, reason in wanted]


def value_of(order: Order, one: Return, earlier: Sequence[Return]) -> int:
    """What was paid for the goods of a return, tax included, in minor units.

    A line's total is spread over its units so that all returns of all units give exactly the total.
    """
    before: dict[UUID, int] = {}
    for line in (line for other in earlier if other.status is ReturnStatus.REFUNDED for line in other.lines):
        before[line.line_id] = before.get(line.line_id, 0) + line.quantity
    by_id = {line.id: line for line in order.lines}
    return sum(
        _share(by_id[line.line_id], before.get(line.line_id, 0) + line.quantity)
        - _share(by_id[line.line_id], before.get(line.line_id, 0))
        for line in one.lines
    )


def _share(line: Line, units: int) -> int:
    return line.total_amount * min(units, line.quantity) // line.quantity
