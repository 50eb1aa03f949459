"""Stripe over its HTTP API: what goes over the wire, and what its answers mean."""

import logging
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import msgspec
import pytest

from tests.shop import Shop
from tests.stripe_double import VERSION, StripeDouble, open_double
from tests.till import Till, at_once, open_till
from tradepost.app.verifying import verify
from tradepost.core.breaker import Policy
from tradepost.core.clock import now
from tradepost.payments import (
    Capture,
    Captured,
    Declined,
    NeedsAction,
    PaymentMismatch,
    PaymentProviderRefuses,
    PaymentProviderUnavailable,
    Refunded,
    Status,
)
from tradepost.payments.providers.stripe import Stripe
from tradepost.payments.providers.stripe_wire import from_wire, to_wire

pytestmark = pytest.mark.anyio
INTENTS = "POST /v1/payment_intents"
REFUNDS = "POST /v1/refunds"


@pytest.fixture
def double() -> Iterator[StripeDouble]:
    with open_double() as opened:
        yield opened


@pytest.fixture
async def till(shop: Shop, double: StripeDouble) -> AsyncIterator[Till]:
    patient = Policy(failures=1000)
    provider = Stripe("sk_test_key", url=double.url, seconds=0.5, policy=patient)
    async with open_till(shop, provider) as opened:
        yield opened
    assert verify(shop.url)


# What goes over the wire


async def test_an_authorization_carries_its_key_and_our_ids(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    operation = await till.begin(order, capture=Capture.MANUAL)
    await till.finish(operation)
    ((call, sent, headers),) = double.calls
    assert call == INTENTS
    assert sent == {
        "amount": str(order.total),
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "capture_method": "manual",
        "confirm": "true",
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
        "metadata[order_id]": str(order.id),
        "metadata[payment_id]": str(operation.payment.id),
        "metadata[operation_id]": str(operation.id),
    }
    assert headers["idempotency-key"] == operation.key == f"tradepost-{operation.id.hex}"
    assert headers["stripe-version"] == VERSION
    assert headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("currency", "minor", "wire"),
    [
        ("USD", 1999, 1999),
        ("JPY", 500, 500),
        ("KWD", 1500, 1500),
        ("KWD", 1505, None),
        ("ISK", 5, 500),
        ("UGX", 7, 700),
        ("MGA", 500, 5),
        ("MGA", 505, None),
        ("IQD", 1000, None),
        ("CLF", 10_000, None),
    ],
)
def test_amounts_are_written_as_stripe_counts_them(currency: str, minor: int, wire: int | None) -> None:
    assert to_wire(minor, currency) == wire
    if wire is not None:
        assert from_wire(wire, currency) == minor
        assert Stripe("sk_test_key").takes("pm_card_visa", amount=minor, currency=currency)
    else:
        assert not Stripe("sk_test_key").takes("pm_card_visa", amount=minor, currency=currency)


def test_an_amount_that_our_currency_cannot_hold_is_none() -> None:
    assert from_wire(550, "ISK") == -1


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 2160), ("KWD", 21_600), ("ISK", 99)])
async def test_yen_and_dinars_are_taken_and_given_back(
    till: Till, double: StripeDouble, currency: str, amount: int
) -> None:
    order = await till.order()
    assert isinstance(await till.pay(order, amount=amount, currency=currency), Captured)
    (intent,) = double.intents.values()
    assert (intent["amount"], intent["currency"]) == (to_wire(amount, currency), currency.lower())
    assert await till.ledger(order) == [("capture", amount)]
    (refund,) = await till.refund(order, amount)
    assert isinstance(await till.finish(refund), Refunded)
    assert await till.ledger(order) == [("capture", amount), ("refund", amount)]


async def test_dinars_that_stripe_cannot_give_back_stay_here_and_it_is_said(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    await till.pay(order, amount=21_600, currency="KWD")
    (refund,) = await till.refund(order, 1001)
    assert isinstance(await till.finish(refund), Declined)
    assert "payment.refund_failed" in await till.events(order)
    assert (await till.balance(order)).refundable == 21_600
    assert double.posts("/v1/refunds") == 0


# What its answers mean


@pytest.mark.parametrize("fault", ["500", "409", "429", "cut", "lost", "late"])
async def test_no_clear_answer_is_not_a_failure_and_the_sweep_finds_out(
    till: Till, double: StripeDouble, fault: str
) -> None:
    """B06."""
    order = await till.order()
    double.fail(INTENTS, fault)
    operation = await till.begin(order)
    with pytest.raises(PaymentProviderUnavailable) as raised:
        await till.carry_out(operation)
    assert not isinstance(raised.value, PaymentProviderRefuses)
    assert await till.status(order) == Status.STARTING
    (noted,) = await till.shop.rows("select state, last_error from payment_operation")
    assert noted[0] == "started"
    assert "Stripe" in noted[1]
    await till.sweep_all()
    assert await till.status(order) == Status.CAPTURED
    assert double.sums(str(order.id)) == {"charge": order.total, "charges": 1, "capture": order.total, "captures": 1}


@pytest.mark.parametrize("fault", ["500", "409", "429", "cut", "lost", "late", "500 kept"])
async def test_a_refund_that_was_not_answered_is_given_once(till: Till, double: StripeDouble, fault: str) -> None:
    order = await till.order()
    await till.pay(order)
    double.fail(REFUNDS, fault)
    (refund,) = await till.refund(order, 700)
    with pytest.raises(PaymentProviderUnavailable):
        await till.carry_out(refund)
    assert (await till.balance(order)).refunding == 700
    await till.sweep_all()
    assert double.sums(str(order.id))["refunds"] == 1
    assert await till.ledger(order) == [("capture", order.total), ("refund", 700)]


async def test_an_error_that_stripe_keeps_for_a_key_is_looked_behind(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    double.fail(INTENTS, "500 kept")
    operation = await till.begin(order)
    with pytest.raises(PaymentProviderUnavailable):
        await till.carry_out(operation)
    await till.sweep_all()
    assert await till.status(order) == Status.CAPTURED
    assert double.sums(str(order.id))["charges"] == 1


@pytest.mark.parametrize("reached", [True, False])
async def test_a_key_that_stripe_has_forgotten_is_not_sent_again(
    till: Till, double: StripeDouble, reached: bool
) -> None:
    order = await till.order()
    double.fail(INTENTS, "lost" if reached else "cut")
    operation = await till.begin(order)
    with pytest.raises(PaymentProviderUnavailable):
        await till.carry_out(operation)
    await till.shop.change("update payment_operation set created_at = created_at - interval '21 hours'")
    sent = double.posts()
    await till.sweep_all()
    assert double.posts() == sent
    assert await till.status(order) == (Status.CAPTURED if reached else Status.DECLINED)
    assert double.sums(str(order.id))["charges"] == int(reached)


async def test_a_request_that_comes_again_after_a_day_charges_nobody_twice(till: Till, double: StripeDouble) -> None:
    """Also where no sweep has been there meanwhile."""
    order = await till.order()
    double.fail(INTENTS, "lost")
    operation = await till.begin(order)
    with pytest.raises(PaymentProviderUnavailable):
        await till.carry_out(operation)
    double.forget_keys()
    await till.finish(msgspec.structs.replace(operation, created_at=operation.created_at - timedelta(hours=25)))
    assert await till.status(order) == Status.CAPTURED
    assert double.sums(str(order.id))["charges"] == 1


async def test_a_card_error_says_why(till: Till) -> None:
    order = await till.order()
    result = await till.pay(order, "pm_card_chargeDeclined")
    assert isinstance(result, Declined)
    assert (result.code, result.message) == ("generic_decline", "Your card was declined.")
    (shown,) = await till.shown(order)
    assert (shown.payment.status, shown.payment.decline_code) == (Status.DECLINED, "generic_decline")
    assert shown.payment.provider_ref == result.ref


async def test_a_method_that_is_not_there_is_declined(till: Till) -> None:
    order = await till.order()
    result = await till.pay(order, "pm_card_missing")
    assert result == Declined("resource_missing", "The payment was declined")
    assert await till.status(order) == Status.DECLINED


async def test_three_d_secure_gives_the_browser_what_it_needs(till: Till) -> None:
    order = await till.order()
    result = await till.pay(order, "pm_card_threeDSecureRequired")
    assert isinstance(result, NeedsAction)
    assert result.action["type"] == "use_stripe_sdk"
    assert result.action["clientSecret"].startswith("pi_secret_")


async def test_a_mistake_of_ours_is_loud_and_nothing_is_lost(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    operation = await till.begin(order)
    await till.carry_out(operation)
    smaller = msgspec.structs.replace(operation, amount=operation.amount - 1)
    with pytest.raises(PaymentProviderRefuses, match="400 idempotency"):
        await till.carry_out(smaller)
    await till.sweep_all()
    assert await till.status(order) == Status.CAPTURED


async def test_a_wrong_key_is_loud_and_nothing_is_lost(shop: Shop, double: StripeDouble) -> None:
    wrong = Stripe("sk_test_wrong", url=double.url)
    async with open_till(shop, wrong) as till:
        order = await till.order()
        operation = await till.begin(order)
        with pytest.raises(PaymentProviderRefuses, match="401"):
            await till.carry_out(operation)
        assert await till.status(order) == Status.STARTING
    assert double.moves == []


@pytest.mark.parametrize(("verb", "told"), [("capture", "captured"), ("void", "voided")])
async def test_done_already_is_as_good_as_done_now(till: Till, double: StripeDouble, verb: str, told: str) -> None:
    order = await till.order()
    await till.pay(order, capture=Capture.MANUAL)
    if verb == "capture":
        operation = await till.capture(order)
        double.answer(*_by_hand(double, "capture", amount_to_capture=str(order.total)))
    else:
        (operation,) = await till.void(order)
        double.answer(*_by_hand(double, "cancel"))
    await till.finish(operation)
    assert (await till.events(order))[-1] == f"payment.{told}"
    assert double.sums(str(order.id)).get("captures", 0) == (verb == "capture")


def _by_hand(double: StripeDouble, verb: str, **sent: str) -> tuple[str, str, dict[str, str], dict[str, str]]:
    """Somebody does it in Stripe's own back office."""
    (ref,) = double.intents
    return "POST", f"/v1/payment_intents/{ref}/{verb}", sent, {"authorization": "Bearer sk_test_key"}


async def test_money_that_was_let_go_cannot_be_taken(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    await till.pay(order, capture=Capture.MANUAL)
    operation = await till.capture(order)
    double.answer(*_by_hand(double, "cancel"))
    result = await till.finish(operation)
    assert isinstance(result, Declined)
    assert result.code == "authorization_ended"
    assert "payment.capture_failed" in await till.events(order)


async def test_many_refunds_are_read_page_by_page(till: Till, double: StripeDouble) -> None:
    order = await till.order(units=8)
    await till.pay(order)
    (ref,) = double.intents
    for _ in range(130):
        double.refund_by_hand(ref, 10)
    (provider,) = till.providers.by_name.values()
    assert (await provider.fetch(ref)).refunded == 1300
    found = [one async for one in provider.recent(now() - timedelta(hours=1))]
    assert [(one.ref, one.refunded) for one in found] == [(ref, 1300)]


async def test_a_capture_of_another_amount_at_stripe_is_not_believed(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    operation = await till.begin(order)
    result = await till.carry_out(operation)
    assert isinstance(result, Captured)
    double.intents[result.ref] |= {"amount": 1, "amount_received": 1}
    await till.shop.change("update payment set provider_ref = 'pi_1'")
    assert await till.sweep.run_once() == 0
    await till.shop.change("update payment_operation set next_try_at = now()")
    assert await till.sweep.run_once() == 0
    assert await till.ledger(order) == []
    with pytest.raises(PaymentMismatch):
        await till.settle(operation, Captured(result.ref, "ch_1", 1))
    double.intents[result.ref] |= {"amount": order.total, "amount_received": order.total}
    await till.sweep_all()
    assert await till.status(order) == Status.CAPTURED


# A provider that is down


async def test_a_provider_that_does_not_answer_is_left_alone_for_a_while(shop: Shop, double: StripeDouble) -> None:
    moment = [0.0]
    impatient = Policy(failures=3, seconds=5)
    provider = Stripe("sk_test_key", url=double.url, policy=impatient, clock=lambda: moment[0])
    async with open_till(shop, provider) as till:
        orders = [await till.order() for _ in range(3)]
        operations = [await till.begin(order) for order in orders]
        double.fail(INTENTS, *["500"] * 4)
        for _ in range(6):
            with pytest.raises(PaymentProviderUnavailable):
                await till.carry_out(operations[0])
        assert double.posts() == 3
        moment[0] = 6.0
        answers = await at_once(*(till.carry_out(operation) for operation in operations))
        assert all(isinstance(answer, PaymentProviderUnavailable) for answer in answers)
        assert double.posts() == 4
        moment[0] = 12.0
        for operation in operations:
            assert isinstance(await till.finish(operation), Captured)


async def test_no_secret_is_in_the_log(
    till: Till, double: StripeDouble, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    order = await till.order()
    double.fail(INTENTS, "500", "cut")
    operation = await till.begin(order)
    for _ in range(2):
        with pytest.raises(PaymentProviderUnavailable):
            await till.carry_out(operation)
    await till.pay(await till.order(), "pm_card_missing")
    await till.sweep_all()
    said = caplog.text + "".join(capfd.readouterr())
    assert "sk_test_key" not in said
    assert "pi_secret_" not in said
    assert "sk_test_key" not in repr(till.providers.get("stripe"))
