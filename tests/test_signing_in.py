"""Customers and staff sign in, and stay signed in safely."""

import asyncio
import base64
import json
import re
import time
from collections import Counter
from typing import Any

import httpx2
import jwt
import psycopg
import pytest

from tests.people import ADA, PASSWORD, Person, links, registered
from tests.shop import ADDRESS, Shop, open_again, open_shop, same_problem
from tradepost.app import operating
from tradepost.app.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(shop: Shop, capfd: pytest.CaptureFixture[str]) -> Person:
    return await registered(shop)


async def test_a_customer_registers_signs_in_orders_and_sees_the_order(shop: Shop, ada: Person) -> None:
    mug = await shop.product()
    placed = await ada.ask(
        "POST", "/orders", json={"items": [{"productId": mug["id"], "quantity": 1}], "shippingAddress": ADDRESS}
    )
    assert placed.status_code == 201, placed.text
    order = placed.json()
    assert order["email"] == "ada@example.com"
    me = (await ada.ask("GET", "/auth/me")).json()
    assert order["customerId"] == me["account"]["id"]
    assert [item["id"] for item in (await ada.ask("GET", "/orders")).json()["items"]] == [order["id"]]
    assert (await ada.ask("GET", f"/orders/{order['id']}")).status_code == 200
    listed = (await shop.staff("GET", "/customers?search=ada")).json()["items"]
    assert [(one["orderCount"], one["totalSpent"]) for one in listed] == [(1, order["totalAmount"])]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("lovelace", ["ada"]),
        ("LOVE ada", ["ada"]),
        ("ada@example.com", ["ada"]),
        ("grac", ["grace"]),
        ("strasse", ["grace"]),
        ("example", ["grace", "ada"]),
        ("hopper", []),
        ("%", []),
        ("' or ''='", []),
    ],
)
async def test_customers_are_found_by_words(shop: Shop, search: str, found: list[str]) -> None:
    for first_name, last_name in (("Ada", "Lovelace"), ("Grace", "von der Straße")):
        body = {"email": f"{first_name}@Example.com", "firstName": first_name, "lastName": last_name}
        assert (await shop.staff("POST", "/customers", json=body)).status_code == 201
    items = (await shop.staff("GET", "/customers", params={"search": search})).json()["items"]
    assert [one["firstName"].lower() for one in items] == found


async def test_a_customer_is_found_by_the_name_that_she_has_now(shop: Shop, ada: Person) -> None:
    assert (await ada.ask("PATCH", "/auth/me", json={"lastName": "King"})).status_code == 200
    for search, count in (("king", 1), ("lovelace", 0), ("ada@example.com", 1)):
        assert (await shop.staff("GET", f"/customers?search={search}")).json()["total"] == count


async def test_anothers_order_is_not_found(shop: Shop, ada: Person) -> None:
    """C12."""
    mug = await shop.product()
    items = [{"productId": mug["id"], "quantity": 1}]
    order = (await ada.ask("POST", "/orders", json={"items": items})).json()
    grace = await registered(shop, email="grace@example.com")
    for path in ("", "/timeline", "/explain"):
        assert same_problem(await grace.ask("GET", f"/orders/{order['id']}{path}"), 404, "not_found")
    assert (await grace.ask("GET", f"/orders?customerId={order['customerId']}")).json()["items"] == []
    named = {"items": items, "customerId": order["customerId"]}
    assert same_problem(await grace.ask("POST", "/orders", json=named), 422, "reference_not_found", "/customerId")


async def test_the_cookies_are_for_the_browser_only(database_url: str) -> None:
    """C22."""
    settings = Settings(unsafe_database=True, public_url="https://shop.example.com")
    async with open_shop(database_url, settings) as shop:
        await shop.guest("POST", "/auth/register", json=ADA)
        answer = await shop.guest("POST", "/auth/login", json={"email": ADA["email"], "password": PASSWORD})
        access, refresh = answer.headers.get_list("set-cookie")
    assert re.fullmatch(r"__Host-\S+=\S+; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure", access)
    assert re.fullmatch(
        r"__Secure-\S+=\S+; Path=/api/v1/auth; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure", refresh
    )
    assert "accessToken" not in answer.text or answer.json()["accessToken"] is None


async def test_a_program_gets_its_tokens_in_the_answer(shop: Shop, ada: Person) -> None:
    login = {"email": ADA["email"], "password": PASSWORD, "tokens": "body"}
    answer = await shop.guest("POST", "/auth/login", json=login)
    assert "set-cookie" not in answer.headers
    bearer = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
    assert (await shop.guest("GET", "/auth/me", headers=bearer)).json()["account"]["email"] == ADA["email"]
    renewed = await shop.guest("POST", "/auth/refresh", json={"refreshToken": answer.json()["refreshToken"]})
    assert renewed.json()["refreshToken"] != answer.json()["refreshToken"]


async def test_of_ten_refreshes_at_once_one_gets_a_token(shop: Shop, ada: Person) -> None:
    """C04: tabs of one browser."""
    login = {"email": ADA["email"], "password": PASSWORD, "tokens": "body"}
    token = (await shop.guest("POST", "/auth/login", json=login)).json()["refreshToken"]
    for _ in range(20):
        answers = await asyncio.gather(
            *(shop.guest("POST", "/auth/refresh", json={"refreshToken": token}) for _ in range(10))
        )
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 9}
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"refresh_superseded"}
        token = next(answer for answer in answers if answer.status_code == 200).json()["refreshToken"]
    assert (await shop.guest("POST", "/auth/refresh", json={"refreshToken": token})).status_code == 200


async def test_a_refresh_token_that_comes_again_later_ends_its_session(shop: Shop, ada: Person) -> None:
    """C04: somebody has a copy."""
    login = {"email": ADA["email"], "password": PASSWORD, "tokens": "body"}
    first = (await shop.guest("POST", "/auth/login", json=login)).json()
    second = (await shop.guest("POST", "/auth/refresh", json={"refreshToken": first["refreshToken"]})).json()
    await shop.change("update refresh_token set used_at = used_at - interval '6 seconds'")
    again = await shop.guest("POST", "/auth/refresh", json={"refreshToken": first["refreshToken"]})
    assert same_problem(again, 401, "refresh_reused")
    newest = await shop.guest("POST", "/auth/refresh", json={"refreshToken": second["refreshToken"]})
    assert same_problem(newest, 401, "session_revoked")
    bearer = {"Authorization": f"Bearer {second['accessToken']}"}
    assert same_problem(await shop.guest("GET", "/auth/me", headers=bearer), 401, "session_revoked")


async def test_logging_out_ends_the_session_at_once(shop: Shop, ada: Person) -> None:
    """C03."""
    token = ada.client.cookies["tradepost_access"]
    assert (await ada.ask("POST", "/auth/logout")).status_code == 204
    answer = await shop.guest("GET", "/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert same_problem(answer, 401, "session_revoked")
    assert ada.client.cookies.get("tradepost_access") is None
    stale = {"Cookie": f"tradepost_access={token}"}
    again = await shop.guest("POST", "/auth/logout", headers=stale)
    assert (again.status_code, len(again.headers.get_list("set-cookie"))) == (204, 2)


async def test_a_new_password_ends_the_other_sessions(shop: Shop, ada: Person) -> None:
    """C03."""
    phone = Person(shop)
    await phone.sign_in()
    change = {"currentPassword": PASSWORD, "newPassword": "a quite different phrase"}
    assert (await ada.ask("POST", "/auth/password", json=change)).status_code == 204
    assert same_problem(await phone.ask("GET", "/auth/me"), 401, "session_revoked")
    assert (await ada.ask("GET", "/auth/me")).status_code == 200
    assert same_problem(await phone.sign_in(), 401, "invalid_credentials")
    assert (await phone.sign_in(password="a quite different phrase")).status_code == 200


async def test_a_wrong_password_changes_nothing(ada: Person) -> None:
    change = {"currentPassword": "wrong", "newPassword": "a quite different phrase"}
    assert same_problem(await ada.ask("POST", "/auth/password", json=change), 401, "invalid_credentials")
    assert (await ada.sign_in()).status_code == 200


async def test_sessions_are_listed_and_ended_one_by_one(shop: Shop, ada: Person) -> None:
    phone = Person(shop)
    await phone.sign_in()
    listed = (await ada.ask("GET", "/auth/sessions")).json()["items"]
    assert [session["current"] for session in listed] == [False, True]
    assert (await ada.ask("DELETE", f"/auth/sessions/{listed[0]['id']}")).status_code == 204
    assert same_problem(await phone.ask("GET", "/auth/me"), 401, "session_revoked")
    grace = await registered(shop, email="grace@example.com")
    assert same_problem(await grace.ask("DELETE", f"/auth/sessions/{listed[1]['id']}"), 404, "not_found")


async def test_the_profile_changes(ada: Person) -> None:
    me = await ada.ask("GET", "/auth/me")
    born = {"firstName": "Augusta", "dateOfBirth": "1815-12-10"}
    changed = await ada.ask("PATCH", "/auth/me", json=born, headers={"If-Match": me.headers["etag"]})
    assert {name: changed.json()[name] for name in born} == born
    stale = await ada.ask("PATCH", "/auth/me", json=born, headers={"If-Match": me.headers["etag"]})
    assert same_problem(stale, 412, "stale_version")
    assert same_problem(await ada.ask("PATCH", "/auth/me", json={"role": "ADMIN"}), 422, "unknown_field", "/role")


@pytest.mark.parametrize("password", ["short", "password1", "12345678", "aaaaaaaab", "ada@example.com", "Lovelace1815"])
async def test_a_password_that_is_soon_guessed_is_refused(shop: Shop, password: str) -> None:
    """C11."""
    answer = await shop.guest("POST", "/auth/register", json=ADA | {"password": password})
    assert same_problem(answer, 422, "weak_password", "/password")


@pytest.mark.parametrize("password", ["x9 kQ4! " * 20, "pässwörter sind länger", "pa\u0308sswo\u0308rter sind länger"])
async def test_a_password_is_checked_exactly_as_typed(shop: Shop, password: str) -> None:
    """C11: nothing is cut off, trimmed or normalised."""
    person = await registered(shop, password=password)
    for other in (password[:-1], password[:72], password + " ", password.replace("ä", "a\u0308")):
        if other != password:
            assert same_problem(await person.sign_in(password=other), 401, "invalid_credentials")


async def test_known_and_unknown_addresses_look_the_same(shop: Shop, ada: Person) -> None:
    """C09."""
    for path, body in [
        ("/auth/register", ADA | {"email": "{}"}),
        ("/auth/login", {"email": "{}", "password": "wrong"}),
        ("/auth/password/forgot", {"email": "{}"}),
    ]:
        answers = [
            await shop.guest("POST", path, json=body | {"email": email})
            for email in ("ada@example.com", "no@example.com")
        ]
        shapes = [(answer.status_code, _shape(answer)) for answer in answers]
        assert shapes[0] == shapes[1], path


def _shape(answer: httpx2.Response) -> Any:
    """All of an answer that is not an id, a time or the address itself."""
    if not answer.content:
        return sorted(answer.headers)
    changing = {"id", "createdAt", "updatedAt", "email", "requestId"}
    return sorted(answer.headers), {name: value for name, value in answer.json().items() if name not in changing}


async def test_registering_with_anothers_address_gets_at_nothing(
    shop: Shop, ada: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    """C07: the attacker's account is another one, with its own password, and no mail proves it."""
    (token,) = await links(capfd)
    assert (await ada.ask("POST", "/auth/verify-email", json={"token": token})).json()["emailVerified"]
    mallory = await registered(shop, password="mallory waits here")
    hers, his = [(await one.ask("GET", "/auth/me")).json()["account"] for one in (ada, mallory)]
    assert hers["id"] != his["id"]
    assert not his["emailVerified"]
    assert (await ada.sign_in()).json()["account"]["id"] == hers["id"]


async def test_who_opens_the_link_without_a_session_chooses_the_password(
    shop: Shop, ada: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    """C07: somebody registered her address; his password and sessions are dead once she has shown that it is hers."""
    (token,) = await links(capfd)
    owner = Person(shop)
    bare = await owner.ask("POST", "/auth/verify-email", json={"token": token})
    assert same_problem(bare, 422, "required", "/password")
    mine = {"token": token, "password": "hers and only hers"}
    assert (await owner.ask("POST", "/auth/verify-email", json=mine)).status_code == 200
    assert same_problem(await ada.ask("GET", "/auth/me"), 401, "session_revoked")
    assert same_problem(await ada.sign_in(), 401, "invalid_credentials")
    assert (await owner.sign_in(password="hers and only hers")).status_code == 200
    assert same_problem(await owner.ask("POST", "/auth/verify-email", json=mine), 400, "token_invalid")


async def test_a_forgotten_password_is_chosen_anew_once(
    shop: Shop, ada: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    """C06."""
    await links(capfd)
    assert (await shop.guest("POST", "/auth/password/forgot", json={"email": "ADA@example.com"})).status_code == 202
    (token,) = await links(capfd)
    reset = {"token": token, "password": "remembered from now on"}
    answers = await asyncio.gather(*(shop.guest("POST", "/auth/password/reset", json=reset) for _ in range(5)))
    assert Counter(answer.status_code for answer in answers) == {204: 1, 400: 4}
    assert same_problem(await ada.ask("GET", "/auth/me"), 401, "session_revoked")
    assert (await ada.sign_in(password="remembered from now on")).status_code == 200


async def test_a_new_address_is_proved_by_its_own_account(
    shop: Shop, ada: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    """C06."""
    await links(capfd)
    wanted = {"email": "countess@example.com", "password": PASSWORD}
    assert (await ada.ask("POST", "/auth/email", json=wanted)).status_code == 202
    (token,) = await links(capfd)
    grace = await registered(shop, email="grace@example.com")
    body = {"token": token}
    assert same_problem(await grace.ask("POST", "/auth/email/confirm", json=body), 400, "token_invalid")
    assert (await ada.ask("POST", "/auth/email/confirm", json=body)).json()["email"] == "countess@example.com"
    assert same_problem(await ada.ask("POST", "/auth/email/confirm", json=body), 400, "token_invalid")
    assert (await ada.sign_in("countess@example.com")).status_code == 200


async def test_links_lead_to_the_configured_address_whatever_host_is_asked(
    shop: Shop, ada: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    """C25, D26."""
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Origin": "https://evil.example"}
    await shop.guest("POST", "/auth/password/forgot", json={"email": ADA["email"]}, headers=evil)
    shown = ""
    while "reset-password" not in shown:
        await asyncio.sleep(0.02)
        shown += capfd.readouterr().err
    assert "http://localhost:8000/account/reset-password#token=" in shown
    assert "evil" not in shown


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "guess"},
        {"Origin": "", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "", "Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_site_cannot_use_the_cookie(ada: Person, headers: dict[str, str]) -> None:
    """C21."""
    answer = await ada.ask("PATCH", "/auth/me", json={"firstName": "Eve"}, headers=headers)
    assert same_problem(answer, 403, "csrf_failed")
    assert (await ada.ask("GET", "/auth/me")).json()["account"]["firstName"] == "Ada"


async def test_anothers_csrf_token_is_worth_nothing(shop: Shop, ada: Person) -> None:
    grace = await registered(shop, email="grace@example.com")
    answer = await ada.ask("POST", "/auth/logout", headers={"X-CSRF-Token": grace.csrf})
    assert same_problem(answer, 403, "csrf_failed")


def _forged(token: str, **header: Any) -> str:
    """The token with another header, its signature as it was."""
    _, payload, signature = token.split(".")
    made = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{made}.{payload}.{signature}"


async def test_a_token_has_no_say_in_how_it_is_read(shop: Shop, ada: Person) -> None:
    """C01, C02."""
    token = ada.client.cookies["tradepost_access"]
    good = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    (secret,) = (await shop.rows("select secret from signing_key"))[0]

    def signed(key: str | bytes = secret, *, header: dict[str, Any] | None = None, **changed: Any) -> str:
        said = {name: value for name, value in (claims | changed).items() if value is not None}
        return jwt.encode(said, key, "HS256", headers=good | (header or {}))

    bad = [
        _forged(token, **good | {"alg": "HS512"}),
        _forged(token, **good | {"alg": "none"}),
        _forged(token, **good | {"alg": "hs256"}),
        _forged(token, typ="at+jwt", kid=good["kid"]),
        _forged(token, **good | {"kid": "../../etc/passwd"}),
        _forged(token, **good | {"kid": "' or '1'='1"}),
        _forged(token, **good | {"jku": "https://evil.example/keys", "kid": "evil"}),
        signed("guess" * 8),
        signed(header={"crit": ["exp"]}),
        signed(header={"typ": "JWT"}),
        signed(exp=int(time.time()) - 1),
        signed(exp=None),
        signed(iat=int(time.time()) + 60),
        signed(nbf=int(time.time()) + 60),
        signed(iss="other"),
        signed(aud="other"),
        signed(x="x" * 8192),
        token + "x",
        "a.b.c",
    ]
    for wrong in bad:
        answer = await shop.guest("GET", "/auth/me", headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401, wrong
        assert answer.headers["www-authenticate"], wrong
        assert answer.json()["code"] in ("invalid_token", "invalid_credentials"), wrong
    good_one = {"Authorization": f"Bearer {signed()}"}
    assert (await shop.guest("GET", "/auth/me", headers=good_one)).status_code == 200


async def test_guessing_is_slowed_down_and_the_owner_is_not_locked_out(shop: Shop, ada: Person) -> None:
    """C10: ten tries from one address, then that address waits; she signs in from elsewhere."""
    for _ in range(10):
        assert same_problem(await Person(shop).sign_in(password="wrong guess"), 401, "invalid_credentials")
    refused = await Person(shop).sign_in()
    assert same_problem(refused, 429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) <= 900
    assert (await ada.ask("GET", "/auth/me")).status_code == 200
    await shop.change("update sign_in_attempt set started_at = started_at - interval '901 seconds'")
    assert (await ada.sign_in()).status_code == 200


async def test_of_many_guesses_at_once_no_more_pass(shop: Shop, ada: Person) -> None:
    """C10: they are counted before they are looked at, also by two processes; who is refused here costs her nothing."""
    async with open_again(shop) as other:
        places = [Person(place) for place in (shop, other) for _ in range(15)]
        answers = await asyncio.gather(*(place.sign_in(password="wrong guess") for place in places))
    assert Counter(answer.status_code for answer in answers) == {401: 10, 429: 20}
    counted = await shop.rows("select attempts from sign_in_attempt order by attempts")
    assert counted == [(10,), (10,), (30,)]


async def test_signing_in_well_is_no_attempt(shop: Shop, ada: Person) -> None:
    """A whole office behind one address may sign in every morning."""
    for _ in range(3):
        answers = await asyncio.gather(*(Person(shop).sign_in() for _ in range(10)))
        assert Counter(answer.status_code for answer in answers) == {200: 10}
    assert set(await shop.rows("select attempts from sign_in_attempt")) == {(0,)}


async def test_who_guesses_at_an_account_does_not_lock_its_owner_out(shop: Shop, ada: Person) -> None:
    """C10: from where she has signed in before she has tries of her own; asking for links costs her nothing."""
    for place in range(21):
        stranger = shop.browser(f"203.0.113.{place}")
        for _ in range(5):
            body = {"email": ADA["email"], "password": "wrong guess"}
            await stranger.post("/api/v1/auth/login", json=body)
        await stranger.post("/api/v1/auth/password/forgot", json={"email": ADA["email"]})
    late = await shop.browser("203.0.113.99").post(
        "/api/v1/auth/login", json={"email": ADA["email"], "password": "wrong guess"}
    )
    assert same_problem(late, 429, "rate_limited")
    assert (await ada.sign_in()).status_code == 200


async def test_signing_in_to_an_account_of_ones_own_wins_no_guesses(shop: Shop) -> None:
    """C10: whoever registers with the address that he attacks would otherwise have as many tries as he likes."""
    await shop.staff("POST", "/customers", json={"email": ADA["email"], "firstName": "Ada", "lastName": "Lovelace"})
    mallory = await registered(shop, password="mallory waits here")
    guesses = [(await mallory.sign_in(password="wrong guess")).status_code for _ in range(9)]
    guesses += [(await mallory.sign_in(password="mallory waits here")).status_code]
    guesses += [(await mallory.sign_in(password="wrong guess")).status_code for _ in range(3)]
    assert guesses == [401] * 9 + [200, 401, 429, 429]


async def test_a_network_of_ipv6_is_one_place(shop: Shop, ada: Person) -> None:
    """A subscriber has 2^64 addresses (RFC 6177)."""
    body = {"email": ADA["email"], "password": "wrong guess"}
    answers = [
        await shop.browser(f"2001:db8::{number:x}").post("/api/v1/auth/login", json=body) for number in range(1, 13)
    ]
    assert Counter(answer.status_code for answer in answers) == {401: 10, 429: 2}


async def test_the_present_password_cannot_be_guessed_with_a_stolen_session(ada: Person) -> None:
    change = {"currentPassword": "wrong guess", "newPassword": "a quite different phrase"}
    answers = [await ada.ask("POST", "/auth/password", json=change) for _ in range(12)]
    assert Counter(answer.status_code for answer in answers) == {401: 10, 429: 2}


@pytest.mark.parametrize("way", ["sign in", "change the password"])
async def test_a_password_that_was_reset_while_it_was_looked_at_is_worth_nothing(
    shop: Shop, ada: Person, way: str
) -> None:
    """Its hash was right when it was read; before the session, or the new password, is written, it is not any more."""
    with psycopg.connect(shop.url) as meanwhile:
        meanwhile.execute("select from account for update")
        change = {"currentPassword": PASSWORD, "newPassword": "a quite different phrase"}
        waiting = asyncio.create_task(
            Person(shop).sign_in() if way == "sign in" else ada.ask("POST", "/auth/password", json=change)
        )
        held = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        while await shop.rows(held) == [(0,)]:  # noqa: ASYNC110 - the database has no event for it
            await asyncio.sleep(0.02)
        meanwhile.execute("update account set password_hash = 'another'")
        meanwhile.commit()
    assert same_problem(await waiting, 401, "invalid_credentials")
    assert await shop.rows("select password_hash from account") == [("another",)]


async def test_logging_out_ends_the_session_also_when_the_access_token_has_run_out(shop: Shop, ada: Person) -> None:
    refresh = ada.client.cookies["tradepost_refresh"]
    ada.client.cookies.delete("tradepost_access")
    assert same_problem(
        await ada.ask("POST", "/auth/logout", headers={"Origin": "https://evil.example"}), 403, "csrf_failed"
    )
    assert (await ada.ask("POST", "/auth/logout")).status_code == 204
    again = await shop.guest("POST", "/auth/refresh", json={"refreshToken": refresh})
    assert same_problem(again, 401, "session_revoked")


async def test_whoever_has_a_dead_session_can_ask_for_a_link(shop: Shop, ada: Person) -> None:
    await shop.change("update session set ended_at = now(), ended_because = 'reuse'")
    assert same_problem(await ada.ask("GET", "/auth/me"), 401, "session_revoked")
    assert (await ada.ask("POST", "/auth/password/forgot", json={"email": ADA["email"]})).status_code == 202
    assert (await ada.ask("POST", "/auth/register", json=ADA | {"email": "new@example.com"})).status_code == 201


async def test_a_mailbox_is_not_filled_by_others(shop: Shop, ada: Person, capfd: pytest.CaptureFixture[str]) -> None:
    """Five mails in a quarter of an hour, the first one from registering; the links in them stay good."""
    for _ in range(10):
        assert (await ada.ask("POST", "/auth/password/forgot", json={"email": ADA["email"]})).status_code == 202
    tokens = await links(capfd, 5)
    assert len(tokens) == 5
    assert await shop.rows("select count(*) from proof") == [(5,)]


async def test_a_link_is_nothing_for_somebody_else_who_is_signed_in(
    shop: Shop, ada: Person, capfd: pytest.CaptureFixture[str]
) -> None:
    """C06."""
    await links(capfd)
    await shop.guest("POST", "/auth/password/forgot", json={"email": ADA["email"]})
    (token,) = await links(capfd)
    grace = await registered(shop, email="grace@example.com")
    (verify,) = await links(capfd)
    for path, secret in (("/auth/password/reset", token), ("/auth/verify-email", verify)):
        body = {"token": secret, "password": "a quite different phrase"}
        person = grace if path.endswith("reset") else ada
        assert same_problem(await person.ask("POST", path, json=body), 400, "token_invalid")


async def test_what_was_planted_in_a_claimed_account_is_not_the_readers(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    """C07: somebody registers with Ada's address, leaves an address of his own there, and waits."""
    mallory = await registered(shop, password="mallory waits here")
    (token,) = await links(capfd)
    evil = ADDRESS | {"type": "SHIPPING", "line1": "Evil street 1"}
    assert (await mallory.ask("POST", "/addresses", json=evil)).status_code == 201
    body = {"token": token, "password": "hers from now on"}
    assert (await shop.guest("POST", "/auth/verify-email", json=body)).json()["emailVerified"]
    assert same_problem(await mallory.ask("GET", "/auth/me"), 401, "session_revoked")
    assert same_problem(await mallory.sign_in(password="mallory waits here"), 401, "invalid_credentials")
    owner = Person(shop)
    assert (await owner.sign_in(password="hers from now on")).status_code == 200
    assert (await owner.ask("GET", "/addresses")).json()["items"] == []


async def test_own_orders_are_there_also_beside_anothers_token(shop: Shop, ada: Person) -> None:
    mug = await shop.product()
    mine = (await ada.ask("POST", "/orders", json={"items": [{"productId": mug["id"], "quantity": 1}]})).json()
    guests = (await shop.order((mug, 1))).json()
    token = {"X-Order-Token": guests["accessToken"]}
    for order in (mine, guests):
        assert (await ada.ask("GET", f"/orders/{order['id']}", headers=token)).status_code == 200
    listed = (await ada.ask("GET", "/orders", headers={"X-Order-Token": "stale"})).json()["items"]
    assert [order["id"] for order in listed] == [mine["id"]]


async def test_a_cookie_may_come_in_pieces_and_not_twice(shop: Shop, ada: Person) -> None:
    """HTTP/2 cuts it (RFC 9113, 8.2.3); a neighbouring host may toss one of its own in (C22)."""
    name, token = "tradepost_access", ada.client.cookies["tradepost_access"]
    pieces = [("cookie", "theme=dark"), ("cookie", f"{name}={token}"), ("cookie", "language=en")]
    client = shop.browser()
    assert (await client.get("/api/v1/auth/me", headers=pieces)).status_code == 200
    tossed = [*pieces, ("cookie", f"{name}=evil")]
    assert same_problem(await client.get("/api/v1/auth/me", headers=tossed), 401, "unauthenticated")


async def test_a_new_signing_key_signs_nobody_out(shop: Shop, ada: Person) -> None:
    """Tokens of the key before are good until they run out; then the key is not believed any more."""
    old = {"Authorization": f"Bearer {ada.client.cookies['tradepost_access']}"}
    await operating.rotate_signing_key(shop.url)
    async with open_again(shop) as other:
        assert (await other.guest("GET", "/auth/me", headers=old)).status_code == 200
        newest = await shop.rows("select id from signing_key where retired_at is null")
        fresh = Person(other)
        await fresh.sign_in()
        header = jwt.get_unverified_header(fresh.client.cookies["tradepost_access"])
        assert [(header["kid"],)] == newest
    # The first process has not heard of the new key: it looks it up when it sees it.
    new = {"Authorization": f"Bearer {fresh.client.cookies['tradepost_access']}"}
    assert (await shop.guest("GET", "/auth/me", headers=new)).status_code == 200
    await shop.change("update signing_key set retired_at = retired_at - interval '21 minutes' where retired_at < now()")
    async with open_again(shop) as third:
        assert same_problem(await third.guest("GET", "/auth/me", headers=old), 401, "invalid_token")
