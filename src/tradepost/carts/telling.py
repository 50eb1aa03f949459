"""What a shopper is told of his cart. Nothing is changed for him: neither an amount, nor a number, nor a coupon."""

from tradepost.carts.model import Cart, Item, Message, Stand
from tradepost.core import money


def messages(cart: Cart, stand: Stand) -> list[Message]:
    """In the order of the items."""
    return [message for item in cart.items for message in _of_item(item, stand)]


def _of_item(item: Item, stand: Stand) -> list[Message]:
    priced, currency = stand.prices.get(item.variant_id), stand.currency
    if priced is None:
        return [Message("variant_not_available", "is not on sale any more", item.id)]
    found: list[Message] = []
    if (item.price, item.currency) != (priced.amount, currency):
        was, now = (money.text(price, in_) for price, in_ in ((item.price, item.currency), (priced.amount, currency)))
        found.append(Message("price_changed", f"costs {now} now, not {was}", item.id, was=was, now=now))
    if not stand.enough(item):
        left = max(0, stand.left[item.variant_id])
        detail = f"{left} are left" if left else "is sold out"
        found.append(Message("insufficient_stock", detail, item.id, available=left))
    return found
