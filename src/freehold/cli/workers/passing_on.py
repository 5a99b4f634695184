"""A request that the main process answers: passed on whole, piece by piece both ways.

Each goes over a connection of its own, a pair of sockets of which the main process gets one end together with the word
of who is at the other. So it sees the request as if it had accepted the connection itself, and nobody but a worker can
tell it who calls. Nothing is kept: who stops reading or sending is waited for on both sides.
Source: unix(7) (SCM_RIGHTS), RFC 9112
"""

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast

import httptools
import msgspec

from freehold.net.visits import Receive, Scope, Send

MOST_WAITING = 262_144
"""Bytes of an answer that lie here before the main process is asked to wait."""
OF_CONNECTION = frozenset({b"connection", b"keep-alive", b"expect", b"te", b"trailer", b"upgrade"})
ENDED_BY_SERVER = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"date"})
"""What our own server says of an answer, or keeps to itself."""
Pairs = Iterable[tuple[bytes, bytes]]


class Gone(Exception):  # noqa: N818 - nobody is told
    """The main process ended the connection before its answer was whole."""


class Passage:
    """The way to the main process. line: a socket to it that takes one message for each connection."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    async def open(self, protocol: asyncio.Protocol, client: tuple[str, int] | None) -> asyncio.Transport:
        """A new connection. client: who is at its other end."""
        ours, theirs = socket.socketpair()
        try:
            await self._hand_over(theirs, client)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_unix_connection(lambda: protocol, sock=ours)
        return transport

    async def _hand_over(self, end: socket.socket, client: tuple[str, int] | None) -> None:
        word = msgspec.json.encode(client or ("", 0))
        while True:
            try:
                socket.send_fds(self._line, [word], [end.fileno()])
                return
            except BlockingIOError:  # the main process is busy
                await asyncio.sleep(0.001)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by what the main process says."""
        answer = Answer(head=scope["method"] == "HEAD")
        transport = await self.open(answer, scope.get("client"))
        asking = asyncio.create_task(ask(scope, receive, transport, answer))
        try:
            await answer.send_on(send)
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
            transport.abort()


async def ask(scope: Scope, receive: Receive, transport: asyncio.Transport, answer: "Answer") -> None:
    """Send the request, as fast as it is taken; hang up when the client does."""
    chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
    transport.write(head_of(scope))
    more = True
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            answer.leave()
            return
        body = message.get("body", b"")
        if more and (body or chunked):
            more = message.get("more_body", False)
            transport.write(chunk_of(body, last=not more) if chunked else body)
            await answer.writable.wait()


def head_of(scope: Scope) -> bytes:
    """The head of a request as it came, but for what concerns the connection."""
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    lines = [b"%b %b HTTP/1.1" % (scope["method"].encode("ascii"), target)]
    lines += [b"%b: %b" % pair for pair in scope["headers"] if pair[0] not in OF_CONNECTION]
    return b"\r\n".join([*lines, b"connection: close", b"", b""])


def chunk_of(body: bytes, *, last: bool) -> bytes:
    """A piece of a body whose length nobody has said."""
    piece = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return piece + b"0\r\n\r\n" if last else piece


class Answer(asyncio.Protocol):
    """What the main process says to one request. head: without a body, whatever its length."""

    def __init__(self, *, head: bool) -> None:
        self._head = head
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._messages: list[dict[str, Any]] = []
        self._size = 0
        self._over = self._left = False
        self._news = asyncio.Event()
        self.writable = asyncio.Event()
        self.writable.set()

    async def send_on(self, send: Send) -> None:
        """Send it as it comes. Raises Gone where it breaks off; ends in silence where the client does."""
        while True:
            await self._news.wait()
            self._news.clear()
            messages, self._messages, self._size = self._messages, [], 0
            self._transport.resume_reading()
            for message in messages:
                await send(message)
            if self._left or (messages and messages[-1].get("more_body") is False):
                return
            if self._over and not self._messages:
                raise Gone

    def leave(self) -> None:
        """The client has gone."""
        self._left = True
        self._news.set()

    # --- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by name

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._over = True
        self.writable.set()
        self._news.set()

    def pause_writing(self) -> None:
        """The main process does not keep up with the request."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """It does."""
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        """More of the answer."""
        with suppress(httptools.HttpParserError):  # what follows a whole answer
            self._parser.feed_data(data)
        if self._size > MOST_WAITING:
            self._transport.pause_reading()

    # --- the answer

    def on_message_begin(self) -> None:
        """An answer, be it only that the body may come."""
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name not in ENDED_BY_SERVER:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is there."""
        status = self._parser.get_status_code()
        if status >= 200:
            self._add({"type": "http.response.start", "status": status, "headers": self._headers})
            if self._head:
                self._end()

    def on_body(self, body: bytes) -> None:
        """A piece."""
        self._size += len(body)
        self._add({"type": "http.response.body", "body": body, "more_body": True})

    def on_message_complete(self) -> None:
        """All of it."""
        if self._parser.get_status_code() >= 200 and not self._head:
            self._end()

    def _end(self) -> None:
        self._add({"type": "http.response.body", "body": b"", "more_body": False})

    def _add(self, message: dict[str, Any]) -> None:
        self._messages.append(message)
        self._news.set()
