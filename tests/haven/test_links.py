"""A primary finds its standbys again by itself, and only machines that were introduced to each other speak."""

import base64
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from freehold.haven import papers, transport
from freehold.haven.copy import Copy
from freehold.haven.following import Standby
from freehold.haven.keeper import Keeper
from freehold.haven.machine import Peer
from freehold.haven.receiving import Receiver
from freehold.haven.wire import PART_BYTES, Channel, Forget, Got, Hello, InStep, LinkLost, Pair, Refuse, Still
from freehold.protocol.refused import InvalidRequest
from freehold.store.blobs import BlobStore
from support.carried import Follower, Primary
from support.patience import until

TOKEN = "a token of the test"


class Dripping:
    """A stream that gives its bytes in pieces of any size."""

    def __init__(self, seed: int) -> None:
        self._dice, self._bytes = random.Random(seed), bytearray()
        self.sendall = self._bytes.extend

    def settimeout(self, seconds: float, /) -> None:
        assert seconds > 0

    def recv_into(self, buffer: memoryview, /) -> int:
        part = self._bytes[: min(len(buffer), self._dice.choice([1, 3, 100, 16_384, 1 << 20]))]
        buffer[: len(part)] = part
        del self._bytes[: len(part)]
        return len(part)

    def shutdown(self, how: int, /) -> None:
        self._bytes.clear()

    def close(self) -> None:
        self._bytes.clear()


@pytest.mark.parametrize("seed", range(5))
def test_messages_are_heard_one_after_the_other_however_their_bytes_arrive(seed: int) -> None:
    channel = Channel(Dripping(seed))
    sizes = [0, 1, 16_379, 16_384, 16_385, 41_232, 100_000, 5, 0, PART_BYTES]
    said = [message for size in sizes for message in (Still(), Forget(bytes([size % 251]) * size))]
    for message in said:
        channel.send(message)
    assert [channel.receive() for _ in said] == said
    with pytest.raises(LinkLost):
        channel.receive()


@contextmanager
def served(directory: Path, pins: list[bytes] | None = None) -> Iterator[str]:
    """A standby's doors; the address of its TLS port."""
    copy = Copy(directory)
    epoch = 1
    standby = Standby(copy, BlobStore(directory / "blobs"), epoch, lambda newer: None)
    context = papers.answering(directory, pins or [])

    def pair(token: str, certificate: bytes) -> bool:
        if token == TOKEN:
            context.load_verify_locations(cadata=certificate)
        return token == TOKEN

    receiver = Receiver(directory, standby, pair)
    receiver.open()
    port = receiver.open_port("127.0.0.1:0", context)
    try:
        yield f"tls://127.0.0.1:{port}"
    finally:
        receiver.close()
        copy.close()


@contextmanager
def kept(primary: Primary, peer: Peer) -> Iterator[Keeper]:
    keeper = Keeper(primary.path.parent, primary.carrier)
    keeper.add(peer)
    try:
        yield keeper
    finally:
        primary.stop()
        keeper.close()


async def test_a_standby_that_was_stopped_is_found_again(primary: Primary, standby: Follower) -> None:
    address = f"unix://{standby.directory / transport.SOCKET}"
    with kept(primary, Peer("standby", address)) as keeper:
        for n in range(3):
            with served(standby.directory):
                await primary.add(str(n))
                await until(lambda: keeper.states() == {"standby": "in step"})
            await until(lambda: "out of reach" in keeper.states()["standby"])
    assert standby.rows() == {"0", "1", "2"}


async def test_machines_that_pinned_each_other_speak_by_tls(primary: Primary, standby: Follower) -> None:
    standby.directory.mkdir()
    ours, theirs = papers.own(primary.path.parent), papers.own(standby.directory)
    pin = base64.b64encode(theirs).decode()
    with served(standby.directory, [ours]) as address, kept(primary, Peer("standby", address, pin)):
        await primary.add("sealed on its way")
    assert standby.rows() == {"sealed on its way"}


def test_a_machine_that_nobody_introduced_gets_in_by_no_certificate(tmp_path: Path) -> None:
    stranger, friend = tmp_path / "stranger", tmp_path / "friend"
    stranger.mkdir()
    friend.mkdir()
    with served(tmp_path / "standby", [papers.own(friend)]) as address:
        pin = papers.own(tmp_path / "standby")
        with Channel(transport.connect(address, friend, pin)) as channel:
            assert isinstance(channel.receive(), Hello)
        with Channel(transport.connect(address, stranger, pin)) as channel, pytest.raises(LinkLost):
            channel.receive()


def test_without_a_certificate_a_machine_may_show_its_token_and_no_more(tmp_path: Path) -> None:
    with served(tmp_path / "standby") as address:
        for message, answer in (
            (Still(), Refuse),
            (Pair("another", b""), Refuse),
            (Pair(TOKEN, papers.own(tmp_path)), Got),
        ):
            with Channel(transport.connect_nameless(address)) as channel:
                channel.send(message)
                assert isinstance(channel.receive(), answer)
        with Channel(transport.connect(address, tmp_path, papers.own(tmp_path / "standby"))) as channel:
            assert isinstance(channel.receive(), Hello)


def test_a_standby_is_not_taken_for_another(tmp_path: Path) -> None:
    with served(tmp_path / "standby") as address, pytest.raises(LinkLost):
        transport.connect(address, tmp_path, papers.own(tmp_path))


def test_a_new_link_ends_the_one_before(tmp_path: Path) -> None:
    directory = tmp_path / "standby"
    with served(directory):
        address = f"unix://{directory / transport.SOCKET}"
        with Channel(transport.connect(address, tmp_path, None)) as first:
            assert isinstance(first.receive(), Hello)
            with Channel(transport.connect(address, tmp_path, None)) as second:
                assert isinstance(second.receive(), Hello)
                with pytest.raises(LinkLost):
                    first.receive()


def test_readers_do_not_come_back_at_once_after_a_primary_that_had_to_wait_for_them(tmp_path: Path) -> None:
    """Where opening takes longer than a primary waits it would else never come through."""
    copy = Copy(tmp_path)
    standby = Standby(copy, BlobStore(tmp_path / "blobs"), 1, lambda newer: None)
    standby._began_at = 0.0
    for wait in (0.5, 2.5, 4.5, 8.5, 16.5, 16.5):
        standby.heard_at = time.monotonic() - wait - 0.1
        assert standby.primary_is_gone
        standby.heard_at = time.monotonic() - wait + 0.1
        assert not standby.primary_is_gone
        standby.turn.acquire()
        standby.wanted = standby.turn.release
        ours, theirs = socket.socketpair()
        with ours, theirs:
            standby._hear(Channel(ours), Got)
    standby._do(InStep())
    standby.heard_at = time.monotonic() - 0.6
    assert standby.primary_is_gone
    copy.close()


def test_bytes_that_come_by_ssh_reach_the_standby(tmp_path: Path) -> None:
    directory = tmp_path / "standby"
    with served(directory):
        here, there = socket.socketpair()
        bridging = threading.Thread(target=transport.bridge, args=(directory, there.fileno(), there.fileno()))
        bridging.start()
        with Channel(here) as channel:
            assert isinstance(channel.receive(), Hello)
        bridging.join()
        there.close()


@pytest.mark.parametrize(
    "text", ["ssh://host", "ssh://-oProxyCommand=x/dir", "tls://host:port", "tls://host/dir", "unix://host/x", "x", ""]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        transport.parse(text)


def test_ssh_takes_the_pinned_host_key_and_no_other(tmp_path: Path) -> None:
    command = transport.ssh_command(transport.parse("ssh://freehold@far.example:2222/srv/net"), tmp_path)
    assert "StrictHostKeyChecking=yes" in command
    assert command[-3:] == ["--", "freehold@far.example", "freehold standby bridge /srv/net"]
