"""A door that is flooded with handshakes: whose are computed, seen from outside, by TLS as it is.

The siege is the operator's word, and the clock stands still unless a test moves it, so that nothing depends on speed.
Addresses are those of the loopback network, as many as anybody needs.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from freehold.net.handshakes import Handshakes
from freehold.net.siege import HANDSHAKES, Siege
from freehold.tls.contexts import context_of_files
from freehold.tls.front import Front
from support.acme import own_certificate
from support.edges import DOMAIN, header

EDGE, MEMBER = "127.0.9.9", "127.0.0.7/32"
ITSELF = "itself"
OF_EDGE = "127.0.0.99"


class Greeter(asyncio.Protocol):
    """Says a word to whom is opened."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")


class Door:
    """A front, and those who come to it."""

    def __init__(self, folder: Path) -> None:
        own_certificate(folder, "127.0.0.1", DOMAIN)
        self.now, self.siege = 1000.0, Siege("always")
        self.known = {MEMBER, "2001:db8:0:1::/64 by west"}
        self.handshakes = Handshakes(self.siege, self.known.__contains__, lambda: self.now)
        self.offered = context_of_files(folder / "cert.pem", folder / "key.pem")
        self.trusting = ssl.create_default_context(cafile=str(folder / "cert.pem"))
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]

        async def choose(name: str) -> ssl.SSLContext | None:
            return self.offered if name == DOMAIN else None

        edge_of = {EDGE: "west"}.get
        self.front = Front(listener, lambda _: Greeter(), choose=choose, edge_of=edge_of, handshakes=self.handshakes)

    def comes(self, address: str, told: str = "", session: ssl.SSLSession | None = None) -> ssl.SSLSession | None:
        """Somebody at that address, by an edge if one tells of them; None: hung up on before TLS answered."""
        with suppress(ConnectionError, ssl.SSLEOFError), socket.socket() as plain:
            plain.bind((address, 0))
            plain.settimeout(20)
            plain.connect(("127.0.0.1", self.port))
            if told:
                plain.sendall(header("" if told == ITSELF else told))
            line = self.greeted(plain, session)
            assert line.session_reused == (session is not None)
            return line.session
        return None

    def greeted(self, plain: socket.socket, session: ssl.SSLSession | None) -> ssl.SSLObject:
        """Who was let in. (A wrapped socket that is hung up on at once would be left open by Python's ssl.)"""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        line = self.trusting.wrap_bio(incoming, outgoing, server_hostname=DOMAIN, session=session)
        heard = b""
        while len(heard) < len(b"hello"):
            with suppress(ssl.SSLWantReadError):
                heard += line.read(len(b"hello") - len(heard))  # after the handshake, which it begins
                continue
            plain.sendall(outgoing.read())
            data = plain.recv(65_536)
            if not data:
                raise ConnectionResetError
            incoming.write(data)
        assert heard == b"hello"
        return line

    async def come(self, *addresses: str, told: str = "", session: ssl.SSLSession | None = None) -> list[bool]:
        """One after the other: who was let in."""
        return [await asyncio.to_thread(self.comes, each, told, session) is not None for each in addresses]

    def shut(self) -> None:
        """Strangers have used up what they have."""
        for rank in ("unknown", "returning"):
            self.siege.handshakes[rank].rests_until = self.now + 1


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    made = Door(tmp_path)
    yield made
    made.front.close()
    await made.front.wait_closed()


async def test_members_come_in_and_strangers_are_hung_up_on_before_anything_is_computed(door: Door) -> None:
    assert await door.come("127.0.0.21", "127.0.0.22") == [True, True]
    door.shut()
    computed: list[str] = []
    door.offered.sni_callback = lambda _, name, __: computed.append(name)
    assert await door.come("127.0.0.23", "127.0.0.24", "127.0.0.7", "127.0.0.7") == [False, False, True, True]
    assert len(computed) == 2
    assert door.siege.handshakes_refused == 2
    door.now += 2
    assert await door.come("127.0.0.23") == [True]


async def test_each_address_has_its_turn(door: Door) -> None:
    assert await door.come("127.0.0.21", "127.0.0.21", "127.0.0.22") == [True, False, True]
    door.now += HANDSHAKES["unknown"].again_seconds
    assert await door.come("127.0.0.21") == [True]


async def test_who_resumes_goes_before_who_never_came(door: Door) -> None:
    first = await asyncio.to_thread(door.comes, "127.0.0.31")
    assert await door.come("127.0.0.32", session=first) == [True]
    door.siege.handshakes["unknown"].rests_until = door.now + 1
    assert await door.come("127.0.0.33", "127.0.0.34") == [False, False]
    assert await door.come("127.0.0.35", session=first) == [True]


async def test_tickets_of_a_key_that_is_gone_are_believed_once(door: Door, tmp_path: Path) -> None:
    first = await asyncio.to_thread(door.comes, "127.0.0.31")
    assert await door.come("127.0.0.32", session=first) == [True]
    door.offered = context_of_files(tmp_path / "cert.pem", tmp_path / "key.pem")  # as after a renewal
    door.siege.handshakes["unknown"].rests_until = door.now + 5
    with pytest.raises(AssertionError):  # it is let in, and not resumed
        await door.come("127.0.0.35", session=first)
    door.now += HANDSHAKES["returning"].again_seconds
    assert await door.come("127.0.0.35", session=first) == [False]


async def test_behind_an_edge_each_64_has_its_turn_and_members_come_first(door: Door) -> None:
    assert await door.come(EDGE, told="2001:db8:0:7::1") == [True]
    assert await door.come(EDGE, told="2001:db8:0:7::2") == [False]
    assert await door.come(EDGE, told="2001:db8:0:8::2") == [True]
    door.shut()
    assert await door.come(EDGE, told="2001:db8:0:9::1") == [False]
    assert await door.come(EDGE, EDGE, told="2001:db8:0:1::5") == [True, True]


async def test_an_edge_is_heard_for_itself_while_nobody_is_who_comes_by_it(door: Door) -> None:
    door.shut()
    assert await door.come(EDGE, told="2001:db8:0:9::1") == [False]
    assert await door.come(EDGE, EDGE, EDGE, told=ITSELF) == [True, True, True]
    assert await door.come("127.0.9.8", told=ITSELF) == [False]


async def test_in_pieces_it_is_the_same(door: Door) -> None:
    def in_pieces(address: str) -> bytes:
        out = ssl.MemoryBIO()
        with suppress(ssl.SSLWantReadError):
            door.trusting.wrap_bio(ssl.MemoryBIO(), out, server_hostname=DOMAIN).do_handshake()
        said = out.read()
        with socket.socket() as plain, suppress(ConnectionError):
            plain.bind((address, 0))
            plain.settimeout(20)
            plain.connect(("127.0.0.1", door.port))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.sendall(said[:100])
            while not door.front._tasks:  # until it was looked at
                pass
            plain.sendall(said[100:])
            return plain.recv(1)
        return b""

    door.siege.handshakes["unknown"].rests_until = 0.0
    assert await asyncio.to_thread(in_pieces, "127.0.0.41") == b"\x16"
    assert await asyncio.to_thread(in_pieces, "127.0.0.41") == b""
