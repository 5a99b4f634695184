"""A connection whose requests a worker looks at, and whose websockets the main process has: their bytes go to and fro.

A websocket's own rules (handshake, pings, who is too slow) stay with the main process; here nothing is understood, and
whoever does not read is not read from.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from freehold.api.http import Http, Together
from freehold.cli.workers.passing_on import Passage


class Half(asyncio.Protocol):
    """One of two connections that are one. left: called when it is gone."""

    def __init__(self, left: Callable[[], object] | None = None) -> None:
        self.other: Half
        self.transport: asyncio.Transport | None = None
        self._left = left

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own is none by name

    def connection_lost(self, exc: Exception | None) -> None:
        """End both; what was sent arrives."""
        if self.other.transport is not None:
            self.other.transport.close()
        if self._left is not None:
            self._left()

    def data_received(self, data: bytes) -> None:
        """Over to the other."""
        if self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        """Who is here does not read."""
        if self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """They do again."""
        if self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()


class WorkerHttp(Http):
    """One connection of a worker."""

    def __init__(self, *given: Any, passage: Passage, **named: Any) -> None:
        super().__init__(*given, **named)
        self._passage = passage
        self._splicing: asyncio.Task[None] | None = None

    def speak_by_frames(self, left: Callable[[], None] | None) -> None:
        """Have the main process go on."""
        self.connections.discard(self)
        here, there = Half(left), Half()
        here.other, there.other = there, here
        transport = self.transport
        assert not isinstance(transport, Together)
        transport.pause_reading()
        transport.set_protocol(here)
        here.connection_made(transport)
        lines = [b"GET %b HTTP/1.1" % self.url, *(b"%b: %b" % pair for pair in self.headers), b"", b""]
        self._splicing = self.loop.create_task(self._splice(here, there, b"\r\n".join(lines)))

    async def _splice(self, here: Half, there: Half, head: bytes) -> None:
        assert here.transport is not None
        try:
            transport = await self._passage.open(there, self.client)
        except OSError:
            here.transport.abort()
            return
        transport.write(head)
        with suppress(RuntimeError):  # it was closed meanwhile
            here.transport.resume_reading()
        if here.transport.is_closing():
            transport.close()
