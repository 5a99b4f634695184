"""uvicorn's websocket, to which a stream may also hand frames that it has put together itself.

A frame from server to client is not masked, so its bytes are the same for every subscriber: they are built once,
several together, and go to each transport in one write. The handshake, pings and the close remain the library's; what
else the client says is not listened to. Nothing is queued here: a socket whose client does not keep up says so, and its
writer waits or lets it go.
Source: https://www.rfc-editor.org/rfc/rfc6455#section-5.2, https://docs.python.org/3/library/asyncio-protocol.html
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "freehold.frames"
"""Under what name the ASGI scope's extensions hold the socket."""
FAREWELL_SECONDS = 10.0
"""How long a client may take to read what was sent before the close, and to close itself."""

_BINARY = 0x82  # the whole message in one frame


def pack(messages: Iterable[bytes]) -> bytes:
    """Messages as the frames of a server, one after the other."""
    parts: list[bytes] = []
    for message in messages:
        size = len(message)
        if size < 126:
            parts.append(bytes((_BINARY, size)))
        elif size < 65_536:
            parts.append(bytes((_BINARY, 126)) + size.to_bytes(2, "big"))
        else:
            parts.append(bytes((_BINARY, 127)) + size.to_bytes(8, "big"))
        parts.append(message)
    return b"".join(parts)


class Socket(WebSocketsSansIOProtocol):
    """One websocket. Its methods below belong to the event loop's thread. told: who calls, as in `http.Http`.

    left: called when it is gone.
    """

    def __init__(
        self,
        *given: Any,
        told: tuple[str, int] | None = None,
        left: Callable[[], None] | None = None,
        **named: Any,
    ) -> None:
        super().__init__(*given, **named)
        self._told, self._left = told, left

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self.client = self._told or self.client

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        if self._left is not None:
            self._left()

    async def run_asgi(self) -> None:
        """Serve the client; cut the connection off if it takes neither what is left nor the farewell."""
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # uvicorn's type names no extension but its own
        scope["extensions"] = {**scope["extensions"], EXTENSION: self}
        try:
            await super().run_asgi()
        finally:
            if not self.disconnected:
                self.loop.call_later(FAREWELL_SECONDS, self.transport.abort)

    @property
    def open(self) -> bool:
        """Whether frames can still be sent."""
        return not (self.close_sent or self.disconnected or self.transport.is_closing())

    @property
    def keeps_up(self) -> bool:
        """Whether the client takes what it is sent, and more may be sent now."""
        return self.open and self.writable.is_set()

    def put(self, packed: bytes) -> None:
        """Send frames as `pack` made them; call only while `keeps_up`, or once more for a last word."""
        self.transport.write(packed)

    async def drained(self, seconds: float) -> bool:
        """Wait until more may be sent. False when that takes longer than `seconds` or will not be."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.writable.wait()
        return self.keeps_up

    def hang_up(self, code: int) -> None:
        """Send a close frame without waiting; the library ends the connection when the client answers."""
        if not self.open:
            return
        self.conn.send_close(code)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(FAREWELL_SECONDS, self.transport.abort)

    def send_receive_event_to_app(self) -> None:
        """Drop what the client said: streams go one way."""
        self.frames = []

    def resume_writing(self) -> None:
        """The client has read: that is as good as the pong that waits behind what it has yet to read."""
        super().resume_writing()
        if self.pong_timer is not None:
            self._ask_again_later()

    def keepalive_timeout(self) -> None:
        """No pong in time. How long a client may be behind is its writer's rule, and it cannot have read our ping."""
        if self.open and not self.writable.is_set():
            self._ask_again_later()
        else:
            super().keepalive_timeout()

    def _ask_again_later(self) -> None:
        self.stop_keepalive()
        self.schedule_ping()


def socket_of(scope: Mapping[str, Any]) -> Socket:
    """The socket behind an ASGI scope of a server that runs `Socket`."""
    found = scope["extensions"][EXTENSION]
    assert isinstance(found, Socket)
    return found
