"""The door for TLS: accepts connections, reads which name is meant, and opens the handshake under its certificate.

The name is looked at in the socket's buffer without taking it out, so that a first visitor can be kept waiting while
the certificate for that name is ordered, which a handshake that has begun does not allow. Who asks for a name that is
not served here, or names none, gets TLS's own refusal and costs neither a handshake nor a certificate.
Source: https://www.rfc-editor.org/rfc/rfc6066#section-3 (unrecognized_name), socket(7) (SO_RCVLOWAT)
"""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

from freehold.tls.hello import MAX_HELLO_BYTES, Incomplete, NotTls, server_name

logger = logging.getLogger(__name__)

HELLO_SECONDS = 10.0
HANDSHAKE_SECONDS = 15.0
WAITING_MAX = 2_000
"""Connections that have not begun their handshake, of all and of one address."""
WAITING_MAX_OF_ONE = 100
ACCEPTED_AT_ONCE = 64
BACKLOG = 2048
UNRECOGNIZED_NAME = bytes([21, 3, 3, 0, 2, 2, 112])

Choose = Callable[[str], Awaitable[ssl.SSLContext | None]]
"""A host name -> what to open its connection with; None refuses it."""


class Front:
    """Serves one bound socket. protocol: makes what speaks HTTP over each connection. Used as asyncio's servers
    are."""

    def __init__(self, listener: socket.socket, choose: Choose, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._listener, self._choose, self._protocol = listener, choose, protocol
        self._loop = asyncio.get_running_loop()
        self._waiting: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        listener.setblocking(False)
        listener.listen(BACKLOG)
        self._loop.add_reader(listener.fileno(), self._accept)

    def close(self) -> None:
        """Take no more connections. Those that are open go on."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
        for task in self._tasks:
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait until those that had not begun are gone."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, address = self._listener.accept()
            except OSError:
                return
            host = str(address[0])
            if len(self._tasks) >= WAITING_MAX or self._waiting[host] >= WAITING_MAX_OF_ONE:
                connection.close()
                continue
            self._waiting[host] += 1
            task = self._loop.create_task(self._open(connection))
            self._tasks.add(task)
            task.add_done_callback(partial(self._gone, host))

    def _gone(self, host: str, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._waiting[host] -= 1
        if not self._waiting[host]:
            del self._waiting[host]
        if not task.cancelled() and task.exception() is not None:
            logger.error("a connection could not be opened", exc_info=task.exception())

    async def _open(self, connection: socket.socket) -> None:
        """Hand the connection on, or close it."""
        kept = False
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(HELLO_SECONDS):
                name = await self._name(connection)
            context = await self._choose(name) if name else None
            if context is None:
                connection.send(UNRECOGNIZED_NAME)
                return
            kept = True
            await self._loop.connect_accepted_socket(
                self._protocol, connection, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except (NotTls, OSError, TimeoutError):
            pass  # they went away, or never meant TLS
        finally:
            if not kept:
                connection.close()

    async def _name(self, connection: socket.socket) -> str:
        """The name in the client's first message, which stays in the socket. Raises NotTls."""
        wanted = 1
        while True:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wanted)
            await self._readable(connection)
            data = connection.recv(MAX_HELLO_BYTES + 1024, socket.MSG_PEEK)
            try:
                name = server_name(data)
            except Incomplete:
                if len(data) < wanted or len(data) > MAX_HELLO_BYTES:
                    raise NotTls from None  # the end, or no end
                wanted = len(data) + 1
            else:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
                return name

    async def _readable(self, connection: socket.socket) -> None:
        ready = asyncio.Event()
        self._loop.add_reader(connection.fileno(), ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_reader(connection.fileno())
