"""Who really calls, as an edge says it before the first byte of TLS: the PROXY protocol, version 2.

Pure reading of bytes. Only the binary form is understood, for TCP over IPv4 and IPv6; what else may stand in a header
is measured and passed over. Whom to believe is for the door to know.
Source: https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt, 2.2
"""

from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HEAD_BYTES = 16
MAX_BODY_BYTES = 520
"""The specification wants 536 bytes for the whole to be enough for everybody."""
MAPPED = "::ffff:"
_LOCAL, _PROXY = 0x20, 0x21
_UNKNOWN = 0x00
_ADDRESS_BYTES = {0x11: 4, 0x21: 16}
"""TCP over IPv4 and over IPv6 -> bytes of one address."""


class BadProxyHeader(Exception):  # noqa: N818 - nobody is told
    """This is not how an edge speaks."""


class Told(NamedTuple):
    """Whom an edge says that it speaks for."""

    address: str
    port: int


def body_bytes(head: bytes) -> int:
    """How many bytes follow these 16. Raises BadProxyHeader."""
    if len(head) != HEAD_BYTES or not head.startswith(SIGNATURE) or head[12] not in (_LOCAL, _PROXY):
        raise BadProxyHeader
    size = int.from_bytes(head[14:16])
    if size > MAX_BODY_BYTES:
        raise BadProxyHeader
    return size


def told(head: bytes, body: bytes) -> Told | None:
    """Who calls; None if the edge itself does, as in its health checks, or does not know. Raises BadProxyHeader."""
    if len(body) != body_bytes(head):
        raise BadProxyHeader
    if head[12] == _LOCAL or head[13] == _UNKNOWN:
        return None
    size = _ADDRESS_BYTES.get(head[13])
    if size is None or len(body) < 2 * size + 4:
        raise BadProxyHeader
    port = int.from_bytes(body[2 * size : 2 * size + 2])
    return Told(unmapped(str(ip_address(body[:size]))), port)


def unmapped(address: str) -> str:
    """An IPv4 address that came by an IPv6 socket, as IPv4; every other text as it is."""
    if address.replace(".", "").isdigit():
        return address
    if address.startswith(MAPPED) and address[len(MAPPED) :].replace(".", "").isdigit():
        return address[len(MAPPED) :]
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)
