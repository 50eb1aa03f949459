"""From where a request comes: nothing that a client can write into a header changes it."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from tradepost.http.asgi import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN = "unknown"
_HOP = re.compile(
    r"\[([0-9A-Fa-f:.]{2,45})\](?::\d{1,5})?"  # IPv6 in brackets, with or without a port
    r"|([0-9.]{7,15})(?::\d{1,5})?"  # IPv4, with or without a port
    r"|([0-9A-Fa-f:.]{2,45})"
)
_REMEMBERED = 4096
_PREFIX = 64


class Clients:
    """Tells the client of a request. `proxies` are the networks whose word about their own clients is believed."""

    def __init__(self, proxies: Sequence[Network] = ()) -> None:
        self._proxies = proxies

    def address(self, scope: Scope) -> str:
        """The peer of the connection; behind listed proxies, the nearest address that is not one of them.

        X-Forwarded-For is read from its right end, where the nearest proxy writes, and only as far as each address is
        a listed proxy: what is left of that was written by the client. At an entry that is no address, it is the proxy
        that wrote it who is the client. UNKNOWN where the connection has no address, as on a socket in a file system.
        """
        peer = scope.get("client")
        believed = _address(peer[0]) if peer else None
        if believed is None:
            return UNKNOWN
        if self._proxies:
            for text in _forwarded(scope):
                told = _hop(text) if self._is_proxy(believed) else None
                if told is None:
                    break
                believed = told
        return str(believed)

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._proxies)


def _forwarded(scope: Scope) -> Iterator[str]:
    """The addresses of X-Forwarded-For, the last one first; a header on several lines is one list (RFC 9110, 5.3)."""
    for name, value in reversed(scope["headers"]):
        if name == b"x-forwarded-for":
            yield from (part.strip() for part in reversed(value.decode("latin-1").split(",")))


def _hop(text: str) -> Address | None:
    match = _HOP.fullmatch(text)
    return _address(match[match.lastindex or 0]) if match else None


@lru_cache(_REMEMBERED)
def _address(text: str) -> Address | None:
    """An address without its zone; IPv4 that is written as IPv6 (RFC 4291, 2.5.5.2) is IPv4. None for what is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


@lru_cache(_REMEMBERED)
def counted_as(address: str) -> str:
    """What an address is counted as: an IPv6 subscriber has a whole /64 to choose from (RFC 6177), and is one."""
    return str(ip_network(f"{address}/{_PREFIX}", strict=False)) if ":" in address else address
