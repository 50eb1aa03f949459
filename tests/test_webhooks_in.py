"""What Stripe tells us: believed only when signed, kept once, in any order, and looked up before anything is done."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from tests.shop import Shop, open_shop, same_problem
from tests.stripe_double import SECRET, Hook, StripeDouble, open_double, signature
from tests.till import Till, open_till
from tradepost.app.settings import Settings
from tradepost.app.verifying import verify
from tradepost.app.wiring import api_document
from tradepost.payments import Capture, Captured, NeedsAction, Refunded, Status
from tradepost.payments.providers.stripe import Stripe

pytestmark = pytest.mark.anyio
OLD_SECRET = "whsec_old"


@pytest.fixture
def double() -> Iterator[StripeDouble]:
    with open_double() as opened:
        yield opened


@pytest.fixture
async def till(database_url: str, double: StripeDouble) -> AsyncIterator[Till]:
    """A shop that Stripe talks to."""
    settings = Settings(
        unsafe_database=True,
        payments="stripe,fake",
        stripe_secret_key="sk_test_key",
        stripe_webhook_secrets=f"{OLD_SECRET}, {SECRET}",
        stripe_url=double.url,
        rate_limit_read="",
    )
    async with open_shop(database_url, settings) as shop:
        provider = Stripe("sk_test_key", url=double.url)
        async with open_till(shop, provider) as opened:
            double.hook = hook_of(shop)
            yield opened
    assert verify(database_url)


def hook_of(shop: Shop) -> Hook:
    """Lets the double's threads talk to the shop, which lives in the test's loop."""
    loop = asyncio.get_running_loop()

    def hook(body: bytes, signed: str) -> int:
        return asyncio.run_coroutine_threadsafe(send(shop, body, signed), loop).result(30).status_code

    return hook


async def send(shop: Shop, body: bytes, signed: str | bytes | None, **headers: str) -> httpx2.Response:
    wanted: dict[str, Any] = {"Content-Type": "application/json; charset=utf-8"} | headers
    wanted |= {} if signed is None else {"Stripe-Signature": signed}
    return await shop.guest("POST", "/webhooks/stripe", content=body, headers=wanted)


def event(**fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "id": "evt_test",
        "object": "event",
        "type": "payment_intent.succeeded",
        "api_version": "2026-02-25.clover",
        "livemode": False,
        "data": {"object": {"id": "pi_unknown", "object": "payment_intent"}},
    }
    return known | fields


async def _kept(till: Till) -> list[tuple[Any, ...]]:
    return await till.shop.rows("select event_id, type, outcome, attempts from provider_event order by event_id")


# Signatures

BODY = json.dumps(event()).encode()


def _v1(body: bytes = BODY, secret: str = SECRET) -> str:
    return signature(body, secret).split("v1=")[1]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        "t={t}",
        "v1={good}",
        "t={t},v1=",
        "t={t},v1={zeros}",
        "t={t},v1={short}",
        "t={t},v1={capitals}",
        "t={t},v0={good}",
        "t={t},v1={other_secret}",
        "t={t},v1={no_secret}",
        "t={t},v1={written_anew}",
        "t={t},t={t},v1={good}",
        "t={later},v1={good}",
        "t=x,v1={good}",
        "t={t},v1={good},v1={long}",
        "t={t},v1={accents}",
        "t={long},v1={good}",
    ],
)
async def test_a_signature_that_is_not_good_is_refused_and_nothing_is_kept(
    till: Till, header: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """B09."""
    moment = int(time.time())
    good = signature(BODY, at=moment).split("v1=")[1]
    signed = header.format(
        t=moment,
        later=moment + 1,
        good=good,
        short=good[:63],
        capitals=good.upper(),
        zeros="0" * 64,
        long="0" * 10_000,
        accents="\u00e9" * 64,
        other_secret=_v1(secret="whsec_wrong"),
        no_secret=_v1(secret=""),
        written_anew=_v1(BODY.replace(b": ", b":")),
    )
    answer = await send(till.shop, BODY, signed.encode("latin-1"))
    assert same_problem(answer, 400, "signature_invalid")
    assert same_problem(await send(till.shop, BODY, None), 400, "signature_invalid")
    assert await _kept(till) == []
    said = "".join(capfd.readouterr())
    assert "pi_unknown" not in said
    assert "webhook_refused" in said


def test_the_document_says_that_a_message_is_signed() -> None:
    (parameter,) = api_document()["paths"]["/api/v1/webhooks/stripe"]["post"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("Stripe-Signature", "header", True)


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
async def test_while_a_secret_is_changed_both_are_good(till: Till, secret: str) -> None:
    answer = await send(till.shop, BODY, signature(BODY, secret))
    assert (answer.status_code, answer.json()) == (200, {"received": True, "duplicate": False})


async def test_of_two_signatures_one_good_one_is_enough(till: Till) -> None:
    good = signature(BODY)
    for signed in (f"{good},v1={'0' * 64}", good.replace(",v1", f",v1={'0' * 64},v0=x,v1")):
        assert (await send(till.shop, BODY, signed)).status_code == 200


@pytest.mark.parametrize("age", [301, 30 * 86_400, -301])
async def test_a_message_from_another_time_is_refused(till: Till, age: int) -> None:
    """B08."""
    answer = await send(till.shop, BODY, signature(BODY, at=int(time.time()) - age))
    assert same_problem(answer, 400, "signature_expired")
    assert await _kept(till) == []


async def test_a_message_of_five_minutes_ago_is_taken(till: Till) -> None:
    assert (await send(till.shop, BODY, signature(BODY, at=int(time.time()) - 290))).status_code == 200


async def test_a_wrong_signature_is_wrong_however_old_it_is(till: Till) -> None:
    answer = await send(till.shop, BODY, signature(BODY, "whsec_wrong", at=1))
    assert same_problem(answer, 400, "signature_invalid")


async def test_without_a_secret_nobody_is_believed(shop: Shop) -> None:
    for secret in ("", SECRET, "None"):
        assert same_problem(await send(shop, BODY, signature(BODY, secret)), 400, "signature_invalid")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"{", b"\xff", b'{"id": 1}', json.dumps(event(id="a\u0000")).encode(), b"[" * 10_000]
)
async def test_a_signed_body_that_is_no_message_is_refused(till: Till, body: bytes) -> None:
    assert same_problem(await send(till.shop, body, signature(body)), 400, "malformed_json")
    assert await _kept(till) == []


async def test_a_body_is_small_and_plain_json(till: Till) -> None:
    large = b" " * (1 << 20) + BODY
    assert same_problem(await send(till.shop, large, signature(large)), 413, "body_too_large")
    packed = await send(till.shop, BODY, signature(BODY), **{"Content-Encoding": "gzip"})
    assert same_problem(packed, 415, "encoding_not_supported")
    form = await send(till.shop, BODY, signature(BODY), **{"Content-Type": "application/x-www-form-urlencoded"})
    assert same_problem(form, 415, "unsupported_media_type")


# What is kept


async def test_a_message_is_kept_as_it_came(till: Till) -> None:
    body = json.dumps(event(), indent=3).encode()
    await send(till.shop, body, signature(body))
    assert await till.shop.rows("select body, payment_ref from provider_event") == [(body, "pi_unknown")]


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"livemode": True}, "other_mode"),
        ({"api_version": "2019-01-01"}, "other_version"),
        ({"api_version": None}, "other_version"),
        ({"type": "customer.created", "data": {"object": {"id": "cus_1", "object": "customer"}}}, "unknown_type"),
        ({"type": "charge.succeeded", "data": {"object": {"id": "ch_1", "object": "charge"}}}, "unknown_type"),
        ({"type": "something.new"}, "unknown_type"),
    ],
)
async def test_what_is_not_for_us_is_kept_and_has_no_effect(
    till: Till, double: StripeDouble, fields: dict[str, Any], outcome: str
) -> None:
    """B11."""
    order = await till.order()
    await till.pay(order)
    about = {"data": {"object": {"id": "pi_1", "object": "payment_intent"}}} | fields
    calls = len(double.calls)
    assert await asyncio.to_thread(double.deliver, event(**about)) == 200
    await till.sweep_all()
    assert [row[2] for row in await _kept(till)] == [outcome]
    assert len(double.calls) == calls


async def test_a_message_that_comes_a_hundred_times_takes_effect_once(till: Till, double: StripeDouble) -> None:
    """B08."""
    order = await till.order()
    result = await till.pay(order, "pm_card_threeDSecureRequired")
    assert isinstance(result, NeedsAction)
    double.authenticate(result.ref)
    told = double.events[-1]
    body = json.dumps(told).encode()
    answers = await asyncio.gather(*(send(till.shop, body, signature(body)) for _ in range(100)))
    assert [answer.status_code for answer in answers] == [200] * 100
    assert sum(not answer.json()["duplicate"] for answer in answers) == 1
    await till.sweep_all()
    for _ in range(3):
        again = await send(till.shop, body, signature(body))
        assert again.json() == {"received": True, "duplicate": True}
        await till.sweep_all()
    assert await till.ledger(order) == [("capture", order.total)]
    assert (await till.events(order)).count("payment.captured") == 1


# What is done about it


async def test_a_message_before_the_answer_and_the_answer_are_one_payment(till: Till, double: StripeDouble) -> None:
    """B07."""
    double.webhooks = "early"
    order = await till.order()
    operation = await till.begin(order)
    result = await till.carry_out(operation)
    await till.sweep.run_once()
    assert await till.settle(operation, result)
    await till.sweep_all()
    assert await till.ledger(order) == [("capture", order.total)]
    assert {row[2] for row in await _kept(till)} == {"applied"}


async def test_a_message_settles_what_was_not_answered(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    await till.pay(order, capture=Capture.MANUAL)
    double.webhooks = "early"
    double.fail("POST /v1/payment_intents/pi_1/capture", "lost")
    operation = await till.capture(order)
    with pytest.raises(Exception, match="Stripe"):
        await till.carry_out(operation)
    assert await till.sweep.run_once() == 1
    assert await till.status(order) == Status.CAPTURED
    assert await till.shop.rows("select state from payment_operation where kind = 'capture'") == [("done",)]
    assert not await till.settle(operation, Captured("pi_1", "other", order.total))
    assert await till.ledger(order) == [("authorize", order.total), ("capture", order.total)]


async def test_the_echo_of_our_own_refund_is_recorded_once(till: Till, double: StripeDouble) -> None:
    double.webhooks = "twice"
    order = await till.order()
    await till.pay(order)
    (refund,) = await till.refund(order, 300, "damaged")
    result = await till.carry_out(refund)
    await till.sweep_all()
    assert not await till.settle(refund, result)
    await till.sweep_all()
    assert await till.ledger(order) == [("capture", order.total), ("refund", 300)]
    (shown,) = await till.shown(order)
    assert (shown.entries[1].operation_id, shown.entries[1].reason) == (refund.id, "damaged")
    assert (await till.events(order)).count("payment.refunded") == 1


async def test_a_refund_made_at_stripe_is_recorded_as_such(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    result = await till.pay(order)
    assert isinstance(result, Captured)
    double.refund_by_hand(result.ref, 250)
    assert await asyncio.to_thread(double.deliver, double.events[-1]) == 200
    await till.sweep_all()
    (shown,) = await till.shown(order)
    assert [(entry.kind, entry.amount, entry.operation_id) for entry in shown.entries[1:]] == [("refund", 250, None)]
    assert (await till.balance(order)).refundable == order.total - 250


async def test_a_refund_that_failed_before_we_knew_of_it_was_none(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    await till.pay(order)
    (refund,) = await till.refund(order, 300)
    result = await till.carry_out(refund)
    assert isinstance(result, Refunded)
    double.undo_refund(result.reference)
    assert await asyncio.to_thread(double.deliver, double.events[-1]) == 200
    await till.sweep_all()
    assert not await till.settle(refund, result)
    assert await till.ledger(order) == [("capture", order.total)]
    assert (await till.events(order))[-1] == "payment.refund_failed"
    assert (await till.balance(order)).refundable == order.total


async def test_messages_in_any_order_and_number_leave_the_same_books(till: Till, double: StripeDouble) -> None:
    """B11: refunded before succeeded, failed after succeeded; each one to five times, some of them badly signed."""
    dice = random.Random(7)
    orders = [await till.order() for _ in range(8)]
    wanted: list[list[tuple[str, int]]] = []
    for order in orders:
        result = await till.pay(order, "pm_card_threeDSecureRequired")
        assert isinstance(result, NeedsAction)
        double.authenticate(result.ref, succeeds=False)
        double.authenticate(result.ref)
        double.refund_by_hand(result.ref, 100)
        wanted.append([("capture", order.total), ("refund", 100)])
    told = [one for one in double.events for _ in range(dice.randint(1, 5))]
    dice.shuffle(told)
    statuses: list[int] = []
    for at, one in enumerate(told):
        bad: dict[str, Any] = (
            {"secret": "whsec_wrong"} if dice.random() < 0.02 else {"at": 1} if dice.random() < 0.02 else {}
        )
        status = await asyncio.to_thread(double.deliver, one, **bad)
        assert status == (400 if bad else 200)
        statuses.append(status)
        if at % 9 == 0:
            await till.sweep_all(1)
    assert 400 in statuses
    await till.sweep_all()
    assert [await till.ledger(order) for order in orders] == wanted
    for order in orders:
        assert (await till.events(order)).count("payment.captured") == 1


async def test_a_message_about_a_payment_that_is_not_ours_is_let_be_after_a_while(
    till: Till, double: StripeDouble
) -> None:
    assert await asyncio.to_thread(double.deliver, event()) == 200
    await till.sweep_all(3)
    assert [row[2] for row in await _kept(till)] == [None]
    await till.sweep_all(20)
    assert [row[2] for row in await _kept(till)] == ["no_payment"]
    assert not [call for call, _, _ in double.calls if "pi_unknown" in call]


async def test_a_message_waits_for_a_provider_that_does_not_answer(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    result = await till.pay(order, "pm_card_threeDSecureRequired")
    assert isinstance(result, NeedsAction)
    double.authenticate(result.ref)
    await asyncio.to_thread(double.deliver, double.events[-1])
    double.fail(f"GET /v1/payment_intents/{result.ref}", "500", "cut")
    await till.shop.change("update payment set looked_at = now() + interval '1 hour'")
    await till.sweep_all(2)
    assert [row[2:] for row in await _kept(till)] == [(None, 2)]
    await till.sweep_all(1)
    assert await till.status(order) == Status.CAPTURED
    assert [row[2:] for row in await _kept(till)] == [("applied", 3)]


async def test_a_payment_of_another_amount_at_stripe_is_not_recorded(
    till: Till, double: StripeDouble, capfd: pytest.CaptureFixture[str]
) -> None:
    """A11."""
    order = await till.order()
    result = await till.pay(order, "pm_card_threeDSecureRequired")
    assert isinstance(result, NeedsAction)
    double.intents[result.ref]["amount"] = 1
    double.authenticate(result.ref)
    await asyncio.to_thread(double.deliver, double.events[-1])
    await till.sweep_all()
    assert [row[2] for row in await _kept(till)] == ["mismatch"]
    assert (await till.status(order), await till.ledger(order)) == (Status.NEEDS_ACTION, [])
    assert "payment_mismatch" in "".join(capfd.readouterr())


async def test_a_message_over_the_network_reaches_a_payment_that_waits_at_stripe(
    till: Till, double: StripeDouble
) -> None:
    order = await till.order()
    result = await till.pay(order, "pm_card_threeDSecureRequired", capture=Capture.MANUAL)
    assert isinstance(result, NeedsAction)
    double.webhooks = "late"
    double.authenticate(result.ref)
    await asyncio.to_thread(double.deliver, double.events[-1])
    await till.sweep_all()
    assert await till.status(order) == Status.AUTHORIZED
    assert (await till.balance(order)).authorized == order.total


# The demo's bank


async def test_a_shopper_plays_his_own_bank(till: Till) -> None:
    async with open_till(till.shop) as demo:
        order, other = await demo.order(), await demo.order()
        for one, outcome, status in ((order, "approve", Status.CAPTURED), (other, "decline", Status.DECLINED)):
            result = await demo.pay(one, "pm_card_threeDSecureRequired")
            assert isinstance(result, NeedsAction)
            path = result.action["url"].removeprefix("/api/v1")
            answer = await demo.shop.guest("POST", path, json={"outcome": outcome})
            assert (answer.status_code, answer.json()["outcome"]) == (200, outcome)
            again = await demo.shop.guest("POST", path, json={"outcome": outcome})
            assert same_problem(again, 409, "invalid_transition")
            await demo.sweep_all()
            assert await demo.status(one) == status
        absent = await demo.shop.guest("POST", "/payments/fake/fake_intent_0/confirm", json={"outcome": "approve"})
        assert same_problem(absent, 404, "not_found")
