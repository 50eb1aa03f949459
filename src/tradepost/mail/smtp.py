import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import aiosmtplib

from tradepost.mail.model import Mail, Sender, mailbox, message
from tradepost.mail.provider import MailNotSent

_ANSWER_SECONDS = 15.0
_WHOLE_SECONDS = 60.0
_PORTS = {"smtp": 587, "smtps": 465}
_PERMANENT = range(500, 600)
_NO_TEXT = re.compile(r"[\x00-\x20\x7f-\xa0]")


@dataclass(frozen=True)
class Server:
    """Where mails are handed in."""

    host: str
    port: int
    user: str | None
    password: str = field(repr=False)
    start_tls: bool | None
    """True: refuse to go on without; None: where the server offers it; False: the line is encrypted from the start."""


class SmtpMailer:
    """Hands each mail to an SMTP server, on a connection of its own. Its certificate has to be good.

    A line lost after the text leaves open whether the mail was taken. It counts as a temporary failure: sent again
    it has the same Message-ID, by which mail programs know it.
    """

    def __init__(self, server: Server, sender: Sender) -> None:
        self._server = server
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """Raises MailNotSent. Each answer of the server may take 15 seconds, and all of it a minute."""
        async with self._connected() as client:
            await client.send_message(
                message(mail, self._sender),
                sender=mailbox(self._sender.address).addr_spec,
                recipients=[mailbox(mail.to).addr_spec],
            )

    async def check(self) -> None:
        """Connects and signs in as for a mail, and sends none. Raises MailNotSent."""
        async with self._connected():
            pass

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        client = self._client()
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                await client.connect()
                yield client
                with suppress(aiosmtplib.SMTPException, OSError):
                    await client.quit()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise _not_sent(error) from None
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password if server.user else None,
            use_tls=server.start_tls is False,
            start_tls=server.start_tls,
            local_hostname=self._sender.domain,
            timeout=_ANSWER_SECONDS,
        )


def server_of(url: str) -> Server:
    """`smtp://user:password@host:587`, or smtps:// for TLS from the start (port 465).

    smtp:// uses STARTTLS where the server offers it, and insists on it with `?tls=required` or a password, which
    somebody on the line could otherwise ask for. Raises ValueError, with nothing of the URL in it.
    """
    parts = _parts(url)
    user = unquote(parts.username) if parts.username else None
    return Server(
        host=parts.hostname or "",
        port=_port(parts),
        user=user,
        password=unquote(parts.password or ""),
        start_tls=_start_tls(parts, user),
    )


def _parts(url: str) -> SplitResult:
    if _NO_TEXT.search(url):
        raise ValueError("has spaces or control characters")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("is not of the form smtp://user:password@host:587 or smtps://…")
    if parts.path.strip("/") or parts.fragment:
        raise ValueError("has more after the host than a port and ?tls=; write / ? # in a password as %2F %3F %23")
    return parts


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise ValueError("has a port that is none") from None


def _start_tls(parts: SplitResult, user: str | None) -> bool | None:
    if parts.query and parse_qs(parts.query) != {"tls": ["required"]}:
        raise ValueError("knows only ?tls=required after the host")
    if parts.scheme == "smtps":
        return False
    return True if parts.query or user else None


def _not_sent(error: Exception) -> MailNotSent:
    """What servers say often has the address in it, so only their codes are kept. Other words are the library's."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return MailNotSent(f"{type(error).__name__} {error.code}", temporary=error.code not in _PERMANENT)
    if isinstance(error, ssl.SSLCertVerificationError) or isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return MailNotSent("the server's certificate is not good", temporary=False)
    said = f": {error.message}" if isinstance(error, aiosmtplib.SMTPException) else ""
    return MailNotSent(f"{type(error).__name__}{said}", temporary=isinstance(error, OSError))
