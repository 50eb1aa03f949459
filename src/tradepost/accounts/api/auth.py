"""Becoming a customer, signing in and out, and what links in mails lead to."""

from contextlib import suppress

import msgspec

from tradepost.accounts import recovering, registering, sessions, signing_in
from tradepost.accounts.api.wire import (
    AccountOut,
    ForgotIn,
    LoginIn,
    RefreshIn,
    RegisterIn,
    ResetIn,
    SignedInOut,
    VerifyIn,
    account_out,
    draft_of,
)
from tradepost.accounts.identity import ACCESS_COOKIE, Identity
from tradepost.accounts.mails import AccountMails
from tradepost.accounts.model import (
    Account,
    Device,
    InvalidCredentials,
    SessionRevoked,
    TokenInvalid,
)
from tradepost.accounts.passwords import Passwords, check_password
from tradepost.accounts.sessions import Opened, RefreshReused, RefreshSuperseded, Reused
from tradepost.accounts.store import people
from tradepost.accounts.tokens import SECONDS as ACCESS_SECONDS
from tradepost.accounts.tokens import AccessTokens
from tradepost.core.actors import Actor
from tradepost.core.background import Background
from tradepost.core.errors import NotFound, Unauthenticated
from tradepost.http import Answer, Call, Routes, cookies
from tradepost.http.cookies import CookieJar
from tradepost.http.csrf import Csrf, CsrfFailed
from tradepost.stores import store_of

routes = Routes("Signing in", "Accounts, sessions and passwords.")

REFRESH_COOKIE = "tradepost_refresh"
REFRESH_PATH = "/api/v1/auth"
"""Where browsers send the refresh token: to refresh, and to log out when the access token has run out."""
_REFRESH_SECONDS = 30 * 24 * 3600
_MOST_USER_AGENT = 200
_PASSWORD = "correct horse battery staple"  # noqa: S105 - an example in the documentation


@routes.act(
    "POST",
    "/auth/register",
    limit="auth",
    body=RegisterIn,
    answer=AccountOut,
    status=201,
    keyed=False,
    signs_in=True,
    example={"email": "ada@example.com", "password": _PASSWORD, "firstName": "Ada", "lastName": "Lovelace"},
)
async def register(call: Call, body: RegisterIn) -> Answer:
    """Register as a customer.

    The answer is the same whether or not the address has an account: a mail goes there, with a link that makes this
    account the address's, or into the one that it has.
    """
    draft = draft_of(body)
    check_password(body.password, draft.email, draft.first_name, draft.last_name)
    password_hash = await call.service(Passwords).hash(body.password)
    shop = store_of(call)
    account = await call.db.write(
        lambda tx: registering.register(
            tx, shop.id, draft, date_of_birth=body.date_of_birth, password_hash=password_hash
        )
    )
    work = registering.send_verification(call.db, call.service(AccountMails), shop, account)
    call.service(Background).run("verification", work)
    return call.json(account_out(account), status=201)


@routes.act(
    "POST",
    "/auth/login",
    limit="auth",
    body=LoginIn,
    answer=SignedInOut,
    keyed=False,
    signs_in=True,
    problems=[InvalidCredentials],
    example={"email": "ada@example.com", "password": _PASSWORD},
)
async def login(call: Call, body: LoginIn) -> Answer:
    """Sign in with e-mail address and password.

    The tokens come as cookies that no script can read, or, with `tokens: "body"`, in the answer.
    """
    done = await signing_in.sign_in(
        call.db,
        call.service(Passwords),
        call.service(AccountMails),
        store_of(call),
        email=body.email,
        password=body.password,
        device=device_of(call),
    )
    return await _signed_in(call, done.account, done.opened, in_body=body.tokens == "body")


@routes.act(
    "POST",
    "/auth/refresh",
    body=RefreshIn,
    answer=SignedInOut,
    keyed=False,
    signs_in=True,
    problems=[InvalidCredentials, SessionRevoked, RefreshReused, RefreshSuperseded, CsrfFailed],
    example={},
)
async def refresh(call: Call, body: RefreshIn) -> Answer:
    """Trade the refresh token for a new pair of tokens.

    Each is good once. One that was used less than five seconds ago is `refresh_superseded`: another tab was faster, and
    has left the new one in the cookie. One that was used longer ago has been copied: its session ends.
    """
    token = body.refresh_token or _refresh_cookie(call)
    if token is None:
        raise Unauthenticated
    if body.refresh_token is None:
        call.service(Csrf).check_site(call.headers)
    store_id = call.actor.store_id
    done = await call.db.write(lambda tx: sessions.renew(tx, store_id, token))
    async with call.db.read() as db:
        account = await people.get(db, store_id, done.account_id)
    match done:
        case Reused():
            call.service(Identity).forget()
            call.service(AccountMails).reused(account.email, shop=store_of(call).name)
            raise RefreshReused
        case Opened() as opened:
            return await _signed_in(call, account, opened, in_body=body.refresh_token is not None)


@routes.act("POST", "/auth/logout", status=204, keyed=False, signs_in=True, problems=[CsrfFailed])
async def logout(call: Call) -> Answer:
    """End this session, and take its cookies away; the cookies also where the session has ended already.

    In a browser whose access token has run out, the refresh token says which session it is.
    """
    actor = await _present(call)
    if actor.session_id is not None:
        session_id = actor.session_id
        with suppress(NotFound):  # somebody has just ended it
            await call.db.write(lambda tx: sessions.end(tx, session_id, actor=actor, because="logout"))
    elif token := _refresh_cookie(call):
        call.service(Csrf).check_site(call.headers)
        await call.db.write(lambda tx: sessions.end_by_token(tx, actor.store_id, token))
    call.service(Identity).forget()
    return Answer(204, headers=no_cookies(call))


@routes.act(
    "POST",
    "/auth/verify-email",
    limit="auth",
    body=VerifyIn,
    answer=AccountOut,
    keyed=False,
    signs_in=True,
    problems=[TokenInvalid, CsrfFailed],
    example={"token": "the-secret-of-the-link"},
)
async def verify_email(call: Call, body: VerifyIn) -> Answer:
    """Show that the address of an account is one's own, by the secret of the link that was sent there.

    Whoever is not signed in to the account chooses a password here, and gets an account of his own: reading the mail
    proves the address, not that one has registered. All sessions of who did end then.
    """
    actor = await _present(call)
    password_hash = await _new_password(call, body.password) if body.password else None
    account = await call.db.write(
        lambda tx: registering.verify_email(tx, body.token, actor=actor, password_hash=password_hash)
    )
    call.service(Identity).forget()
    return call.json(account_out(account))


@routes.act(
    "POST",
    "/auth/password/forgot",
    limit="auth",
    body=ForgotIn,
    status=202,
    keyed=False,
    signs_in=True,
    example={"email": "ada@example.com"},
)
async def forgot_password(call: Call, body: ForgotIn) -> Answer:
    """Ask for a link that lets one choose a new password. The answer is the same for every address."""
    work = recovering.send_reset(call.db, call.service(AccountMails), store_of(call), body.email)
    call.service(Background).run("reset", work)
    return Answer(202, headers=[("cache-control", "no-store")])


@routes.act(
    "POST",
    "/auth/password/reset",
    limit="auth",
    body=ResetIn,
    status=204,
    keyed=False,
    signs_in=True,
    problems=[TokenInvalid, CsrfFailed],
    example={"token": "the-secret-of-the-link", "password": _PASSWORD},
)
async def reset_password(call: Call, body: ResetIn) -> Answer:
    """Choose a new password, by the secret of a link. It works once; all sessions of the account end."""
    actor = await _present(call)
    password_hash = await _new_password(call, body.password)
    await call.db.write(lambda tx: recovering.reset_password(tx, body.token, actor=actor, password_hash=password_hash))
    call.service(Identity).forget()
    return Answer(204, headers=no_cookies(call))


async def _present(call: Call) -> Actor:
    """Who calls; a guest where his session has ended, as that is when he needs a link. CsrfFailed."""
    try:
        actor = await call.service(Identity)(call.headers)
    except Unauthenticated:
        return call.actor
    if actor.by_cookie and actor.session_id:
        call.service(Csrf).check(call.headers, actor.session_id)
    return actor


def _refresh_cookie(call: Call) -> str | None:
    return cookies.read(call.headers, call.service(CookieJar).name(REFRESH_COOKIE, path=REFRESH_PATH))


async def _new_password(call: Call, password: str) -> str:
    check_password(password)
    return await call.service(Passwords).hash(password)


def device_of(call: Call) -> Device:
    said = call.headers.get(b"user-agent", b"").decode("latin-1")
    return Device("".join(filter(str.isprintable, said))[:_MOST_USER_AGENT], call.client)


async def _signed_in(call: Call, account: Account, opened: Opened, *, in_body: bool) -> Answer:
    access = await call.service(AccessTokens).sign(
        store_id=call.actor.store_id, account_id=opened.account_id, session_id=opened.session_id
    )
    out = SignedInOut(account_out(account), call.service(Csrf).token_of(opened.session_id), ACCESS_SECONDS)
    if in_body:
        return call.json(msgspec.structs.replace(out, access_token=access, refresh_token=opened.refresh_token))
    jar = call.service(CookieJar)
    sent = [
        jar.set(ACCESS_COOKIE, access, seconds=ACCESS_SECONDS),
        jar.set(
            REFRESH_COOKIE,
            opened.refresh_token,
            seconds=_REFRESH_SECONDS,
            path=REFRESH_PATH,
            same_site="Strict",
        ),
    ]
    return call.json(out, headers=sent)


def no_cookies(call: Call) -> list[tuple[str, str]]:
    jar = call.service(CookieJar)
    return [
        jar.set(ACCESS_COOKIE, "", seconds=0),
        jar.set(REFRESH_COOKIE, "", seconds=0, path=REFRESH_PATH, same_site="Strict"),
    ]
