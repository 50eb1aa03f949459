from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from tradepost.catalog.offers import Offer, offers_of
from tradepost.core.errors import FieldError
from tradepost.db.connections import Asked as Statement
from tradepost.orders.model import Item, ItemKey, VariantNotAvailable


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

    def product_ids(self) -> list[UUID]:
        return list(self._by_product)

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


def wanted(
    store_id: UUID, items: Sequence[Item], *, market_ids: Collection[UUID] = (), locales: Collection[str] = ()
) -> Statement:
    """The statement that finds the offers of these items, with prices in markets and names in languages."""
    names: dict[ItemKey, set[UUID | str]] = {key: set() for key in ItemKey}
    for item in items:
        names[item.key].add(item.ref)
    return offers_of(
        store_id,
        variant_ids=sorted(ref for ref in names[ItemKey.VARIANT] if isinstance(ref, UUID)),
        product_ids=sorted(ref for ref in names[ItemKey.PRODUCT] if isinstance(ref, UUID)),
        skus=sorted(str(ref) for ref in names[ItemKey.SKU]),
        market_ids=sorted(market_ids),
        locales=sorted(locales),
    )
