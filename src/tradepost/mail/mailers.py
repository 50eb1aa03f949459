from tradepost.mail.console import ConsoleMailer
from tradepost.mail.model import Sender
from tradepost.mail.provider import Mailer
from tradepost.mail.smtp import SmtpMailer, server_of


def mailer_of(url: str | None, sender: Sender) -> Mailer:
    """Mails leave through the server at this URL; without one, they are shown on the terminal. Raises ValueError."""
    return SmtpMailer(server_of(url), sender) if url else ConsoleMailer()
