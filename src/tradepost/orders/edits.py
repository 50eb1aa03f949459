"""Changing what was agreed: the order as it would be, and how it differs. No I/O.

Lines keep the price that they were ordered at; new ones have today's. The order keeps its tax rate, and the engine that
priced it prices it again.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tradepost.catalog.offers import Offer
from tradepost.core.errors import FieldError, Invalid, ValidationFailed
from tradepost.core.ids import uuid7
from tradepost.orders.model import Address, Basis, KeptDiscount, Line, Order
from tradepost.pricing import Basket, BasketLine, Discount, Quote, QuotedLine, Shipping, Taken, TaxRate
from tradepost.pricing import quote as price

_PLAIN = "Discount"


class NothingLeft(Invalid):
    """An order has at least one item: to take all of them out, cancel it."""

    title = "Nothing would be left of the order"


class Added(msgspec.Struct, frozen=True):
    """A new item: `price` for each unit, and the taxes on it."""

    offer: Offer
    name: str
    quantity: int
    price: int
    taxes: tuple[TaxRate, ...]


class Edit(msgspec.Struct, frozen=True):
    """`quantities`: line to how many there shall be, 0 for none. Amounts in minor units; None stays as it is."""

    quantities: Mapping[UUID, int]
    added: Sequence[Added] = ()
    discount: int | None = None
    shipping: int | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None


class Agreed(msgspec.Struct, frozen=True, rename="camel"):
    """What was agreed with the buyer, as it is kept: quantities by SKU, and amounts in minor units.

    Addresses are unset in what was kept before they could be edited.
    """

    items: list["AgreedItem"]
    discount_amount: int
    shipping_amount: int
    tax_amount: int
    total_amount: int
    shipping_address: Address | UnsetType | None = UNSET
    billing_address: Address | UnsetType | None = UNSET


class AgreedItem(msgspec.Struct, frozen=True, rename="camel"):
    line_id: UUID
    sku: str
    name: str
    quantity: int
    price: int


class Difference(msgspec.Struct, frozen=True):
    """One thing that differs: an item's quantity, an amount, or an address on one line."""

    what: str
    name: str
    before: int | str
    after: int | str


def edited(order: Order, edit: Edit, *, fixed: Mapping[UUID, int]) -> Order:
    """The order with the edit, priced again. `fixed`: line to the units that are packed, shipped or returned.

    Raises ValidationFailed with a pointer to each quantity that cannot be, NothingLeft, AmountOutOfRange.
    """
    _check(order, edit, fixed)
    kept = [
        msgspec.structs.replace(line, quantity=edit.quantities.get(line.id, line.quantity))
        for line in order.lines
        if edit.quantities.get(line.id, line.quantity)
    ]
    lines = [*kept, *map(_line, edit.added)]
    if not lines:
        raise NothingLeft
    basket = _basket(order, edit, lines)
    quote = price(basket)
    return msgspec.structs.replace(
        order,
        lines=[_priced(line, quoted) for line, quoted in zip(lines, quote.lines, strict=True)],
        taxes=quote.taxes,
        subtotal=quote.subtotal,
        discount_amount=quote.discount,
        tax_amount=quote.tax,
        shipping_amount=quote.shipping,
        total_amount=quote.total,
        shipping_address=edit.shipping_address or order.shipping_address,
        billing_address=edit.billing_address or order.billing_address,
        revision=order.revision + 1,
        basis=_basis(order, edit, lines, quote),
    )


def agreed(order: Order) -> Agreed:
    items = [AgreedItem(line.id, line.sku, line.name, line.quantity, line.price) for line in order.lines]
    return Agreed(
        items,
        order.discount_amount,
        order.shipping_amount,
        order.tax_amount,
        order.total_amount,
        order.shipping_address,
        order.billing_address,
    )


def differences(before: Agreed, after: Agreed) -> list[Difference]:
    """What differs between two revisions: items first, in order, then amounts, then addresses."""
    were = {item.line_id: item for item in before.items}
    are = {item.line_id: item for item in after.items}
    items = [
        Difference("item", (are.get(line_id) or were[line_id]).name, _quantity(were, line_id), _quantity(are, line_id))
        for line_id in dict.fromkeys([*were, *are])
    ]
    amounts = [
        Difference("amount", name, getattr(before, name), getattr(after, name))
        for name in ("discount_amount", "shipping_amount", "tax_amount", "total_amount")
    ]
    addresses = [
        Difference("address", name, _line_of(getattr(before, name)), _line_of(getattr(after, name)))
        for name in ("shipping_address", "billing_address")
        if UNSET not in (getattr(before, name), getattr(after, name))
    ]
    return [one for one in (*items, *amounts, *addresses) if one.before != one.after]


def units_more(before: Order, after: Order) -> dict[UUID, int]:
    """Variant to how many more the order wants; below zero, how many fewer."""
    units: dict[UUID, int] = {}
    for line, sign in [*((line, -1) for line in before.lines), *((line, 1) for line in after.lines)]:
        units[line.variant_id] = units.get(line.variant_id, 0) + sign * line.quantity
    return {variant_id: count for variant_id, count in units.items() if count}


def _check(order: Order, edit: Edit, fixed: Mapping[UUID, int]) -> None:
    known = {line.id for line in order.lines}
    problems: list[FieldError] = []
    for at, (line_id, quantity) in enumerate(edit.quantities.items()):
        if line_id not in known:
            problems.append(FieldError(f"/items/{at}/itemId", "reference_not_found", "is no item of this order"))
        elif quantity < fixed.get(line_id, 0):
            detail = f"{fixed[line_id]} are packed or have left"
            problems.append(FieldError(f"/items/{at}/quantity", "out_of_range", detail))
    if problems:
        raise ValidationFailed(problems[0].detail, errors=problems)


def _basket(order: Order, edit: Edit, lines: Sequence[Line]) -> Basket:
    same = tuple(TaxRate(tax.name, tax.rate_ppm) for tax in order.taxes)
    return Basket(
        order.currency,
        [BasketLine(line.price, line.quantity, same if line.taxes is None else line.taxes) for line in lines],
        order.tax_included,
        discounts=_discounts(order, edit, lines),
        shipping=_shipping(order, edit),
    )


def _discounts(order: Order, edit: Edit, lines: Sequence[Line]) -> tuple[Discount, ...]:
    """Those that were given, off what is left of their lines; or the one that takes their place."""
    if edit.discount is not None:
        return (Discount(_PLAIN, edit.discount),) if edit.discount else ()
    places = {line.id: at for at, line in enumerate(lines)}
    known = [
        Discount(one.name, one.amount, None if one.line_ids is None else _places(places, one.line_ids))
        for one in order.basis.discounts
    ]
    rest = order.discount_amount - sum(one.amount for one in order.basis.discounts)
    return tuple(known + ([Discount(_PLAIN, rest)] if rest else []))


def _places(places: Mapping[UUID, int], line_ids: Sequence[UUID]) -> tuple[int, ...]:
    return tuple(places[line_id] for line_id in line_ids if line_id in places)


def _shipping(order: Order, edit: Edit) -> Shipping | None:
    known = order.basis.delivery
    if edit.shipping is not None:
        return Shipping("", edit.shipping, known.taxes if known else ()) if edit.shipping else None
    if known is None:
        return Shipping("", order.shipping_amount) if order.shipping_amount else None
    off = tuple(Discount(one.name, one.amount) for one in known.taken)
    return Shipping(known.name, known.amount, known.taxes, off)


def _basis(order: Order, edit: Edit, lines: Sequence[Line], quote: Quote) -> Basis:
    """What the edited order is reckoned on."""
    basis, ids = order.basis, {line.id for line in lines}
    discounts = () if edit.discount is not None else _kept(basis.discounts, quote.taken)
    delivery = basis.delivery
    if edit.shipping is not None and delivery is not None:
        delivery = msgspec.structs.replace(delivery, amount=edit.shipping, taken=())
    because = {line_id: said for line_id, said in basis.because.items() if line_id in ids}
    return msgspec.structs.replace(basis, discounts=discounts, delivery=delivery, because=because)


def _kept(before: Sequence[KeptDiscount], taken: Sequence[Taken]) -> tuple[KeptDiscount, ...]:
    """Discounts with what they take off now; the last of those taken may be without a name."""
    pairs = zip(before, taken, strict=False)
    return tuple(msgspec.structs.replace(one, amount=now.amount) for one, now in pairs if now.amount)


def _line(added: Added) -> Line:
    offer = added.offer
    return Line(
        uuid7(),
        offer.product_id,
        offer.variant_id,
        offer.sku,
        added.name,
        offer.options,
        added.quantity,
        added.price,
        *(0, 0, 0, 0),
        offer.image_url,
        added.taxes,
    )


def _priced(line: Line, quoted: QuotedLine) -> Line:
    return msgspec.structs.replace(
        line,
        subtotal=quoted.subtotal,
        discount_amount=quoted.discount,
        tax_amount=quoted.tax,
        total_amount=quoted.total,
    )


def _line_of(address: Address | None) -> str:
    """All of an address, in the order of its fields."""
    if address is None:
        return ""
    return ", ".join(part for part in msgspec.structs.astuple(address) if part)


def _quantity(items: Mapping[UUID, AgreedItem], line_id: UUID) -> int:
    return items[line_id].quantity if line_id in items else 0
