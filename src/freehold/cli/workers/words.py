"""What the main process and a worker say to each other, over a pair of sockets that nobody else can reach.

Each word is MessagePack behind its length. Both ends run the same version.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

import msgspec

from freehold.appview.batch import Effect
from freehold.site.place import Place

LENGTH_BYTES = 4

Spent = tuple[str, str, str, str, int]
"""Budget, and member, guest and address of its payer, and points."""
Asked = tuple[str, str, str, str, str, tuple[str, ...]]
"""Kind, and member, guest and address of the reader, their app, and things."""
Called = tuple[str, int, float]
"""Method, status, seconds."""


class Word(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """One word. network: its place among those that the worker was begun with."""


class Opened(msgspec.Struct, frozen=True, array_like=True):
    """A network as the main process has it. settings: all of them by name."""

    directory: str
    settings: dict[str, Any]
    place: Place


class Begin(Word, frozen=True):
    """The first word: what to serve. processes: how many share the doors."""

    networks: list[Opened]
    processes: int


class Changed(Word, frozen=True):
    """The index has taken in a batch."""

    network: int
    effect: Effect
    seq: int
    private_seq: int


class MadeAnew(Word, frozen=True):
    """The index was made anew."""

    network: int


class Charged(Word, frozen=True):
    """What was spent in other processes. slowed: whose calls cost more, and until when."""

    network: int
    spent: list[Spent]
    slowed: dict[str, int]


class End(Word, frozen=True):
    """Answer what is being answered, and end."""


class Ready(Word, frozen=True):
    """The worker serves."""


class Wants(Word, frozen=True):
    """Somebody waits for the index to have these."""

    network: int
    seq: int
    private_seq: int


class Told(Word, frozen=True):
    """What a worker counted lately."""

    network: int
    spent: list[Spent]
    asked: list[Asked]
    called: list[Called]


ToWorker = Begin | Changed | MadeAnew | Charged | End
ToMain = Ready | Wants | Told
_encode = msgspec.msgpack.Encoder().encode


def packed(word: Word) -> bytes:
    """A word as it travels."""
    body = _encode(word)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


class Line(asyncio.Protocol):
    """One end. heard: called with each word's bytes. ended: called when the other end is gone."""

    def __init__(self, heard: Callable[[bytes], object], ended: Callable[[], object]) -> None:
        self._heard, self._ended = heard, ended
        self._buffer = bytearray()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own is none by name

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._ended()

    def data_received(self, data: bytes) -> None:
        """Pass on what is whole."""
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= LENGTH_BYTES:
            end = at + LENGTH_BYTES + int.from_bytes(buffer[at : at + LENGTH_BYTES], "big")
            if len(buffer) < end:
                break
            self._heard(bytes(buffer[at + LENGTH_BYTES : end]))
            at = end
        del buffer[:at]

    def say(self, word: Word) -> None:
        """Send a word."""
        self.transport.write(packed(word))


def read_first(line: socket.socket) -> bytes:
    """The first word, from a socket that blocks. Raises EOFError."""
    return _exactly(line, int.from_bytes(_exactly(line, LENGTH_BYTES), "big"))


def _exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = line.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data
