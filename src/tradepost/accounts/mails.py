"""The mails that accounts need, in plain text. Links lead to the configured public address, whatever host was asked."""

import structlog

from tradepost.accounts.model import Device
from tradepost.core.ids import uuid7
from tradepost.mail import Mail, Outbox

log = structlog.get_logger()


class AccountMails:
    """Posts and returns at once; `shop` is the store's name."""

    def __init__(self, outbox: Outbox, public_url: str) -> None:
        self._outbox = outbox
        self._public_url = public_url.rstrip("/")

    def verify(self, to: str, token: str, *, shop: str) -> None:
        """To somebody who has just registered."""
        self._send(
            to,
            f"Please confirm your e-mail address for {shop}",
            f"Welcome to {shop}.\n\nPlease confirm that this address is yours:\n\n"
            f"{self._link('verify-email', token)}\n\n"
            "The link works for three days. If you did not register, you need not do anything.",
        )

    def already_registered(self, to: str, token: str, *, shop: str) -> None:
        """To somebody who has an account, when somebody registers with his address."""
        self._send(
            to,
            f"You have an account at {shop}",
            f"Somebody, perhaps you, has just registered at {shop} with this address. You have an account there "
            "already.\n\nIf you have forgotten its password, choose a new one here:\n\n"
            f"{self._link('reset-password', token)}\n\n"
            "The link works for an hour. If it was not you, you need not do anything: nothing has changed.",
        )

    def reset(self, to: str, token: str, *, shop: str) -> None:
        self._send(
            to,
            f"A new password for {shop}",
            f"Choose a new password for {shop} here:\n\n{self._link('reset-password', token)}\n\n"
            "The link works for an hour, once. If you did not ask for it, you need not do anything.",
        )

    def invitation(self, to: str, token: str, *, shop: str) -> None:
        """To somebody who is to work here."""
        self._send(
            to,
            f"You have been given an account at {shop}",
            f"You can work at {shop} now. Choose a password here:\n\n{self._link('reset-password', token)}\n\n"
            "The link works for three days, once.",
        )

    def change(self, to: str, token: str, *, shop: str) -> None:
        """To the new address."""
        self._send(
            to,
            f"Please confirm your new e-mail address for {shop}",
            f"Please confirm, where you are signed in, that this is your new address:\n\n"
            f"{self._link('confirm-email', token)}\n\nThe link works for a day. If you did not ask for it, ignore it.",
        )

    def changed(self, to: str, *, shop: str) -> None:
        """To the old address."""
        self._send(
            to,
            f"Your e-mail address at {shop} was changed",
            f"Your account at {shop} has another e-mail address now. If that was not you, please write to us.",
        )

    def new_sign_in(self, to: str, device: Device, *, shop: str) -> None:
        self._send(
            to,
            f"A new sign-in at {shop}",
            f"Somebody signed in to your account at {shop} from a device that we have not seen before:\n\n"
            f"{device.user_agent or 'unknown program'}\nfrom {device.address}\n\n"
            "If that was not you, change your password: that ends all other sessions.",
        )

    def reused(self, to: str, *, shop: str) -> None:
        self._send(
            to,
            f"A session at {shop} was ended",
            f"The key of one of your sessions at {shop} was used twice, so it may have been copied. The session has "
            "ended. Please sign in again, and change your password if you did not use two devices at once.",
        )

    def _link(self, page: str, token: str) -> str:
        """In the fragment: it reaches no server log and no Referer."""
        return f"{self._public_url}/account/{page}#token={token}"

    def _send(self, to: str, subject: str, text: str) -> None:
        try:
            mail = Mail(to, subject, text, uuid7())
        except ValueError as error:  # an address that no mail can go to: whoever has it is signed in all the same
            log.warning("mail_not_written", reason=str(error))
            return
        self._outbox.post(mail)
