"""Money is taken once and given back once: the same promises of every provider."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.shop import Shop
from tests.stripe_double import StripeDouble, open_double
from tests.till import Till, at_once, open_till
from tradepost import payments
from tradepost.app.verifying import verify
from tradepost.core.actors import system
from tradepost.core.clock import now
from tradepost.core.states import InvalidTransition
from tradepost.payments import (
    Authorized,
    Capture,
    Captured,
    CaptureExceedsAuthorized,
    Declined,
    NeedsAction,
    PaymentMethodNotAllowed,
    PaymentMismatch,
    PaymentProviderUnavailable,
    PaymentUnderWay,
    Pending,
    Refunded,
    RefundExceedsCaptured,
    Snapshot,
    Status,
    Voided,
)
from tradepost.payments.model import Effect
from tradepost.payments.providers.fake import Fake
from tradepost.payments.providers.manual import Manual
from tradepost.payments.providers.stripe import Stripe

pytestmark = pytest.mark.anyio


@pytest.fixture
def double() -> Iterator[StripeDouble]:
    with open_double() as opened:
        yield opened


@pytest.fixture(params=["fake", "stripe"])
async def till(request: pytest.FixtureRequest, shop: Shop, double: StripeDouble) -> AsyncIterator[Till]:
    """With each provider that is somebody else."""
    provider = Stripe("sk_test_key", url=double.url, seconds=5) if request.param == "stripe" else None
    async with open_till(shop, provider) as opened:
        yield opened
    assert verify(shop.url)


@pytest.fixture
async def fake(shop: Shop) -> AsyncIterator[Till]:
    async with open_till(shop) as opened:
        yield opened
    assert verify(shop.url)


@pytest.fixture
async def manual(shop: Shop) -> AsyncIterator[Till]:
    async with open_till(shop, Manual()) as opened:
        yield opened
    assert verify(shop.url)


# The contract of every provider


async def test_money_is_taken_at_once(till: Till) -> None:
    order = await till.order()
    assert isinstance(await till.pay(order), Captured)
    assert await till.status(order) == Status.CAPTURED
    assert await till.ledger(order) == [("capture", order.total)]
    balance = await till.balance(order)
    assert (balance.captured, balance.refundable, balance.is_live) == (order.total, order.total, False)
    assert await till.events(order) == ["payment.started", "payment.captured"]


async def test_money_is_set_aside_and_a_part_of_it_taken(till: Till) -> None:
    order = await till.order()
    assert isinstance(await till.pay(order, capture=Capture.MANUAL), Authorized)
    assert (await till.balance(order)).authorized == order.total
    assert isinstance(await till.finish(await till.capture(order, 500)), Captured)
    assert await till.ledger(order) == [("authorize", order.total), ("capture", 500)]
    balance = await till.balance(order)
    assert (balance.authorized, balance.captured, balance.is_live) == (0, 500, False)


async def test_money_set_aside_is_let_go(till: Till) -> None:
    order = await till.order()
    await till.pay(order, capture=Capture.MANUAL)
    (void,) = await till.void(order)
    assert isinstance(await till.finish(void), Voided)
    assert await till.status(order) == Status.VOIDED
    assert not (await till.balance(order)).is_live
    assert await till.void(order) == []


async def test_money_is_given_back_in_parts(till: Till) -> None:
    order = await till.order()
    await till.pay(order)
    for part in (300, 200):
        (refund,) = await till.refund(order, part, "damaged")
        assert isinstance(await till.finish(refund), Refunded)
    balance = await till.balance(order)
    assert (balance.captured, balance.refunded, balance.refunding) == (order.total, 500, 0)
    (shown,) = await till.shown(order)
    assert [entry.reason for entry in shown.entries] == [None, "damaged", "damaged"]


async def test_a_card_is_declined_and_another_one_is_not(till: Till) -> None:
    order = await till.order()
    result = await till.pay(order, "pm_card_chargeDeclined")
    assert isinstance(result, Declined)
    balance = await till.balance(order)
    assert (balance.is_declined, balance.is_live, balance.captured) == (True, False, 0)
    assert await till.events(order) == ["payment.started", "payment.declined"]
    assert isinstance(await till.pay(order), Captured)
    assert not (await till.balance(order)).is_declined


async def test_a_buyer_has_to_show_who_he_is(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    result = await till.pay(order, "pm_card_threeDSecureRequired")
    assert isinstance(result, NeedsAction)
    assert result.action
    (shown,) = await till.shown(order)
    assert shown.payment.next_action == result.action
    await _decide(till, double, result.ref, is_approved=True)
    await till.sweep_all()
    assert await till.status(order) == Status.CAPTURED
    assert await till.ledger(order) == [("capture", order.total)]
    assert (await till.shown(order))[0].payment.next_action is None


async def test_a_buyer_who_does_not_is_declined(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    result = await till.pay(order, "pm_card_threeDSecureRequired")
    assert isinstance(result, NeedsAction)
    await _decide(till, double, result.ref, is_approved=False)
    await till.sweep_all()
    assert await till.status(order) == Status.DECLINED
    assert await till.ledger(order) == []


async def test_a_payment_that_waits_for_its_buyer_can_be_let_go(till: Till) -> None:
    order = await till.order()
    await till.pay(order, "pm_card_threeDSecureRequired")
    (void,) = await till.void(order)
    assert isinstance(await till.finish(void), Voided)
    assert await till.status(order) == Status.VOIDED


async def _an_hour_passes(till: Till) -> None:
    await till.shop.change("update payment set updated_at = now() - interval '61 minutes'")


async def test_a_buyer_who_never_comes_back_is_not_waited_for(till: Till) -> None:
    order = await till.order()
    await till.pay(order, "pm_card_threeDSecureRequired")
    await till.sweep_all()
    assert await till.status(order) == Status.NEEDS_ACTION
    await _an_hour_passes(till)
    await till.sweep_all()
    assert await till.status(order) == Status.VOIDED
    assert (await till.events(order))[-2:] == ["payment.void_requested", "payment.voided"]
    assert isinstance(await till.pay(order), Captured)


async def test_a_buyer_who_came_back_is_found_before_he_is_given_up(till: Till, double: StripeDouble) -> None:
    order = await till.order()
    result = await till.pay(order, "pm_card_threeDSecureRequired")
    assert isinstance(result, NeedsAction)
    await _decide(till, double, result.ref, is_approved=True)
    await _an_hour_passes(till)
    await till.sweep_all()
    assert await till.status(order) == Status.CAPTURED
    assert "payment.void_requested" not in await till.events(order)


@pytest.mark.parametrize("capture", Capture)
async def test_of_finishing_and_giving_up_at_once_one_happens(
    till: Till, double: StripeDouble, capture: Capture
) -> None:
    """Afterwards it is paid once: by the buyer who came back, or by the card that he tries then."""
    seen: set[str] = set()
    for _ in range(20):
        order = await till.order()
        result = await till.pay(order, "pm_card_threeDSecureRequired", capture=capture)
        assert isinstance(result, NeedsAction)
        await _an_hour_passes(till)
        await at_once(till.sweep.run_once(), _decide(till, double, result.ref, is_approved=True))
        await till.sweep_all()
        await till.sweep.run_once()
        snapshot = await _snapshot(till, order)
        assert await till.status(order) == snapshot.status
        seen.add(snapshot.status)
        if snapshot.status is Status.VOIDED:
            await till.pay(order, capture=capture)
        taken = "authorize" if capture is Capture.MANUAL else "capture"
        assert [entry for entry in await till.ledger(order) if entry[0] != "void"] == [(taken, order.total)]
    assert seen <= {Status.VOIDED, Status.CAPTURED, Status.AUTHORIZED}


async def test_a_payment_that_was_being_given_up_is_found_again(till: Till, double: StripeDouble) -> None:
    """The provider did not answer, or the process died: the void is there, and the sweep carries it out."""
    order = await till.order()
    await till.pay(order, "pm_card_threeDSecureRequired")
    await _an_hour_passes(till)
    double.fail("/cancel", "lost")
    await till.sweep.run_once()
    await till.sweep_all()
    await till.sweep.run_once()
    assert await till.status(order) == Status.VOIDED
    assert (await till.events(order)).count("payment.void_requested") == 1


async def _decide(till: Till, double: StripeDouble, ref: str, *, is_approved: bool) -> None:
    fake = till.providers.by_name.get("fake")
    if isinstance(fake, Fake):
        await (fake.approve if is_approved else fake.decline)(ref)
    else:
        double.authenticate(ref, succeeds=is_approved)


async def test_the_same_call_again_takes_effect_once(till: Till) -> None:
    order = await till.order()
    operation = await till.begin(order)
    first, second = await till.carry_out(operation), await till.carry_out(operation)
    assert first == second
    assert await till.settle(operation, first)
    assert not await till.settle(operation, second)
    (refund,) = await till.refund(order, 100)
    assert await till.carry_out(refund) == await till.carry_out(refund)
    await till.finish(refund)
    assert await till.ledger(order) == [("capture", order.total), ("refund", 100)]
    snapshot = await _snapshot(till, order)
    assert (snapshot.captured, snapshot.refunded) == (order.total, 100)


async def test_what_is_taken_already_counts_as_taken_now(till: Till) -> None:
    """B14: by another way than this call."""
    order = await till.order()
    await till.pay(order, capture=Capture.MANUAL)
    operation = await till.capture(order)
    assert (await till.capture(order)).id == operation.id
    result = await till.carry_out(operation)
    await till.sweep_all()
    assert not await till.settle(operation, result)
    assert await till.ledger(order) == [("authorize", order.total), ("capture", order.total)]
    with pytest.raises(InvalidTransition):
        await till.capture(order)


async def test_a_capture_and_a_void_cannot_both_be(till: Till) -> None:
    order = await till.order()
    await till.pay(order, capture=Capture.MANUAL)
    capture = await till.capture(order)
    with pytest.raises(PaymentUnderWay):
        await till.void(order)
    await till.finish(capture)
    assert await till.void(order) == []


async def test_the_books_of_both_houses_agree(till: Till) -> None:
    first, second = await till.order(), await till.order()
    await till.pay(first)
    await till.pay(second, capture=Capture.MANUAL)
    (refund,) = await till.refund(first, 100)
    assert await _differences(till) == []
    await till.carry_out(refund)
    assert await _differences(till) == ["refunded, not recorded"]
    await till.sweep_all()
    assert await _differences(till) == []
    lost = await till.order()
    await till.carry_out(await till.begin(lost))
    assert await _differences(till) == ["charged, no order"]
    await till.shop.change("update payment_entry set amount = amount - 1 where kind = 'capture'")
    assert await _differences(till) == ["charged, no order", "taken, not recorded"]
    await till.shop.change("update payment_entry set amount = amount + 2 where kind = 'capture'")
    assert await _differences(till) == ["charged, no order", "recorded, not taken there"]
    await till.shop.change("update payment_entry set amount = amount - 1 where kind = 'capture'")
    await till.sweep_all()
    assert await _differences(till) == []


async def _differences(till: Till) -> list[str]:
    (provider,) = till.providers.by_name.values()
    found = await payments.differences(till.db, provider, since=now() - timedelta(hours=1))
    return [one.what.value for one in found]


async def _snapshot(till: Till, order: Any) -> Snapshot:
    (provider,) = till.providers.by_name.values()
    ref = (await till.shown(order))[-1].payment.provider_ref
    assert ref is not None
    return await provider.fetch(ref)


# Money that comes by other ways


@pytest.mark.parametrize("method", ["cash_on_delivery", "bank_transfer"])
async def test_money_that_comes_by_other_ways_is_waited_for(manual: Till, method: str) -> None:
    order = await manual.order()
    assert isinstance(await manual.pay(order, method), Pending)
    assert (await manual.balance(order)).is_live
    await manual.sweep_all()
    assert await manual.status(order) == Status.PENDING
    assert isinstance(await manual.finish(await manual.capture(order)), Captured)
    (refund,) = await manual.refund(order, order.total)
    assert isinstance(await manual.finish(refund), Refunded)
    assert await manual.ledger(order) == [("capture", order.total), ("refund", order.total)]


async def test_money_that_does_not_come_is_not_waited_for_any_more(manual: Till) -> None:
    order = await manual.order()
    await manual.pay(order, "bank_transfer")
    (void,) = await manual.void(order)
    assert isinstance(await manual.finish(void), Voided)
    assert await manual.status(order) == Status.VOIDED


# What is refused before anybody is asked


async def test_a_method_that_nobody_takes_is_refused(fake: Till) -> None:
    """B16."""
    order = await fake.order()
    for method in ("cash_on_delivery", "pm_card_unknown", "4242424242424242", ""):
        with pytest.raises(PaymentMethodNotAllowed):
            await fake.begin(order, method)
    assert await fake.shown(order) == []


async def test_an_order_has_one_live_payment_however_many_ask(fake: Till) -> None:
    order = await fake.order()
    answers = await at_once(*(fake.begin(order) for _ in range(12)))
    assert sum(isinstance(answer, PaymentUnderWay) for answer in answers) == 11
    (begun,) = [answer for answer in answers if not isinstance(answer, BaseException)]
    await fake.finish(begun)
    assert await fake.ledger(order) == [("capture", order.total)]


async def test_the_database_has_the_last_word_on_live_payments(fake: Till) -> None:
    """Without the order's lock, on connections of their own."""
    order = await fake.order()

    async def unlocked() -> Any:
        async with fake.db.transaction() as tx:
            return await payments.begin(
                tx,
                order_id=order.id,
                amount=order.total,
                currency=order.currency,
                method="pm_card_visa",
                capture=Capture.AUTOMATIC,
                actor=system(order.store_id),
                providers=fake.providers,
            )

    answers = await at_once(*(unlocked() for _ in range(8)))
    assert sum(isinstance(answer, PaymentUnderWay) for answer in answers) == 7
    assert len(await fake.shown(order)) == 1


async def test_twenty_refunds_at_once_never_give_back_more_than_was_taken(till: Till, double: StripeDouble) -> None:
    """B12: what is refused, no provider hears of."""
    order = await till.order(units=3)
    await till.pay(order)
    calls = double.posts()
    part = order.total * 3 // 20

    async def refund() -> None:
        for operation in await till.refund(order, part):
            await till.finish(operation)

    answers = await at_once(*(refund() for _ in range(20)))
    done = sum(answer is None for answer in answers)
    assert done == order.total // part
    assert all(answer is None or isinstance(answer, RefundExceedsCaptured) for answer in answers)
    assert (await till.balance(order)).refunded == done * part
    snapshot = await _snapshot(till, order)
    assert snapshot.refunded == done * part <= snapshot.captured
    if "stripe" in till.providers.by_name:
        assert double.posts() - calls == done


async def test_a_refund_under_way_counts_as_given_back(fake: Till) -> None:
    order = await fake.order()
    await fake.pay(order)
    await fake.refund(order, order.total)
    assert (await fake.balance(order)).refunding == order.total
    with pytest.raises(RefundExceedsCaptured):
        await fake.refund(order, 1)
    await fake.sweep_all()
    assert (await fake.balance(order)).refunded == order.total


async def test_what_was_not_taken_cannot_be_given_back(fake: Till) -> None:
    order = await fake.order()
    with pytest.raises(InvalidTransition):
        await fake.refund(order, 1)
    await fake.pay(order, capture=Capture.MANUAL)
    with pytest.raises(InvalidTransition):
        await fake.refund(order, 1)
    with pytest.raises(CaptureExceedsAuthorized):
        await fake.capture(order, order.total + 1)


async def test_a_refund_is_spread_over_payments_the_newest_first(fake: Till) -> None:
    order = await fake.order()
    await fake.pay(order, amount=700)
    await fake.pay(order, amount=500)
    operations = await fake.refund(order, 900)
    assert [operation.amount for operation in operations] == [500, 400]
    for operation in operations:
        await fake.finish(operation)
    assert (await fake.balance(order)).refundable == 300


# Answers that are lost


@pytest.mark.parametrize("method", ["pm_card_timeout", "pm_card_timeoutBefore"])
async def test_an_answer_that_is_lost_is_not_a_failure(fake: Till, method: str) -> None:
    order = await fake.order()
    operation = await fake.begin(order, method)
    with pytest.raises(PaymentProviderUnavailable):
        await fake.carry_out(operation)
    assert await fake.status(order) == Status.STARTING
    await fake.sweep_all()
    assert await fake.status(order) == Status.CAPTURED
    assert await fake.shop.rows("select count(*) from fake_payment_object") == [(1,)]


async def test_a_payment_that_is_still_being_made_is_voided_when_that_is_known(fake: Till) -> None:
    order = await fake.order()
    operation = await fake.begin(order, "pm_card_timeout", capture=Capture.MANUAL)
    with pytest.raises(PaymentProviderUnavailable):
        await fake.carry_out(operation)
    (void,) = await fake.void(order)
    with pytest.raises(PaymentProviderUnavailable):
        await fake.carry_out(void)
    await fake.sweep_all()
    assert await fake.status(order) == Status.VOIDED
    assert not (await fake.balance(order)).is_live


async def test_a_void_that_comes_too_late_fails_and_says_so(fake: Till) -> None:
    order = await fake.order()
    operation = await fake.begin(order, "pm_card_timeout")
    with pytest.raises(PaymentProviderUnavailable):
        await fake.carry_out(operation)
    await fake.void(order)
    await fake.sweep_all()
    assert await fake.status(order) == Status.CAPTURED
    assert "payment.void_failed" in await fake.events(order)
    assert (await fake.balance(order)).refundable == order.total


async def test_several_sweeps_carry_an_operation_out_once(fake: Till) -> None:
    orders = [await fake.order() for _ in range(4)]
    for order in orders:
        await fake.begin(order)
    await fake.shop.change("update payment_operation set next_try_at = now()")
    brought = await asyncio.gather(*(fake.sweep.run_once() for _ in range(5)))
    assert sum(brought) == 4
    assert [await fake.ledger(order) for order in orders] == [[("capture", order.total)] for order in orders]
    assert await fake.shop.rows("select attempts from payment_operation group by attempts") == [(1,)]


async def test_nobody_who_is_at_work_is_disturbed_by_the_sweep(fake: Till) -> None:
    order = await fake.order()
    await fake.begin(order)
    assert await fake.sweep.run_once() == 0
    assert await fake.status(order) == Status.STARTING


# The provider's word


def _shown_there(till: Till, order: Any, ref: str, **fields: Any) -> Snapshot:
    known: dict[str, Any] = {
        "ref": ref,
        "payment_id": uuid4(),
        "order_id": order.id,
        "amount": order.total,
        "currency": order.currency,
        "status": Status.CAPTURED,
        "captures": [Effect("x1", order.total)],
    }
    return Snapshot(**known | fields)


async def _apply(till: Till, order: Any, snapshot: Snapshot) -> bool:
    said: list[bool] = []
    payment = (await till.shown(order))[-1].payment

    async def change(tx: Any) -> None:
        said.append(await payments.apply_snapshot(tx, payment, snapshot))

    await till.settle_order(order.store_id, order.id, change)
    return said[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 1, "captures": [Effect("x1", 1)]},
        {"currency": "EUR"},
        {"captures": [Effect("x1", 10**9)]},
        {"refunds": [Effect("r1", 10**9)]},
    ],
    ids=["amount", "currency", "too much taken", "too much given back"],
)
async def test_a_payment_of_another_amount_is_not_believed(fake: Till, wrong: dict[str, Any]) -> None:
    order = await fake.order()
    result = await fake.pay(order, "pm_card_threeDSecureRequired")
    assert isinstance(result, NeedsAction)
    with pytest.raises(PaymentMismatch):
        await _apply(fake, order, _shown_there(fake, order, result.ref, **wrong))
    assert await fake.status(order) == Status.NEEDS_ACTION
    assert await fake.ledger(order) == []


async def test_an_answer_of_another_amount_is_not_believed(fake: Till) -> None:
    order = await fake.order()
    operation = await fake.begin(order)
    with pytest.raises(PaymentMismatch):
        await fake.settle(operation, Captured("ref", "reference", order.total - 1))
    assert await fake.status(order) == Status.STARTING


async def test_what_happened_at_the_providers_side_is_added_once_and_never_taken_back(fake: Till) -> None:
    order = await fake.order()
    result = await fake.pay(order, "pm_card_threeDSecureRequired")
    assert isinstance(result, NeedsAction)
    waiting = await _snapshot(fake, order)
    taken = _shown_there(fake, order, result.ref)
    given_back = _shown_there(fake, order, result.ref, refunds=[Effect("r1", 400), Effect("r2", 100)])
    failed = _shown_there(fake, order, result.ref, status=Status.DECLINED, captures=[])
    assert await _apply(fake, order, given_back)
    for old in (taken, waiting, failed, given_back):
        assert not await _apply(fake, order, old)
    assert await fake.status(order) == Status.CAPTURED
    assert await fake.ledger(order) == [("capture", order.total), ("refund", 400), ("refund", 100)]
    (shown,) = await fake.shown(order)
    assert {entry.operation_id for entry in shown.entries} == {None}
    await fake.shop.change("delete from fake_payment_object")


async def test_money_taken_after_a_decline_is_money_taken(fake: Till) -> None:
    order = await fake.order()
    declined = await fake.pay(order, "pm_card_chargeDeclined")
    assert isinstance(declined, Declined)
    assert await _apply(fake, order, _shown_there(fake, order, declined.ref or ""))
    assert (await fake.balance(order)).captured == order.total


async def test_money_set_aside_after_a_decline_is_let_go(fake: Till) -> None:
    order = await fake.order()
    declined = await fake.pay(order, "pm_card_chargeDeclined", capture=Capture.MANUAL)
    assert isinstance(declined, Declined)
    held: dict[str, Any] = {"status": Status.AUTHORIZED, "captures": [], "authorization": Effect("a1", order.total)}
    await fake.shop.change("update fake_payment_object set status = 'AUTHORIZED'")
    assert await _apply(fake, order, _shown_there(fake, order, declined.ref or "", **held))
    assert await fake.status(order) == Status.DECLINED
    await fake.sweep_all()
    assert await fake.shop.rows("select status from fake_payment_object") == [("VOIDED",)]
    assert await fake.ledger(order) == [("authorize", order.total), ("void", order.total)]


# The buyer's bank, played over HTTP


async def test_the_fake_bank_is_there_only_where_the_fake_provider_is(shop: Shop) -> None:
    answer = await shop.guest("POST", "/payments/fake/fake_intent_1/confirm", json={"outcome": "approve"})
    assert answer.status_code == 404


async def test_the_balance_of_many_orders_is_one_statement(fake: Till) -> None:
    paid, unpaid = await fake.order(), await fake.order()
    await fake.pay(paid)
    async with fake.db.read() as reader:
        found = await payments.balance_of(reader, paid.store_id, [paid.id, unpaid.id])
    assert (found[paid.id].captured, found[unpaid.id]) == (paid.total, payments.Balance())
