"""The name in a client's first message: read from whole messages and pieces, from many records, and from nonsense."""

import contextlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.tls.hello import Hello, Incomplete, NotTls, read


def hello(name: str | None) -> bytes:
    """What Python's TLS says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def test_the_name_is_read_in_small_letters() -> None:
    assert read(hello("Mei.Town.example")).name == "mei.town.example"


def test_who_names_nothing_is_said_to_name_nothing() -> None:
    assert read(hello(None)) == Hello()


def test_every_beginning_of_a_hello_waits_for_the_rest() -> None:
    whole = hello("town.example")
    for size in range(len(whole)):
        with pytest.raises(Incomplete):
            read(whole[:size])


@given(st.integers(1, 200))
def test_a_hello_in_many_records_is_put_together(size: int) -> None:
    message = hello("town.example")[5:]
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    records = b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2) + piece for piece in pieces)
    assert read(records).name == "town.example"


@given(st.binary(max_size=300), st.integers(0, 600), st.binary(min_size=1, max_size=8))
def test_nonsense_is_named_and_nothing_else_is_raised(nonsense: bytes, at: int, other: bytes) -> None:
    whole = hello("town.example")
    for data in (nonsense, b"\x16\x03\x01" + nonsense, whole[:at] + other + whole[at + len(other) :]):
        with contextlib.suppress(Incomplete, NotTls):
            assert isinstance(read(data).name, str)
