"""What leaves by e-mail: posted at once, sent in the background, and never with a header that somebody else wrote."""

from tradepost.mail.mailers import mailer_of
from tradepost.mail.model import Mail, Sender, check_address, sender_of
from tradepost.mail.outbox import Outbox
from tradepost.mail.provider import Mailer, MailNotSent
from tradepost.mail.smtp import SmtpMailer, server_of

__all__ = [
    "Mail",
    "MailNotSent",
    "Mailer",
    "Outbox",
    "Sender",
    "SmtpMailer",
    "check_address",
    "mailer_of",
    "sender_of",
    "server_of",
]
