from collections.abc import AsyncIterator
from datetime import datetime

from tradepost.core.errors import NotFound
from tradepost.payments.model import Captured, Operation, Pending, Refunded, Snapshot, Voided

_METHODS = frozenset({"cash_on_delivery", "bank_transfer"})


class Manual:
    """Money that comes by other ways: cash on delivery, bank transfer. Staff say when it has come.

    Nobody is asked, so there is nothing that could fail, and nobody who would know better.
    """

    name = "manual"
    is_remote = False

    def takes(self, method: str, *, amount: int, currency: str) -> bool:  # noqa: ARG002 - any amount of any currency
        return method in _METHODS

    async def authorize(self, operation: Operation) -> Pending:
        """It is waited for."""
        return Pending(_ref(operation))

    async def capture(self, operation: Operation) -> Captured:
        return Captured(_ref(operation), operation.key, operation.amount)

    async def refund(self, operation: Operation) -> Refunded:
        return Refunded(operation.key, operation.amount)

    async def void(self, operation: Operation) -> Voided:
        return Voided(operation.key)

    async def fetch(self, ref: str) -> Snapshot:
        raise NotFound(ref)

    async def find(self, operation: Operation) -> None:
        """There is nobody who could have made it without our knowing."""

    async def recent(self, since: datetime) -> AsyncIterator[Snapshot]:  # noqa: ARG002 - there are none
        for snapshot in ():
            yield snapshot

    async def close(self) -> None:
        """There is nothing to close."""


def _ref(operation: Operation) -> str:
    return f"manual-{operation.payment.id.hex}"
