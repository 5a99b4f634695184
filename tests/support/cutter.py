"""A line to a server that can be cut: a TCP proxy whose links break when a test wants it, in the middle of anything."""

import asyncio
from contextlib import suppress
from random import Random
from typing import Self


class Cutter:
    """Forwards connections on `port` to a port of this machine, whether or not somebody listens there just then.

    cuts: how many links were cut.
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._links: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self.cuts = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        while self._links:
            self.cut(Random())

    def cut(self, random: Random) -> None:
        """Break one of the links, if there is any: what is under way is lost, and neither side hears why."""
        if self._links:
            self.cuts += 1
            for writer in self._links.pop(random.randrange(len(self._links))):
                writer.transport.abort()

    async def cut_for_ever(self, random: Random, longest_seconds: float) -> None:
        """Break one after the other, after random pauses."""
        while True:
            await asyncio.sleep(random.uniform(0, longest_seconds))
            self.cut(random)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, away = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.transport.abort()
            return
        link = (writer, away)
        self._links.append(link)
        passing = [asyncio.create_task(_pass_on(*way)) for way in ((reader, away), (there, writer))]
        await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        for task in passing:
            task.cancel()
        if link in self._links:
            self._links.remove(link)
        for end in link:
            end.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
