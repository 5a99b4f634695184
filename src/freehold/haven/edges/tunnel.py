"""A tunnel between an edge and the network, for WireGuard, which every kernel of Linux has: two files for wg-quick.

The network's machine calls the edge and keeps the line open, never the other way. So it needs no port that is open to
the world, may stand behind a router, and its address is in no file of the edge. Each tunnel has two keys of its own
that open nothing else, and a private /64 that only these two know. Nothing of it is kept: to change it, make it anew.
Source: wg-quick(8), https://www.wireguard.com/protocol/, https://www.rfc-editor.org/rfc/rfc4193
"""

import base64
import os
import re
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from freehold.protocol.refused import InvalidRequest

PORT = 51_820
KEEP_ALIVE_SECONDS = 15
"""Less than the shortest time for which routers remember that somebody inside asked."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,7}")

_NETWORK_SIDE = """\
# The network's end of the tunnel “{name}”. It calls the edge.
[Interface]
PrivateKey = {own}
Address = {here}/64

[Peer]
PublicKey = {other}
AllowedIPs = {there}/128
Endpoint = {at}
PersistentKeepalive = {alive}
"""

_EDGE_SIDE = """\
# The edge's end of the tunnel “{name}”. It is called by the network, whose address it does not know.
[Interface]
PrivateKey = {own}
Address = {there}/64
ListenPort = {port}

[Peer]
PublicKey = {other}
AllowedIPs = {here}/128
"""


class Tunnel(NamedTuple):
    """Two files, and the addresses inside: the network's and the edge's."""

    network_side: str
    edge_side: str
    here: str
    there: str


def make(name: str, at: str) -> Tunnel:
    """A new one. at: the edge's address in the world, ADDRESS or ADDRESS:PORT (UDP). Raises InvalidRequest."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest("A tunnel's name is the beginning of an interface's: letters, digits, hyphens, 8 at most.")
    address, port = _parsed(at)
    ours, edges = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    prefix = int.from_bytes(b"\xfd" + os.urandom(5) + bytes(10))
    words = {
        "name": name,
        "here": IPv6Address(prefix + 1),
        "there": IPv6Address(prefix + 2),
        "at": f"[{address}]:{port}" if ":" in address else f"{address}:{port}",
        "port": port,
        "alive": KEEP_ALIVE_SECONDS,
    }
    return Tunnel(
        _NETWORK_SIDE.format(own=_private(ours), other=_public(edges), **words),
        _EDGE_SIDE.format(own=_private(edges), other=_public(ours), **words),
        str(words["here"]),
        str(words["there"]),
    )


def _private(key: X25519PrivateKey) -> str:
    return base64.b64encode(key.private_bytes_raw()).decode()


def _public(key: X25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _parsed(at: str) -> tuple[str, int]:
    try:
        return str(ip_address(at.strip("[]"))), PORT
    except ValueError:
        host, _, port = at.rpartition(":")
    try:
        if port.isascii() and port.isdigit() and 0 < int(port) < 65_536:
            return str(ip_address(host.removeprefix("[").removesuffix("]"))), int(port)
    except ValueError:
        pass
    raise InvalidRequest(f"“{at}” is not ADDRESS or ADDRESS:PORT.")
