"""One websocket to a host's or relay's stream, through the guard: frames in batches, within bounds.

What is read and not yet taken is at most `BUFFER_MAX_BYTES`; beyond that nothing more is read, and the other side waits
or lets us go. A connection that is silent is asked for signs of life by the library.
Source: lexicon com.atproto.sync.subscribeRepos, https://atproto.com/specs/event-stream
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from freehold import __version__
from freehold.net.errors import UpstreamFailed
from freehold.net.guard import Guard
from freehold.protocol.refused import Refused
from freehold.stream.frames import MAX_FRAME_BYTES

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

TOO_BIG = 1009
"""With which the library hangs up on who sends more than MAX_FRAME_BYTES; RFC 6455, 7.4.1."""
BATCH_MAX = 400
BUFFER_MAX_BYTES = 16_000_000
OPEN_SECONDS = 10.0
CLOSE_SECONDS = 2.0
PATH = "/xrpc/com.atproto.sync.subscribeRepos"


class FrameTooBig(Refused):
    """A frame is larger than any may be. It would come again with the same cursor."""

    kind, name, say = "upstream", "FrameTooBig", "It sent a message that is larger than any may be."


class Stream:
    """The frames of one connection."""

    def __init__(self, socket: "ClientConnection") -> None:
        self._socket = socket
        self._frames: list[bytes] = []
        self._bytes = 0
        self._more, self._room = asyncio.Event(), asyncio.Event()
        self._over = False
        self._too_big = False

    async def fill(self) -> None:
        """Read until the other side hangs up. Runs beside `batches`."""
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                frame = await self._socket.recv()
                if isinstance(frame, str):
                    raise UpstreamFailed(text=frame[:40])
                self._frames.append(frame)
                self._bytes += len(frame)
                self._more.set()
                while self._bytes >= BUFFER_MAX_BYTES:
                    self._room.clear()
                    await self._room.wait()
        except ConnectionClosed as closed:
            self._too_big = closed.sent is not None and closed.sent.code == TOO_BIG
        finally:
            self._over = True
            self._more.set()

    async def batches(self) -> AsyncIterator[list[bytes]]:
        """What has come, as it comes; ends when the other side hangs up. Raises FrameTooBig."""
        while True:
            await self._more.wait()
            frames, self._frames = self._frames[:BATCH_MAX], self._frames[BATCH_MAX:]
            self._bytes -= sum(map(len, frames))
            self._room.set()
            if not self._frames and not self._over:
                self._more.clear()
            if frames:
                yield frames
            elif self._too_big:
                raise FrameTooBig
            elif self._over:
                return


@asynccontextmanager
async def listening(guard: Guard, url: str, cursor: int | None, path: str = PATH) -> AsyncIterator[Stream]:
    """A stream after a message, or what comes next without one. url: `wss://host`. path: of the method.

    Raises UpstreamFailed, and what the guard raises.
    """
    address = url + path + (f"?cursor={cursor}" if cursor is not None else "")
    socket = await _connected(guard, url, address)
    stream = Stream(socket)
    filling = asyncio.create_task(stream.fill())
    try:
        yield stream
    finally:
        filling.cancel()
        with suppress(asyncio.CancelledError, UpstreamFailed):
            await filling
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await socket.close()


async def _connected(guard: Guard, url: str, address: str) -> "ClientConnection":
    """Connect to one of the host's addresses, checked, and tried in turn."""
    from websockets.exceptions import WebSocketException

    parts = urlsplit(url)
    secure = parts.scheme == "wss"
    if not secure and not guard.allow_loopback:
        raise UpstreamFailed(url=url)
    port = parts.port or (443 if secure else 80)
    failed: Exception | None = None
    for host in await guard.addresses(parts.hostname or "", port):
        try:
            return await _connect_to(host, port, address, parts.hostname if secure else None)
        except (WebSocketException, OSError, TimeoutError) as error:
            failed = error
    raise UpstreamFailed(url=url, reason=f"{type(failed).__name__}: {failed}")


async def _connect_to(host: str, port: int, address: str, tls_name: str | None) -> "ClientConnection":
    """Open the websocket `address` at this one; with `tls_name`, over TLS to whom that name belongs."""
    from websockets.asyncio.client import connect

    return await connect(
        address,
        host=host,
        port=port,
        ssl=_tls() if tls_name is not None else None,
        server_hostname=tls_name,
        max_size=MAX_FRAME_BYTES,
        compression=None,
        proxy=None,
        open_timeout=OPEN_SECONDS,
        close_timeout=CLOSE_SECONDS,
        user_agent_header=f"Freehold/{__version__}",
    )


def _tls() -> object:
    from freehold.net.transport import trusted

    return trusted()
