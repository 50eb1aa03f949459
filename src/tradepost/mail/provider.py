from typing import Protocol

from tradepost.mail.model import Mail


class MailNotSent(Exception):
    """A mail was not accepted, or nobody knows whether it was. `reason` has no address in it and may be logged."""

    def __init__(self, reason: str, *, temporary: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.temporary = temporary
        """Whether trying again can help."""


class Mailer(Protocol):
    """Somebody who takes mails."""

    async def send(self, mail: Mail) -> None:
        """Returns once the mail has been accepted for delivery; raises MailNotSent."""
        ...
