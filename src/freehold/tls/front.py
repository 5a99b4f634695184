"""The door: accepts connections, asks edges whom they speak for, and opens TLS under the certificate of the name meant.

The name is looked at in the socket's buffer without taking it out, so that a first visitor can be kept waiting while
the certificate for that name is ordered, which a handshake that has begun does not allow. Who asks for a name that is
not served here, or names none, gets TLS's own refusal and costs neither a handshake nor a certificate.

A handshake is computed when its turn has come (`net.handshakes`). While there are too many, most can be told by their
first bytes, which are there when a connection is taken; those are hung up on before anything is made for them.

A connection from an edge must begin by saying whose it is (the PROXY protocol); from anybody else that is nonsense as
any other, and refused. What an edge says counts for budgets only: the caller is then called `ADDRESS by EDGE`, which is
no address, so nothing that trusts an address can be led to trust it.
Source: https://www.rfc-editor.org/rfc/rfc6066#section-3 (unrecognized_name), socket(7) (SO_RCVLOWAT), tcp(7)
(TCP_DEFER_ACCEPT)
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
from typing import Any, cast

from freehold.net.budgets import by_edge, caller_of, caller_seen, edge_itself, is_edge_itself
from freehold.net.handshakes import Handshakes, Turn
from freehold.tls import hello
from freehold.tls.hello import MAX_HELLO_BYTES, Hello, Incomplete, NotTls
from freehold.tls.proxied import HEAD_BYTES, MAX_BODY_BYTES, BadProxyHeader, body_bytes, told, unmapped

logger = logging.getLogger(__name__)

HEADER_SECONDS = 5.0
"""How long an edge may take to say whose a connection is."""
HELLO_SECONDS = 10.0
HANDSHAKE_SECONDS = 15.0
PACED_HANDSHAKE_SECONDS = 5.0
"""The same while there are too many."""
SILENT_SECONDS = 10
"""How long the kernel keeps who has connected and says nothing."""
WAITING_MAX = 2_000
WAITING_MAX_OF_EDGE = 1_000
"""Connections that have not begun their handshake: of all, of one edge, and of one address (by one edge)."""
WAITING_MAX_OF_ONE = 100
WAITING_MAX_UNSEEN = 500
"""While there are too many handshakes: of all, beyond which nobody is waited for who has not said whose it is."""
ACCEPTED_AT_ONCE = 64
PACED_AT_ONCE = 128
"""While most are hung up on: in one round of the loop some 5 ms."""
PEEK_BYTES = HEAD_BYTES + MAX_BODY_BYTES + 4_096
"""Of what has come when a connection is taken: a header, and all of most first messages."""
BACKLOG = 4096
UNRECOGNIZED_NAME = bytes([21, 3, 3, 0, 2, 2, 112])

Choose = Callable[[str], Awaitable[ssl.SSLContext | None]]
"""A host name -> what to open its connection with; None refuses it."""


EdgeOf = Callable[[str], str | None]
"""An address -> the name of the edge that speaks from there; None: no edge does."""
Speaker = Callable[["Client | None"], asyncio.BaseProtocol]
"""Makes what speaks HTTP over one connection; is told who calls, where that is not the other end itself."""

Client = tuple[str, int]
Ready = Callable[[], Awaitable[tuple[Any, Any]]]
"""Opens a connection; gives its transport and what speaks over it."""


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
        handshakes: Handshakes | None = None,
    ) -> None:
        """choose: None for a door without TLS. edges_only: hang up on all but edges, and this machine itself.

        handshakes: whose turn it is; None opens all.
        """
        self._listener, self._choose, self._speaker = listener, choose, speaker
        self._edge_of, self._edges_only, self._handshakes = edge_of, edges_only, handshakes
        self._loop = asyncio.get_running_loop()
        self._waiting: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._kind = int(listener.family), int(listener.type), listener.proto
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
        for task in self._tasks:
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait until those that had not begun are gone."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self) -> None:
        paced = self._handshakes is not None and self._handshakes.are_paced
        for _ in range(PACED_AT_ONCE if paced else ACCEPTED_AT_ONCE):
            try:
                file, address = self._take()
            except OSError:
                return
            connection = socket.socket(*self._kind, fileno=file)
            host = unmapped(str(address[0]))
            edge = self._edge_of(host)
            try:
                self._assure_room(host, edge)
                turn = self._turn_at_once(connection, host, edge) if paced else None
            except (Crowded, NotTls, BadProxyHeader, OSError):
                connection.close()
                continue
            self._waiting[host] += 1
            task = self._loop.create_task(self._open(connection, host, edge, turn))
            self._tasks.add(task)
            task.add_done_callback(partial(self._gone, host))

    def _assure_room(self, host: str, edge: str | None) -> None:
        """Raises Crowded."""
        if edge is None and self._edges_only and not ip_address(host.partition("%")[0]).is_loopback:
            raise Crowded
        most = WAITING_MAX_OF_ONE if edge is None else WAITING_MAX_OF_EDGE
        if len(self._tasks) >= WAITING_MAX or self._waiting[host] >= most:
            raise Crowded

    def _turn_at_once(self, connection: socket.socket, host: str, edge: str | None) -> Turn | None:
        """By what has come already. None: that is seen later. Raises Crowded, NotTls, BadProxyHeader, OSError."""
        assert self._handshakes is not None
        try:
            data = connection.recv(PEEK_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            client, data = _told_first(data, host, edge) if edge is not None else (None, data)
            address = client[0] if client else host
            if not is_edge_itself(client) and self._handshakes.turns_away(caller_seen(address), data):
                raise Crowded
            return self._turn(host, client, hello.read(data))
        except (Incomplete, BlockingIOError):
            if len(self._tasks) >= WAITING_MAX_UNSEEN:
                raise Crowded from None
            return None

    def _turn(self, host: str, client: Client | None, said: Hello) -> Turn:
        """Raises Crowded when it has none."""
        assert self._handshakes is not None
        address = client[0] if client else host
        turn = self._handshakes.enter(caller_seen(address), said.ticket, edge_itself=is_edge_itself(client))
        if turn is None:
            raise Crowded
        return turn

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

    async def _open(self, connection: socket.socket, host: str, edge: str | None, turn: Turn | None) -> None:
        """Hand the connection on, or close it. turn: what it has been given already."""
        ready = None
        with ExitStack() as places:
            if turn is not None:
                places.enter_context(turn)
            try:
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client = await self._client(connection, host, edge) if edge is not None else None
                if client is not None:
                    places.enter_context(self._one_of(caller_of(client[0])))
                said = await self._hello(connection) if self._choose is not None else Hello()
                if turn is None and self._handshakes is not None:
                    turn = places.enter_context(self._turn(host, client, said))
                ready = await self._ready(connection, client, said.name)
            except (NotTls, BadProxyHeader, Crowded, OSError, TimeoutError):
                pass  # they went away, never meant us, or have to come again
            finally:
                if ready is None:
                    connection.close()
            if ready is not None:
                with suppress(OSError, TimeoutError):
                    transport, _ = await ready()  # the transport's from here on
                    if turn is not None:
                        turn.resumed = transport.get_extra_info("ssl_object").session_reused

    async def _ready(self, connection: socket.socket, client: Client | None, name: str) -> Ready | None:
        """What opens the connection; None refuses it."""
        hand_on = partial(self._loop.connect_accepted_socket, partial(self._speaker, client), connection)
        if self._choose is None:
            return hand_on
        context = await self._choose(name) if name else None
        if context is None:
            connection.send(UNRECOGNIZED_NAME)
            return None
        paced = self._handshakes is not None and self._handshakes.are_paced
        seconds = PACED_HANDSHAKE_SECONDS if paced else HANDSHAKE_SECONDS
        return partial(hand_on, ssl=context, ssl_handshake_timeout=seconds)

    async def _client(self, connection: socket.socket, host: str, edge: str) -> Client:
        """For whom the edge speaks. Raises BadProxyHeader."""
        async with asyncio.timeout(HEADER_SECONDS):
            head = await self._exactly(connection, HEAD_BYTES)
            body = await self._exactly(connection, body_bytes(head))
        return _client_of(head, body, host, edge)

    async def _exactly(self, connection: socket.socket, size: int) -> bytes:
        """So many bytes and no more: what follows is TLS's. Raises BadProxyHeader when the other end hangs up."""
        data = b""
        while len(data) < size:
            more = await self._loop.sock_recv(connection, size - len(data))
            if not more:
                raise BadProxyHeader
            data += more
        return data

    async def _hello(self, connection: socket.socket) -> Hello:
        """The client's first message, which stays in the socket. Raises NotTls, TimeoutError."""
        wanted = 1
        async with asyncio.timeout(HELLO_SECONDS):
            while True:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wanted)
                await self._readable(connection)
                data = connection.recv(MAX_HELLO_BYTES + 1024, socket.MSG_PEEK)
                try:
                    said = hello.read(data)
                except Incomplete:
                    if len(data) < wanted or len(data) > MAX_HELLO_BYTES:
                        raise NotTls from None  # the end, or no end
                    wanted = len(data) + 1
                else:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
                    return said

    async def _readable(self, connection: socket.socket) -> None:
        ready = asyncio.Event()
        self._loop.add_reader(connection.fileno(), ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_reader(connection.fileno())


def _client_of(head: bytes, body: bytes, host: str, edge: str) -> Client:
    """Whom an edge's header names. Raises BadProxyHeader."""
    who = told(head, body)
    return (by_edge(who.address, edge), who.port) if who else edge_itself(host, edge)


def _told_first(data: bytes, host: str, edge: str) -> tuple[Client, bytes]:
    """The same of what has come by an edge, and what follows the header. Raises Incomplete, BadProxyHeader."""
    if len(data) < HEAD_BYTES:
        raise Incomplete
    head, ends = data[:HEAD_BYTES], HEAD_BYTES + body_bytes(data[:HEAD_BYTES])
    if len(data) < ends:
        raise Incomplete
    return _client_of(head, data[HEAD_BYTES:ends], host, edge), data[ends:]
