import sys

from tradepost.mail.model import Mail


class ConsoleMailer:
    """For development: mails are written to standard error, where their links can be clicked. None leaves."""

    async def send(self, mail: Mail) -> None:
        text = "".join(f"  │ {line}\n" for line in mail.body.splitlines())
        sys.stderr.write(f"\n  ┌ Mail to {mail.to}\n  │ {mail.subject}\n  ├\n{text}  └\n\n")
        sys.stderr.flush()
