from uuid import UUID

from tradepost.events import Fact


class ProductCreated(Fact, frozen=True):
    subject_type = "product"
    slug: str
    variant_ids: list[UUID]


class ProductChanged(Fact, frozen=True):
    """`changed` are the fields by their wire names, `variant_ids` the variants that were changed or added."""

    subject_type = "product"
    changed: list[str]
    variant_ids: list[UUID]


class ProductArchived(Fact, frozen=True):
    """It went off sale. Follows the ProductChanged of the same change."""

    subject_type = "product"
