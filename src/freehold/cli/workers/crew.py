"""A crew: the workers over some networks as those were opened, and what all of them see.

Out of the main process go to them: numbers, before anybody hears "yes" (`numbers`), and words. Into it come words, and
connections whose requests they pass on.
"""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial

import msgspec

from freehold.cli.doors import Doors, Server
from freehold.cli.workers.numbers import Numbers, Row
from freehold.cli.workers.tallies import Tally, charged_of
from freehold.cli.workers.words import Begin, End, Line, Opened, Word, packed
from freehold.site import Site

logger = logging.getLogger(__name__)

MODULE = "freehold.cli.workers.worker"
FAREWELL_SECONDS = 5.0
BEHIND_BYTES = 32_000_000
"""Words that a worker may leave unread."""
MESSAGE_BYTES = 1_024
PASSED_ON_AT_ONCE = 64


class Crew:
    """The networks of some workers, as they stand."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self.sites = tuple(sites)
        self.places = {site: at for at, site in enumerate(sites)}
        self.numbers = Numbers.made(len(self.sites))
        self.over = asyncio.Event()
        self.hands: list[Hand] = []
        self._opened_with = [opened_with(site) for site in self.sites]
        for site in self.sites:
            self.publish(site)
            self.look_at(site)

    def publish(self, site: Site) -> bool:
        """Write down how far the truth is; whether the network is still as it was opened. On the writer's thread."""
        at = self.places[site]
        row = self.numbers.of(at)
        row[Row.SEQ], row[Row.PRIVATE_SEQ] = site.log.last, site.log.last_private
        row[Row.KNOWN] = site.accounts.generation + site.app_passwords.generation + site.running.generation
        if opened_with(site) == self._opened_with[at]:
            return True
        row[Row.OVER] = 1
        return False

    def look_at(self, site: Site) -> None:
        """Write down whether it may be shown."""
        self.numbers.of(self.places[site])[Row.SERVED] = int(site.haven.is_served and site.haven.is_confirmed)

    def say(self, word: Word, but: "Hand | None" = None) -> None:
        """To all of them, or all but one."""
        data = packed(word)
        for hand in self.hands:
            if hand is not but:
                hand.write(data)

    def end(self) -> None:
        """They answer nothing more by themselves."""
        for at in range(len(self.sites)):
            self.numbers.of(at)[Row.OVER] = 1
        self.say(End())
        self.over.set()


def opened_with(site: Site) -> tuple[object, ...]:
    """What a worker knows of a network from the start, and is not told anew."""
    return site.network.generation, site.tokens.generation, site.seal.mark


class Hand:
    """One worker. server: serves the connections that it passes on. heard: called with it and each word's bytes."""

    def __init__(self, crew: Crew, server: Server, heard: Callable[["Hand", bytes], object]) -> None:
        self._crew, self._server, self._heard = crew, server, heard
        self.sites = crew.sites
        self.is_ready = False
        self._taken: set[asyncio.Task[None]] = set()
        self._line: Line | None = None
        self.tallies: dict[Site, Tally] = {
            site: Tally(partial(self._charge, at, site)) for at, site in enumerate(crew.sites)
        }

    async def serve(self, doors: Doors, processes: int) -> None:
        """Start it, and hear it, until it is gone. Those of an old crew have some seconds to end."""
        with pair(socket.SOCK_STREAM) as (ours, theirs), pair(socket.SOCK_SEQPACKET) as (calls, their_calls):
            inherited = [theirs, their_calls, doors.plain]
            descriptors = [each.fileno() for each in inherited] + [self._crew.numbers.descriptor]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", MODULE, *map(str, descriptors)),
                pass_fds=descriptors,
                env={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
            )
            theirs.close()
            their_calls.close()
            try:
                await self._listen(ours, calls, processes)
                await self._until_gone(process)
            finally:
                self._hang_up(calls)
                await kill(process)

    async def _listen(self, ours: socket.socket, calls: socket.socket, processes: int) -> None:
        loop = asyncio.get_running_loop()
        line = Line(partial(self._heard, self), lambda: None)
        await loop.create_unix_connection(lambda: line, sock=ours)
        begin = Begin([opened(site) for site in self._crew.sites], processes)
        line.say(begin)
        self._line = line
        self._crew.hands.append(self)
        calls.setblocking(False)
        loop.add_reader(calls.fileno(), self._take, calls)

    async def _until_gone(self, process: asyncio.subprocess.Process) -> None:
        gone, over = asyncio.ensure_future(process.wait()), asyncio.ensure_future(self._crew.over.wait())
        try:
            await asyncio.wait([gone, over], return_when=asyncio.FIRST_COMPLETED)
            if not gone.done() and self.is_ready:
                await asyncio.wait([gone], timeout=FAREWELL_SECONDS)
        finally:
            gone.cancel()
            over.cancel()
            await asyncio.gather(gone, over, return_exceptions=True)

    def _hang_up(self, calls: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(calls.fileno())
        if self in self._crew.hands:
            self._crew.hands.remove(self)
        if self._line is not None:
            self._line.transport.abort()

    def write(self, data: bytes) -> None:
        """Send it a word; who does not listen is ended, and begun anew."""
        if self._line is None or self._line.transport.is_closing():
            return
        self._line.transport.write(data)
        if self._line.transport.get_write_buffer_size() > BEHIND_BYTES:
            logger.error("a worker does not listen: it is begun anew")
            self._line.transport.abort()

    def _charge(self, at: int, site: Site, tally: Tally) -> None:
        self.write(packed(charged_of(at, site, tally.points())))

    def _take(self, calls: socket.socket) -> None:
        """Connections that it passes on."""
        for _ in range(PASSED_ON_AT_ONCE):
            try:
                word, descriptors, _, _ = socket.recv_fds(calls, MESSAGE_BYTES, 1)
            except BlockingIOError:
                return
            except OSError:
                word, descriptors = b"", []
            if not word:
                asyncio.get_running_loop().remove_reader(calls.fileno())
                return
            client: tuple[str, int] = msgspec.json.decode(word, type=tuple[str, int])
            task = asyncio.create_task(self._serve(socket.socket(fileno=descriptors[0]), client))
            self._taken.add(task)
            task.add_done_callback(self._taken.discard)

    async def _serve(self, connection: socket.socket, client: tuple[str, int]) -> None:
        with suppress(OSError):  # it was gone before it was open
            await self._server.take(connection, client)


def opened(site: Site) -> Opened:
    """What a worker is told of a network."""
    return Opened(str(site.directory.resolve()), asdict(site.settings), site.place)


@contextmanager
def pair(kind: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets that are one line; closed at the end, whoever has closed them before."""
    one, other = socket.socketpair(socket.AF_UNIX, kind)
    with one, other:
        yield one, other


async def kill(process: asyncio.subprocess.Process) -> None:
    """End it at once, if it is there."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
