"""Paying for orders: with the fake provider, through the whole application, and what happens when something dies."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgspec
import pytest

from tests.people import registered
from tests.shop import Shop, same_problem
from tests.test_order_life import allowed, done, moved, placed, story
from tradepost.app.paying import providers_of
from tradepost.app.settings import Settings
from tradepost.app.sweeping import Sweeper
from tradepost.app.verifying import verify
from tradepost.db import Database
from tradepost.orders import expiring
from tradepost.shipping.carriers import Carriers

pytestmark = pytest.mark.anyio
_SETTINGS = Settings(unsafe_database=True, payments="manual,fake", unpaid_minutes=30)


@asynccontextmanager
async def sweeper(shop: Shop, **changed: Any) -> AsyncIterator[Sweeper]:
    """What runs beside the answering, to be run by hand; perhaps with other settings."""
    db = Database(shop.url, size=4)
    await db.open()
    providers = providers_of(_SETTINGS, db)
    try:
        yield Sweeper(msgspec.structs.replace(_SETTINGS, **changed), db, providers, Carriers({}))
    finally:
        await providers.close()
        await db.close()


async def swept(shop: Shop) -> None:
    """Everything that waits comes due, and is swept until nothing moves."""
    async with sweeper(shop) as one:
        for _ in range(6):
            await shop.change("update payment_operation set next_try_at = now() where state = 'started'")
            await shop.change("update payment set looked_at = now() - interval '1 hour'")
            await one.run_once()


async def pay(shop: Shop, order: dict[str, Any], method: str = "pm_card_visa", **more: Any) -> httpx2.Response:
    """The guest whose order it is pays."""
    headers = {"X-Order-Token": order["accessToken"]} | more.pop("headers", {})
    body = {"paymentMethodId": method} | more
    return await shop.guest("POST", f"/orders/{order['id']}/payment", json=body, headers=headers)


async def paid(shop: Shop, *quantities: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    order, products = await placed(shop, *quantities)
    answer = await pay(shop, order)
    assert answer.json()["order"]["paymentStatus"] == "PAID", answer.text
    return order | answer.json()["order"], products


async def read(shop: Shop, order: dict[str, Any]) -> dict[str, Any]:
    return (await shop.staff("GET", f"/orders/{order['id']}")).json()


async def test_a_paid_order_is_confirmed(shop: Shop) -> None:
    order, _ = await placed(shop, 2)
    assert "pay" in allowed(order)
    answer = await pay(shop, order)
    assert answer.status_code == 200
    said = answer.json()
    assert [payment["status"] for payment in said["payments"]] == ["CAPTURED"]
    assert (said["order"]["status"], said["order"]["paymentStatus"]) == ("CONFIRMED", "PAID")
    assert said["order"]["paidAmount"] == order["totalAmount"]
    again = await pay(shop, order)
    assert same_problem(again, 409, "invalid_transition")
    assert again.json()["reason"] == "nothing_due"
    assert verify(shop.url)


async def test_a_declined_card_leaves_another_try(shop: Shop) -> None:
    order, _ = await placed(shop, 1)
    declined = (await pay(shop, order, "pm_card_chargeDeclined")).json()
    assert (declined["payments"][0]["status"], declined["payments"][0]["declineCode"]) == ("DECLINED", "card_declined")
    assert (declined["order"]["status"], declined["order"]["paymentStatus"]) == ("PENDING", "FAILED")
    assert (await pay(shop, order)).json()["order"]["paymentStatus"] == "PAID"
    assert verify(shop.url)


@pytest.mark.parametrize(("outcome", "status"), [("approve", "PAID"), ("decline", "FAILED")])
async def test_3d_secure_asks_the_buyer(shop: Shop, outcome: str, status: str) -> None:
    order, _ = await placed(shop, 1)
    asked = (await pay(shop, order, "pm_card_threeDSecureRequired")).json()
    (payment,) = asked["payments"]
    assert payment["status"] == "NEEDS_ACTION"
    assert payment["nextAction"]
    busy = await pay(shop, order)
    assert busy.json()["reason"] == "payment_under_way"
    (ref,) = (await shop.rows("select provider_ref from payment"))[0]
    decided = await shop.guest("POST", f"/payments/fake/{ref}/confirm", json={"outcome": outcome})
    assert decided.status_code == 200
    await swept(shop)
    assert (await read(shop, order))["paymentStatus"] == status
    assert verify(shop.url)


@pytest.mark.parametrize(("minutes", "waits"), [(60, False), (90, True), (0, True)])
async def test_a_buyer_who_never_comes_back_can_pay_otherwise(shop: Shop, minutes: int, waits: bool) -> None:
    order, _ = await placed(shop, 1)
    await pay(shop, order, "pm_card_threeDSecureRequired")
    await shop.change(
        "update payment set updated_at = now() - interval '61 minutes', looked_at = now() - interval '1 day'"
    )
    async with sweeper(shop, action_minutes=minutes) as one:
        await one.run_once()
    (payment,) = (await read(shop, order))["payments"]
    assert payment["status"] == ("NEEDS_ACTION" if waits else "VOIDED")
    other = await pay(shop, order)
    assert other.status_code == (409 if waits else 200)
    if not waits:
        (ref,) = (await shop.rows("select provider_ref from payment order by id"))[0]
        late = await shop.guest("POST", f"/payments/fake/{ref}/confirm", json={"outcome": "approve"})
        assert same_problem(late, 409, "invalid_transition")
        assert (await read(shop, order))["paymentStatus"] == "PAID"
    assert verify(shop.url)


@pytest.mark.parametrize("method", ["pm_card_timeout", "pm_card_timeoutBefore"])
async def test_an_answer_that_is_lost_is_found(shop: Shop, method: str) -> None:
    """B06: nobody knows at first, nobody says that it failed, and in the end it is paid once."""
    order, _ = await placed(shop, 1)
    answer = await pay(shop, order, method)
    assert answer.status_code == 202
    assert answer.json()["order"]["paymentStatus"] == "PENDING"
    await swept(shop)
    assert (await read(shop, order))["paymentStatus"] == "PAID"
    assert await shop.rows("select kind, amount from payment_entry") == [("capture", 1080)]
    assert verify(shop.url)


async def test_the_same_request_again_goes_on_where_it_was(shop: Shop) -> None:
    """B04, B05: the first answer was lost, or never made; the second send finds out, and a third replays it."""
    order, _ = await placed(shop, 1)
    key = {"Idempotency-Key": "pay-once"}
    first = await pay(shop, order, "pm_card_timeout", headers=key)
    assert first.status_code == 202
    second, third = [await pay(shop, order, "pm_card_timeout", headers=key) for _ in range(2)]
    assert (second.status_code, second.json()["order"]["paymentStatus"]) == (200, "PAID")
    assert (third.json(), third.headers["idempotency-replayed"]) == (second.json(), "true")
    assert await shop.rows("select count(*) from payment") == [(1,)]
    other = await pay(shop, order, "pm_card_visa", headers=key)
    assert same_problem(other, 422, "idempotency_key_reused")


async def test_of_many_who_pay_at_once_one_does(shop: Shop) -> None:
    order, _ = await placed(shop, 1)
    answers = await asyncio.gather(*(pay(shop, order) for _ in range(12)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 11}
    assert await shop.rows("select kind, count(*) from payment_entry group by kind") == [("capture", 1)]
    same = {"Idempotency-Key": "double-click"}
    order, _ = await placed(shop, 1)
    answers = await asyncio.gather(*(pay(shop, order, headers=same) for _ in range(12)))
    assert set(Counter(answer.status_code for answer in answers)) <= {200, 409}
    assert await shop.rows("select count(*) from payment_entry") == [(2,)]
    assert verify(shop.url)


async def test_money_is_set_aside_and_taken_when_the_goods_leave(shop: Shop) -> None:
    order, _ = await placed(shop, 1)
    aside = (await pay(shop, order, capture="manual")).json()["order"]
    assert (aside["status"], aside["paymentStatus"]) == ("CONFIRMED", "AUTHORIZED")
    taken = await done(shop, "POST", order, "/captures")
    assert (taken["order"]["paymentStatus"], taken["order"]["paidAmount"]) == ("PAID", order["totalAmount"])
    less, _ = await placed(shop, 3)
    await pay(shop, less, capture="manual")
    await done(shop, "POST", less, "/edits", items=[{"itemId": less["items"][0]["id"], "quantity": 1}])
    assert (await done(shop, "POST", less, "/captures"))["order"]["paidAmount"] == "10.80"
    other, _ = await placed(shop, 1)
    await pay(shop, other, capture="manual")
    let_go = await shop.staff("DELETE", f"/orders/{other['id']}/payment")
    assert let_go.json()["payments"][0]["status"] == "VOIDED"
    assert verify(shop.url)


async def test_cash_is_paid_when_staff_say_so(shop: Shop) -> None:
    order, _ = await placed(shop, 1)
    waiting = (await pay(shop, order, "cash_on_delivery")).json()
    assert (waiting["payments"][0]["status"], waiting["order"]["paymentStatus"]) == ("PENDING", "PENDING")
    await moved(shop, order, "CONFIRMED")
    taken = await done(shop, "POST", order, "/captures")
    assert taken["order"]["paymentStatus"] == "PAID"
    assert verify(shop.url)


async def test_an_order_is_no_place_to_try_out_cards(shop: Shop) -> None:
    """B20: after ten that were declined nobody is asked any more."""
    order, _ = await placed(shop, 1)
    answers = [await pay(shop, order, "pm_card_chargeDeclined") for _ in range(10)]
    assert {answer.json()["payments"][0]["status"] for answer in answers} == {"DECLINED"}
    refused = await pay(shop, order)
    assert same_problem(refused, 429, "rate_limited")
    assert await shop.rows("select count(*) from payment") == [(10,)]


async def test_what_is_not_offered_is_refused(shop: Shop) -> None:
    """B16."""
    order, _ = await placed(shop, 1)
    refused = await pay(shop, order, "pigeon_post")
    assert same_problem(refused, 422, "payment_method_not_allowed", "/paymentMethodId")
    card = await pay(shop, order, "4242 4242 4242 4242")
    assert same_problem(card, 422, "invalid_format", "/paymentMethodId")
    assert "4242" not in card.text
    assert await shop.rows("select count(*) from payment") == [(0,)]


async def test_money_goes_back_in_parts_and_no_more_than_came(shop: Shop) -> None:
    """B12."""
    order, _ = await paid(shop, 2)
    part = await done(shop, "POST", order, "/refunds", amount="5.00", reason="A scratch")
    assert (part["order"]["paymentStatus"], part["order"]["refundedAmount"]) == ("PARTIALLY_REFUNDED", "5.00")
    path = f"/orders/{order['id']}/refunds"
    much = await shop.staff("POST", path, json={"amount": "1000.00"})
    assert same_problem(much, 409, "refund_exceeds_captured")
    for amount, code in (("0", "out_of_range"), ("-1.00", "out_of_range"), ("1.001", "too_many_digits")):
        assert same_problem(await shop.staff("POST", path, json={"amount": amount}), 422, code, "/amount")
    rest = await done(shop, "POST", order, "/refunds")
    assert rest["order"]["paymentStatus"] == "REFUNDED"
    nothing = await shop.staff("POST", path, json={})
    assert nothing.json()["reason"] == "nothing_to_refund"
    assert verify(shop.url)


async def test_of_twenty_refunds_at_once_no_more_goes_back_than_came(shop: Shop) -> None:
    """B12: three times the amount in twenty parts."""
    order, _ = await paid(shop, 1)
    path = f"/orders/{order['id']}/refunds"
    answers = await asyncio.gather(*(shop.staff("POST", path, json={"amount": "1.80"}) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {200: 6, 409: 14}
    assert (await read(shop, order))["refundedAmount"] == "10.80"
    assert verify(shop.url)


async def test_a_buyer_takes_no_money_and_gives_none_back(shop: Shop) -> None:
    """B15: ownership is not permission."""
    ada = await registered(shop)
    mug = await shop.product()
    body = {"items": [{"productId": mug["id"], "quantity": 1}]}
    order = (await ada.ask("POST", "/orders", json=body)).json()
    assert (
        await ada.ask("POST", f"/orders/{order['id']}/payment", json={"paymentMethodId": "pm_card_visa"})
    ).is_success
    for method, path in (("POST", "/refunds"), ("POST", "/captures"), ("DELETE", "/payment")):
        json: dict[str, Any] = {"json": {}} if method == "POST" else {}
        assert same_problem(await ada.ask(method, f"/orders/{order['id']}{path}", **json), 403, "forbidden")


async def test_a_cancelled_order_gives_the_money_back(shop: Shop) -> None:
    order, (mug,) = await paid(shop, 3)
    await done(shop, "POST", order, "/cancel")
    await swept(shop)
    after = await read(shop, order)
    assert (after["status"], after["paymentStatus"]) == ("CANCELLED", "REFUNDED")
    assert after["refundedAmount"] == after["paidAmount"] == order["totalAmount"]
    assert await shop.stock(mug) == 10
    assert verify(shop.url)


async def test_a_refund_that_is_declined_is_tried_once_and_then_for_staff(shop: Shop) -> None:
    """The provider has forgotten the payment: it would decline it every minute for ever."""
    order, _ = await paid(shop, 1)
    await shop.change("delete from fake_payment_object")
    await done(shop, "POST", order, "/cancel")
    await swept(shop)
    assert await shop.rows("select state, last_error from payment_operation where kind = 'refund'") == [
        ("failed", "charge_too_old")
    ]
    assert (await story(shop, order)).count("payment.refund_failed") == 1
    after = await read(shop, order)
    assert (after["status"], after["paymentStatus"]) == ("CANCELLED", "PAID")
    assert "refund" in allowed(after)
    assert verify(shop.url)


async def test_money_that_is_only_set_aside_is_let_go(shop: Shop) -> None:
    order, _ = await placed(shop, 1)
    await pay(shop, order, capture="manual")
    await done(shop, "POST", order, "/cancel")
    await swept(shop)
    assert [payment["status"] for payment in (await read(shop, order))["payments"]] == ["VOIDED"]
    assert verify(shop.url)


@pytest.mark.parametrize("capture", ["automatic", "manual"])
async def test_a_deleted_order_stays_deleted_when_its_money_has_gone_back(shop: Shop, capture: str) -> None:
    order, _ = await placed(shop, 1)
    await pay(shop, order, capture=capture)
    assert (await shop.staff("DELETE", f"/orders/{order['id']}")).status_code == 204
    await swept(shop)
    assert same_problem(await shop.staff("GET", f"/orders/{order['id']}"), 404, "not_found")
    assert (await shop.staff("GET", "/orders")).json()["total"] == 0
    assert verify(shop.url)


async def expired(shop: Shop) -> None:
    """Whoever has not paid by now has waited for too long."""
    db = Database(shop.url, size=2)
    await db.open()
    try:
        while await expiring.expire(db, minutes=0):
            pass
    finally:
        await db.close()


async def test_an_order_that_is_not_paid_expires(shop: Shop) -> None:
    order, (mug,) = await placed(shop, 4)
    held, _ = await placed(shop, 1)
    await done(shop, "POST", held, "/hold", reason="The buyer called")
    cash, _ = await placed(shop, 1)
    await pay(shop, cash, "bank_transfer")
    async with sweeper(shop) as one:
        await one.run_once()
    assert (await read(shop, order))["status"] == "PENDING"
    await expired(shop)
    after = await read(shop, order)
    assert (after["status"], after["cancelReason"]) == ("CANCELLED", "EXPIRED")
    assert await shop.stock(mug) == 10
    assert [(await read(shop, one))["status"] for one in (held, cash)] == ["PENDING", "PENDING"]
    assert verify(shop.url)


@pytest.mark.parametrize("stock", ["there", "gone"])
async def test_money_that_comes_too_late_takes_stock_again_or_goes_back(shop: Shop, stock: str) -> None:
    """A02: money equals goods, or is back; never stuck."""
    order, (mug,) = await placed(shop, 8)
    await pay(shop, order, "pm_card_timeout")
    await shop.change("update payment set status = 'DECLINED'")  # given up here, while the provider takes the money
    await expired(shop)
    assert (await read(shop, order))["status"] == "CANCELLED"
    if stock == "gone":
        await shop.order((mug, 5))
    await swept(shop)
    after = await read(shop, order)
    if stock == "there":
        assert (after["status"], after["paymentStatus"]) == ("CONFIRMED", "PAID")
        assert await shop.stock(mug) == 2
    else:
        assert (after["status"], after["paymentStatus"]) == ("CANCELLED", "REFUNDED")
        assert await shop.stock(mug) == 5
    assert verify(shop.url)


async def test_of_paying_and_cancelling_at_once_money_and_goods_agree(shop: Shop) -> None:
    """A22: whoever is first; in the end it is paid and kept, or cancelled and given back."""
    for _ in range(20):
        order, (mug,) = await placed(shop, 2)
        paying, cancelling = await asyncio.gather(
            pay(shop, order), shop.staff("POST", f"/orders/{order['id']}/cancel", json={})
        )
        assert paying.status_code in (200, 202, 409)
        assert cancelling.status_code in (200, 409)
        await swept(shop)
        after = await read(shop, order)
        kept = int(after["paidAmount"].replace(".", "")) - int(after["refundedAmount"].replace(".", ""))
        if after["status"] == "CANCELLED":
            assert (kept, await shop.stock(mug)) == (0, 10)
        else:
            assert (after["status"], after["paymentStatus"], await shop.stock(mug)) == ("CONFIRMED", "PAID", 8)
    assert verify(shop.url)
