"""Mails leave through a real SMTP server, with no header that somebody else wrote, and cost nobody time (D14, C09)."""

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from typing_extensions import override

from tradepost import mail
from tradepost.app.settings import SettingsInvalid, load
from tradepost.core.clock import from_ms
from tradepost.core.ids import milliseconds, uuid7
from tradepost.mail import Mail, MailNotSent, Outbox, SmtpMailer, mailer_of, sender_of, server_of
from tradepost.mail.smtp import Server

pytestmark = pytest.mark.anyio

LINK = "http://localhost:8000/reset?token=" + "a" * 64
SENDER = sender_of("Café, Müller & Söhne <shop@example.com>")
OK = "250 Taken"


class PostOffice(Controller):
    """An SMTP server on a free port that answers each text with the next of its answers, and then takes all."""

    def __init__(self, *answers: str | None, **options: Any) -> None:
        self.answers = list(answers)
        self.taken: list[EmailMessage] = []
        self.texts: list[bytes] = []
        self.envelopes: list[Envelope] = []
        self.logins: list[bytes] = []
        super().__init__(self, hostname="127.0.0.1", port=0, **options)

    @override
    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        text = envelope.original_content
        assert text is not None
        self.texts.append(text)
        self.envelopes.append(envelope)
        answer = self.answers.pop(0) if self.answers else OK
        if answer is None:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return OK
        if answer == OK:
            self.taken.append(message_from_bytes(text, policy=policy.default))
        return answer

    def login(self, _s: SMTP, _session: Session, _e: Envelope, _method: str, data: LoginPassword) -> AuthResult:
        self.logins.append(data.password)
        return AuthResult(success=data.password == b"p@ss/word", handled=False)


@contextmanager
def office(*answers: str | None, **options: Any) -> Iterator[PostOffice]:
    opened = PostOffice(*answers, **options)
    opened.start()
    try:
        yield opened
    finally:
        opened.stop()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that signs itself, and a server's context with it."""
    if shutil.which("openssl") is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)("needs openssl to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        key,
        "-out",
        certificate,
    ]
    subprocess.run([*made, *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


@pytest.fixture
def trusted(tls: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The same, trusted by this machine."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))
    return tls[1]


def letter(**fields: Any) -> Mail:
    parts: dict[str, Any] = {
        "to": "ada@example.org",
        "subject": "Your order",
        "text": f"Click\n{LINK}\n",
        "message_id": uuid7(),
    }
    return Mail(**parts | fields)


def text_of(taken: EmailMessage) -> str:
    return taken.get_content().replace("\r\n", "\n")


async def sent(server: PostOffice, mail: Mail, *, scheme: str = "smtp", user: str = "", query: str = "") -> None:
    await mailer_of(f"{scheme}://{user}127.0.0.1:{server.port}{query}", SENDER).send(mail)


async def not_sent(server: PostOffice, mail: Mail, **how: str) -> MailNotSent:
    with pytest.raises(MailNotSent) as raised:
        await sent(server, mail, **how)
    assert server.taken == []
    assert "ada" not in f"{raised.value.reason}{raised.value}"
    return raised.value


async def posted(server: PostOffice, *mails: Mail) -> None:
    """Posts mails and waits until the outbox has done with them."""
    outbox = Outbox(mailer_of(f"smtp://127.0.0.1:{server.port}", SENDER), waits=(0, 0, 0))
    for each in mails:
        outbox.post(each)
    await outbox.close(within=60)


async def test_a_mail_arrives_once_with_its_headers() -> None:
    mail = letter(subject="Your order at the Café: thank you, and see you soon " * 3, text=f"Schöne Grüße\r\n{LINK}")
    with office() as server:
        await sent(server, mail)
        (taken,) = server.taken
        assert server.envelopes[0].mail_from == "shop@example.com"
        assert server.envelopes[0].rcpt_tos == ["ada@example.org"]
    assert taken["From"].addresses[0].display_name == "Café, Müller & Söhne"
    assert taken["From"].addresses[0].addr_spec == "shop@example.com"
    assert taken["To"] == "ada@example.org"
    assert taken["Subject"] == mail.subject
    assert taken["Date"].datetime == from_ms(milliseconds(mail.message_id)).replace(microsecond=0)
    assert taken["Message-ID"] == f"<{mail.message_id}@example.com>"
    assert taken["Auto-Submitted"] == "auto-generated"
    assert text_of(taken) == f"Schöne Grüße\n{LINK}\n"
    assert len(taken.keys()) == len(set(taken.keys()))


async def test_a_password_goes_over_an_encrypted_line_only(trusted: ssl.SSLContext) -> None:
    with office(auth_require_tls=False) as server:
        refused = await not_sent(server, letter(), user="tradepost:p%40ss%2Fword@")
        assert ("STARTTLS" in refused.reason, refused.temporary) == (True, False)
        assert server.logins == []
    options: dict[str, Any] = {"auth_required": True, "tls_context": trusted}
    with office() as plain, office(**options, authenticator=plain.login) as server:
        await sent(server, letter(), user="tradepost:p%40ss%2Fword@")
        assert (len(server.taken), plain.logins) == (1, [b"p@ss/word"])
    with office() as plain, office(**options, authenticator=plain.login) as server:
        refused = await not_sent(server, letter(), user="tradepost:wrong@")
        assert (refused.reason, refused.temporary) == ("SMTPAuthenticationError 535", False)


async def test_an_office_can_be_looked_at_without_a_mail(trusted: ssl.SSLContext) -> None:
    with office() as plain, office(auth_required=True, tls_context=trusted, authenticator=plain.login) as server:
        at = f"127.0.0.1:{server.port}"
        await SmtpMailer(server_of(f"smtp://tradepost:p%40ss%2Fword@{at}"), SENDER).check()
        with pytest.raises(MailNotSent):
            await SmtpMailer(server_of(f"smtp://tradepost:wrong@{at}"), SENDER).check()
        assert server.taken == []


async def test_a_line_is_encrypted_where_the_server_can_and_where_it_must(trusted: ssl.SSLContext) -> None:
    with office(tls_context=trusted, require_starttls=True) as server:
        await sent(server, letter())
        await sent(server, letter(), query="?tls=required")
        assert len(server.taken) == 2
    with office() as server:
        assert not (await not_sent(server, letter(), query="?tls=required")).temporary
    with office(ssl_context=trusted) as server:
        await sent(server, letter(), scheme="smtps")
        assert len(server.taken) == 1


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_server_with_a_strange_certificate_gets_nothing(scheme: str, tls: tuple[Path, ssl.SSLContext]) -> None:
    with office(**{"tls_context" if scheme == "smtp" else "ssl_context": tls[1]}) as server:
        refused = await not_sent(server, letter(), scheme=scheme)
        assert (refused.reason, refused.temporary) == ("the server's certificate is not good", False)
        assert server.texts == []


@pytest.mark.parametrize("first", ["451 4.3.0 Later, ada@example.org", None], ids=["says 451", "drops the line"])
async def test_a_mail_that_is_sent_again_is_the_same_mail(first: str | None) -> None:
    with office(first) as server:
        await posted(server, letter())
        assert len(server.taken) == 1
        assert len(server.texts) == 2
        assert server.texts[0] == server.texts[1]


async def test_a_mail_refused_for_good_is_not_sent_again() -> None:
    with office("550 5.1.1 No ada@example.org here") as server:
        await posted(server, letter())
        assert (len(server.texts), server.taken) == (1, [])
    with office("550 5.1.1 No ada@example.org here") as server:
        refused = await not_sent(server, letter())
        assert (refused.reason, refused.temporary) == ("SMTPDataError 550", False)


async def test_a_mail_is_tried_a_few_times_and_no_more() -> None:
    with office(*["451 Later"] * 9) as server:
        await posted(server, letter())
        assert (len(server.texts), server.taken) == (4, [])


async def test_many_mails_at_once_arrive_once_each() -> None:
    with office("451 Later", "421 Busy") as server:
        mails = [letter(to=f"ada{number}@example.org") for number in range(50)]
        await posted(server, *mails)
        assert sorted(taken["To"] for taken in server.taken) == sorted(each.to for each in mails)


async def test_a_server_that_is_down_costs_the_caller_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    outbox = Outbox(mailer_of(f"smtp://127.0.0.1:{port}", SENDER), waits=(0, 0))
    down = letter()
    outbox.post(down)
    await outbox.close(within=60)
    said = capfd.readouterr().out
    assert said.count("mail_attempt_failed") == 3
    assert "mail_not_sent" in said
    assert str(down.message_id) in said
    assert "ada" not in said
    assert "token" not in said


async def test_a_server_that_says_nothing_does_not_keep_a_process_from_ending(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        outbox = Outbox(mailer_of(f"smtp://127.0.0.1:{silent.getsockname()[1]}", SENDER))
        waiting = letter()
        outbox.post(waiting)
        await outbox.close(within=0.05)
    said = capfd.readouterr().out
    assert "mail_lost" in said
    assert str(waiting.message_id) in said


async def test_a_mail_too_many_is_dropped_and_the_log_says_which(capfd: pytest.CaptureFixture[str]) -> None:
    with office() as server:
        outbox = Outbox(mailer_of(f"smtp://127.0.0.1:{server.port}", SENDER), limit=2)
        mails = [letter() for _ in range(4)]
        for each in mails[:3]:
            outbox.post(each)
        assert server.texts == []
        await outbox.close(within=60)
        outbox.post(mails[3])
        assert len(server.taken) == 2
    dropped = [line for line in capfd.readouterr().out.splitlines() if "mail_dropped" in line]
    assert [str(each.message_id) in line for each, line in zip(mails[2:], dropped, strict=True)] == [True, True]


HOSTILE = [
    "x\r\nBcc: eve@example.net",
    "x\nBcc: eve@example.net",
    "x\rBcc: eve@example.net",
    "x\x85Bcc: eve@example.net",
    "x\u2028Bcc: eve@example.net",
    "x\x00",
    "x\x1b[2J",
    "x\u202egnp.exe",
    "x\ud800",
    "=?utf-8?q?x=0d=0aBcc:_eve@example.net?=",
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
async def test_nobody_can_write_a_header(hostile: str) -> None:
    for make in (
        lambda: letter(subject=hostile),
        lambda: letter(to=f"{hostile}@example.org"),
        lambda: letter(to=f"ada@{hostile}"),
        lambda: letter(to=f"ada@example.org{hostile}"),
        lambda: mail.Sender(hostile, "shop@example.com"),
        lambda: sender_of(f"{hostile} <shop@example.com>"),
        lambda: sender_of(f"Shop <shop@example.com{hostile}>"),
    ):
        with pytest.raises(ValueError, match=r"the (subject|address|name)"):
            make()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example.org, eve@example.net",
        "ada@example.org,eve@example.net",
        "ada@eve@example.net",
        "Ada <ada@example.org>",
        '"ada"@example.org',
        "ada@[127.0.0.1]",
        "ada@example..org",
        "ada..a@example.org",
        "ada @example.org",
        "ada\u00a0@example.org",
        "ada@straße.example",
        "ada@-example.org",
        "ada@exa_mple.org",
        "a" * 250 + "@example.org",
    ],
)
async def test_an_address_is_one_reader_or_refused(address: str) -> None:
    with pytest.raises(ValueError, match="the address"):
        letter(to=address)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
async def test_whatever_a_text_says_it_stays_text(text: str) -> None:
    written = f"Hello {{{{7*7}}}} ${{x}} {text}\n.\nRCPT TO:<eve@example.net>\n\nBcc: eve@example.net"
    with office() as server:
        await sent(server, letter(text=written))
        (taken,) = server.taken
        assert server.envelopes[0].rcpt_tos == ["ada@example.org"]
    assert taken["Bcc"] is None
    assert text_of(taken).startswith("Hello {{7*7}} ${x} ")
    assert text_of(taken).endswith("\n.\nRCPT TO:<eve@example.net>\n\nBcc: eve@example.net\n")


async def test_names_before_the_at_may_have_letters_that_few_servers_take() -> None:
    jorg = letter(to="jörg@müller.example", subject="Grüße")
    with office() as server:
        await sent(server, jorg)
        assert server.envelopes[0].rcpt_tos == ["jörg@xn--mller-kva.example"]
        assert (server.taken[0]["To"], server.taken[0]["Subject"]) == ("jörg@xn--mller-kva.example", "Grüße")
    with office(enable_SMTPUTF8=False) as server:
        assert not (await not_sent(server, jorg)).temporary
        await sent(server, letter(to="jorg@müller.example"))
        assert server.envelopes[0].rcpt_tos == ["jorg@xn--mller-kva.example"]


async def test_without_a_server_the_terminal_shows_the_link(capfd: pytest.CaptureFixture[str]) -> None:
    outbox = Outbox(mailer_of(None, SENDER))
    outbox.post(letter(text=f"Click\n\n{LINK}\n\n\x1b[2J Yours, \x9bm the shop"))
    await outbox.close(within=60)
    shown = capfd.readouterr().err
    for part in ("ada@example.org", "Your order", f" {LINK}\n", "the shop"):
        assert part in shown
    assert not {"\x1b", "\x9b"} & set(shown)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", Server("mail.example.com", 587, None, "", None)),
        ("smtp://mail.example.com:25/", Server("mail.example.com", 25, None, "", None)),
        ("smtp://mail.example.com?tls=required", Server("mail.example.com", 587, None, "", True)),
        ("smtp://a%40b:c%2Fd@mail.example.com", Server("mail.example.com", 587, "a@b", "c/d", True)),
        ("smtps://a:b@[::1]", Server("::1", 465, "a", "b", False)),
    ],
)
async def test_the_url_of_a_server_says_how_it_is_spoken_to(url: str, server: Server) -> None:
    assert mail.server_of(url) == server
    assert "password" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com",
        "http://u:secret@mail.example.com",
        "smtp://",
        "smtp://u:secret@",
        "smtp://u:secret@mail.example.com:0x",
        "smtp://u:secret@mail.example.com:99999",
        "smtp://u:sec/secret@mail.example.com",
        "smtp://u:secret@mail.example.com#x",
        "smtp://u:secret@mail.example.com?tls=no",
        "smtp://u:secret@mail.example.com?tsl=required",
        "smtp://u:secret@mail.example.com\r\nQUIT",
        "smtp://u:secret@[mail.example.com",
    ],
)
async def test_bad_settings_are_told_at_once_and_without_the_password(url: str) -> None:
    bad = {
        "TRADEPOST_MAIL_URL": url,
        "TRADEPOST_MAIL_FROM": "Shop <shop>",
        "TRADEPOST_PUBLIC_URL": "//evil",
        "TRADEPOST_PORT": "none",
    }
    with pytest.raises(SettingsInvalid) as refused:
        load(bad)
    assert [line.split(":")[0] in bad for line in refused.value.detail.splitlines()] == [True] * 4
    assert "secret" not in refused.value.detail


async def test_links_lead_to_one_host_without_a_path() -> None:
    for good in ("http://localhost:8000", "https://shop.example.com", "https://[::1]:8443"):
        assert load({"TRADEPOST_PUBLIC_URL": good}).public_url == good
    for bad in (
        "",
        "shop.example.com",
        "//shop.example.com",
        "ftp://shop.example.com",
        "javascript:alert(1)",
        "https://shop.example.com/",
        "https://shop.example.com/shop",
        "https://shop.example.com?x",
        "https://shop.example.com#x",
        "https://shop@evil.example.com",
        "https://shop.example.com\\@evil",
        "https://shop.example.com:99999",
        "https://shop.example.com\n",
        "https://",
    ):
        with pytest.raises(SettingsInvalid, match="TRADEPOST_PUBLIC_URL"):
            load({"TRADEPOST_PUBLIC_URL": bad})
