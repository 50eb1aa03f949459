"""What items cost right now: the one way to a price, for quotes, placement and whatever comes later."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tradepost.catalog.offers import Offer, offers, offers_of
from tradepost.core.errors import FieldError
from tradepost.db import Reader
from tradepost.orders.model import CurrencyNotSupported, Item, ItemKey, VariantNotAvailable
from tradepost.pricing import AmountOutOfRange, Basket, BasketLine, Quote, TaxRate
from tradepost.pricing import quote as price
from tradepost.stores import Store, home_of


class Shelf:
    """The offers that a batch of requests asks for, found by any of their names."""

    def __init__(self, found: Sequence[Offer]) -> None:
        self._by_variant = {offer.variant_id: offer for offer in found}
        self._by_sku = {offer.sku: offer for offer in found}
        self._by_product: defaultdict[UUID, list[Offer]] = defaultdict(list)
        for offer in found:
            self._by_product[offer.product_id].append(offer)

    def variant_ids(self) -> list[UUID]:
        return list(self._by_variant)

    def pick(self, items: Sequence[Item], *, pointer: str = "/items") -> list[Offer]:
        """The offer of each item. Raises VariantNotAvailable with a pointer to each line that has none."""
        picked: list[Offer] = []
        problems: list[FieldError] = []
        for at, item in enumerate(items):
            offer = self._find(item)
            if isinstance(offer, Offer):
                picked.append(offer)
            else:
                problems.append(FieldError(f"{pointer}/{at}/{item.key}", *offer))
        if problems:
            raise VariantNotAvailable(errors=problems)
        return picked

    def one(self, item: Item, *, pointer: str = "") -> Offer:
        """The offer of an item that stands alone. VariantNotAvailable."""
        offer = self._find(item)
        if not isinstance(offer, Offer):
            raise VariantNotAvailable(errors=[FieldError(f"{pointer}/{item.key}", *offer)])
        return offer

    def _find(self, item: Item) -> Offer | tuple[str, str]:
        if item.key is ItemKey.VARIANT:
            found = self._by_variant.get(item.ref) if isinstance(item.ref, UUID) else None
        elif item.key is ItemKey.SKU:
            found = self._by_sku.get(str(item.ref))
        else:
            several = self._by_product.get(item.ref, []) if isinstance(item.ref, UUID) else []
            if len(several) > 1:
                return "variant_required", "has several variants: name one by variantId or sku"
            found = several[0] if several else None
        return found or ("variant_not_available", "is not available")


def wanted(store_id: UUID, items: Sequence[Item]):  # noqa: ANN201 - a statement with its parameters
    """The statement that finds the offers of all these items."""
    names: dict[ItemKey, set[UUID | str]] = {key: set() for key in ItemKey}
    for item in items:
        names[item.key].add(item.ref)
    return offers_of(
        store_id,
        variant_ids=sorted(ref for ref in names[ItemKey.VARIANT] if isinstance(ref, UUID)),
        product_ids=sorted(ref for ref in names[ItemKey.PRODUCT] if isinstance(ref, UUID)),
        skus=sorted(str(ref) for ref in names[ItemKey.SKU]),
    )


def price_items(store: Store, items: Sequence[Item], picked: Sequence[Offer], *, at: datetime) -> Quote:
    """Prices items as they are in the home market, with the store's tax. Raises AmountOutOfRange with a pointer."""
    taxes = (TaxRate(store.tax_name, store.tax_rate_ppm),) if store.tax_rate_ppm else ()
    lines = [
        BasketLine(price_at_home(offer, store, at), item.quantity, taxes)
        for offer, item in zip(picked, items, strict=True)
    ]
    try:
        return price(Basket(store.currency, lines, tax_included=store.tax_included))
    except AmountOutOfRange:
        pointer = FieldError("/items", "amount_out_of_range", "add up to more than an order may come to")
        raise AmountOutOfRange(errors=[pointer]) from None


def price_at_home(offer: Offer, store: Store, at: datetime) -> int:
    """What an offer costs in the home market, where each has a price: less in a sale."""
    if not offer.local_prices:
        return offer.price
    found = offer.price_in(home_of(store), None, at)
    return offer.price if found is None else found.amount


def check_currency(store: Store, currency: str | None) -> None:
    if currency is not None and currency != store.currency:
        detail = f"must be {store.currency}"
        raise CurrencyNotSupported(errors=[FieldError("/currency", "currency_not_supported", detail)])


class PricedItems(msgspec.Struct, frozen=True):
    offers: list[Offer]
    quote: Quote


async def quote(db: Reader, store: Store, items: Sequence[Item], *, currency: str | None = None) -> PricedItems:
    """What items would cost at this moment. Raises VariantNotAvailable, CurrencyNotSupported, AmountOutOfRange."""
    check_currency(store, currency)
    found, ((at,),) = await db.together(wanted(store.id, items), ("select now()", {}))
    picked = Shelf(offers(found)).pick(items)
    return PricedItems(picked, price_items(store, items, picked, at=at))
