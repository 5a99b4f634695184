"""The door: accepts connections, asks edges whom they speak for, and opens TLS under the certificate of the name meant.

The name is looked at in the socket's buffer without taking it out, so that a first visitor can be kept waiting while
the certificate for that name is ordered, which a handshake that has begun does not allow. Who asks for a name that is
not served here, or names none, gets TLS's own refusal and costs neither a handshake nor a certificate.

A connection from an edge must begin by saying whose it is (the PROXY protocol); from anybody else that is nonsense as
any other, and refused. What an edge says counts for budgets only: the caller is then called `ADDRESS by EDGE`, which is
no address, so nothing that trusts an address can be led to trust it.
Source: https://www.rfc-editor.org/rfc/rfc6066#section-3 (unrecognized_name), socket(7) (SO_RCVLOWAT)
"""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from ipaddress import ip_address
from typing import Any

from freehold.net.budgets import by_edge, caller_of
from freehold.tls.hello import MAX_HELLO_BYTES, Incomplete, NotTls, server_name
from freehold.tls.proxied import HEAD_BYTES, BadProxyHeader, body_bytes, told, unmapped

logger = logging.getLogger(__name__)

HEADER_SECONDS = 5.0
"""How long an edge may take to say whose a connection is."""
HELLO_SECONDS = 10.0
HANDSHAKE_SECONDS = 15.0
WAITING_MAX = 2_000
WAITING_MAX_OF_EDGE = 1_000
"""Connections that have not begun their handshake: of all, of one edge, and of one address (by one edge)."""
WAITING_MAX_OF_ONE = 100
ACCEPTED_AT_ONCE = 64
BACKLOG = 2048
UNRECOGNIZED_NAME = bytes([21, 3, 3, 0, 2, 2, 112])

Choose = Callable[[str], Awaitable[ssl.SSLContext | None]]
"""A host name -> what to open its connection with; None refuses it."""


EdgeOf = Callable[[str], str | None]
"""An address -> the name of the edge that speaks from there; None: no edge does."""
Speaker = Callable[["Client | None"], asyncio.BaseProtocol]
"""Makes what speaks HTTP over one connection; is told who calls, where that is not the other end itself."""

Client = tuple[str, int]


class Crowded(Exception):  # noqa: N818 - nobody is told
    """One of them has too many connections that have not begun."""


class Front:
    """Serves one bound socket. Used as asyncio's servers are."""

    def __init__(
        self,
        listener: socket.socket,
        speaker: Speaker,
        *,
        choose: Choose | None,
        edge_of: EdgeOf = lambda _: None,
        edges_only: bool = False,
    ) -> None:
        """choose: None for a door without TLS. edges_only: hang up on all but edges, and this machine itself."""
        self._listener, self._choose, self._speaker = listener, choose, speaker
        self._edge_of, self._edges_only = edge_of, edges_only
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
            host = unmapped(str(address[0]))
            edge = self._edge_of(host)
            most = WAITING_MAX_OF_ONE if edge is None else WAITING_MAX_OF_EDGE
            refused = edge is None and self._edges_only and not ip_address(host.partition("%")[0]).is_loopback
            if refused or len(self._tasks) >= WAITING_MAX or self._waiting[host] >= most:
                connection.close()
                continue
            self._waiting[host] += 1
            task = self._loop.create_task(self._open(connection, host, edge))
            self._tasks.add(task)
            task.add_done_callback(partial(self._gone, host))

    def _gone(self, host: str, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._leave(host)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a connection could not be opened", exc_info=task.exception())

    def _leave(self, who: str) -> None:
        self._waiting[who] -= 1
        if self._waiting[who] <= 0:
            del self._waiting[who]

    @contextmanager
    def _one_of(self, who: str) -> Iterator[None]:
        """Count a connection as that one's, too. Raises Crowded."""
        if self._waiting[who] >= WAITING_MAX_OF_ONE:
            raise Crowded
        self._waiting[who] += 1
        try:
            yield
        finally:
            self._leave(who)

    async def _open(self, connection: socket.socket, host: str, edge: str | None) -> None:
        """Hand the connection on, or close it."""
        ready = None
        with ExitStack() as places:
            try:
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client = await self._client(connection, host, edge) if edge is not None else None
                if client is not None:
                    places.enter_context(self._one_of(caller_of(client[0])))
                ready = await self._ready(connection, client)
            except (NotTls, BadProxyHeader, Crowded, OSError, TimeoutError):
                pass  # they went away, or never meant us
            finally:
                if ready is None:
                    connection.close()
            if ready is not None:
                with suppress(OSError, TimeoutError):
                    await ready()  # the transport's from here on

    async def _ready(self, connection: socket.socket, client: Client | None) -> Callable[[], Awaitable[Any]] | None:
        """What opens the connection; None refuses it."""
        hand_on = partial(self._loop.connect_accepted_socket, partial(self._speaker, client), connection)
        if self._choose is None:
            return hand_on
        async with asyncio.timeout(HELLO_SECONDS):
            name = await self._name(connection)
        context = await self._choose(name) if name else None
        if context is None:
            connection.send(UNRECOGNIZED_NAME)
            return None
        return partial(hand_on, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS)

    async def _client(self, connection: socket.socket, host: str, edge: str) -> Client:
        """For whom the edge speaks. Raises BadProxyHeader."""
        async with asyncio.timeout(HEADER_SECONDS):
            head = await self._exactly(connection, HEAD_BYTES)
            body = await self._exactly(connection, body_bytes(head))
        who = told(head, body)
        return (by_edge(who.address, edge), who.port) if who else (by_edge(host, edge), 0)

    async def _exactly(self, connection: socket.socket, size: int) -> bytes:
        """So many bytes and no more: what follows is TLS's. Raises BadProxyHeader when the other end hangs up."""
        data = b""
        while len(data) < size:
            more = await self._loop.sock_recv(connection, size - len(data))
            if not more:
                raise BadProxyHeader
            data += more
        return data

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
