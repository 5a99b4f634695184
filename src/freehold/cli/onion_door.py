"""The onion door of a network as this process serves it: what stands between tor's socket and the pages and methods.

In come connections over a socket that tor alone reaches, each with a first line that says by which circuit it came (the
PROXY protocol's text form, which tor writes; nothing else here reads it). A caller is then called `CIRCUIT by .onion`:
no address, with a budget of its own among all that come this way. Out go the pages as under the network's own name, but
for what hangs on https and that name: cookies are the onion's own, nobody is sent elsewhere, and addresses of pictures
in what apps read lead back through this door. Any other host name is refused, and this name at any other door.
Sources: https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt (2.1); tor(1), HiddenServiceExportCircuitID
"""

import asyncio
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from freehold.net.budgets import by_edge
from freehold.net.visits import App, Receive, Scope, Send
from freehold.server import API_PATHS, Networks, misdirected, no_socket, served_elsewhere
from freehold.site import Site
from freehold.web.app import web_app
from freehold.web.rooms import SiteBackend

BY_ONION = ".onion"
"""In the place of an edge's name, which can have no full stop."""
LINE_SECONDS = 5.0
MAX_LINE_BYTES = 107
"""By the specification."""
WAITING_MAX = 1_000
BACKLOG = 512
MAX_REWRITTEN_BYTES = 4_000_000
VIEWS = "/xrpc/app.bsky."
_LINE = re.compile(rb"PROXY TCP6 (fc00:dead:beef:4dad:[0-9a-f:]{1,20}) ::1 (\d{1,5}) \d{1,5}\r\n")

Speaker = Callable[["tuple[str, int] | None"], asyncio.BaseProtocol]


def circuit_of(line: bytes) -> tuple[str, int] | None:
    """Who calls, by tor's first line; None for any other line."""
    found = _LINE.fullmatch(line)
    return (by_edge(found[1].decode(), BY_ONION), int(found[2])) if found else None


class OnionFront:
    """Serves tor's socket. Used as asyncio's servers are."""

    def __init__(self, path: Path, speaker: Speaker) -> None:
        self._speaker, self._loop = speaker, asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path.unlink(missing_ok=True)
        self._listener.bind(str(path))  # nobody else enters the folder that it lies in
        self._listener.setblocking(False)
        self._listener.listen(BACKLOG)
        self._loop.add_reader(self._listener.fileno(), self._accept)

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
        with suppress(OSError):
            connection, _ = self._listener.accept()
            if len(self._tasks) >= WAITING_MAX:
                connection.close()
                return
            task = self._loop.create_task(self._open(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self, connection: socket.socket) -> None:
        """Hand the connection on, or close it."""
        client = None
        connection.setblocking(False)
        try:
            async with asyncio.timeout(LINE_SECONDS):
                client = circuit_of(await self._line(connection))
        except (OSError, TimeoutError):
            pass  # they went away
        finally:
            if client is None:
                connection.close()
        if client is not None:
            with suppress(OSError):
                await self._loop.connect_accepted_socket(partial(self._speaker, client), connection)

    async def _line(self, connection: socket.socket) -> bytes:
        """The first line and not a byte more: what follows is the visitor's."""
        line = b""
        while not line.endswith(b"\n") and len(line) < MAX_LINE_BYTES:
            more = await self._loop.sock_recv(connection, 1)
            if not more:
                break
            line += more
        return line


class ByOnion:
    """The ASGI application of the onion door of one network."""

    def __init__(self, networks: Networks, site: Site, address: str) -> None:
        self._networks, self._site, self._address = networks, site, address
        self._pages = web_app(SiteBackend(site), host_only=site.settings.host_only, secure=False)
        self._ours = f'"{site.place.base_url}/img/'.encode()
        self._instead = f'"http://{address}/img/'.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _host(scope) != self._address or self._site not in self._networks.sites:
            await misdirected(scope, receive, send)
        else:
            await self._networks.visit(self._site, self._answer(scope), scope, receive, send)

    def _answer(self, scope: Scope) -> App:
        """What answers a request."""
        if self._site.haven.machine.role != "primary":
            return served_elsewhere
        if scope["path"].startswith(VIEWS) and scope.get("method") == "GET":
            return self._views
        if scope["path"].startswith(API_PATHS):
            return partial(self._networks.api, self._site)
        return no_socket if scope["type"] == "websocket" else self._pages

    async def _views(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A method whose answer may hold addresses of pictures."""
        await self._networks.api(self._site, _unpacked(scope), receive, Rewritten(send, self._ours, self._instead))


class Rewritten:
    """Sends an answer on with addresses of our pictures as they are at this door; what is no JSON, as it is."""

    def __init__(self, send: Send, ours: bytes, instead: bytes) -> None:
        self._send, self._ours, self._instead = send, ours, instead
        self._head: Any = None
        self._body = b""

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start" and _is_json(message):
            self._head = message
        elif self._head is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body") or len(self._body) > MAX_REWRITTEN_BYTES:
                await self._whole(message.get("more_body", False))

    async def _whole(self, more: bool) -> None:
        head, self._head = self._head, None
        body = self._body.replace(self._ours, self._instead)
        headers = [pair for pair in head["headers"] if pair[0] != b"content-length"]
        if not more:
            headers.append((b"content-length", b"%d" % len(body)))
        await self._send({**head, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


def _is_json(start: Any) -> bool:
    kind: bytes = dict(start["headers"]).get(b"content-type", b"")
    return kind.startswith(b"application/json")


def _unpacked(scope: Scope) -> Scope:
    """The same request by somebody who wants the answer as it is: tor's own cells are not made smaller by packing."""
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]}


def _host(scope: Scope) -> str:
    host = next((value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"), "")
    return host.lower().removesuffix(":80")
