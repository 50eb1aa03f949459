"""Ids only: events are kept for good, and where somebody lives is not."""

from uuid import UUID

from tradepost.events import Fact


class AddressAdded(Fact, frozen=True):
    subject_type = "address"
    customer_id: UUID


class AddressChanged(Fact, frozen=True):
    """Also where it became the default of its type, or ceased to be."""

    subject_type = "address"
    customer_id: UUID


class AddressRemoved(Fact, frozen=True):
    subject_type = "address"
    customer_id: UUID
