"""Which addresses a stranger may make us connect to: those of the public internet and no others.

A name is looked up once and its addresses are checked; the connection goes to a checked address and not to the name, so
an answer that changes between check and use (DNS rebinding) changes nothing.
Source: the IANA special-purpose address registries, RFC 6890, RFC 6052 (NAT64).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from freehold.protocol.refused import Refused

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""host, port -> the addresses of the host as text."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""How this machine calls itself."""
MOST_ADDRESSES = 4
"""How many addresses of one name are tried."""

_PRIVATE_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared by carriers, and some clouds' metadata
            "127.0.0.0/8",
            "168.63.129.16/32",  # one cloud's metadata, on an address that looks public
            "169.254.0.0/16",  # link-local, and most clouds' metadata
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
_LOOKUPS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="lookup")
"""Threads of their own, so that strangers' slow nameservers hold up nothing but other look-ups."""

_GLOBAL_6 = IPv6Network("2000::/3")
_PRIVATE_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4 embeds any IPv4 address
            "3fff::/20",
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


class AddressRefused(Refused):
    """A name or address that is not on the public internet."""

    kind, name = "invalid", "AddressRefused"
    say = "That address is not on the public internet, so this server does not connect to it."


class HostNotFound(Refused):
    """A name without an address."""

    kind, name = "upstream", "HostNotFound"
    say = "No server was found under that name. Check the spelling, or try again later."


async def system_lookup(host: str, port: int) -> list[str]:
    """The addresses that this machine's resolver knows for `host`. Raises HostNotFound."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, ask)
    except (OSError, UnicodeError):
        raise HostNotFound(host=host) from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard:
    """Checked look-ups. allow_loopback: also reach this very machine, for development."""

    def __init__(self, *, allow_loopback: bool = False, lookup: Lookup = system_lookup) -> None:
        self.allow_loopback = allow_loopback
        self._lookup = lookup

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses to try for `host`, at most MOST_ADDRESSES. Raises HostNotFound, AddressRefused."""
        found = await self._lookup(host, port)
        if not found:
            raise HostNotFound(host=host)
        allowed = [address for address in found if self.allows(address)]
        if not allowed:
            raise AddressRefused(host=host, found=found[:MOST_ADDRESSES])
        return allowed[:MOST_ADDRESSES]

    def allows(self, address: str) -> bool:
        """May a stranger make us connect to this address?"""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return is_public(parsed) or (self.allow_loopback and parsed.is_loopback)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Is this an address of the public internet? An IPv4 address inside an IPv6 one is judged by itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        return address.scope_id is None and address in _GLOBAL_6 and not any(address in net for net in _PRIVATE_6)
    return not any(address in network for network in _PRIVATE_4)
