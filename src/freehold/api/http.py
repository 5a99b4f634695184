"""uvicorn's HTTP protocol, whose answers leave in one piece.

uvicorn writes the head of an answer and then its body, each by a system call and as a packet of its own. Here what is
written in one turn of the event loop goes out together.
Source: https://docs.python.org/3/library/asyncio-protocol.html#write-only-transports
"""

import asyncio
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TOGETHER_BYTES = 65_536
"""More than this does not wait: who sends a stream has to notice when it is not read."""


class Together(asyncio.Transport):
    """A transport that hands on in one piece what is written to it in one turn of the event loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self._loop = loop
        self._waiting: list[bytes | bytearray | memoryview] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= TOGETHER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand on what waits."""
        if self._waiting:
            waiting, self._waiting, self._size = self._waiting, [], 0
            self.transport.writelines(waiting)

    def close(self) -> None:
        self.flush()
        self.transport.close()

    def abort(self) -> None:
        self.transport.abort()

    def is_closing(self) -> bool:
        return self.transport.is_closing()

    def pause_reading(self) -> None:
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        self.transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.transport.get_extra_info(name, default)


class Http(HttpToolsProtocol):
    """One connection. told: who calls, if that is known from somebody else than the connection."""

    def __init__(self, *given: Any, told: tuple[str, int] | None = None, **named: Any) -> None:
        super().__init__(*given, **named)
        self._told = told
        if told is not None:
            self.ws_protocol_class = cast(Any, partial(cast(Any, self.ws_protocol_class), told=told))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin, with a transport that sends together."""
        super().connection_made(Together(transport, self.loop))
        self.client = self._told or self.client

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the websocket, which puts together by itself what it sends."""
        assert isinstance(self.transport, Together)
        self.transport.flush()
        self.transport = self.transport.transport
        super().handle_websocket_upgrade()
