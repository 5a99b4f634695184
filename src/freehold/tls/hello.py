"""Which name a TLS client asks for, and whether it says that it was here before: the first message of a handshake.

Pure reading of bytes, for the door that must know the name before a handshake can begin, and under a flood wants to
know who comes again. A ticket is what a server gave a client at its last visit, and only claimed: that it counts is
known after the handshake.
Source: https://www.rfc-editor.org/rfc/rfc8446#section-4.1.2, https://www.rfc-editor.org/rfc/rfc6066#section-3 (names),
https://www.rfc-editor.org/rfc/rfc8446#section-4.2.11, https://www.rfc-editor.org/rfc/rfc5077#section-3.2 (tickets)
"""

from typing import NamedTuple

MAX_HELLO_BYTES = 16_384
_HANDSHAKE, _CLIENT_HELLO, _HOST_NAME = 22, 1, 0
_SERVER_NAME, _SESSION_TICKET, _PRE_SHARED_KEY = 0, 35, 41


class NotTls(Exception):  # noqa: N818 - nobody is told
    """These bytes are not the beginning of a TLS handshake."""


class Incomplete(Exception):  # noqa: N818 - nobody is told
    """More bytes are needed."""


class Hello(NamedTuple):
    """name: the host asked for, lower-case; "" for none. ticket: of an earlier visit; b"" for none."""

    name: str = ""
    ticket: bytes = b""


def read(data: bytes) -> Hello:
    """What the first message says. Raises Incomplete, NotTls."""
    message = _Reader(_client_hello(data))
    message.skip(2 + 32)  # version, random
    message.vector(1)  # session id
    message.vector(2)  # cipher suites
    message.vector(1)  # compression methods
    name, ticket = "", b""
    extensions = _Reader(message.vector(2) if message.left else b"")
    while extensions.left:
        kind, body = extensions.number(2), extensions.vector(2)
        if kind == _SERVER_NAME:
            name = _host_name(_Reader(body))
        elif kind == _SESSION_TICKET:
            ticket = body
        elif kind == _PRE_SHARED_KEY:
            ticket = _Reader(_Reader(body).vector(2)).vector(2)  # the first one is the one that is looked at
    return Hello(name, ticket)


def _host_name(body: "_Reader") -> str:
    names = _Reader(body.vector(2))
    while names.left:
        kind, name = names.number(1), names.vector(2)
        if kind == _HOST_NAME:
            try:
                return name.decode("ascii").lower()
            except UnicodeDecodeError:
                raise NotTls from None
    return ""


def _client_hello(data: bytes) -> bytes:
    """The body of the first handshake message, put together from its records."""
    message, at = b"", 0
    while True:
        if data[at : at + 1] not in (b"", bytes([_HANDSHAKE])) or data[at + 1 : at + 2] not in (b"", b"\x03"):
            raise NotTls
        if len(data) < at + 5:
            raise Incomplete
        size = int.from_bytes(data[at + 3 : at + 5])
        if not 0 < size <= MAX_HELLO_BYTES:
            raise NotTls
        message += data[at + 5 : at + 5 + size]
        if message and message[0] != _CLIENT_HELLO:
            raise NotTls
        wanted = 4 + int.from_bytes(message[1:4]) if len(message) >= 4 else 4
        if wanted > MAX_HELLO_BYTES:
            raise NotTls
        if len(message) >= wanted > 4:
            return message[4:wanted]
        if len(data) < at + 5 + size:
            raise Incomplete
        at += 5 + size


class _Reader:
    """Reads numbers and vectors in the order in which they stand. Raises NotTls beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def skip(self, count: int) -> None:
        self._take(count)

    def number(self, size: int) -> int:
        return int.from_bytes(self._take(size))

    def vector(self, size: int) -> bytes:
        return self._take(self.number(size))

    def _take(self, count: int) -> bytes:
        if count > self.left:
            raise NotTls
        self._at += count
        return self._data[self._at - count : self._at]
