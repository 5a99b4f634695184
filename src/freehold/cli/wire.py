"""What a command and the running network say to each other over DIRECTORY/control.sock.

Each message is its length (4 bytes, big endian) and a MessagePack map that names its kind. The command begins with its
words; from then on the network speaks, and each message that wants an answer gets exactly one before the next. So
neither side keeps more than one piece of a file, and where one waits the other feels it. The command hangs up to have
the act cancelled; the network hangs up after `End`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import msgspec

NAME = "control.sock"
LONGEST_ADDRESS = 100
"""Bytes. The kernel takes 107, macOS 103."""
HEAD_BYTES = 4
MAX_FRAME = 2 * 1024 * 1024


class BadFrame(Exception):  # noqa: N818 (it is refused, or hung up on)
    """The other side does not speak as we do."""


class Message(msgspec.Struct, tag_field="is"):
    """Something said."""


class Begin(Message, tag="begin"):
    """The command's words. version: of the Freehold that it belongs to."""

    version: str
    words: list[str]
    interactive: bool


class Answer(Message, tag="answer"):
    """What was typed; or, to a message that asks for no text, that it is done. Shows nothing of it when printed."""

    text: str = ""

    def __repr__(self) -> str:
        return "Answer(…)"


class Piece(Message, tag="piece"):
    """A piece of a file: an answer to `Read` (empty at its end), or one to be written, to be answered."""

    data: bytes
    file: int = 0

    def __repr__(self) -> str:
        return f"Piece({len(self.data)} bytes, file={self.file})"


class Failed(Message, tag="failed"):
    """It could not be done."""

    say: str


class Say(Message, tag="say"):
    """Show a line. Wants no answer."""

    line: str


class Progress(Message, tag="progress"):
    """Show how far it is. Wants no answer."""

    what: str
    done: int
    total: int | None


class Ask(Message, tag="ask"):
    """Ask whoever is there."""

    question: str
    secret: bool = False
    twice: bool = False


class Open(Message, tag="open"):
    """Open a file, to be known by a number of the network's choice."""

    file: int
    path: str
    write: bool = False
    replace: bool = False


class Read(Message, tag="read"):
    """The next piece of it."""

    file: int


class Close(Message, tag="close"):
    """No more of it. keep: what was written gets its name."""

    file: int
    keep: bool = False


class Sync(Message, tag="sync"):
    """Answer when all before this was shown."""


class End(Message, tag="end"):
    """The act has ended. say: why it was refused."""

    code: int
    say: str = ""


FromCommand: TypeAlias = Begin | Answer | Piece | Failed
FromNetwork: TypeAlias = Say | Progress | Ask | Open | Read | Piece | Close | Sync | End

_encoder = msgspec.msgpack.Encoder()
_from_command: msgspec.msgpack.Decoder[FromCommand] = msgspec.msgpack.Decoder(FromCommand)
_from_network: msgspec.msgpack.Decoder[FromNetwork] = msgspec.msgpack.Decoder(FromNetwork)


def pack(message: Message) -> bytes:
    """The message as it is sent."""
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME:
        raise BadFrame("a message is too long")
    return len(body).to_bytes(HEAD_BYTES, "big") + body


def length(head: bytes) -> int:
    """How many bytes follow. Raises BadFrame."""
    size = int.from_bytes(head, "big")
    if size > MAX_FRAME:
        raise BadFrame("a message is too long")
    return size


def from_command(body: bytes) -> FromCommand:
    """What a command said. Raises BadFrame."""
    try:
        return _from_command.decode(body)
    except msgspec.MsgspecError as wrong:
        raise BadFrame(str(wrong)) from None


def from_network(body: bytes) -> FromNetwork:
    """What the network said. Raises BadFrame."""
    try:
        return _from_network.decode(body)
    except msgspec.MsgspecError as wrong:
        raise BadFrame(str(wrong)) from None


@contextmanager
def address(directory: Path) -> Iterator[str]:
    """The socket's name, short enough for the kernel however deep the directory lies (there by way of /proc)."""
    path = str(directory / NAME)
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        yield path
        return
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)
