"""What a payment provider is to us, in our words."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from tradepost.core.errors import NotFound, Unavailable
from tradepost.payments.model import Operation, Result, Snapshot


class PaymentProviderUnavailable(Unavailable):
    """It is not known what the provider did: the operation stays started, and is tried again with the same key."""

    title = "The payment provider does not answer; the payment is under way"
    retry_after = 5


class PaymentProviderRefuses(PaymentProviderUnavailable):
    """The provider understands us and says no to Tradepost itself: a wrong key, or a mistake in this program."""

    title = "The payment provider does not take requests of this installation"
    retry_after = 60


class Provider(Protocol):
    """Each call carries the operation's key: the same one again gives the same answer and takes effect once.

    A call that was not answered, or not clearly, raises PaymentProviderUnavailable: it may have taken effect.
    """

    name: str
    is_remote: bool
    """Whether there is somebody else who knows better than we do: then `fetch`, `find` and `recent` can be asked."""

    def takes(self, method: str, *, amount: int, currency: str) -> bool:
        """Whether this amount can be paid by this method here."""
        ...

    async def authorize(self, operation: Operation) -> Result:
        """Sets the payment's amount aside, or takes it, as the payment's `capture` says.

        Authorized, Captured, NeedsAction, Pending, Declined.
        """
        ...

    async def capture(self, operation: Operation) -> Result:
        """Takes the operation's amount of what is set aside; the rest is free again: Captured, Declined."""
        ...

    async def refund(self, operation: Operation) -> Result:
        """Gives the operation's amount back: Refunded, Pending, Declined."""
        ...

    async def void(self, operation: Operation) -> Result:
        """Makes sure that nothing is taken any more: Voided, Declined."""
        ...

    async def fetch(self, ref: str) -> Snapshot:
        """The truth about one of its payments."""
        ...

    async def find(self, operation: Operation) -> Snapshot | None:
        """The payment that an authorization made, where the answer to it was lost; None where it made none."""
        ...

    def recent(self, since: datetime) -> AsyncIterator[Snapshot]:
        """All of its payments since then, newest first."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...


class Providers:
    """The providers of this installation, by name. Where two take a method, the one named first does."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self.by_name = {provider.name: provider for provider in providers}

    def get(self, name: str) -> Provider:
        """NotFound for one that is not enabled."""
        if name not in self.by_name:
            msg = f"The payment provider {name} is not enabled"
            raise NotFound(msg)
        return self.by_name[name]

    def taking(self, method: str, *, amount: int, currency: str) -> Provider | None:
        takers = (one for one in self.by_name.values() if one.takes(method, amount=amount, currency=currency))
        return next(takers, None)

    async def close(self) -> None:
        for provider in self.by_name.values():
            await provider.close()
