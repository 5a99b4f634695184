"""Takes the connections of a door without TLS, as many as there are, and during a siege answers most of them itself.

asyncio's own server takes one connection in each round of the loop. Under a flood of short connections those of members
then wait in the kernel behind thousands of others, however few of those are served. Here all that wait are taken; and
since nobody is handed over before their first bytes are there, the keeper can look at these first, and an answer that
was made before goes out without anything being made for the connection, not even Python's object for a socket.
Source: tcp(7) (TCP_DEFER_ACCEPT)
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, cast

from freehold.api.siege.keeper import Canned, Keeper, Ticket

logger = logging.getLogger(__name__)

AT_ONCE = 128
"""In one round of the loop: some 5 ms of answers that were made before."""
BACKLOG = 4_096
SILENT_SECONDS = 15
"""How long the kernel keeps who has connected and says nothing."""
HEAD_BYTES = 8_192
SLOWLY_MOST = 256
"""Answers at once that did not go out in one piece, for a page is large or the line of who asked is narrow."""


class Acceptor:
    """Serves one bound socket. Used as asyncio's servers are. speaker: makes what speaks HTTP over one connection.

    at_once: how many to take in one round while there is no siege: all, or where other processes share the socket one,
    so that each comes to whoever has time.
    """

    def __init__(
        self, listener: socket.socket, speaker: Callable[[None], Any], keeper: Keeper, at_once: int = AT_ONCE
    ) -> None:
        self._listener, self._speaker, self._keeper, self._at_once = listener, speaker, keeper, at_once
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[Any]] = set()
        self._kind = listener.family, listener.type, listener.proto
        self._take = cast(Any, listener)._accept  # a file's number, and who calls: what `accept` makes its object of
        listener.setblocking(False)
        if hasattr(socket, "TCP_DEFER_ACCEPT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, SILENT_SECONDS)
        listener.listen(BACKLOG)
        self._loop.add_reader(listener.fileno(), self._accept)

    def close(self) -> None:
        """Take no more connections. Those that are open go on."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()

    async def wait_closed(self) -> None:
        """Wait until those that had not begun have."""
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(AT_ONCE if self._keeper.siege.on else self._at_once):
            try:
                file, address = self._take()
            except BlockingIOError:
                return
            except OSError as wrong:  # no file descriptor is left, or the other end is gone already
                logger.warning("a connection could not be taken", extra={"facts": wrong.strerror})
                self._keeper.connections.make_room()
                return
            if self._keeper.siege.on:
                self._meet(file, address)
            else:
                self._open(file)

    def _meet(self, file: int, address: tuple[str, int]) -> None:
        """Answer the first request, if its whole head is there and the answer is; else go on as ever."""
        os.set_blocking(file, False)
        try:
            data = os.read(file, HEAD_BYTES)
        except BlockingIOError:
            self._open(file)
            return
        except OSError:
            data = b""
        met = self._verdict(data, address) if data else Canned(b"")
        if isinstance(met, Canned):
            self._say(file, met.answer)
        else:
            self._open(file, met, data)

    def _verdict(self, data: bytes, address: tuple[str, int]) -> Ticket | Canned | None:
        """What becomes of the first request. None: that is seen later."""
        brushed = self._keeper.brush_off(data, address[0])
        if brushed is not None:
            return brushed
        head = head_of(data)
        if head is None:
            return None
        method, target, headers = head
        scope = {"type": "http", "headers": headers, "client": address[:2], "scheme": "http", "http_version": "1.1"}
        verdict = self._keeper.judge(method, target, scope, (b"upgrade", b"websocket") in headers)
        if isinstance(verdict, Canned) and verdict.wanted is not None:
            self._keeper.remember(data, verdict.wanted)
        return verdict

    def _say(self, file: int, answer: bytes) -> None:
        """And hang up."""
        try:
            said = os.write(file, answer)
        except OSError:  # gone
            said = len(answer)
        if said < len(answer) and len(self._opening) < SLOWLY_MOST:
            self._go_on(self._say_rest(socket.socket(*self._kind, fileno=file), answer[said:]), None)
        else:
            os.close(file)

    async def _say_rest(self, connection: socket.socket, rest: bytes) -> None:
        with connection, suppress(OSError, TimeoutError):
            async with asyncio.timeout(SILENT_SECONDS):
                await self._loop.sock_sendall(connection, rest)

    def _open(self, file: int, ticket: Ticket | None = None, early: bytes = b"") -> None:
        """Have HTTP spoken over it. early: what was read of it already."""
        connection = socket.socket(*self._kind, fileno=file)

        def speaker() -> Any:
            made = self._speaker(None)
            made.let_in, made.early = ticket, early
            return made

        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._go_on(self._loop.connect_accepted_socket(speaker, connection), ticket)

    def _go_on(self, work: Coroutine[Any, Any, Any], ticket: Ticket | None) -> None:
        task = self._loop.create_task(work)
        self._opening.add(task)
        task.add_done_callback(partial(self._opened, ticket))

    def _opened(self, ticket: Ticket | None, task: "asyncio.Task[Any]") -> None:
        self._opening.discard(task)
        if not task.cancelled() and task.exception() is not None:
            if ticket is not None:
                self._keeper.no_turn(ticket)
            logger.info("a connection was gone before it was open", extra={"facts": str(task.exception())})


def head_of(data: bytes) -> tuple[str, bytes, list[tuple[bytes, bytes]]] | None:
    """Method, target and headers of a request without a body; None where the head is not whole, or there is more.

    What is not understood is left to the real parser.
    """
    head, ended, rest = data.partition(b"\r\n\r\n")
    if not ended or rest:
        return None
    first, *lines = head.split(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3 or words[0] not in (b"GET", b"HEAD") or not words[1].startswith(b"/"):
        return None
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            return None
        headers.append((name.lower(), value.strip()))
    return words[0].decode(), words[1], headers
