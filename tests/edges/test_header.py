"""The header before TLS, read from bytes."""

import pytest

from freehold.tls.proxied import HEAD_BYTES, MAX_BODY_BYTES, SIGNATURE, BadProxyHeader, Told, body_bytes, told
from support.edges import header


def read(data: bytes) -> Told | None:
    """A whole header, of which nothing is left over."""
    head = data[:HEAD_BYTES]
    body = data[HEAD_BYTES:]
    assert body_bytes(head) == len(body)
    return told(head, body)


def test_it_says_who_calls() -> None:
    assert read(header("198.51.100.9", 40_324)) == Told("198.51.100.9", 40_324)
    assert read(header("2001:db8:1:2::9", 1)) == Told("2001:db8:1:2::9", 1)
    assert read(header("::ffff:198.51.100.9", 1)) == Told("198.51.100.9", 1)


def test_what_else_it_may_say_is_passed_over() -> None:
    assert read(header("198.51.100.9", 7, more=b"\x04\x00\x01\x00")) == Told("198.51.100.9", 7)


def test_an_edge_that_calls_itself_speaks_for_nobody() -> None:
    assert read(header()) is None
    assert read(SIGNATURE + bytes([0x21, 0x00, 0, 0])) is None


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 198.51.100.9 192.0.2.1 1 443\r\n"[:HEAD_BYTES],  # the older form
        b"\x16\x03\x01" + bytes(13),  # TLS
        SIGNATURE + bytes([0x11, 0x11, 0, 12]),  # another version
        SIGNATURE + bytes([0x22, 0x11, 0, 12]),  # another command
        SIGNATURE + bytes([0x21, 0x11]) + (MAX_BODY_BYTES + 1).to_bytes(2),
        SIGNATURE + bytes([0x21, 0x11, 0]),  # cut off
    ],
)
def test_what_is_no_such_header_is_refused_before_anything_more_is_read(data: bytes) -> None:
    with pytest.raises(BadProxyHeader):
        body_bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        SIGNATURE + bytes([0x21, 0x11, 0, 11]) + bytes(11),  # too short for two addresses
        SIGNATURE + bytes([0x21, 0x21, 0, 12]) + bytes(12),  # those of IPv4 where IPv6's were promised
        SIGNATURE + bytes([0x21, 0x12, 0, 12]) + bytes(12),  # UDP
        SIGNATURE + bytes([0x21, 0x31, 0, 216]) + bytes(216),  # a socket of the edge's own machine
    ],
)
def test_addresses_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(BadProxyHeader):
        read(data)
