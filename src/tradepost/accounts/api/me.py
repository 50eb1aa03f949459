"""One's own account: profile, password, address, sessions."""

from tradepost.accounts import recovering, sessions
from tradepost.accounts.api.wire import (
    AccountOut,
    EmailIn,
    MeOut,
    PasswordIn,
    ProfilePatch,
    SessionsOut,
    TokenIn,
    account_out,
    check_mailable,
    session_out,
)
from tradepost.accounts.events import AccountChanged
from tradepost.accounts.identity import Identity
from tradepost.accounts.mails import AccountMails
from tradepost.accounts.model import InvalidCredentials, TokenInvalid, check_name
from tradepost.accounts.passwords import Passwords, check_password
from tradepost.accounts.store import people
from tradepost.accounts.store import sessions as session_store
from tradepost.core.background import Background
from tradepost.core.changes import applied, differing
from tradepost.core.errors import NotFound, Stale, Unauthenticated, check_version
from tradepost.db import Tx
from tradepost.events import publish
from tradepost.http import Answer, Call, Routes
from tradepost.http.call import etag
from tradepost.http.csrf import Csrf
from tradepost.stores import store_of

routes = Routes("My account", "What a person who is signed in sees and does with his own account.")


@routes.get("/auth/me", answer=MeOut, problems=[Unauthenticated])
async def me(call: Call) -> Answer:
    """Who is signed in, and what he may do."""
    account_id, session_id = call.person, call.actor.session_id
    async with call.db.read() as db:
        account = await people.get(db, call.actor.store_id, account_id)
    csrf = call.service(Csrf).token_of(session_id) if session_id else None
    out = MeOut(account_out(account), sorted(call.actor.permissions), csrf)
    return call.json(out, headers=[etag(account.version)])


@routes.write(
    "PATCH",
    "/auth/me",
    body=ProfilePatch,
    answer=AccountOut,
    problems=[Unauthenticated, Stale],
    example={"firstName": "Augusta"},
)
async def change_me(call: Call, tx: Tx, body: ProfilePatch) -> Answer:
    """Change one's own profile."""
    before = await people.lock(tx, call.actor.store_id, call.person)
    check_version(before.version, call.expected_version())
    after = applied(before, body)
    check_name(after)
    if fields := differing(before, after):
        await people.set_profile(tx, call.actor.store_id, after)
        await publish(tx, AccountChanged(fields), actor=call.actor, subject_id=before.id)
        after = await people.get(tx, call.actor.store_id, before.id)
    return call.json(account_out(after), headers=[etag(after.version)])


@routes.act(
    "POST",
    "/auth/password",
    limit="auth",
    body=PasswordIn,
    status=204,
    keyed=False,
    problems=[Unauthenticated, InvalidCredentials],
    example={"currentPassword": "the old one", "newPassword": "correct horse battery staple"},
)
async def change_password(call: Call, body: PasswordIn) -> Answer:
    """Change one's own password. All other sessions end."""
    account_id = call.person
    passwords = call.service(Passwords)
    verified = await recovering.verified_password(
        call.db, passwords, call.actor, body.current_password, address=call.client
    )
    async with call.db.read() as db:
        account = await people.get(db, call.actor.store_id, account_id)
    check_password(body.new_password, account.email, account.name, pointer="/newPassword")
    hashed = await passwords.hash(body.new_password)
    await call.db.write(
        lambda tx: recovering.change_password(tx, account_id, hashed, verified=verified, actor=call.actor)
    )
    call.service(Identity).forget()
    return Answer(204)


@routes.act(
    "POST",
    "/auth/email",
    limit="auth",
    body=EmailIn,
    status=202,
    keyed=False,
    problems=[Unauthenticated, InvalidCredentials],
    example={"email": "ada@example.org", "password": "correct horse battery staple"},
)
async def change_email(call: Call, body: EmailIn) -> Answer:
    """Ask for another e-mail address. A link goes there; until it is used, the old one stays."""
    account_id = call.person
    check_mailable(body.email)
    passwords = call.service(Passwords)
    await recovering.verified_password(call.db, passwords, call.actor, body.password, address=call.client)
    work = recovering.send_change(call.db, call.service(AccountMails), store_of(call), account_id, body.email)
    call.service(Background).run("change of address", work)
    return Answer(202, headers=[("cache-control", "no-store")])


@routes.act(
    "POST",
    "/auth/email/confirm",
    body=TokenIn,
    answer=AccountOut,
    keyed=False,
    problems=[Unauthenticated, TokenInvalid],
    example={"token": "the-secret-of-the-link"},
)
async def confirm_email(call: Call, body: TokenIn) -> Answer:
    """Make the new address the account's, by the secret of the link, where one is signed in to it."""
    account, old = await call.db.write(lambda tx: recovering.confirm_email(tx, body.token, actor=call.actor))
    call.service(AccountMails).changed(old, shop=store_of(call).name)
    return call.json(account_out(account), headers=[etag(account.version)])


@routes.get("/auth/sessions", answer=SessionsOut, problems=[Unauthenticated])
async def list_sessions(call: Call) -> Answer:
    """Where one is signed in."""
    async with call.db.read() as db:
        found = await session_store.live_of(db, call.actor.store_id, call.person)
    current = call.actor.session_id
    return call.json(SessionsOut([session_out(session, current=current) for session in found]))


@routes.write("DELETE", "/auth/sessions/{session_id}", status=204, problems=[Unauthenticated, NotFound])
async def end_session(call: Call, tx: Tx) -> Answer:
    """End one of one's own sessions."""
    await sessions.end(tx, call.id("session_id"), actor=call.actor, because="ended")
    call.service(Identity).forget()
    return Answer(204)
