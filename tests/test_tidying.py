"""What is settled is forgotten in time, and no sooner."""

import pytest

from tests.shop import Shop
from tests.till import Till, open_till
from tradepost.app.operating import tidy
from tradepost.app.verifying import verify
from tradepost.payments import Capture, Declined, Refunded

pytestmark = pytest.mark.anyio


async def _told(shop: Shop, count: int, *, name: str, days: int | None) -> None:
    """So many messages were worked off so many days ago; None: nobody has come to them, for a year."""
    worked = "null" if days is None else f"now() - interval '{days} days'"
    await shop.change(
        f"""
        insert into provider_event (provider, event_id, type, livemode, body, received_at, worked_at, outcome)
        select 'stripe', '{name}-' || number, 'payment_intent.succeeded', false, 'x', now() - interval '1 year',
               {worked}, case when {worked} is not null then 'applied' end
        from generate_series(1, {count}) as number
        """  # noqa: S608 - a test's own words
    )


async def test_messages_are_kept_for_as_long_as_they_may_come_again(shop: Shop) -> None:
    """B08: the same message thirty days later is a duplicate; ninety days later nobody sends it."""
    await _told(shop, 2500, name="old", days=91)
    for name, days in (("lately", 1), ("month", 30), ("quarter", 89), ("waiting", None)):
        await _told(shop, 3, name=name, days=days)
    assert (await tidy(shop.url)).payment_messages == 2500
    left = await shop.rows("select split_part(event_id, '-', 1), count(*) from provider_event group by 1 order by 1")
    assert left == [("lately", 3), ("month", 3), ("quarter", 3), ("waiting", 3)]
    assert (await tidy(shop.url)).payment_messages == 0


async def _fakes(till: Till) -> list[str]:
    return [kind for (kind,) in await till.shop.rows("select kind from fake_payment_object order by kind")]


async def test_the_fake_provider_forgets_what_ended_long_ago(shop: Shop) -> None:
    async with open_till(shop) as till:
        ended, waiting, lately = [await till.order() for _ in range(3)]
        await till.pay(ended)
        await till.pay(waiting, capture=Capture.MANUAL)
        await till.pay(lately)
        for order in (ended, lately):
            (refund,) = await till.refund(order, 100)
            assert isinstance(await till.finish(refund), Refunded)
        await shop.change(
            "update fake_payment_object set created_at = now() - interval '91 days' where kind = 'intent'"
        )
        assert (await tidy(shop.url)).payment_messages == 0
        await shop.change(
            f"update fake_payment_object set created_at = now() - interval '91 days' where order_id = '{ended.id}'"  # noqa: S608 - a test's own words
        )
        assert (await tidy(shop.url)).payment_messages == 2
        assert await _fakes(till) == ["intent", "intent", "refund"]
        (late,) = await till.refund(ended, 100)
        assert isinstance(await till.finish(late), Declined)
        (good,) = await till.refund(lately, 100)
        assert isinstance(await till.finish(good), Refunded)
    assert verify(shop.url)
