from uuid import UUID

from tradepost.events import Fact


class CategoryCreated(Fact, frozen=True):
    subject_type = "category"
    slug: str
    parent_id: UUID | None


class CategoryChanged(Fact, frozen=True):
    """`changed` are the fields by their wire names."""

    subject_type = "category"
    changed: list[str]


class CategoryMoved(Fact, frozen=True):
    """All that is inside it went along. Follows the CategoryChanged of the same change, where there is one."""

    subject_type = "category"
    from_id: UUID | None
    to_id: UUID | None


class CategoryDeleted(Fact, frozen=True):
    """Its products and categories are in `moved_to` now; None where it had none."""

    subject_type = "category"
    slug: str
    moved_to: UUID | None
