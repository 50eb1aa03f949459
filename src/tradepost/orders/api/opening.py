from tradepost.db import Tx
from tradepost.http import Call
from tradepost.orders.life import Opened, open_order
from tradepost.orders.moves import Action


async def opened_by(call: Call, tx: Tx, action: Action) -> Opened:
    """The order of the path, locked for something that the caller may do to it now, in the version that he expects.

    Raises NotFound, Stale, Forbidden, InvalidTransition.
    """
    return await open_order(tx, call.id("order_id"), action, actor=call.actor, expected_version=call.expected_version())
