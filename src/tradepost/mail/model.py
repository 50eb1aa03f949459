import re
import unicodedata
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import UUID

import msgspec

from tradepost.core.clock import from_ms
from tradepost.core.ids import milliseconds
from tradepost.core.texts import has_forbidden

_LONGEST_ADDRESS = 254
_LONGEST_SUBJECT = 200
_UUID7 = 7
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|(?!\s)[^\x00-\x7f]"
_LOCAL = re.compile(rf"(?:{_ATOM})+(?:\.(?:{_ATOM})+)*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_SENDER = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<address>[^<>\s]+)>")
_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}


class Mail(msgspec.Struct, frozen=True):
    """A mail in plain text to one reader.

    ValueError for a subject or an address that could become a second header or a second reader. The text is never
    refused, since customers' names are in it.
    """

    to: str
    subject: str
    text: str
    message_id: UUID
    """A UUIDv7, the same at every attempt: it is the mail's Message-ID, and its time is the mail's date."""

    def __post_init__(self) -> None:
        check_address(self.to)
        _check_header("the subject", self.subject)
        if len(self.subject) > _LONGEST_SUBJECT:
            raise ValueError(f"the subject has more than {_LONGEST_SUBJECT} characters")
        if self.message_id.version != _UUID7:
            raise ValueError("the message id is not a UUIDv7")

    @property
    def body(self) -> str:
        """The text; what is no character for people, such as the start of a terminal's command, is shown as U+FFFD."""
        return "".join(map(_seen, self.text.replace("\r\n", "\n")))


class Sender(msgspec.Struct, frozen=True):
    """Whom mails are from. ValueError for a name or an address that could become a second header."""

    name: str
    address: str

    def __post_init__(self) -> None:
        check_address(self.address)
        _check_header("the name", self.name)

    @property
    def domain(self) -> str:
        return mailbox(self.address).domain


def sender_of(written: str) -> Sender:
    """`Tradepost <no-reply@example.com>`, or the address alone. ValueError for anything else."""
    match = _SENDER.fullmatch(written.strip())
    if match is None:
        return Sender("", written.strip())
    name = match["name"].strip()
    quoted = len(name) > 1 and name[0] == name[-1] == '"'
    return Sender(name[1:-1] if quoted else name, match["address"])


def check_address(address: str) -> None:
    """ValueError unless mail can be sent there. Quoted names and numbers for domains are refused."""
    _check_header("the address", address)
    local, at, domain = address.rpartition("@")
    if not at or len(address) > _LONGEST_ADDRESS or not _LOCAL.fullmatch(local):
        raise ValueError("the address is not of the form name@domain")
    _ascii_domain(domain)


def mailbox(address: str, *, name: str = "") -> Address:
    """An address with its domain in ASCII (RFC 5890). The part before the @ may need a server with SMTPUTF8."""
    local, _, domain = address.rpartition("@")
    return Address(name, local, _ascii_domain(domain))


def message(mail: Mail, sender: Sender) -> EmailMessage:
    """The mail as RFC 5322 has it; the same at every attempt. Machines are asked not to answer (RFC 3834)."""
    made = EmailMessage(policy=SMTP)
    made["From"] = mailbox(sender.address, name=sender.name)
    made["To"] = mailbox(mail.to)
    made["Subject"] = mail.subject
    made["Date"] = format_datetime(from_ms(milliseconds(mail.message_id)))
    made["Message-ID"] = f"<{mail.message_id}@{sender.domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(mail.body)
    return made


def _check_header(what: str, value: str) -> None:
    """`=?` begins an encoded word, which Python before 3.11.10 unfolds into headers (CVE-2024-6923)."""
    if has_forbidden(value) or any(unicodedata.category(character) in _UNSEEN for character in value):
        raise ValueError(f"{what} has control characters")
    if "=?" in value:
        raise ValueError(f"{what} has '=?', which mail programs would decode")


def _ascii_domain(domain: str) -> str:
    """Python has IDNA of 2003, which takes `straße.de` for `strasse.de`: a domain that it would change is refused."""
    try:
        encoded = domain.encode("idna")
        changed = encoded.decode("idna").lower() != unicodedata.normalize("NFC", domain).lower()
    except UnicodeError:
        raise ValueError("the address has a domain that cannot be") from None
    if changed or not _DOMAIN.fullmatch(encoded.decode().lower()):
        raise ValueError("the address has a domain that cannot be")
    return encoded.decode().lower()


def _seen(character: str) -> str:
    if character in "\n\t":
        return character
    return "\N{REPLACEMENT CHARACTER}" if has_forbidden(character) or _unseen(character) else character


def _unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN
