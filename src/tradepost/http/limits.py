"""How often somebody may ask: guests by address, accounts by their id, keys by their own quota, if they have one.

The fields are those of draft-ietf-httpapi-ratelimit-headers-11.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from tradepost.core.actors import Actor, ActorKind
from tradepost.core.errors import RateLimited
from tradepost.core.rates import Rate
from tradepost.http.asgi import Scope
from tradepost.http.clients import Clients, counted_as

Class = Literal["auth", "write", "read"]
"""What an operation counts as. `auth` is sign-in and the like: counted by address, whoever calls."""


class Policy(msgspec.Struct, frozen=True):
    """A limit with the name that clients see."""

    name: str
    rate: Rate


class Standing(msgspec.Struct, frozen=True):
    """How somebody stands with a policy after he was counted: `left` requests, and more in `seconds`."""

    policy: Policy
    passed: bool
    left: int
    seconds: int


class Counter(Protocol):
    """Counts by policy and subject, in one step: of many at once no more pass than the policy allows."""

    async def take(self, policy: Policy, subject: str) -> Standing | None:
        """None where it cannot be counted just now: then the request passes."""
        ...

    async def close(self) -> None: ...


class Limits:
    """Counts requests. `rates` are by class, and by `key` for API keys; none, or None, is no limit."""

    def __init__(self, counter: Counter, clients: Clients, rates: Mapping[str, Rate | None]) -> None:
        self._counter = counter
        self._clients = clients
        self._policies = {name: Policy(name, rate) for name, rate in rates.items() if rate}

    async def count(self, kind: Class, actor: Actor, scope: Scope) -> None:
        """Counts a request for its caller. Raises RateLimited. Nothing is awaited for a caller without a limit."""
        if kind == "auth" or actor.kind is ActorKind.GUEST:
            await self.count_address(kind, scope)
        elif policy := self._policies.get("key" if actor.kind is ActorKind.KEY else kind):
            await self._take(policy, actor.caller, scope)

    async def count_address(self, kind: Class, scope: Scope) -> None:
        """Counts a request for the address that it comes from. Raises RateLimited."""
        if policy := self._policies.get(kind):
            await self._take(policy, counted_as(self._clients.address(scope)), scope)

    async def close(self) -> None:
        await self._counter.close()

    async def _take(self, policy: Policy, subject: str, scope: Scope) -> None:
        standing = await self._counter.take(policy, subject)
        if standing is None:
            return
        scope.setdefault("standings", []).append(standing)
        if not standing.passed:
            raise RateLimited(retry_after=standing.seconds)


def fields(standings: Sequence[Standing]) -> list[tuple[bytes, bytes]]:
    """What an answer says about them: structured fields (RFC 9651), lists of strings with parameters."""
    policies = (f'"{one.policy.name}";q={one.policy.rate.amount};w={one.policy.rate.seconds}' for one in standings)
    left = (f'"{one.policy.name}";r={one.left};t={one.seconds}' for one in standings)
    return [(b"ratelimit-policy", ", ".join(policies).encode()), (b"ratelimit", ", ".join(left).encode())]
